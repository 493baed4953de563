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

from edge.look_ledger import LookLedger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wire.messages import AntennaLook, AntennaSettings


class LookAccount:
    """One reader's ports: credit by `vouch`, debit by `take`."""

    def __init__(self, device: str, ports: Sequence[int]) -> None:
        self._ledger = LookLedger(device, ports)
        self._active: tuple[int, ...] = ()
        self._since_s = 0.0
        self._vouched_s = 0.0

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
        self._ledger.settings(by_port)

    def take(self) -> tuple[AntennaLook, ...]:
        """Return one row for each port, with the whole milliseconds since the last call; fractions stay."""
        self._settle()
        return self._ledger.take()

    def _settle(self) -> None:
        self._ledger.credit(self._active, self._vouched_s - self._since_s)
        self._since_s = self._vouched_s
