"""What a software module looks like to the serial line that it is put on."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple, Protocol

FIELD_MAX: Final = 1_000
"""Tags that wait in front of one antenna: more than any of these modules can hold."""


class InField(NamedTuple):
    """A tag in front of an antenna. `rssi_dbm`: as the module would hear it."""

    epc: bytes
    rssi_dbm: int


class Field:
    """The tags that came before the antennas and were not inventoried yet."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[InField]] = {}

    def put(self, port: int, tag: InField) -> None:
        """Let a tag come before an antenna; the oldest goes where there are too many."""
        self._waiting.setdefault(port, deque(maxlen=FIELD_MAX)).append(tag)

    def take(self, port: int) -> list[InField]:
        """Return what is before an antenna; each tag is inventoried once."""
        return list(self._waiting.pop(port, ()))


class Module(Protocol):
    """A module with power on. `now_s`: any clock that does not go back."""

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes of the host; return what is said at once."""

    def present(self, port: int, tag: InField, now_s: float) -> bytes:
        """Let a tag come before an antenna; return what is said at once."""

    def tick(self, now_s: float) -> bytes:
        """Return what the time brings."""

    def deadline(self) -> float | None:
        """Return when `tick` is needed."""
