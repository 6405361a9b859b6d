"""Nothing needs Linux: with its own calls hidden, the command writes the same bytes."""

import os
import subprocess
import sys

import pytest
from scenes import KEY, RUN, gray_clip, held, make, name

# Imported when Python starts, in worker processes too. Calls that only Windows lacks, as pthread_sigmask, are
# chosen by sys.platform, where mypy sees them, and stay.
WITHOUT_LINUX = """
import os, sys

for name in "sched_getaffinity sched_setaffinity memfd_create O_NONBLOCK posix_fadvise sendfile".split():
    if hasattr(os, name):
        delattr(os, name)
os.process_cpu_count = os.cpu_count  # it would ask for the affinity

def in_proc(path):
    return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(("/proc", "/sys/fs/cgroup"))

def refuse(event, args):
    if event in ("open", "os.listdir", "os.scandir") and in_proc(args[0]):
        raise FileNotFoundError(2, "hidden", args[0])

def hidden(plain):
    def stat(path, *args, **named):
        refuse("open", [path])
        return plain(path, *args, **named)
    return stat

sys.addaudithook(refuse)
os.stat, os.lstat = hidden(os.stat), hidden(os.lstat)
"""

COMMANDS = {
    "picture": ["key.0001.png", f"shot/{name(2)}", "-o", "picture.png"],
    "folder": ["shot", "shot", *KEY, "-o", "folder"],
    "workers": ["shot", "shot", *KEY, "-o", "workers", "--workers", "2"],
    "video": ["shot", "in.mkv", *KEY, "-o", "video.mkv"],
    "model": ["shot", "shot", *KEY, "--save-model", "model.refcolor", "-o", "model", "--frames", "1-2"],
}


def run(command, folder, startup):
    """The files that a command writes, and what it prints."""
    make(folder, 4)
    gray_clip(folder / "in.mkv", 4)
    (folder / "startup").mkdir()
    (folder / "startup" / "sitecustomize.py").write_text(startup)
    before = held(folder)
    path = os.pathsep.join(filter(None, [str(folder / "startup"), os.environ.get("PYTHONPATH")]))
    ended = subprocess.run(
        [*RUN, *COMMANDS[command], "--preset", "quick"],
        cwd=folder, env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return {path: data for path, data in held(folder).items() if path not in before}, ended.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_the_bytes_are_the_same_without_the_calls_of_linux(tmp_path, command):
    folders = tmp_path / "with", tmp_path / "without"
    for folder in folders:
        folder.mkdir()
    wanted, printed = run(command, folders[0], startup="")
    found, again = run(command, folders[1], startup=WITHOUT_LINUX)
    assert printed == again
    assert found.keys() == wanted.keys()
    assert [name for name in found if found[name] != wanted[name]] == []


def test_the_calls_are_hidden(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_LINUX)
    code = "import os; print(hasattr(os, 'memfd_create'), os.path.exists('/proc')); open('/proc/meminfo')"
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert ended.stdout == "False False\n"
    assert "FileNotFoundError: [Errno 2] hidden: '/proc/meminfo'" in ended.stderr
