"""Whatever is told in whatever order, the books agree: chains, balances, holds, and what is offered."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from gateway.holds.errors import HoldError
from gateway.ledger.errors import DeskError
from gateway.storage.engine import Database
from gateway.trade.said import Goods, ItemName, Receipt, Step
from tests.gateway.trade.trade_rig import KEY, OTHER, OTHER_KEY, SHIRT_S, SITE, TradeRig, goods
from wire.site import OUT

STEPS = 60
SERIALS = [str(number) for number in range(9)]


class Chance:
    """Chooses operations by a seed; what is refused is refused, and changes nothing."""

    def __init__(self, rig: TradeRig, seed: int) -> None:
        self.rig = rig
        self.random = random.Random(seed)
        self.reservations: list[str] = []
        self.transfers: list[str] = []
        self.refused = 0

    def some(self) -> list[str]:
        return self.random.sample(SERIALS, self.random.randint(0, 2))

    def site(self) -> str:
        return self.random.choice([SITE.id, SITE.id, OTHER])

    async def step(self) -> str:
        name = self.random.choice(sorted(OPERATIONS))
        self.rig.later(self.random.choice([0, 1, 60, 600]))
        try:
            await OPERATIONS[name](self)
        except (DeskError, HoldError):
            self.refused += 1
            return f"{name}, refused"
        return name

    async def moved(self) -> None:
        zone = self.random.choice(["FLOOR", "BACK", "FIT", OUT])
        chance = None if zone == OUT else self.random.choice([1.0, 0.97, 0.6, 0.1])
        site = self.site()
        elsewhere = await self.rig.picture(OTHER_KEY if site == SITE.id else KEY)
        there = {unit.serial for unit in elsewhere.units if unit.zone != OUT}
        items = [serial for serial in self.some() if serial not in there]  # a clone is another story
        await self.rig.put(*items, zone=zone, chance=chance, site=site)

    async def sold(self) -> None:
        held = self.random.choice([*self.reservations, "", "", ""])
        of = goods(*self.some(), S=self.random.randint(0, 2))
        if of.quantity:
            at_us = self.rig.clock() - self.random.choice([0, 30, 900]) * 1_000_000
            sale = self.rig.sale("x", site=self.site(), reservation=held, at_us=at_us)
            await self.rig.trade.sell(type(sale)(**{name: getattr(sale, name) for name in FIELDS} | {"goods": of}))

    async def returned(self) -> None:
        disposition = self.random.choice(["restock", "inspect", "inspect", "damaged"])
        of = self.some()
        units = self.random.randint(0 if of else 1, 2)
        await self.rig.give_back(*of, units=units, site=self.site(), disposition=disposition)

    async def inspected(self) -> None:
        site = self.site()
        waiting = sorted(serial for serial, state in (await self.rig.states()).items() if state == "returned_unchecked")
        units = (await self.rig.loose(site)).get("returned_unchecked", 0)
        parts = [goods(*waiting[:1], S=min(units, 1)), goods(*waiting[1:2])]
        self.random.shuffle(parts)
        await self.rig.inspect(*parts, site=site)

    async def received(self) -> None:
        await self.rig.receive(goods(*self.some(), S=self.random.randint(0, 3)), site=self.site())

    async def sent(self) -> None:
        name = f"T{len(self.transfers)}"
        wish = self.random.random() < 0.3
        await self.rig.send(name, goods(*self.some(), S=self.random.randint(0, 1)), ship=not wish)
        self.transfers.append(name)

    async def shipped(self) -> None:
        if self.transfers:
            await self.rig.ship(self.random.choice(self.transfers), goods(*self.some()))

    async def arrived(self) -> None:
        if self.transfers:
            name = self.random.choice(self.transfers)
            part = self.random.random() < 0.4
            of = goods(*self.some()) if part else Goods()
            said = Receipt(
                event=f"in{next(self.rig.events)}",
                site=OTHER,
                at_us=self.rig.clock(),
                goods=of,
                shipment=name,
                complete=self.random.random() < 0.3,
                all_that_is_left=not part,
            )
            await self.rig.trade.receive(said)

    async def cancelled(self) -> None:
        if self.transfers:
            name = self.random.choice(self.transfers)
            event = f"c{next(self.rig.events)}"
            await self.rig.trade.step(
                Step(event=event, site=SITE.id, at_us=self.rig.clock(), shipment=name, action="cancel")
            )

    async def counted(self) -> None:
        items = tuple(ItemName(SHIRT_S, serial) for serial in self.some())
        await self.rig.count(
            zone="FLOOR", items=items, untagged=((SHIRT_S, self.random.randint(0, 4)),), site=self.site()
        )

    async def adjusted(self) -> None:
        reason = self.random.choice(["damaged", "missing", "found", "repaired", "checked"])
        sign = -1 if reason in {"damaged", "missing"} else 1
        of = self.some()
        units = sign * self.random.randint(0 if of else 1, 2)
        await self.rig.adjust(reason, *of, units=units, site=self.site())

    async def set_(self) -> None:
        kind = self.random.choice(["on_hand", "sellable"])
        version = (await self.rig.row()).version
        await self.rig.set_to(self.random.randint(0, 9), kind, version, through_us=self.rig.clock())

    async def reserved(self) -> None:
        made = await self.rig.reserve(self.rig.holds(), self.random.randint(1, 2))
        self.reservations.append(made["id"])


FIELDS = ("event", "site", "at_us", "channel", "reservation")
OPERATIONS: dict[str, Callable[[Chance], Any]] = {
    name: getattr(Chance, name)
    for name in (
        *("moved", "sold", "returned", "inspected", "received", "sent", "shipped", "arrived", "cancelled"),
        *("counted", "adjusted", "set_", "reserved"),
    )
}


@pytest.mark.parametrize("seed", [0, 4])
async def test_the_books_agree_after_whatever_is_told(sqlite_database: Database, seed: int) -> None:
    rig = TradeRig(sqlite_database)
    await rig.open(OTHER)
    await rig.put(*SERIALS[:6])
    await rig.book(3)
    chance = Chance(rig, seed)
    told = []
    for _ in range(STEPS):
        told.append(await chance.step())
        try:
            await rig.check()
        except AssertionError as error:
            raise AssertionError(told[-12:]) from error
    assert chance.refused < STEPS // 2
    assert {name for name in told if not name.endswith("refused")} >= {"sold", "returned", "moved", "reserved"}
