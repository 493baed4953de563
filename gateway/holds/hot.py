"""SKUs that many ask for at once are remembered between two batches, so that nobody reads thousands of rows for each.

A picture of a SKU follows from facts that change only under the lock of its row of `stock`, and whoever changes them
writes that row (`gateway.ledger.retell`). On PostgreSQL a row says which transaction wrote it (`xmin`). So a picture is
true as long as the row, once it is locked, carries the transaction that it was remembered with; and the version, since
a server that takes over from one that was lost may give the number of a lost transaction to another. What is remembered
is taken out while it is used, and put back under our own transaction before that commits: if it does not, no row will
ever carry it.

When another transaction wrote the row, most often another process granted units of the same hot SKU. Then the holds
that came since are added (`_catch_up`), and the sum must come out: as many versions of the row as there were such
transactions, and the same units held, the same ladder to the last bit, the same next expiry. Anything else (an item
that moved, a hold that was given back) does not come out, and all is read anew.

One thing is not written under that lock: what another site says of an item that stands here (it was sold there). So
nothing is believed for longer than `REMEMBERED_S`. SQLite has no such mark, and one process: there all is read anew.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import encode_ladder
from gateway.holds.decide import Granted
from gateway.holds.ids import uuid7
from gateway.holds.life import State
from gateway.ledger.picture import HeldLine, Hold, LineKey, SkuKey, SkuPicture
from gateway.ledger.retell import Locked, Shelf, lock_skus, row_and_event, write_rows
from gateway.storage.commerce import binding, reservation, reservation_line
from gateway.storage.schema import stock
from gateway.storage.statement import MANY, has_key

HELD: Final = State.HELD.value

REMEMBERED_S: Final = 30.0
"""For how long a picture may be believed, whatever its row says."""

SKEW_US: Final = 50_000
"""By how much the clocks of two gateways may differ for the one to see what the other granted since. Where they differ
by more the sum does not come out, and the SKU is read anew: slower, not wrong."""

_CATCH_UP_MAX: Final = 2_000
"""Holds to catch up with; of more everything is read anew."""

_PICTURES_MAX: Final = 256
_UNITS_MAX: Final = 200_000
"""Units and lines of holds remembered in all: some 60 MB."""

_XMIN: Final[Any] = literal_column("stock.xmin::text").label("xmin_")
_HOLD_XMIN: Final[Any] = literal_column("reservation.xmin::text").label("xmin_")


class Mark(NamedTuple):
    """The transaction that wrote a row, and the row's version."""

    xmin: str
    version: int


NO_MARK: Final = Mark("", 0)


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture, the transaction and version of its row, when it was read whole, and when it was newest."""

    picture: SkuPicture
    mark: "Mark"
    read_us: int
    seen_us: int
    size: int


class Memory:
    """The pictures that this process remembers."""

    def __init__(self) -> None:
        self._kept: OrderedDict[SkuKey, Kept] = OrderedDict()
        self._size = 0
        self.hits = 0
        self.misses = 0

    async def lock(self, connection: AsyncConnection, keys: Collection[tuple[str, str]], now_us: int) -> Locked:
        """Lock rows as `lock_skus` does; on PostgreSQL each also says which transaction wrote it."""
        if connection.dialect.name == "sqlite":
            return await lock_skus(connection, keys, now_us)
        wanted = sorted(keys)
        found: Locked = {}
        for low in range(0, len(wanted), MANY):
            query = (
                select(stock, _XMIN)
                .where(has_key((stock.c.site, stock.c.gtin), wanted[low : low + MANY], lead=2))
                .order_by(stock.c.site.collate("C"), stock.c.gtin)  # as Python sorts: everybody locks in one order
                .with_for_update()
            )
            found.update((SkuKey(row.site, row.gtin), row) for row in await connection.execute(query))
        return found if len(found) == len(wanted) else await lock_skus(connection, keys, now_us)

    async def take(self, connection: AsyncConnection, key: SkuKey, row: Any, now_us: int) -> Kept | None:
        """Return what is remembered of a SKU whose row is locked, if that is true still; it is remembered no more."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size -= kept.size
            young = 0 <= now_us - kept.read_us < REMEMBERED_S * 1e6
            if young and (kept.mark == mark_of(row) or await _catch_up(connection, kept, row)):
                self.hits += 1
                return kept
        self.misses += 1
        return None

    def keep(self, picture: SkuPicture, mark: Mark, read_us: int, now_us: int) -> None:
        """Remember a picture as of the transaction that wrote its row."""
        if not mark.xmin:
            return
        size = len(picture.units) + len(picture.lines)
        if size > _UNITS_MAX:
            return
        self._kept[picture.key] = Kept(picture, mark, read_us, now_us, size)
        self._size += size
        while len(self._kept) > _PICTURES_MAX or self._size > _UNITS_MAX:
            self._size -= self._kept.popitem(last=False)[1].size


