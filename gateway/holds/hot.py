"""SKUs that many ask for at once are remembered between two batches, so that nobody reads thousands of rows for each.

A picture of a SKU follows from facts that change only under the lock of its row of `stock`, and whoever changes them
writes that row (`gateway.ledger.retell`). On PostgreSQL a row says which transaction wrote it (`xmin`). So a picture is
true as long as the row, once it is locked, carries the transaction that it was remembered with; any other writer, in
whatever process, makes it void. What is remembered is taken out while it is used, and put back under our own
transaction before that commits: if it does not, no row will ever carry it.

One thing is not written under that lock: what another site says of an item that stands here (it was sold there). So
nothing is believed for longer than `REMEMBERED_S`. SQLite has no such mark, and one process: there all is read anew.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import insert, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.decide import Granted
from gateway.ledger.picture import HeldLine, Hold, LineKey, SkuKey, SkuPicture
from gateway.ledger.retell import Locked, Shelf, lock_skus
from gateway.ledger.retell import _row as row_and_event
from gateway.storage.schema import change, stock
from gateway.storage.statement import MANY, upsert_into

REMEMBERED_S: Final = 30.0
"""For how long a picture may be believed, whatever its row says."""

_PICTURES_MAX: Final = 256
_UNITS_MAX: Final = 200_000
"""Units and lines of holds remembered in all: some 60 MB."""

_XMIN: Final[Any] = literal_column("stock.xmin::text").label("xmin_")
_MINE: Final[Any] = literal_column("(txid_current() % 4294967296)::text")


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture, the transaction that wrote its row, and when it was read whole."""

    picture: SkuPicture
    xmin: str
    read_us: int
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
                .where(tuple_(stock.c.site, stock.c.gtin).in_(wanted[low : low + MANY]))
                .order_by(stock.c.site.collate("C"), stock.c.gtin)  # as Python sorts: everybody locks in one order
                .with_for_update()
            )
            found.update((SkuKey(row.site, row.gtin), row) for row in await connection.execute(query))
        return found if len(found) == len(wanted) else await lock_skus(connection, keys, now_us)

    def take(self, key: SkuKey, row: Any, now_us: int) -> Kept | None:
        """Return what is remembered of a SKU whose row is locked, if that is true still; it is remembered no more."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size -= kept.size
            if kept.xmin == mark_of(row) and 0 <= now_us - kept.read_us < REMEMBERED_S * 1e6:
                self.hits += 1
                return kept
        self.misses += 1
        return None

    def keep(self, picture: SkuPicture, xmin: str, read_us: int) -> None:
        """Remember a picture as of the transaction that wrote its row."""
        if not xmin:
            return
        size = len(picture.units) + len(picture.lines)
        if size > _UNITS_MAX:
            return
        self._kept[picture.key] = Kept(picture, xmin, read_us, size)
        self._size += size
        while len(self._kept) > _PICTURES_MAX or self._size > _UNITS_MAX:
            self._size -= self._kept.popitem(last=False)[1].size


def mark_of(row: Any) -> str:
    """Return the mark of the transaction that wrote a locked row; empty where there is none."""
    return str(getattr(row, "xmin_", ""))


async def transaction_of(connection: AsyncConnection) -> str:
    """Return the mark of rows that this transaction writes; empty where there is none."""
    if connection.dialect.name == "sqlite":
        return ""
    return str(await connection.scalar(select(_MINE)))


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
    rows: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for picture in pictures:
        key = picture.key
        row, body = row_and_event(locked[key], picture, shelves[key.site], now_us, reason=reason, movements=())
        rows.append(row)
        if body is not None:
            one = {"site": key.site, "gtin": key.gtin, "created_us": now_us, "body": body, "ladder": row["ladder"]}
            events.append(one)
    if rows:
        await connection.execute(upsert_into(connection, stock, keep=frozenset({"unplaced"})), rows)
    if events:
        await connection.execute(insert(change), events)
