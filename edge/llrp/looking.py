"""The account of what was looked at: how long each port of one reader inventoried.

Theory of operation. While a ROSpec runs, its ports take turns, so each of n ports gets 1/n of the time. But time is
credited only up to the newest message: whatever a reader says shows that it was alive until then, and nothing shows
that it still is. So a reader that dies is never credited the seconds before its watchdog bites, and a reader
that has nothing to report gets its time with the next keepalive. Ports whose antenna is known to be unplugged
get nothing, and the others share.

Pure: times are monotonic seconds, passed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.limits import WINDOW_MAX_MS
from wire.messages import AntennaLook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wire.messages import AntennaSettings


class LookAccount:
    """One reader's ports: credit by `vouch`, debit by `take`."""

    def __init__(self, device: str, ports: Sequence[int]) -> None:
        self._device = device
        self._credit_ms = dict.fromkeys(ports, 0.0)
        self._active: tuple[int, ...] = ()
        self._since_s = 0.0
        self._vouched_s = 0.0
        self._settings: dict[int, AntennaSettings] = {}
        self._unsaid: set[int] = set()

    def vouch(self, now_s: float, active: tuple[int, ...]) -> None:
        """Say that a message came at `now_s`, and that from now on the ports in `active` take turns."""
        self._vouched_s = now_s
        if active is not self._active:
            self._settle()
            self._active = active

    def forfeit(self, now_s: float) -> None:
        """Say that something came by `now_s` that cannot be read: what it told of since the last word is not known.

        A tag that was heard and not understood must not look like one that was silent.
        """
        self._settle()
        self._since_s = self._vouched_s = now_s

    def lost(self) -> None:
        """Say that the connection is gone: what was not vouched for is never credited."""
        self._settle()
        self._active = ()

    def settings(self, by_port: Mapping[int, AntennaSettings]) -> None:
        """Say how the ports inventory from now on; a change is told with the next `take`."""
        for port, settings in by_port.items():
            if self._settings.get(port) != settings:
                self._settings[port] = settings
                self._unsaid.add(port)

    def take(self) -> tuple[AntennaLook, ...]:
        """Return one row for each port, with the whole milliseconds since the last call; fractions stay."""
        self._settle()
        looks = []
        for port, credit_ms in self._credit_ms.items():
            whole = int(credit_ms)
            self._credit_ms[port] = credit_ms - whole
            told = self._settings[port] if port in self._unsaid else None
            looks.append(AntennaLook(self._device, port, min(whole, WINDOW_MAX_MS), settings=told))
        self._unsaid.clear()
        return tuple(looks)

    def _settle(self) -> None:
        share_ms = (self._vouched_s - self._since_s) * 1_000 / max(1, len(self._active))
        self._since_s = self._vouched_s
        for port in self._active:
            self._credit_ms[port] += share_ms
