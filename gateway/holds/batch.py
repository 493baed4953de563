"""Requests for units, decided together in one transaction: the only place where units are promised to anybody.

The rows of `stock` of all their SKUs are locked in key order; what is there is read once; then the requests are decided
one after the other in memory, each on what the ones before it left. Rows are written in bulk, `retell` says what can be
promised now, and the transaction commits. Nothing is answered before that. A batch of one is the same.

What is not the batch's to decide is left to constraints: an idempotency key that another process takes at this moment
(unique), an item that is bound at another site (primary key). Either undoes the transaction, and it is tried again.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import UNKNOWN, standing
from gateway.clock import Clock, iso
from gateway.holds.asked import Asked, Made, Outcome
from gateway.holds.bulk import among, insert_new, insert_rows
from gateway.holds.decide import Granted, OpenStock, Short, decide
from gateway.holds.errors import InsufficientError, KeyReusedError, Shortage, UnknownHoldSiteError
from gateway.holds.hot import NO_MARK, Kept, Memory, mark_of, marks_of, put_down, retell_known
from gateway.holds.ids import NewId
from gateway.holds.life import State
from gateway.holds.limits import KNOWN_MAX
from gateway.holds.new_rows import binding_rows, by_site, line_row, reference_rows
from gateway.holds.open_holds import Counted, OpenHolds
from gateway.holds.rows import lapse, sure_at, unbind
from gateway.http.reservation_rows import HeldItem, HeldLine, Order, Reservation, ShortLine, item_link
from gateway.ledger.picture import LineKey, SkuKey, SkuPicture, mend
from gateway.ledger.retell import Locked, Shelf, pictures_of, retell, shelf_of
from gateway.site_view import SiteViews
from gateway.storage.commerce import binding, reference, reservation, reservation_line
from gateway.storage.schema import stock
from gateway.storage.statement import MANY, has_key

HELD: Final = "held"
EXPIRED: Final = "expired"

Lock = Callable[[AsyncConnection, Collection[tuple[str, str]], int], Awaitable[Locked]]

_encoder: Final = msgspec.json.Encoder()


class TakenError(RuntimeError):
    """Items that were free when they were read have been bound at another site since. The transaction is undone."""

    def __init__(self, items: Collection[tuple[str, str]]) -> None:
        super().__init__(f"bound at another site since: {sorted(items)[:10]}")


class KeyTakenError(RuntimeError):
    """Another process took one of the idempotency keys at this moment. The transaction is undone."""


@dataclass(slots=True)
class _Rows:
    """What is to be inserted."""

    reservations: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    bindings: list[dict[str, Any]] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)
    freed: list[tuple[str, str]] = field(default_factory=list)


class Batches:
    """Decides batches of requests of this process. `lock` is what a test puts in the place of the lock."""

    def __init__(
        self, views: SiteViews, open_holds: OpenHolds, clock: Clock, new_id: NewId, lock: Lock | None = None
    ) -> None:
        self._views = views
        self._open_holds = open_holds
        self._clock = clock
        self._new_id = new_id
        self._lock = lock
        self._known: set[SkuKey] = set()
        self._memory = Memory()

    def counters(self) -> dict[str, int]:
        """Return how often a SKU was remembered, and how often it was read anew."""
        return {"hold_memory_hits": self._memory.hits, "hold_memory_misses": self._memory.misses}

    async def decide(self, connection: AsyncConnection, asked: Sequence[Asked]) -> list[Outcome]:
        """Decide about requests in this transaction; return what becomes of each, in their order.

        Raises `TakenError`, `KeyTakenError`.
        """
        wanted = {wish.key for one in asked for wish in one.wishes}
        views = await self._views.load(connection, sorted({key.site for key in wanted}))
        shelves = {site: shelf_of(view) for site, view in views.items()}
        there = await self._with_stock(connection, {key for key in wanted if key.site in shelves})
        lock = self._lock or self._memory.lock
        locked = await lock(connection, there, self._clock())
        now_us = self._clock()
        work = _Work(asked, shelves, now_us, self._new_id)
        lapsed = await lapse(connection, locked, now_us)
        await work.find_replays(connection)
        known: dict[SkuKey, Kept] = {}
        for key, row in {} if self._lock else locked.items():
            kept = await self._memory.take(connection, key, row, now_us)
            if kept is not None:
                known[key] = kept
        await work.look(connection, locked, known, lapsed)
        outcomes = [await self._one(connection, work, one) for one in asked]
        await work.write(connection)
        await self._tell(connection, work, locked, lapsed)
        return outcomes

    async def _tell(
        self, connection: AsyncConnection, work: "_Work", locked: Locked, lapsed: Collection[SkuKey]
    ) -> None:
        """Say what can be promised now, and remember what was seen."""
        written = dict.fromkeys(lapsed, EXPIRED) | dict.fromkeys(work.changed, HELD)
        anew = {key: reason for key, reason in written.items() if key not in work.clean}
        plain = [work.pictures[key] for key in sorted(written.keys() - anew.keys())]
        if anew:
            told = await retell(connection, {key: locked[key] for key in sorted(anew)}, work.shelves, anew, work.now_us)
            work.pictures |= told.pictures
        await retell_known(connection, locked, plain, work.shelves, reason=HELD, now_us=work.now_us)
        marks = await marks_of(connection, list(written))
        for key, row in locked.items():
            if key in written or key in work.clean:
                mark = marks.get(key, NO_MARK) if key in written else mark_of(row)
                self._memory.keep(work.pictures[key], mark, work.read_us.get(key, work.now_us), work.now_us)

    async def _one(self, connection: AsyncConnection, work: "_Work", one: Asked) -> Outcome:
        before = work.replays.get(one.owned_name)
        if before is not None:
            digest, answer = before
            return Made(answer, replayed=True) if digest == one.sha256 else KeyReusedError(one.name)
        for wish in one.wishes:
            if wish.key.site not in work.shelves:
                return UnknownHoldSiteError(wish.key.site, await self._sites(connection, one))
        if work.can_have(one):
            refused = await self._open_holds.refuse(connection, one.who, work.open_holds, work.now_us)
            if refused is not None:
                return refused
        return work.grant(one)

    async def _sites(self, connection: AsyncConnection, one: Asked) -> list[str]:
        return [site for site in await self._views.load(connection) if one.who.sees(site)]

    async def _with_stock(self, connection: AsyncConnection, keys: Collection[SkuKey]) -> list[SkuKey]:
        """Return those SKUs that have a row of stock: what nobody ever had must not make rows."""
        new = sorted(set(keys) - self._known)
        for low in range(0, len(new), MANY):
            query = select(stock.c.site, stock.c.gtin).where(
                has_key((stock.c.site, stock.c.gtin), new[low : low + MANY], lead=2)
            )
            found = {SkuKey(row.site, row.gtin) for row in await connection.execute(query)}
            if len(self._known) + len(found) > KNOWN_MAX:
                self._known.clear()
            self._known |= found
        return sorted(set(keys) & self._known)


class _Work:
    """One batch: what is there, what was answered before, and the rows that come of it."""

    def __init__(self, asked: Sequence[Asked], shelves: Mapping[str, Shelf], now_us: int, new_id: NewId) -> None:
        self.shelves = shelves
        self.now_us = now_us
        self.replays: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        self.changed: set[SkuKey] = set()
        self.open_holds = Counted()
        self._asked = asked
        self._new_id = new_id
        self._rows = _Rows()
        self._stocks: dict[SkuKey, OpenStock] = {}
        self._granted: dict[SkuKey, list[tuple[Granted, LineKey]]] = defaultdict(list)
        self._until_us: dict[str, int] = {}
        self.pictures: dict[SkuKey, SkuPicture] = {}
        self.clean: set[SkuKey] = set()
        self.read_us: dict[SkuKey, int] = {}

    async def find_replays(self, connection: AsyncConnection) -> None:
        """Look up which requests were answered before."""
        names: dict[str, list[str]] = defaultdict(list)
        for one in self._asked:
            names[one.who.key].append(one.name)
        columns = (reservation.c.idempotency_key, reservation.c.body_sha256, reservation.c.answer)
        for key, of_key in names.items():
            mine = among(connection, reservation.c.idempotency_key, of_key)
            for row in await connection.execute(select(*columns).where(reservation.c.key == key, mine)):
                self.replays[key, row.idempotency_key] = bytes(row.body_sha256), bytes(row.answer)

    async def look(
        self,
        connection: AsyncConnection,
        locked: Locked,
        known: Mapping[SkuKey, Kept],
        lapsed: Collection[SkuKey],
    ) -> None:
        """Read what is there of the SKUs, but for those that are `known`; of what nobody ever had there is nothing.

        `clean` become those in which nothing is to be mended: what is granted is all that changes in them.
        """
        sellable = {site: shelf.sellable for site, shelf in self.shelves.items()}
        self.pictures = {key: kept.picture for key, kept in known.items() if key not in lapsed}
        self.read_us = {key: known[key].read_us for key in self.pictures}
        self.clean = set(self.pictures)
        for key, picture in (
            await pictures_of(connection, locked.keys() - self.pictures.keys(), sellable, self.now_us)
        ).items():
            mended = mend(picture)  # a hold that lost its item comes before new ones: `retell` writes the same
            self.pictures[key] = picture
            if not (mended.lines or mended.unbound or mended.bound) and key not in lapsed:
                self.clean.add(key)
        for key in {wish.key for one in self._asked for wish in one.wishes}:
            picture = self.pictures.get(key) or SkuPicture(key)
            self._stocks[key] = OpenStock(picture, self._status(picture))

    def _status(self, picture: SkuPicture) -> str:
        shelf = self.shelves.get(picture.key.site)
        if shelf is None:
            return UNKNOWN
        return standing(picture.zones, shelf.sellable, shelf.looks, shelf.now_us).status

    def can_have(self, one: Asked) -> bool:
        """Whether a request can be granted now."""
        atp = [self._stocks[wish.key].offer(one.who.policy).atp for wish in one.wishes]
        if one.allow_partial:
            return any(atp)
        return all(units >= wish.quantity for units, wish in zip(atp, one.wishes, strict=True))

    def grant(self, one: Asked) -> Outcome:
        """Decide about one request, and keep its rows."""
        granted, short = decide(self._stocks, one.wishes, one.who.policy, allow_partial=one.allow_partial)
        if not granted:
            return InsufficientError([Shortage(s.key.gtin, s.key.site, s.requested, s.atp) for s in short])
        expires_us = self.now_us + one.ttl_s * 1_000_000
        parts = by_site(granted) if one.by_site else [granted]
        answer = (
            self._hold(one, expires_us, parts[0], short) if len(parts) == 1 else self._order(one, expires_us, parts)
        )
        self.replays[one.owned_name] = one.sha256, answer
        return Made(answer)

    def _hold(self, one: Asked, expires_us: int, granted: Sequence[Granted], short: Sequence[Short]) -> bytes:
        """Keep the rows of one hold; return its answer."""
        name = self._new_id()
        answer = _encoder.encode(self._answer(one, name, expires_us, granted, short))
        self._keep(one, name, expires_us, answer, granted)
        return answer

    def _order(self, one: Asked, expires_us: int, parts: Sequence[Sequence[Granted]]) -> bytes:
        """Keep the rows of one hold for each site; return the answer of the order, which the first of them keeps.

        Only that one has the idempotency key: those of the others are names that nobody can send.
        """
        order_id = self._new_id()
        names = [self._new_id() for _ in parts]
        made = [
            self._answer(one, name, expires_us, part, (), order_id=order_id)
            for name, part in zip(names, parts, strict=True)
        ]
        first = made[0]
        answer = _encoder.encode(Order(order_id, first.mode, first.created_at, iso(expires_us), made))
        for number, (part, granted) in enumerate(zip(made, parts, strict=True)):
            mine = one if number == 0 else replace(one, name=f" {order_id}/{number}")
            held = answer if number == 0 else _encoder.encode(part)
            self._keep(mine, part.id, expires_us, held, granted, order_id=order_id)
        return answer

    def _answer(
        self,
        one: Asked,
        name: str,
        expires_us: int,
        granted: Sequence[Granted],
        short: Sequence[Short],
        *,
        order_id: str | None = None,
    ) -> Reservation:
        got = {each.key: each.quantity for each in granted}
        return Reservation(
            id=name,
            state=State.HELD.value,
            mode=one.mode,  # type: ignore[arg-type] # checked when it was parsed
            created_at=iso(self.now_us),
            expires_at=iso(expires_us),
            version=1,
            lines=[self._line(each) for each in granted],
            short=[ShortLine(s.key.gtin, s.key.site, s.requested, got.get(s.key, 0)) for s in short],
            order_id=order_id,
        )

    def _line(self, granted: Granted) -> HeldLine:
        shelf = self.shelves[granted.key.site]
        items = [
            HeldItem(
                item_link(granted.key.gtin, unit.serial),
                unit.zone,
                sure_at(shelf, unit.zone, unit.chance if unit.known else None),
            )
            for unit in granted.items
        ]
        return HeldLine(
            gtin=granted.key.gtin,
            site=granted.key.site,
            quantity=granted.quantity,
            items=items,
            untagged=granted.untagged,
            substitution_needed=granted.substitution_needed,
        )

    def _keep(
        self,
        one: Asked,
        name: str,
        expires_us: int,
        answer: bytes,
        granted: Sequence[Granted],
        *,
        order_id: str | None = None,
    ) -> None:
        self._rows.reservations.append(
            {
                "id": name,
                "key": one.who.key,
                "idempotency_key": one.name,
                "body_sha256": one.sha256,
                "channel": one.who.policy.name,
                "mode": one.mode,
                "state": State.HELD.value,
                "swept": False,
                "expires_us": expires_us,
                "created_us": self.now_us,
                "updated_us": self.now_us,
                "version": 1,
                "answer": answer,
                "order_id": order_id,
            }
        )
        self._until_us[name] = expires_us
        for number, each in enumerate(granted):
            self.changed.add(each.key)
            self._granted[each.key].append((each, LineKey(name, number)))
            if any(unit.hold is not None for unit in each.items):  # of a hold that is over
                self.clean.discard(each.key)
            self._rows.lines.append(line_row(name, number, each))
            self._rows.bindings += binding_rows(name, number, each, self.now_us)
            self._rows.freed += [(each.key.gtin, unit.serial) for unit in each.items if unit.hold is not None]
        self._rows.references += reference_rows(name, one.references, self.now_us)

    async def write(self, connection: AsyncConnection) -> None:
        """Insert what was granted. Raises `TakenError`, `KeyTakenError`."""
        rows = self._rows
        if not rows.reservations:
            return
        rows.reservations.sort(key=lambda row: (row["key"], row["idempotency_key"]))  # two processes never in a circle
        if len(await insert_new(connection, reservation, rows.reservations, [reservation.c.id])) != len(
            rows.reservations
        ):
            raise KeyTakenError
        await insert_rows(connection, reservation_line, rows.lines)
        await unbind(connection, rows.freed)
        await bind(connection, rows.bindings)
        await insert_rows(connection, reference, rows.references)
        for key, granted in self._granted.items():
            put_down(self.pictures[key], granted, self._until_us)


async def bind(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert bindings of items that look free. Raises `TakenError` naming those that are not."""
    wanted = {(row["gtin"], row["serial"]) for row in rows}
    written = await insert_new(connection, binding, rows, [binding.c.gtin, binding.c.serial])
    if len(written) != len(rows):
        raise TakenError(wanted - written)
