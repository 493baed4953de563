"""One EPC, two tags: what shows that a tag was copied, or written twice. Pure.

Two sights of it:

* **Two sites at once.** Two sites both read an item and neither has seen it leave. One tag needs the time of the road
  between two reads; reads that follow each other faster are of two tags. So are reads that go from site to site and
  back several times within an hour, which single instants, some minutes old, would not show.
* **Jumps inside a site.** An item is placed again and again in two zones that no passage connects, and in none between
  them: two tags, read in turn, pull it to and fro.

The chip's own number (TID) would settle it at once; readers are not asked for it, and no message carries it.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from gateway.clock import iso
from gateway.exceptions.alarm import Kind, NewAlarm, Severity, name_of
from gateway.exceptions.facts import ItemName, Move, Product, Sighting
from gateway.exceptions.limits import (
    ALTERNATE_US,
    ALTERNATIONS,
    ELSEWHERE_KMH,
    ELSEWHERE_MIN_US,
    JUMP_US,
    JUMPS,
    PAIRS_MAX,
)
from wire.site import OUT, Site


def travel_us(km: float | None) -> int:
    """Return the least time between two sites, microseconds; `km` as the crow flies, None when it is not known.

    >>> travel_us(300.0) // 60_000_000
    120
    """
    return max(ELSEWHERE_MIN_US, 0 if km is None else int(km / ELSEWHERE_KMH * 3.6e9))


class Elsewhere:
    """Sights of items that several sites believe to have, over several looks; of one site's point of view."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._seen: OrderedDict[ItemName, deque[Sighting]] = OrderedDict()
        self.forgotten = 0

    def look(
        self,
        found: Mapping[ItemName, Sequence[Sighting]],
        between_us: Mapping[str, int],
        products: Mapping[str, Product],
    ) -> list[NewAlarm]:
        """Take the newest sights of all items that this site and others believe to have; return the alarms of clones.

        `between_us`: the least time to each other site. Items that are not among `found` are forgotten.
        """
        for name in [name for name in self._seen if name not in found]:
            del self._seen[name]
        alarms = []
        for name, sights in sorted(found.items()):
            seen = self._seen.setdefault(name, deque(maxlen=8 * (ALTERNATIONS + 1)))
            known = {(one.site, one.read_us) for one in seen}
            new = [one for one in sights if one.read_us and (one.site, one.read_us) not in known]
            ordered = sorted([*seen, *new], key=lambda one: (one.read_us, one.site))
            seen.clear()
            seen.extend(one for one in ordered if one.read_us > ordered[-1].read_us - ALTERNATE_US)
            self._seen.move_to_end(name)
            why = self._why(seen, between_us)
            if why:
                alarms.append(self._alarm(name, list(seen), why, products.get(name.gtin, Product(name.gtin))))
        while len(self._seen) > PAIRS_MAX:
            self._seen.popitem(last=False)
            self.forgotten += 1
        return alarms

    def _why(self, seen: Iterable[Sighting], between_us: Mapping[str, int]) -> str:
        """Return why these sights, in order, are not of one tag; empty when they may be."""
        turns = [(one, other) for one, other in pairwise(seen) if one.site != other.site]
        mine = [(one, other) for one, other in turns if self._site in {one.site, other.site}]
        for one, other in mine:
            far = other.site if one.site == self._site else one.site
            if other.read_us - one.read_us < between_us.get(far, ELSEWHERE_MIN_US):
                return "faster_than_travel"
        return "to_and_fro" if len(mine) >= ALTERNATIONS else ""

    def _alarm(self, name: ItemName, seen: Sequence[Sighting], why: str, product: Product) -> NewAlarm:
        newest = {one.site: one for one in seen}
        others = sorted(newest.keys() - {self._site})
        return NewAlarm(
            site=self._site,
            kind=Kind.CLONE,
            dedup=name_of(Kind.CLONE, name.gtin, name.serial),
            severity=Severity.CRITICAL,
            gtin=name.gtin,
            serial=name.serial,
            zone=newest[self._site].zone if self._site in newest else None,
            text=f"{product}, serial {name.serial}, is read here and at {', '.join(others)}: two tags with one number",
            evidence={
                "why": why,
                "sites": sorted(newest),
                "reads": [{"site": one.site, "zone": one.zone, "read_at": iso(one.read_us)} for one in newest.values()],
            },
        )


class Jumps:
    """Items on the move inside one site: which of them jump between zones that nothing connects."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._jumps: OrderedDict[ItemName, deque[tuple[int, tuple[str, str]]]] = OrderedDict()
        self.forgotten = 0

    def take(self, site: Site, moves: Iterable[Move]) -> None:
        """Take movements in order."""
        counts_as = {zone.id: zone.counts_as for zone in site.zones}
        joined = {frozenset((counts_as[one], counts_as[other])) for one, other in site.passages}
        for move in moves:
            ends = (move.from_zone, move.to_zone)
            known = all(zone in counts_as for zone in ends)
            if OUT in ends or not known or frozenset(ends) in joined or move.cause != "moved":
                continue
            kept = self._jumps.setdefault(move.name, deque(maxlen=JUMPS))
            kept.append((move.at_us, (min(ends), max(ends))))
            self._jumps.move_to_end(move.name)
        while len(self._jumps) > PAIRS_MAX:
            self._jumps.popitem(last=False)
            self.forgotten += 1

    def alarms(self, products: Mapping[str, Product], now_us: int) -> list[NewAlarm]:
        """Return the alarms of items that jumped `JUMPS` times between two zones within `JUMP_US`."""
        found = []
        for name, jumps in sorted(self._jumps.items()):
            zones = {ends for _, ends in jumps}
            if len(jumps) < JUMPS or len(zones) != 1 or jumps[0][0] <= now_us - JUMP_US:
                continue
            one, other = next(iter(zones))
            product = products.get(name.gtin, Product(name.gtin))
            found.append(
                NewAlarm(
                    site=self._site,
                    kind=Kind.CLONE,
                    dedup=name_of(Kind.CLONE, name.gtin, name.serial, "jumps"),
                    gtin=name.gtin,
                    serial=name.serial,
                    zone=other,
                    text=f"{product}, serial {name.serial}, jumps between {one} and {other}: two tags with one number?",
                    evidence={"why": "jumps", "zones": [one, other], "since": iso(jumps[0][0]), "moves": len(jumps)},
                )
            )
        return found

    def names(self) -> list[ItemName]:
        """Return items with enough jumps to be asked about."""
        return [name for name, jumps in self._jumps.items() if len(jumps) >= JUMPS]
