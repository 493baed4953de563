"""Does an antenna still read as it used to? A second witness beside the reader's own word.

Theory of operation. A reader's antenna events cannot be relied on: behind a hub, at low power or facing metal it takes
a torn cable for a plugged one, or the other way round. What an antenna *reads* cannot be feigned. Time counts here as
inventory only: an antenna that was not asked to look has missed nothing. Each full minute of inventory gives a *slot*,
its tag reads in that minute. Three slots in a row are what it reads now; a slow mean over the slots before is what it
usually reads. An antenna is

- `unknown`, until it has looked for half an hour, or as long as it is one that often reads nothing (an exit at night, a
  fitting room): there a silence means nothing;
- `quiet`, when it used to read something in nearly every minute and now reads less than a tenth of what is usual;
- `ok` otherwise; `unplugged`, when the reader says so and it reads nothing.

While it is quiet the usual is forgotten slowly, so that it stays quiet for days, and a shelf that was really cleared
becomes usual in the end. A start of the daemon and a new configuration of the device begin anew.

Pure: no clock at all. Bounded: one record for each port that the site file gives an antenna.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from wire.messages import AntennaHealth

SLOT_MS: Final = 60_000
NOW_SLOTS: Final = 3
"""Three minutes: long enough that a full shelf reads hundreds of tags, short enough for the same hour."""
KNOWN_SLOTS: Final = 30
USUAL_SHARE: Final = 1 / 240
"""Weight of a new slot: four hours of inventory."""
QUIET_SHARE: Final = USUAL_SHARE / 24
"""The same while it is quiet: four days."""
QUIET_BELOW: Final = 0.1
STEADY_ABOVE: Final = 0.9
"""Share of the slots in which it read something, to be one whose silence means something."""
LEAST_USUAL: Final = 10.0
"""Reads a minute: with thirty expected in three minutes, fewer than three are no chance."""

Verdict = Literal["unknown", "ok", "quiet", "unplugged"]


@dataclass(slots=True)
class _Antenna:
    reads: int = 0
    inventory_ms: int = 0
    slots: int = 0
    usual: float = 0.0
    steady: float = 0.0
    now: deque[float] = field(default_factory=lambda: deque(maxlen=NOW_SLOTS))
    unplugged: bool = False
    quiet: bool = False

    def take(self, reads: int, inventory_ms: int) -> None:
        self.reads += reads
        self.inventory_ms += inventory_ms
        if reads and inventory_ms:  # reads without it were on their way when the plug was pulled
            self.unplugged = False
        if self.inventory_ms >= SLOT_MS:
            self._close(self.reads * SLOT_MS / self.inventory_ms)
            self.reads = self.inventory_ms = 0

    def _close(self, rate: float) -> None:
        self.slots += 1
        self.now.append(rate)
        # A plain mean until there are many slots: the first ones weigh no more than the others.
        share = max(QUIET_SHARE if self.quiet else USUAL_SHARE, 0.0 if self.slots > KNOWN_SLOTS else 1 / self.slots)
        self.usual += share * (rate - self.usual)
        self.steady += share * ((rate > 0) - self.steady)
        known = self.slots >= KNOWN_SLOTS and self.steady >= STEADY_ABOVE and self.usual >= LEAST_USUAL
        self.quiet = known and sum(self.now) / len(self.now) < QUIET_BELOW * self.usual

    def verdict(self) -> Verdict:
        if self.unplugged:
            return "unplugged"
        if self.quiet:
            return "quiet"
        return "ok" if self.slots >= KNOWN_SLOTS and self.steady >= STEADY_ABOVE else "unknown"

    def health(self, port: int) -> AntennaHealth:
        now = sum(self.now) / len(self.now) if self.now else 0.0
        return AntennaHealth(
            port=port,
            state=self.verdict(),
            reads_per_min=round(now, 1),
            usual_per_min=round(self.usual, 1) if self.slots >= KNOWN_SLOTS else None,
        )


class AntennaWitness:
    """The antennas of one edge. `antennas`: the (device, port) pairs of the site file; others are not listened to."""

    def __init__(self, antennas: list[tuple[str, int]]) -> None:
        self._antennas = {antenna: _Antenna() for antenna in antennas}

    def begin_anew(self, device: str) -> None:
        """Forget what is usual for a device: it is configured anew, and may read less on purpose."""
        for owner, port in self._antennas:
            if owner == device:
                self._antennas[owner, port] = _Antenna()

    def take(self, device: str, port: int, reads: int, inventory_ms: int) -> None:
        """Take what an antenna read, and for how long it inventoried, in one window."""
        antenna = self._antennas.get((device, port))
        if antenna is not None:
            antenna.take(reads, inventory_ms)

    def plugged(self, device: str, port: int | None, *, plugged: bool) -> Verdict | None:
        """Take the reader's own word on a port."""
        antenna = self._antennas.get((device, -1 if port is None else port))
        if antenna is None:
            return None
        antenna.unplugged = not plugged
        return antenna.verdict()

    def health(self, device: str) -> tuple[AntennaHealth, ...]:
        """Return the antennas of a device, in the site file's order."""
        return tuple(one.health(port) for (owner, port), one in self._antennas.items() if owner == device)

    def quiet(self) -> frozenset[tuple[str, int]]:
        """Return the antennas that read far less than usual."""
        return frozenset(antenna for antenna, one in self._antennas.items() if one.quiet)
