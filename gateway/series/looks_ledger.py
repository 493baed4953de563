"""Looks at what was written and never changes: movements, postings, gaps, counts, deliveries.

Each follows a table by its number and adds up what is new since the last look.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.http.reservation_rows import item_link
from gateway.ledger.accounts import OUTSIDE, UNPLACED
from gateway.ledger.picture import AVAILABLE, DAMAGED, IN_TRANSIT, LEFT_UNSOLD, MISSING, RETURNED, SOLD
from gateway.series.limits import EVENTS_AT_ONCE, LEDGER_ROWS_AT_ONCE, LIVE_EVERY_S, SETTLE_S
from gateway.series.look import Draft, Memory, Values
from gateway.series.looks_stock import band_of
from gateway.site_view import SiteViews
from gateway.storage.commerce import posting, reservation, shipment, shipment_line
from gateway.storage.schema import count_result, gap, movement
from gateway.storage.schema import site as site_table
from gateway.storage.statement import MANY
from wire import measurements as m
from wire.site import OUT

_PICKED: Final = {"fulfil": True, "pick_miss": False}
"""Causes of postings after which it is known whether a held item was there."""

_NO_STATE: Final = frozenset({AVAILABLE, SOLD, OUTSIDE, UNPLACED})

_NOT_FOR_SALE: Final = dict.fromkeys((IN_TRANSIT, RETURNED, DAMAGED, MISSING, LEFT_UNSOLD), 0)
"""States that are told though no unit is in them."""


class MovementsLook:
    """Items that moved."""

    every_s = LIVE_EVERY_S
    alone = True

    def __init__(self, clock: Clock) -> None:
        self._views = SiteViews(clock)

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `movements`."""
        memory = Memory(connection, draft)
        for site, view in (await self._views.load(connection)).items():
            seen = await memory.read(f"movements/{site}")
            if not seen.position:
                newest = select(func.max(movement.c.m)).where(movement.c.site == site)
                memory.move(f"movements/{site}", seen, int(await connection.scalar(newest) or 0) + 1)
                continue
            query = (
                select(movement)
                .where(movement.c.site == site, movement.c.m >= seen.position)
                .order_by(movement.c.m)
                .limit(LEDGER_ROWS_AT_ONCE)
            )
            kinds = {zone.id: zone.kind.value for zone in view.site.zones} | {OUT: OUT}
            sums: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0, 0.0])
            newest_m = seen.position - 1
            for row in await connection.execute(query):
                mine = sums[row.cause, kinds.get(row.credit, ""), kinds.get(row.debit, "")]
                mine[0] += row.quantity
                mine[1] += max(0, row.decided_us - row.happened_us) / 1e6
                newest_m = row.m
            memory.move(f"movements/{site}", seen, newest_m + 1)
            for key, (units, delay_s) in sorted(sums.items()):
                draft.add(m.MOVEMENTS, {"units": int(units), "delay_s": delay_s}, site, *key)


async def _newest(connection: AsyncConnection, table: Table) -> int:
    return int(await connection.scalar(select(func.max(table.c.id))) or 0)


async def _new_rows(
    connection: AsyncConnection, table: Table, after: int, draft: Draft, limit: int
) -> Sequence[Row[Any]]:
    """Return rows after a number, up to the first that is so young that one before it may still be on its way."""
    query = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    rows = (await connection.execute(query)).all()
    settled_us = draft.now_us - int(SETTLE_S * 1e6)
    young = next((number for number, row in enumerate(rows) if row.recorded_us > settled_us), len(rows))
    return rows[:young]


class PostingsLook:
    """Units that changed their state; the balance of each state; and whether promises were kept."""

    every_s = LIVE_EVERY_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `postings`, `disposition` and `calibration`."""
        memory = Memory(connection, draft)
        seen = await memory.read("postings")
        if not seen.position:
            newest = await _newest(connection, posting)
            balances = await _balances(connection, newest)
            memory.move("postings", seen, newest + 1, {"balances": balances})
            await self._dispositions(connection, draft, balances)
            return
        rows = await _new_rows(connection, posting, seen.position - 1, draft, LEDGER_ROWS_AT_ONCE)
        balances = seen.body["balances"]
        sums: dict[tuple[str, ...], int] = defaultdict(int)
        for row in rows:
            sums[row.site, row.cause, row.credit, row.debit] += row.quantity
            mine = balances.setdefault(row.site, {})
            for account, units in ((row.credit, -row.quantity), (row.debit, row.quantity)):
                if account not in _NO_STATE:
                    mine[account] = mine.get(account, 0) + units
        for key, units in sorted(sums.items()):
            draft.add(m.POSTINGS, {"units": units}, *key)
        if rows:
            memory.move("postings", seen, rows[-1].id + 1, {"balances": balances})
        await self._dispositions(connection, draft, balances)
        await _calibrate(connection, draft, [row for row in rows if row.cause in _PICKED and row.serial])

    @staticmethod
    async def _dispositions(
        connection: AsyncConnection, draft: Draft, balances: Mapping[str, Mapping[str, int]]
    ) -> None:
        sites = await connection.scalars(select(site_table.c.site))
        for site in sorted({*sites, *balances}):
            mine = {**_NOT_FOR_SALE, **balances.get(site, {})}
            for state, units in sorted(mine.items()):
                draft.add(m.DISPOSITION, {"units": max(0, units)}, site, state)


async def _balances(connection: AsyncConnection, newest: int) -> dict[str, dict[str, int]]:
    """Return the units in each state by site, from all postings: once in the life of a database."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for account, sign in ((posting.c.debit, 1), (posting.c.credit, -1)):
        query = (
            select(posting.c.site, account.label("account"), func.sum(posting.c.quantity).label("units"))
            .where(posting.c.id <= newest, account.not_in(sorted(_NO_STATE)))
            .group_by(posting.c.site, account)
        )
        for row in await connection.execute(query):
            found[row.site][row.account] += sign * int(row.units)
    return {site: dict(mine) for site, mine in found.items()}