def mark_of(row: Any) -> Mark:
    """Return the mark of a locked row; an empty one where there is none."""
    return Mark(str(getattr(row, "xmin_", "")), int(row.version))


async def marks_of(connection: AsyncConnection, keys: Collection[SkuKey]) -> dict[SkuKey, Mark]:
    """Return the marks of rows that this transaction has locked, as they are now; none on SQLite."""
    if connection.dialect.name == "sqlite" or not keys:
        return {}
    columns = (stock.c.site, stock.c.gtin, stock.c.version, _XMIN)
    found: dict[SkuKey, Mark] = {}
    wanted = sorted(keys)
    for low in range(0, len(wanted), MANY):
        query = select(*columns).where(has_key((stock.c.site, stock.c.gtin), wanted[low : low + MANY], lead=2))
        found.update((SkuKey(row.site, row.gtin), mark_of(row)) for row in await connection.execute(query))
    return found


async def _catch_up(connection: AsyncConnection, kept: Kept, row: Any) -> bool:
    """Add to a picture the holds that others made since; return whether that is all that happened."""
    picture, key = kept.picture, kept.picture.key
    if row.version <= kept.mark.version:
        return False
    query = (
        select(reservation_line, reservation.c.state, reservation.c.expires_us, _HOLD_XMIN)
        .join(reservation, reservation.c.id == reservation_line.c.reservation)
        .where(
            reservation_line.c.reservation >= uuid7(max(0, kept.seen_us - SKEW_US), 0),
            reservation_line.c.site == key.site,
            reservation_line.c.gtin == key.gtin,
        )
        .limit(_CATCH_UP_MAX)
    )
    found = (await connection.execute(query)).all()
    new = [line for line in found if LineKey(line.reservation, line.line) not in picture.lines]
    if not new or len(found) == _CATCH_UP_MAX or any(line.state != HELD for line in new):
        return False
    bound = await _bound(connection, key, [line.reservation for line in new])
    granted = []
    for line in new:
        name = LineKey(line.reservation, line.line)
        items = bound.get(name, [])
        if len(items) + line.untagged + line.substitution_needed != line.quantity:
            return False
        units = tuple(unit for unit in picture.units if unit.serial in items) if items else ()
        if len(units) != len(items):
            return False
        granted.append((Granted(key, line.quantity, units, line.untagged, line.substitution_needed), name))
    put_down(picture, granted, {line.reservation: line.expires_us for line in new})
    transactions = len({line.xmin_ for line in new})
    says = (row.version, row.held, row.untagged, row.unplaced, row.next_expiry_us, bytes(row.ladder or b""))
    return says == (
        kept.mark.version + transactions,
        picture.held,
        picture.untagged_available,
        picture.unplaced,
        picture.next_expiry_us,
        encode_ladder(picture.ladder()),
    )


async def _bound(connection: AsyncConnection, key: SkuKey, names: Sequence[str]) -> dict[LineKey, list[str]]:
    """Return the items of these reservations, by line."""
    found: dict[LineKey, list[str]] = defaultdict(list)
    for low in range(0, len(names), MANY):
        query = select(binding.c.reservation, binding.c.line, binding.c.serial).where(
            binding.c.reservation.in_(names[low : low + MANY]), binding.c.site == key.site, binding.c.gtin == key.gtin
        )
        for row in await connection.execute(query):
            found[LineKey(row.reservation, row.line)].append(row.serial)
    return found


def put_down(picture: SkuPicture, granted: Iterable[tuple[Granted, LineKey]], expires_us: Mapping[str, int]) -> None:
    """Write what was granted into a picture, as its rows are written into the database."""
    taken: dict[str, Hold] = {}
    for each, line in granted:
        hold = Hold(line.reservation, line.line, picked=False, lapsed=False)
        taken.update((unit.serial, hold) for unit in each.items)
        picture.lines[line] = HeldLine(each.quantity, each.untagged, each.substitution_needed)
        until_us = expires_us[line.reservation]
        picture.next_expiry_us = min(picture.next_expiry_us or until_us, until_us)
    if taken:
        picture.units = [
            replace(unit, hold=taken[unit.serial]) if unit.serial in taken else unit for unit in picture.units
        ]


async def retell_known(
    connection: AsyncConnection,
    locked: Locked,
    pictures: Iterable[SkuPicture],
    shelves: Mapping[str, Shelf],
    *,
    reason: str,
    now_us: int,
) -> None:
    """Do what `retell` does for SKUs whose pictures are known, and in which there is nothing to mend."""
    found = [
        row_and_event(locked[one.key], one, shelves[one.key.site], now_us, reason=reason, movements=())
        for one in pictures
    ]
    await write_rows(connection, found, now_us)
