"""Standard error, held back for a while."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from refcolor.stderr import held_back


def complain(text: str) -> None:
    """Write as a C library does."""
    os.write(2, f"{text}\n".encode())


def test_nothing_appears_until_the_block_ends(capfd: pytest.CaptureFixture[str]) -> None:
    with held_back(), held_back():
        complain("inside")
    complain("after")
    assert capfd.readouterr().err == "after\n"


def test_the_text_of_a_failed_block(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="failed"), held_back():  # noqa: PT012
        complain("why")
        raise ValueError("failed")
    assert capfd.readouterr().err == "why\n"


@pytest.mark.parametrize("fails", [True, False])
def test_only_lines_of_a_library_are_dropped(capfd: pytest.CaptureFixture[str], fails: bool) -> None:
    with suppress(ValueError), held_back(prefix=b"libpng"):
        complain("libpng error: bad")
        complain("from another thread")
        if fails:
            raise ValueError
    assert capfd.readouterr().err == "from another thread\n"


def test_threads_take_turns(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        for _ in range(50):
            with held_back():
                complain("inside")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    complain("after")
    assert capfd.readouterr().err == "after\n"


def test_a_process_without_standard_error() -> None:
    code = (
        "import os, sys; os.close(2); sys.stderr = None\n"
        "from refcolor.stderr import held_back\n"
        "with held_back(): print('inside')"
    )
    assert (
        subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True).stdout
        == b"inside\n"
    )
