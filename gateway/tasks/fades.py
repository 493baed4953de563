"""The sweep of faded holds: a bound item that is less sure than its channel promises is moved to a better one.

1. Another item of the site that is likelier by `GAIN` takes its place at once.
2. When the site cannot serve its holds any more with the channel's confidence, and that lasts for `SETTLE_S`, an order
   that is to be sent is served elsewhere (`gateway.tasks.resourcing`), unless somebody is at its pick.
3. What nobody else has stays with the site, and is an alarm (`hold_faded`) until the item is sure again, replaced,
   picked or not needed.

Only items that a tracker speaks of, in zones that somebody looks at: what nobody sees has not faded. Several gateways
may sweep side by side: a swap is made under the lock of its SKU, units are handed on once, an alarm has one name.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy import and_, func, select

from gateway.availability import TARGET
from gateway.clock import Clock
from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.exceptions.alarm import NewAlarm, Severity, name_of
from gateway.exceptions.store import Causes, is_settled, live_counts, settle_causes
from gateway.holds.batch import TakenError, bind
from gateway.holds.errors import HoldError
from gateway.holds.fading import kept_for_sure, swaps
from gateway.holds.ids import NewId
from gateway.holds.life import State
from gateway.holds.rows import read_hold, unbind
from gateway.holds.turns import AGAIN
from gateway.holds.writer import nothing
from gateway.ledger.picture import SkuKey, SkuPicture
from gateway.ledger.retell import HOLD_MOVED, Shelf, lock_skus, pictures_of, retell, shelf_of
from gateway.rounds import PASSING, Rounds
from gateway.site_view import SiteViews
from gateway.storage.commerce import binding, channel, reservation
from gateway.storage.engine import Database
from gateway.storage.schema import item, zone_state
from gateway.storage.work import task
from gateway.tasks.life import Kind
from gateway.tasks.life import State as TaskState
from gateway.tasks.limits import FADE_EVERY_S, FADE_MAX, FADE_MOVES_MAX, FADE_SETTLE_S
from gateway.tasks.next_best import Lacking
from gateway.tasks.resourcing import Resourcing, may_come_from_elsewhere
from wire.site import OUT

_log: Final = structlog.get_logger("gateway.tasks")

_KEPT: Final = (State.HELD.value, State.CONFIRMED.value, State.PICKED.value)
_SURE_AGAIN: Final = "the hold has a sure item again, or is over"


@dataclass(frozen=True, slots=True)
class Faded:
    """A bound item that is less sure than its channel promises."""

    reservation: str
    line: int
    key: SkuKey
    serial: str
    zone: str
    chance: float
    target: float
    confirmed: bool

    @property
    def name(self) -> str:
        """The name of its alarm."""
        return name_of(AlarmKind.HOLD_FADED, self.reservation, self.key.gtin, self.serial)


@dataclass(slots=True)
class FadeFigures:
    """What the sweep of faded holds of this process counted."""

    hold_fade_sweeps: int = 0
    hold_fade_failures: int = 0
    holds_faded_moved: int = 0
    holds_faded_resourced: int = 0
    holds_faded_alarms: int = 0
    holds_faded_left_out: int = 0


class Fades:
    """Sweeps while the gateway runs."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: NewId,
        resourcing: Resourcing,
        *,
        every_s: float = FADE_EVERY_S,
        committed: Callable[[], None] = nothing,
    ) -> None:
        self.figures = FadeFigures()
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._resourcing = resourcing
        self._views = SiteViews(clock)
        self._rounds = Rounds(every_s)
        self._committed = committed
        self._since_us: dict[str, int] = {}
        self._asked: dict[tuple[str, str], int] = {}

    def counters(self) -> dict[str, int]:
        """Return all counters, and how many items are faded now."""
        return asdict(self.figures) | {"holds_faded": len(self._since_us)}

    def stop(self) -> None:
        """Let `run` end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Sweep until `stop`."""
        await self._rounds.run(self.sweep, self._failed, survives=(*PASSING, HoldError, TakenError))

    def _failed(self, error: Exception) -> None:
        self.figures.hold_fade_failures += 1
        _log.warning("hold_fade_sweep_failed", error=str(error)[:500])

    async def sweep(self) -> int:
        """Move what can be moved, and say what cannot; return how many items were faded when it began."""
        faded, complete = await self._found()
        self.figures.hold_fade_sweeps += 1
        left: list[Faded] = []
        by_key = _by_key(faded)
        shelves, pictures = await self._pictures(list(by_key))
        for key, picture in pictures.items():
            left += await self._in_site(by_key[key], picture, shelves[key.site])
        now_us = self._clock()
        self._since_us = {one.name: self._since_us.get(one.name, now_us) for one in left}
        settled = [one for one in left if now_us - self._since_us[one.name] >= FADE_SETTLE_S * 1e6]
        given = await self._elsewhere(settled)
        await self._tell(
            [one for one in settled if one not in given],
            keep={one.name for one in left if one not in settled},
            complete=complete,
        )
        return len(faded)

    async def _found(self) -> tuple[list[Faded], bool]:
        """Return bound items below their channel's confidence, the least sure first, and whether those are all."""
        place = and_(item.c.site == binding.c.site, item.c.gtin == binding.c.gtin, item.c.serial == binding.c.serial)
        looked = and_(zone_state.c.site == item.c.site, zone_state.c.zone == item.c.zone)
        target = func.coalesce(channel.c.target, TARGET)
        now_us = self._clock()
        query = (
            select(binding, item.c.zone, item.c.sellable, reservation.c.state, target.label("target"))
            .join(item, place)
            .join(zone_state, looked)
            .join(reservation, reservation.c.id == binding.c.reservation)
            .outerjoin(channel, channel.c.name == reservation.c.channel)
            .where(binding.c.picked.is_(False), item.c.sellable < target, item.c.zone != OUT)
            .where(zone_state.c.status == "live", reservation.c.state.in_(_KEPT))
            .where((reservation.c.state != State.HELD.value) | (reservation.c.expires_us > now_us))
            .order_by(item.c.sellable, binding.c.gtin, binding.c.serial)
            .limit(FADE_MAX + 1)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        self.figures.holds_faded_left_out += len(rows) > FADE_MAX
        found = [
            Faded(
                reservation=row.reservation,
                line=row.line,
                key=SkuKey(row.site, row.gtin),
                serial=row.serial,
                zone=row.zone,
                chance=float(row.sellable),
                target=float(row.target),
                confirmed=row.state != State.HELD.value,
            )
            for row in rows[:FADE_MAX]
        ]
        return found, len(rows) <= FADE_MAX

    async def _pictures(self, keys: Sequence[SkuKey]) -> tuple[dict[str, Shelf], dict[SkuKey, SkuPicture]]:
        """Return SKUs as they are now, without any lock, and what is to be known of their sites."""
        async with self._database.read() as connection:
            views = await self._views.load(connection, sorted({key.site for key in keys}))
            shelves = {site: shelf_of(view) for site, view in views.items()}
            sellable = {site: shelf.sellable for site, shelf in shelves.items()}
            known = [key for key in keys if key.site in shelves]
            return shelves, await pictures_of(connection, known, sellable, self._clock())

    async def _in_site(self, faded: Sequence[Faded], picture: SkuPicture, shelf: Shelf) -> list[Faded]:
        """Give holds on a SKU better items of the same site; return those that the site cannot keep for sure."""
        key, targets = picture.key, {one.reservation: one.target for one in faded}
        if not swaps(picture, targets):
            sure = kept_for_sure(picture)
            return [one for one in faded if one.confirmed and sure < one.target]
        async with self._database.write() as connection:
            now_us = self._clock()
            locked = await lock_skus(connection, [key], now_us)
            picture = (await pictures_of(connection, [key], {key.site: shelf.sellable}, now_us))[key]
            found = swaps(picture, targets)
            await unbind(connection, [(key.gtin, serial) for swap in found for serial in (swap.gone, swap.bound)])
            rows = [
                {"gtin": key.gtin, "serial": swap.bound, "site": key.site, "reservation": swap.line.reservation}
                | {"line": swap.line.line, "picked": False, "bound_us": now_us}
                for swap in found
            ]
            await bind(connection, rows)
            told = await retell(connection, locked, {key.site: shelf}, HOLD_MOVED, now_us)
            sure = kept_for_sure(told.pictures[key])
        self._committed()
        self.figures.holds_faded_moved += len(found)
        moved = {swap.gone for swap in found}
        return [one for one in faded if one.confirmed and one.serial not in moved and sure < one.target]

    async def _elsewhere(self, settled: Sequence[Faded]) -> list[Faded]:
        """Have orders that are to be sent served by other sites; return the items that they gave up.

        Each order is asked about once in `FADE_SETTLE_S`.
        """
        by_order: dict[tuple[str, str], list[Faded]] = defaultdict(list)
        for one in settled:
            by_order[one.reservation, one.key.site].append(one)
        given: list[Faded] = []
        turn = self._clock() // (FADE_SETTLE_S * 1_000_000)
        self._asked = {place: at for place, at in self._asked.items() if place in by_order}
        new = [place for place in by_order if self._asked.get(place) != turn]
        for name, site in new[:FADE_MOVES_MAX]:
            mine = by_order[name, site]
            self._asked[name, site] = turn
            lacking = await self._lacking(name, site, mine, turn)
            if lacking is None:
                continue
            try:
                done = await self._resourcing.hand(lacking, [(one.key.gtin, one.serial) for one in mine])
            except (HoldError, *AGAIN) as error:
                self.figures.hold_fade_failures += 1
                _log.warning("faded_hold_not_resourced", reservation=name, error=str(error)[:500])
                continue
            self.figures.holds_faded_resourced += done
            given += mine if done else []
        return given

    async def _lacking(self, name: str, site: str, faded: Sequence[Faded], turn: int) -> Lacking | None:
        """Return what an order would lack here without its faded items; None when it stays here all the same."""
        async with self._database.read() as connection:
            held = await read_hold(connection, name)
            if held is None or held.state is not State.CONFIRMED or not may_come_from_elsewhere(held):
                return None
            busy = select(task.c.id).where(
                task.c.reservation == name,
                task.c.kind == Kind.PICK.value,
                task.c.site == site,
                task.c.state == TaskState.CLAIMED.value,
            )
            if (await connection.execute(busy.limit(1))).first() is not None:
                return None
        units: dict[str, int] = defaultdict(int)
        for line in held.lines:
            if line.key.site == site:
                units[line.key.gtin] += line.substitution_needed
        for one in faded:
            units[one.key.gtin] += 1
        lines = tuple(sorted((gtin, wanted) for gtin, wanted in units.items() if wanted))
        return Lacking(held.id, held.key, held.mode, site, lines, held.version, turn)

    async def _tell(self, stays: Sequence[Faded], keep: Collection[str], *, complete: bool) -> None:
        """Make the alarms of all sites those of items that stay; `keep`: names of which it is not decided yet.

        Not `complete`: there are more than were looked at.
        """
        async with self._database.read() as connection:
            open_at = {site for site, kind, _, _ in await live_counts(connection) if kind is AlarmKind.HOLD_FADED}
        by_site: dict[str, list[NewAlarm]] = defaultdict(list)
        for one in stays:
            by_site[one.key.site].append(_alarm(one))
        for site in sorted(open_at | by_site.keys()):
            mine = by_site.get(site, [])
            causes = Causes(AlarmKind.HOLD_FADED, mine, _SURE_AGAIN, keep=keep, complete=complete)
            async with self._database.read() as connection:
                if await is_settled(connection, site, causes, self._clock()):
                    continue
            async with self._database.write() as connection:
                done = await settle_causes(connection, site, causes, new_id=self._new_id, now_us=self._clock())
            self.figures.holds_faded_alarms += len(done.raised)
            self._committed()


def _by_key(faded: Iterable[Faded]) -> Mapping[SkuKey, list[Faded]]:
    found: dict[SkuKey, list[Faded]] = defaultdict(list)
    for one in faded:
        found[one.key].append(one)
    return found


def _alarm(one: Faded) -> NewAlarm:
    text = (
        f"Item {one.serial} of {one.key.gtin}, held for an order, is there with probability {one.chance:.2f} only; "
        f"the channel promises {one.target:.2f}, and no better one is to be had"
    )
    evidence = {
        "reservation": one.reservation,
        "probability": round(one.chance, 4),
        "confidence": one.target,
        "zone": one.zone,
    }
    return NewAlarm(
        site=one.key.site,
        kind=AlarmKind.HOLD_FADED,
        dedup=one.name,
        text=text,
        severity=Severity.CRITICAL,
        gtin=one.key.gtin,
        serial=one.serial,
        zone=one.zone,
        evidence=evidence,
    )
