"""The files of a replay: reads and events in, also packed with gzip; estimates out, whole or not at all."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from gateway.replay.errors import ReplayError
from gateway.replay.limits import BLOCK_BYTES

_GZIP: Final = b"\x1f\x8b"


def blocks_of(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked if packed with gzip, whatever its name. Raises `OSError`, `ReplayError`."""
    with path.open("rb") as plain:
        packed = plain.read(2) == _GZIP
        plain.seek(0)
        if not packed:
            while block := plain.read(BLOCK_BYTES):
                yield block
            return
        with gzip.open(plain) as unpacked:
            while block := _unpacked(unpacked, path):
                yield block


def _unpacked(unpacked: gzip.GzipFile, path: Path) -> bytes:
    try:
        return unpacked.read(BLOCK_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ReplayError(f"{path} is packed with gzip and damaged or cut off ({error}): copy it again") from error


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name only when it is complete; what stood there before stays until then."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="ascii", newline="\n") as stream:
            yield stream
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
