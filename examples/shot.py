"""Color a folder of gray frames like a key for the first: python shot.py KEY GRAY_FOLDER RESULT_FOLDER."""

import sys
from pathlib import Path

from refcolor import Config
from refcolor.render import job

if __name__ == "__main__":  # workers import this file again
    key, gray, folder = sys.argv[1:]
    request = job.Request(targets=[Path(gray)], keys=[key], output=Path(folder), config=Config("quick"))
    for outcome in job.run(job.prepare(request)):
        print(f"frame {outcome.index}: {outcome.error or f'{outcome.seconds:.1f} s'}")
