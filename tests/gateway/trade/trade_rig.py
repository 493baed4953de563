"""Sites with stock, and the operations on them as a till, an ERP or a person would send them."""

import itertools
from typing import Any

import msgspec
from sqlalchemy import select

from gateway.fold.evidence import EvidenceEntry, decode_evidence
from gateway.ledger.picture import SkuKey, SkuPicture
from gateway.ledger.retell import pictures_of
from gateway.site_view import SiteViews
from gateway.storage.commerce import audit, disposition, posting, untagged
from gateway.storage.engine import Database
from gateway.storage.schema import site_input, stock
from gateway.trade.collect import HeldUnits
from gateway.trade.said import (
    Count,
    Delta,
    Goods,
    Inspection,
    ItemName,
    Notice,
    Receipt,
    Return,
    Sale,
    SetRow,
    SetTo,
    Step,
    Transfer,
)
from gateway.trade.trade import Trade
from tests.gateway.holds.rig import KEY, Rig
from tests.gateway.small_store import SECOND_US, SHIRT_M, SHIRT_S, SITE, T0_US

OTHER = "store-002"
OTHER_KEY = SkuKey(OTHER, SHIRT_S)


def goods(*serials: str, S: int = 0, M: int = 0) -> Goods:  # noqa: N803 - sizes are written so
    """Return named shirts S, and units by size."""
    items = tuple(ItemName(SHIRT_S, serial) for serial in serials)
    return Goods(items, tuple((gtin, units) for gtin, units in ((SHIRT_S, S), (SHIRT_M, M)) if units))


class TradeRig(Rig):
    """Sites, and `Trade` over them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.trade = Trade(database, self.clock, HeldUnits())
        self.events = itertools.count(1)

    def _more(self, more: dict[str, Any]) -> dict[str, Any]:
        return {"event": f"e{next(self.events)}", "site": SITE.id, "at_us": self.clock()} | more

    def sale(self, *serials: str, units: int = 0, **more: Any) -> Sale:
        of = goods(*serials, S=units)
        return Sale(goods=of, **self._more(more))

    async def sell(self, *serials: str, units: int = 0, **more: Any) -> dict[str, Any]:
        """Sell shirts S; return the answer's line."""
        answer, _ = await self.trade.sell(self.sale(*serials, units=units, **more), actor="till")
        (line,) = answer.lines
        return {name: value for name, value in msgspec.to_builtins(line).items() if value and name != "gtin"}

    async def give_back(self, *serials: str, units: int = 0, **more: Any) -> Any:
        of = goods(*serials, S=units)
        answer, _ = await self.trade.give_back(Return(goods=of, **self._more(more)))
        return answer

    async def inspect(self, restock: Goods = Goods(), damaged: Goods = Goods(), **more: Any) -> Any:  # noqa: B008
        said = Inspection(restock=restock, damaged=damaged, **self._more(more))
        return (await self.trade.inspect(said))[0]

    async def wish(self, name: str, of: Goods, **more: Any) -> Any:
        """Announce a transfer to the other site."""
        return await self.send(name, of, ship=False, **more)

    async def ship(self, name: str, of: Goods = Goods(), **more: Any) -> Any:  # noqa: B008
        said = Step(shipment=name, action="ship", goods=of, **self._more(more))
        return (await self.trade.step(said))[0]

    async def announce(self, name: str, of: Goods, **more: Any) -> Any:
        return (await self.trade.announce(Notice(shipment=name, goods=of, **self._more(more))))[0]

    async def receive(self, of: Goods, **more: Any) -> Any:
        return (await self.trade.receive(Receipt(goods=of, **self._more(more))))[0]

    async def send(self, name: str, of: Goods, **more: Any) -> Any:
        said = Transfer(shipment=name, to_site=OTHER, goods=of, **self._more(more))
        return (await self.trade.transfer(said))[0]

    async def count(self, **more: Any) -> Any:
        return (await self.trade.count(Count(**self._more(more))))[0]

    async def adjust(self, reason: str, *serials: str, units: int = 0, **more: Any) -> Any:
        items = tuple(ItemName(SHIRT_S, serial) for serial in serials)
        loose = ((SHIRT_S, units),) if units else ()
        return (await self.trade.adjust(Delta(reason=reason, items=items, units=loose, **self._more(more))))[0]

    async def set_to(self, units: int, kind: str, version: int, *, through_us: int = T0_US, **more: Any) -> Any:
        said = SetTo(
            rows=(SetRow(SHIRT_S, units, version),),
            quantity_kind=kind,
            includes_sales_through_us=through_us,
            **self._more(more),
        )
        return (await self.trade.set_to(said))[0]

    def later(self, seconds: float = 1) -> int:
        self.clock.advance(seconds)
        return self.clock()

    # -- asking

    async def states(self) -> dict[str, str]:
        """The states of shirts S that have a row, by serial."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(disposition).where(disposition.c.gtin == SHIRT_S))
            return {row.serial: row.state for row in rows}

    async def loose(self, site: str = SITE.id) -> dict[str, int]:
        """Units without tags of shirts S, by state."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(untagged).where(untagged.c.site == site, untagged.c.gtin == SHIRT_S, untagged.c.quantity > 0)
            )
            return {row.state: row.quantity for row in rows}

    async def row(self, site: str = SITE.id) -> Any:
        async with self.database.read() as connection:
            return (await connection.execute(select(stock).where(stock.c.site == site, stock.c.gtin == SHIRT_S))).one()

    async def picture(self, key: SkuKey = KEY) -> SkuPicture:
        async with self.database.read() as connection:
            views = await SiteViews(self.clock).load(connection)
            sellable = {site: view.sellable for site, view in views.items()}
            return (await pictures_of(connection, [key], sellable, self.clock()))[key]

    async def postings(self) -> list[tuple[str, str, str, int]]:
        """(serial, from, to, units) of every posting, in order."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(posting).order_by(posting.c.id))
            return [(row.serial, row.credit, row.debit, row.quantity) for row in rows]

    async def told(self, site: str = SITE.id) -> list[EvidenceEntry]:
        """The evidence in a site's log, in order."""
        async with self.database.read() as connection:
            rows = await connection.scalars(
                select(site_input.c.body)
                .where(site_input.c.site == site, site_input.c.kind == "evidence")
                .order_by(site_input.c.n)
            )
            return [decode_evidence(bytes(body)) for body in rows]

    async def audits(self) -> list[Any]:
        async with self.database.read() as connection:
            return list((await connection.execute(select(audit).order_by(audit.c.id))).all())


__all__ = ["KEY", "OTHER", "OTHER_KEY", "SECOND_US", "SHIRT_S", "SITE", "T0_US", "TradeRig", "goods"]
