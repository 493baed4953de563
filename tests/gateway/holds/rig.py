"""Sites with stock that a test says, reservations over it, and the invariants that must hold after everything."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import func, select, update

from gateway.availability import Policy, decode_ladder, offer
from gateway.fold.outputs import Chance, Facts
from gateway.fold.state import ItemKey
from gateway.holds.asked import Asked, Who
from gateway.holds.decide import Wish
from gateway.holds.desk import Holds
from gateway.holds.ids import uuid7
from gateway.ledger.accounts import Because, StateChange, post_untagged, set_states
from gateway.ledger.movement import Movement
from gateway.ledger.picture import SkuKey
from gateway.ledger.post import Posting, post
from gateway.ledger.retell import lock_skus, pictures_of, retell, shelf_of
from gateway.ledger.verify import verify
from gateway.site_view import SiteViews
from gateway.storage.commerce import binding, posting, reservation, reservation_line
from gateway.storage.engine import Database
from gateway.storage.schema import change, movement, site_fold, stock, zone_state
from gateway.storage.site_register import register_site
from gateway.storage.statement import insert_into
from tests.gateway.small_store import SHIRT_S, SITE, T0_US, ManualClock, other_site
from wire.site import OUT

KEY = SkuKey(SITE.id, SHIRT_S)
WEB = Who("web", Policy("web"))


def ids() -> Any:
    """Ids in the order of making, the same at each run."""
    numbers = itertools.count(1)
    return lambda: uuid7(T0_US, next(numbers))


def serials(line: dict[str, Any] | Any) -> list[str]:
    items = line["items"] if isinstance(line, dict) else [msgspec.to_builtins(item) for item in line.items]
    return [item["digital_link"].rpartition("/")[2] for item in items]


@dataclass
class Rig:
    """A database with sites; `clock` stands still until it is told otherwise."""

    database: Database
    clock: ManualClock = field(default_factory=ManualClock)
    names: Any = field(default_factory=ids)
    requests: Any = field(default_factory=lambda: itertools.count(1))

    async def open(self, *more: str) -> "Rig":
        """Register the small store and others like it; all their zones are looked at, their folds live."""
        async with self.database.write() as connection:
            for site in (SITE, *(other_site(name) for name in more)):
                await register_site(connection, site, T0_US)
                await connection.execute(update(site_fold).where(site_fold.c.site == site.id).values(now_us=T0_US))
                for zone in ("BACK", "FLOOR", "FIT"):
                    row = {"site": site.id, "zone": zone, "status": "live", "as_of_us": T0_US, "since_us": T0_US}
                    await connection.execute(insert_into(connection, zone_state).on_conflict_do_nothing(), row)
        return self

    def holds(self, database: Database | None = None, **more: Any) -> Holds:
        """Return reservations over this database, or over another connection to it."""
        return Holds(database or self.database, self.clock, self.names, **more)

    async def blind(self, zone: str, site: str = SITE.id) -> None:
        async with self.database.write() as connection:
            mine = (zone_state.c.site == site) & (zone_state.c.zone == zone)
            await connection.execute(update(zone_state).where(mine).values(status="blind"))

    # -- stock

    async def put(
        self, *serials: str, zone: str = "FLOOR", chance: float | None = 1.0, gtin: str = SHIRT_S, site: str = SITE.id
    ) -> None:
        """Let items be in a zone, wherever they were; `chance` that they can be sold."""
        async with self.database.write() as connection:
            places = await self._places(connection, site, gtin)
            moves = [(serial, places.get(serial, OUT)) for serial in serials if places.get(serial, OUT) != zone]
            newest = int(await connection.scalar(select(func.max(movement.c.m)).where(movement.c.site == site)) or 0)
            at_us = self.clock()
            moved = [
                Movement(newest + i, newest + i, gtin, serial, was, zone, at_us, at_us, at_us, "moved", None)
                for i, (serial, was) in enumerate(moves, 1)
            ]
            if moved:
                figures = b'{"movements":%d}' % moved[-1].m
                await connection.execute(update(site_fold).where(site_fold.c.site == site).values(figures=figures))
            said = {} if chance is None else {ItemKey(gtin, serial): Chance(chance, chance) for serial in serials}
            view = await SiteViews(self.clock).one(connection, site)
            await post(connection, Posting(site, shelf_of(view), at_us), Facts(moved, said))

    async def _places(self, connection: Any, site: str, gtin: str) -> dict[str, str]:
        query = (
            select(movement.c.serial, movement.c.debit)
            .where(movement.c.site == site, movement.c.gtin == gtin)
            .order_by(movement.c.m)
        )
        return {row.serial: row.debit for row in await connection.execute(query)}

    async def book(self, units: int, *, gtin: str = SHIRT_S, site: str = SITE.id, owner: str = "own") -> None:
        """Let there be more units without tags, or (below 0) fewer."""
        async with self.database.write() as connection:
            locked = await lock_skus(connection, [(site, gtin)], self.clock())
            accounts = ("outside", "available") if units > 0 else ("available", "outside")
            await post_untagged(
                connection,
                (site, gtin),
                abs(units),
                accounts,
                because=Because("test"),
                now_us=self.clock(),
                owner=owner,
            )
            await self._tell(connection, locked, site)

    async def state(self, serial: str, to_state: str, *, gtin: str = SHIRT_S, site: str = SITE.id) -> None:
        """Let an item be sold at the till, damaged ..."""
        async with self.database.write() as connection:
            locked = await lock_skus(connection, [(site, gtin)], self.clock())
            await set_states(connection, site, [StateChange(gtin, serial, to_state, Because("test"))], self.clock())
            await self._tell(connection, locked, site)

    async def _tell(self, connection: Any, locked: Any, site: str) -> None:
        view = await SiteViews(self.clock).one(connection, site)
        await retell(connection, locked, {site: shelf_of(view)}, "test", self.clock())

    # -- asking

    def asked(
        self,
        wishes: Mapping[SkuKey, int] | int = 1,
        *,
        name: str = "",
        who: Who = WEB,
        ttl_s: int = 900,
        partial: bool = False,
        references: Iterable[tuple[str, str]] = (),
    ) -> Asked:
        wanted = {KEY: wishes} if isinstance(wishes, int) else wishes
        given = tuple(Wish(key, units) for key, units in wanted.items())
        said = msgspec.msgpack.encode([[*(tuple(wish.key), wish.quantity)] for wish in given])
        return Asked(
            who=who,
            name=name or f"r{next(self.requests)}",
            sha256=said[:32].ljust(32, b"\0"),
            wishes=given,
            mode="pickup",
            ttl_s=ttl_s,
            references=tuple(references),
            allow_partial=partial,
        )

    async def reserve(self, holds: Holds, *args: Any, **more: Any) -> dict[str, Any]:
        """Reserve; return the answer as JSON."""
        made = await holds.reserve(self.asked(*args, **more))
        found: dict[str, Any] = msgspec.json.decode(made.body)
        return found

    async def atp(self, key: SkuKey = KEY, policy: Policy | None = None) -> int:
        """What the row of stock offers."""
        async with self.database.read() as connection:
            row = (
                await connection.execute(
                    select(stock.c.ladder).where(stock.c.site == key.site, stock.c.gtin == key.gtin)
                )
            ).one()
        return offer(decode_ladder(row.ladder), policy or Policy(), "live").atp

    async def state_of(self, name: str) -> str:
        async with self.database.read() as connection:
            found = await connection.scalar(select(reservation.c.state).where(reservation.c.id == name))
        return str(found)

    async def reasons(self) -> list[str]:
        """The reasons of all events, in order."""
        async with self.database.read() as connection:
            bodies = await connection.scalars(select(change.c.body).order_by(change.c.id))
            told = [msgspec.json.decode(body) for body in bodies]
        return [body["reason"] for body in told if body["kind"] == "stock"]

    async def steps(self) -> list[dict[str, Any]]:
        """The events of orders, in order."""
        async with self.database.read() as connection:
            told = [
                msgspec.json.decode(body)
                for body in await connection.scalars(select(change.c.body).order_by(change.c.id))
            ]
        return [body for body in told if body["kind"] == "order"]

    async def sold(self) -> list[str]:
        """Items posted as sold, in order."""
        async with self.database.read() as connection:
            query = select(posting.c.serial).where(posting.c.debit == "sold").order_by(posting.c.id)
            return list(await connection.scalars(query))

    # -- invariants

    async def check(self) -> None:
        """Assert I4 to I6: ledger and rows are what follows from the facts, and no hold has what it has not."""
        async with self.database.read() as connection:
            sites = sorted({row.site for row in await connection.execute(select(stock.c.site))})
        for site in sites:
            verdict = await verify(self.database, site)
            assert verdict.good, verdict.shown[:5]
        now_us = self.clock()
        async with self.database.read() as connection:
            views = await SiteViews(self.clock).load(connection)
            rows = {SkuKey(row.site, row.gtin): row for row in await connection.execute(select(stock))}
            sellable = {site: view.sellable for site, view in views.items()}
            pictures = await pictures_of(connection, rows, sellable, now_us)
            await self._check_lines(connection, now_us)
        for key, picture in pictures.items():
            bound = [unit for unit in picture.units if unit.bound]
            per_line = Counter((unit.hold.reservation, unit.hold.line) for unit in bound if unit.hold is not None)
            for line, held in picture.lines.items():
                assert per_line[line] + held.untagged + held.substitution_needed == held.quantity, (key, line, held)
            assert picture.untagged_held <= picture.untagged_available, key
            assert all(unit.state == "available" for unit in bound if not unit.hold.picked), key  # type: ignore[union-attr]
            if rows[key].next_expiry_us is None or rows[key].next_expiry_us > now_us:
                assert rows[key].held == picture.held, (key, rows[key].held, picture.held)
                assert decode_ladder(rows[key].ladder).tolist() == picture.ladder().tolist(), key

    async def _check_lines(self, connection: Any, now_us: int) -> None:
        """An active hold has all its units; one that is over and swept has none."""
        holds = {row.id: row for row in await connection.execute(select(reservation))}
        bound = Counter((row.reservation, row.line) for row in await connection.execute(select(binding)))
        for line in await connection.execute(select(reservation_line)):
            hold = holds[line.reservation]
            if hold.state in {"confirmed", "picked"} or (hold.state == "held" and hold.expires_us > now_us):
                units = bound[line.reservation, line.line] + line.untagged + line.substitution_needed
                assert units == line.quantity, (hold.id, hold.state, line)
            elif hold.swept:
                assert bound[line.reservation, line.line] == 0, (hold.id, hold.state)
