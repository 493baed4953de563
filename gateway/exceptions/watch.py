"""One site, watched: from what is read of it to the causes of alarms that go on.

What takes movements to find (`clone.Jumps`, `together`) is fed with each look from where the last one ended. All else
is read anew: departures at each look, rows at each full one, checkpoints (`last_reads`) more seldom still. A look that
finds the fold far behind judges nothing by time, for zones and items are then not what they were.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.exceptions import detect, reader
from gateway.exceptions.alarm import Alarm, Kind, NewAlarm, name_of
from gateway.exceptions.clone import Elsewhere, Jumps, travel_us
from gateway.exceptions.facts import ItemName, Sighting
from gateway.exceptions.last_reads import LastReads
from gateway.exceptions.limits import FOUND_MAX, LEFT_US, MOVES_PAGE, TILL_SILENT_US
from gateway.exceptions.store import Causes, open_alarms
from gateway.exceptions.together import Pair, Together, pair_name
from gateway.geo import distance_km
from gateway.ledger.picture import AVAILABLE, LEFT_UNSOLD, MISSING, SOLD
from gateway.limits import FOLD_DEAD_S
from gateway.site_view import SiteViews
from gateway.storage.engine import Database
from wire.site import Site

_BECAME = {SOLD: "it was paid for", AVAILABLE: "it is back in the store", MISSING: "it is booked as missing"}
_LONG_AGO = "it left more than a week ago: the loss stands in the ledger"


class SiteWatch:
    """What one process remembers of one site. `left` and `full` return causes; `follow` reads movements."""

    def __init__(self, site: str, database: Database, reads: LastReads, clock: Clock) -> None:
        self.site = site
        self.full_us = 0
        self.reads_us = 0
        self.till_silent = False
        self._database = database
        self._reads = reads
        self._clock = clock
        self._views = SiteViews(clock)
        self._sales = -1
        self._sold_us = 0
        self._m: int | None = None
        self._jumps = Jumps(site)
        self._together = Together(site)
        self._elsewhere = Elsewhere(site)

    @property
    def forgotten(self) -> int:
        """Items and pairs that were dropped because too many were remembered."""
        return self._jumps.forgotten + self._together.forgotten + self._elsewhere.forgotten

    # -- at each look

    async def left(self) -> Causes:
        """Return what left unsold; while the till is silent nothing new."""
        async with self._database.read() as connection:
            fold_us, sales = await reader.fold_now(connection, self.site)
            now_us = min(self._clock(), fold_us)
            found = await reader.departures(connection, self.site, now_us)
            alarms = detect.left_unsold(self.site, found, now_us)
            live = await self._live(connection, Kind.LEFT_UNSOLD)
            if self._is_till_silent(sales, now_us):
                known = {one.dedup for one in live}
                alarms = [alarm for alarm in alarms if alarm.dedup in known]
            wanted = {alarm.dedup for alarm in alarms}
            gone = [one for one in live if one.dedup not in wanted]
            names = {ItemName(one.gtin, one.serial): one.dedup or "" for one in gone}
            states = await reader.states_of(connection, names)
        reasons = {}
        for name, dedup in names.items():
            state = states.get(name, AVAILABLE)
            reasons[dedup] = _LONG_AGO if state == LEFT_UNSOLD else _BECAME.get(state, f"it is {state}")
        keep: set[str] = set()
        if len(found) == FOUND_MAX:  # older ones were not looked at: those that still count as lost stay for their week
            lost = {name for name, reason in reasons.items() if reason == _LONG_AGO}
            keep = lost & {one.dedup for one in gone if one.first_us > now_us - LEFT_US}
        return Causes(Kind.LEFT_UNSOLD, alarms, "it did not leave unsold", reasons, keep=keep)

    def _is_till_silent(self, sales: int, now_us: int) -> bool:
        """Whether no sale was told lately; a process that begins takes it that there was one a moment ago."""
        if sales != self._sales:
            self._sales, self._sold_us = sales, now_us
        self.till_silent = sales == 0 or self._sold_us <= now_us - TILL_SILENT_US
        return self.till_silent

    async def follow(self) -> int:
        """Take up to `MOVES_PAGE` new movements; return how many there were."""
        async with self._database.read() as connection:
            view = await self._views.one(connection, self.site)
            if view is None:
                return 0
            if self._m is None:
                self._m = await reader.first_move(connection, self.site)
            moves = await reader.moves_after(connection, self.site, self._m, MOVES_PAGE)
        if moves:
            self._m = moves[-1].m
            self._jumps.take(view.site, moves)
            self._together.take(moves)
        return len(moves)

    # -- at a full look

    async def full(self) -> list[Causes]:
        """Return what lies wrong, is not in the catalogue, or has two tags; only the second of a dead fold."""
        async with self._database.read() as connection:
            view = await self._views.one(connection, self.site)
            if view is None:
                return []
            unknown = await reader.nameless(connection, self.site)
            causes = [
                Causes(
                    Kind.UNKNOWN_GTIN,
                    detect.unknown_gtin(self.site, unknown),
                    "the catalogue names it, it was dismissed, or no unit is left",
                    complete=len(unknown) < FOUND_MAX,
                )
            ]
            if view.now_us < self._clock() - FOLD_DEAD_S * 1e6:
                return causes
            causes.append(await self._misplaced(connection, view.site, view.now_us))
            causes.append(await self._doubled(connection, view.now_us))
        return causes

    async def _live(self, connection: AsyncConnection, kind: Kind) -> Sequence[Alarm]:
        return await open_alarms(connection, self.site, [kind])

    async def _misplaced(self, connection: AsyncConnection, site: Site, now_us: int) -> Causes:
        looks = await reader.looks_of(connection, self.site)
        found = await reader.misplaced(connection, site)
        alarms = detect.wrong_department(site, found, looks, now_us)
        dark = {zone for zone, look in looks.items() if not look.live}
        kept = [one.dedup or "" for one in await self._live(connection, Kind.WRONG_DEPARTMENT) if one.zone in dark]
        reason = "none lies there any more, or its department changed"
        return Causes(Kind.WRONG_DEPARTMENT, alarms, reason, keep=kept, complete=len(found) < FOUND_MAX)

    async def _doubled(self, connection: AsyncConnection, now_us: int) -> Causes:
        """Return pairs that move together; an alarm of an earlier process stays until the pair parts or is gone."""
        self._together.settle(now_us)
        suspected = self._together.alarms(await reader.products_of(connection, self._together.gtins()))
        live = {alarm.dedup or "": _pair_of(alarm) for alarm in await self._live(connection, Kind.DOUBLE_TAG)}
        pairs = {pair_name(pair): pair for pair in (_pair_of(alarm) for alarm in suspected) if pair is not None}
        pairs |= {name: pair for name, pair in live.items() if pair is not None}
        inside = await reader.inside_of(
            connection, self.site, {name for pair in pairs.values() for name in _ends(pair)}
        )
        here = {name for name, pair in pairs.items() if inside & set(_ends(pair))}
        kept = [name for name in here & live.keys() if not self._together.parted(pairs[name])]
        alarms = [alarm for alarm in suspected if alarm.dedup in here]
        reason = "one was seen to move without the other, or both are gone"
        return Causes(Kind.DOUBLE_TAG, alarms, reason, keep=kept)

    # -- at a look at the newest reads

    async def by_reads(self) -> list[Causes]:
        """Return what follows from the newest reads of items, here and elsewhere; nothing of a dead fold."""
        async with self._database.read() as connection:
            view = await self._views.one(connection, self.site)
            if view is None or view.now_us < self._clock() - FOLD_DEAD_S * 1e6:
                return []
            twofold, all_found = await reader.twofold(connection, self.site)
            places = await self._views.load(connection, {other for others in twofold.values() for other in others})
        mine = await self._reads.of(self.site, twofold)
        sights: dict[ItemName, list[Sighting]] = {name: [] for name in twofold}
        for other in [self.site, *places]:
            asked = [name for name, others in twofold.items() if other == self.site or other in others]
            reads = mine if other == self.site else await self._reads.of(other, asked)
            if reads is not None:
                for name in asked:
                    sights[name] += [reads.sights[name]] if name in reads.sights else []
        between_us = {name: travel_us(_km(view.site, there.site)) for name, there in places.items()}
        silence, now_us = None if mine is None else mine.silence, view.now_us
        gtins = {name.gtin for name in (*twofold, *self._jumps.names())}
        gtins |= set() if silence is None else {one.name.gtin for one in silence.silent}
        async with self._database.read() as connection:
            products = await reader.products_of(connection, gtins)
            looks = await reader.looks_of(connection, self.site)
            unread = await self._live(connection, Kind.NEVER_READ)
        clones = self._elsewhere.look(sights, between_us, products) + self._jumps.alarms(products, now_us)
        kept = [name_of(Kind.CLONE, *name) for name in twofold]
        reason = "it is no more at two places at a time"
        causes = [Causes(Kind.CLONE, clones, reason, keep=kept, complete=all_found)]
        if silence is not None:
            alarms, unsaid = detect.never_read(self.site, silence, looks, products)
            keep = [one.dedup or "" for one in unread if one.zone in unsaid]
            reason = "they were read again, or are gone"
            causes.append(Causes(Kind.NEVER_READ, alarms, reason, keep=keep, complete=silence.whole))
        return causes


def _pair_of(alarm: Alarm | NewAlarm) -> Pair | None:
    serials: Mapping[int, str] = dict(enumerate(alarm.evidence.get("serials", ())))
    return Pair(alarm.gtin, serials[0], serials[1]) if len(serials) == 2 else None


def _ends(pair: Pair) -> tuple[ItemName, ItemName]:
    return ItemName(pair.gtin, pair.one), ItemName(pair.gtin, pair.other)


def _km(one: Site, other: Site) -> float | None:
    if one.location is None or other.location is None:
        return None
    return distance_km(one.location, other.location)
