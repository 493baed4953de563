"""A disk of a few megabytes for tests that fill it: a tmpfs of our own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """Mount it below `folder`; skip the test where this user may not mount."""
    place = folder / "small-disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        assert place.is_mount()
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def free_bytes(place: Path) -> int:
    """What is left on the disk of a folder."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def fill(place: Path, *, leave_bytes: int = 0) -> Path:
    """Take what is left, as a log that nobody rotates does; leave so much free."""
    filler = place / "someone-elses.log"
    if leave_bytes:
        filler.write_bytes(bytes(free_bytes(place) - leave_bytes))
        return filler
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            while True:
                try:
                    if file.write(b"x" * size) < size:
                        break
                except OSError:
                    break
    return filler
