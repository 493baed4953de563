"""The file beside the outbox that holds the desired configuration in force.

Written whole: to a temporary file, synced, renamed over the old one, and the folder synced. A power cut leaves the old
one or the new one, never a half. A file that is damaged all the same is set aside for a person and the site file holds;
the gateway's retained message brings back what was asked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edge.configuration.kept import KEPT_MAX_BYTES, Kept, decode_kept, encode_kept
from wire.errors import MessageError

if TYPE_CHECKING:
    from pathlib import Path


class KeptFileError(Exception):
    """The file cannot be used; the text says why, and where it is now."""


class KeptFile:
    """One edge's file. All methods block: call them in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Kept | None:
        """Return what is kept, None when there is no file. Raises `KeptFileError`; the file was set aside then."""
        try:
            with self.path.open("rb") as file:
                data = file.read(KEPT_MAX_BYTES)  # one that is longer is cut, and damaged by that
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeptFileError(f"{self.path}: {error.strerror}") from error
        try:
            return decode_kept(data)
        except MessageError as error:
            raise KeptFileError(f"{self.path} is damaged ({error}); {self._set_aside()}") from error

    def write(self, kept: Kept) -> None:
        """Keep it, durably. Raises `OSError`: what was kept before still is."""
        fresh = self.path.with_name(f"{self.path.name}.new")
        with fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(encode_kept(kept))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _set_aside(self) -> str:
        aside = self.path.with_name(f"{self.path.name}.damaged")
        try:
            self.path.replace(aside)
        except OSError as error:
            return f"it could not be set aside: {error.strerror}"
        return f"it was set aside as {aside.name}"