class _Item(msgspec.Struct):
    digital_link: str
    confidence: float | None = None


class _Line(msgspec.Struct):
    items: list[_Item] = []


class _Part(msgspec.Struct):
    lines: list[_Line] = []


class _Answer(_Part):
    """What was answered when a hold was made: of one hold, or of an order with parts."""

    parts: list[_Part] = []


_answers: Final = msgspec.json.Decoder(_Answer)


async def _calibrate(connection: AsyncConnection, draft: Draft, rows: Sequence[Row[Any]]) -> None:
    """Hold the probability that was said of an item against whether it was there."""
    said: dict[tuple[str, str], float | None] = {}
    names = sorted({row.source for row in rows})
    for low in range(0, len(names), MANY):
        query = select(reservation.c.id, reservation.c.answer).where(reservation.c.id.in_(names[low : low + MANY]))
        for held in await connection.execute(query):
            answer = _answers.decode(held.answer)
            lines = [line for part in (answer, *answer.parts) for line in part.lines]
            said |= {(held.id, item.digital_link): item.confidence for line in lines for item in line.items}
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for row in rows:
        probability = said.get((row.source, item_link(row.gtin, row.serial)))
        mine = sums[row.site, band_of(probability)]
        mine[0] += 1
        mine[1] += _PICKED[row.cause]
        mine[2] += probability or 0.0
    for key, (asked, found, expected) in sorted(sums.items()):
        draft.add(m.CALIBRATION, {"asked": int(asked), "found": int(found), "expected": expected}, *key)


class GapsLook:
    """Loss that was said aloud."""

    every_s = LIVE_EVERY_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `gaps`."""
        memory = Memory(connection, draft)
        seen = await memory.read("gaps")
        if not seen.position:
            memory.move("gaps", seen, await _newest(connection, gap) + 1)
            return
        rows = await _new_rows(connection, gap, seen.position - 1, draft, LEDGER_ROWS_AT_ONCE)
        sums: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0, 0, 0.0])
        for row in rows:
            mine = sums[row.site, row.edge, row.cause]
            mine[0] += 1
            mine[1] += row.observations or 0
            mine[2] += max(0, (row.to_us or 0) - (row.from_us or 0)) / 1e6
        for key, (gaps, lost, lost_s) in sorted(sums.items()):
            draft.add(m.GAPS, {"gaps": int(gaps), "observations": int(lost), "lost_s": lost_s}, *key)
        if rows:
            memory.move("gaps", seen, rows[-1].id + 1)


class EventsLook:
    """Deliveries that were received and counts that ended. Outages are said by `EdgeLook`."""

    every_s = LIVE_EVERY_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `event`."""
        memory = Memory(connection, draft)
        await self._deliveries(connection, memory, draft)
        for site in list(await connection.scalars(select(site_table.c.site))):
            await self._counts(connection, memory, draft, site)

    @staticmethod
    async def _deliveries(connection: AsyncConnection, memory: Memory, draft: Draft) -> None:
        seen = await memory.read("event/delivery")
        until_us = draft.at_us - int(SETTLE_S * 1e6)
        memory.move("event/delivery", seen, until_us)
        if not seen.position:
            return
        query = (
            select(
                *(shipment.c.id, shipment.c.kind, shipment.c.to_site, shipment.c.from_site),
                func.sum(shipment_line.c.expected).label("expected"),
                func.sum(shipment_line.c.received).label("received"),
            )
            .join(shipment_line, shipment_line.c.shipment == shipment.c.id)
            .where(shipment.c.state == "received")
            .where(shipment.c.updated_us > seen.position, shipment.c.updated_us <= until_us)
            .group_by(shipment.c.id, shipment.c.kind, shipment.c.to_site, shipment.c.from_site)
            .order_by(shipment.c.id)
            .limit(EVENTS_AT_ONCE)
        )
        for row in await connection.execute(query):
            come = f"from {row.from_site}" if row.from_site else "from a supplier"
            title = f"Delivery: {int(row.received)} of {int(row.expected)} units"
            values: Values = {"title": title, "detail": f"{row.kind} {row.id} {come}", "events": 1}
            draft.event(m.EVENT, values, row.to_site, "delivery")

    @staticmethod
    async def _counts(connection: AsyncConnection, memory: Memory, draft: Draft, site: str) -> None:
        seen = await memory.read(f"event/count/{site}")
        if not seen.position:
            newest = select(func.max(count_result.c.n)).where(count_result.c.site == site)
            memory.move(f"event/count/{site}", seen, int(await connection.scalar(newest) or 0) + 1)
            return
        query = (
            select(count_result)
            .where(count_result.c.site == site, count_result.c.n >= seen.position)
            .order_by(count_result.c.n)
            .limit(EVENTS_AT_ONCE)
        )
        newest_n = seen.position - 1
        for row in await connection.execute(query):
            title = f"Count of {row.zone}: {row.seen} seen, {row.expected} expected"
            detail = f"{row.unseen} not seen, {row.elsewhere} from elsewhere, {row.unknown} believed to be out"
            draft.event(m.EVENT, {"title": title, "detail": detail, "events": 1}, site, "count")
            newest_n = row.n
        memory.move(f"event/count/{site}", seen, newest_n + 1)
