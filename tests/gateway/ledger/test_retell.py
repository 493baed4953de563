"""What is told of SKUs after their facts changed: rows, events, holds that move, on both databases."""

import json
import random
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.availability import Policy, decode_ladder, offer, steps
from gateway.ledger.accounts import OUTSIDE, OWN, Because, StateChange, post_untagged, set_states
from gateway.ledger.picture import AVAILABLE, DAMAGED, SOLD, SkuKey
from gateway.ledger.retell import HOLD_MOVED, SUBSTITUTION_NEEDED, Told, lock_skus, pictures_of, retell, shelf_of
from gateway.queries import Queries
from gateway.site_view import SiteViews
from gateway.storage.commerce import binding, reservation, reservation_line
from gateway.storage.engine import Database
from gateway.storage.schema import change, sku, stock
from tests.gateway.holds.rig import KEY, Rig
from tests.gateway.small_store import SECOND_US, SHIRT_M, SHIRT_S, SITE, T0_US, other_site
from wire.site import OUT

OTHER = SkuKey("store-002", SHIRT_S)
BECAUSE = Because("test")


class Shelves(Rig):
    """Holds are written as they are, so that a test can have any; their SKU is then told anew."""

    async def hold(
        self,
        name: str,
        *serials: str,
        quantity: int | None = None,
        untagged: int = 0,
        state: str = "held",
        expires_us: int = T0_US + 900 * SECOND_US,
        picked: bool = False,
        key: SkuKey = KEY,
        tell: bool = True,
    ) -> None:
        units = quantity or len(serials) + untagged
        row = {
            "id": name,
            "key": "",
            "idempotency_key": name,
            "body_sha256": bytes(32),
            "channel": "",
            "mode": "ship",
            "state": state,
            "swept": False,
            "expires_us": expires_us,
            "created_us": T0_US,
            "updated_us": T0_US,
            "version": 1,
            "answer": b"{}",
        }
        line = {"reservation": name, "line": 0, "site": key.site, "gtin": key.gtin, "quantity": units}
        line |= {"untagged": untagged, "substitution_needed": units - untagged - len(serials)}
        async with self.database.write() as connection:
            await connection.execute(insert(reservation), row)
            await connection.execute(insert(reservation_line), line)
            for serial in serials:
                bound = {"gtin": key.gtin, "serial": serial, "site": key.site, "reservation": name, "line": 0}
                await connection.execute(insert(binding), bound | {"picked": picked, "bound_us": T0_US})
        if tell:
            await self.tell(key, reason="held")

    async def tell(self, *keys: SkuKey, reason: str | dict[SkuKey, str] = "test") -> Told:
        wanted = keys or (KEY,)
        async with self.database.write() as connection:
            locked = await lock_skus(connection, wanted, self.clock())
            views = await SiteViews(self.clock).load(connection, {key.site for key in wanted})
            shelves = {site: shelf_of(view) for site, view in views.items()}
            return await retell(connection, locked, shelves, reason, self.clock())

    async def row(self, key: SkuKey = KEY) -> Any:
        async with self.database.read() as connection:
            query = select(stock).where(stock.c.site == key.site, stock.c.gtin == key.gtin)
            return (await connection.execute(query)).one_or_none()

    async def events(self) -> list[dict[str, Any]]:
        async with self.database.read() as connection:
            rows = await connection.execute(select(change).order_by(change.c.id))
            return [json.loads(row.body) | {"ladder": decode_ladder(row.ladder).tolist()} for row in rows]

    async def bound(self, key: SkuKey = KEY) -> dict[str, str]:
        async with self.database.read() as connection:
            query = select(binding).where(binding.c.site == key.site, binding.c.gtin == key.gtin)
            return {row.serial: row.reservation for row in await connection.execute(query)}

    async def lines(self) -> dict[str, tuple[int, int, int]]:
        async with self.database.read() as connection:
            rows = await connection.execute(select(reservation_line))
            return {row.reservation: (row.quantity, row.untagged, row.substitution_needed) for row in rows}

    async def read(self, key: SkuKey = KEY) -> tuple[int, int, Any]:
        """What the read side says of a SKU: held, offered, ladder."""
        (found,) = await Queries(self.database, self.clock).availability_pairs([(key.gtin, key.site)])
        assert found is not None
        return found.held, found.offer(Policy()).atp, decode_ladder(found.ladder).tolist()


@pytest.fixture
async def shop(database: Database) -> Shelves:
    found = Shelves(database)
    await found.open(OTHER.site)
    async with database.write() as connection:
        for gtin in (SHIRT_S, SHIRT_M):
            texts = dict.fromkeys(("style", "colour", "size", "description", "department"), "x")
            await connection.execute(insert(sku), texts | {"gtin": gtin, "updated_us": T0_US})
    return found


# -- rows and events


async def test_a_row_says_what_one_more_buyer_can_get(shop: Shelves) -> None:
    await shop.put("1", "2", chance=0.99)
    await shop.put("3", chance=0.9)
    await shop.put("4", zone="FIT", chance=0.0)
    await shop.book(2)
    row = await shop.row()
    assert (row.on_hand, row.sellable, row.untagged, row.held, row.unplaced, row.next_expiry_us) == (
        6,
        5,
        2,
        0,
        0,
        None,
    )
    expected = [1.0, 1.0, 1 - 0.01 * 0.01 * 0.1, 0.99 * 0.99 + 2 * 0.01 * 0.99 * 0.9, 0.99 * 0.99 * 0.9]
    assert decode_ladder(row.ladder).tolist() == pytest.approx(expected, abs=1e-6)
    assert (row.promised, row.confidence) == (4, pytest.approx(expected[3], abs=1e-4))
    await shop.check()


async def test_nothing_new_is_no_event_and_no_version(shop: Shelves) -> None:
    await shop.put("1", "2", chance=0.99)
    before, told = await shop.row(), len(await shop.events())
    shop.clock.advance(5)
    assert (await shop.tell()).events == 0
    assert (await shop.row(), len(await shop.events())) == (before, told)


async def test_a_surer_row_by_which_nobody_could_promise_more_is_no_event(shop: Shelves) -> None:
    await shop.put("1", chance=0.951)
    before, told = await shop.row(), await shop.events()
    await shop.put("1", chance=0.969)
    row = await shop.row()
    assert decode_ladder(row.ladder).tolist() == pytest.approx([0.969])
    assert row.confidence == pytest.approx(0.969)
    assert (row.version, row.changed_us, await shop.events()) == (before.version, before.changed_us, told)
    await shop.put("1", chance=0.971)  # a channel that asks for 0.97 sees one more
    assert (await shop.row()).version == before.version + 1
    event = (await shop.events())[-1]
    assert (event["reason"], event["version"]) == ("confidence", before.version + 1)
    assert event["ladder"] == pytest.approx([0.971])


async def test_a_sku_without_anything_is_told_of_nothing(shop: Shelves) -> None:
    assert (await shop.tell()).events == 0
    row = await shop.row()
    assert (row.version, row.on_hand, row.held, decode_ladder(row.ladder).tolist()) == (0, 0, 0, [])


async def test_an_event_says_what_the_row_says(shop: Shelves) -> None:
    await shop.put("1", "2", "3")
    await shop.book(1)
    await shop.hold("h", "1")
    event, row = (await shop.events())[-1], await shop.row()
    assert {key: event[key] for key in ("atp", "on_hand", "held", "version", "status", "reason", "confidence")} == {
        "atp": 3,
        "on_hand": 4,
        "held": 1,
        "version": row.version,
        "status": "live",
        "reason": "held",
        "confidence": 1.0,
    }
    assert event["ladder"] == decode_ladder(row.ladder).tolist() == [1.0] * 3
    assert event["moves"] == []
    await shop.blind("FLOOR")
    await shop.hold("i", "2")
    event = (await shop.events())[-1]
    assert (event["status"], event["atp"], event["confidence"]) == ("stale", 2, None)


async def test_a_reason_is_that_of_the_caller_or_of_the_holds_or_none(shop: Shelves) -> None:
    await shop.put("1", "2")
    await shop.hold("h", "1", tell=False)
    await shop.tell(reason={})
    assert (await shop.events())[-1]["reason"] == ""  # nothing was mended
    await shop.state("1", SOLD)
    assert (await shop.events())[-1]["reason"] == "test"


@pytest.mark.parametrize(("more", "reason"), [(("2",), HOLD_MOVED), ((), SUBSTITUTION_NEEDED)])
async def test_what_became_of_holds_is_the_reason_when_there_is_no_other(
    shop: Shelves, more: tuple[str, ...], reason: str
) -> None:
    await shop.put("1", *more)
    await shop.hold("h", "1")
    async with shop.database.write() as connection:
        locked = await lock_skus(connection, [KEY], shop.clock())
        await set_states(connection, KEY.site, [StateChange(SHIRT_S, "1", SOLD, BECAUSE)], shop.clock())
        view = await SiteViews(shop.clock).one(connection, KEY.site)
        told = await retell(connection, locked, {KEY.site: shelf_of(view)}, {}, shop.clock())
    assert told.mended.keys() == {KEY}
    assert (await shop.events())[-1]["reason"] == reason
    await shop.check()


async def test_skus_are_locked_once_in_order_and_as_they_were(shop: Shelves) -> None:
    await shop.put("1")
    before = await shop.row()
    async with shop.database.write() as connection:
        keys = [(KEY.site, SHIRT_M), tuple(OTHER), tuple(KEY), tuple(KEY)]
        locked = await lock_skus(connection, keys, T0_US + 5)  # type: ignore[arg-type]
        assert list(locked) == [KEY, SkuKey(KEY.site, SHIRT_M), OTHER]
        assert locked[KEY] == before
        new = locked[OTHER]
        assert (new.version, new.on_hand, new.ladder, new.held, new.unplaced) == (0, 0, None, 0, 0)
        assert await lock_skus(connection, [], T0_US) == {}


# -- holds


@pytest.mark.parametrize("how", ["left", "sold", "damaged", "faded"])
async def test_a_hold_moves_when_its_item_is_lost(shop: Shelves, how: str) -> None:
    await shop.put("1", "2", "3", chance=0.99)
    await shop.put("3", chance=0.97)
    await shop.hold("h", "1")
    if how == "left":
        await shop.put("1", zone=OUT, chance=None)
    elif how == "faded":
        await shop.put("1", chance=0.2)
    else:
        await shop.state("1", {"sold": SOLD, "damaged": DAMAGED}[how])
    assert await shop.bound() == {"2": "h"}
    assert await shop.lines() == {"h": (1, 0, 0)}
    row = await shop.row()
    assert (row.held, row.version) == (1, (await shop.events())[-1]["version"])
    await shop.check()


async def test_a_hold_without_a_successor_waits_and_is_served_first(shop: Shelves) -> None:
    await shop.put("1")
    await shop.hold("h", "1")
    await shop.put("1", zone=OUT, chance=None)
    assert (await shop.bound(), await shop.lines()) == ({}, {"h": (1, 0, 1)})
    assert (await shop.row()).held == 0
    await shop.put("5", chance=0.3)  # not likely enough for the hold, and not for sale before it has one
    assert (await shop.bound(), decode_ladder((await shop.row()).ladder).tolist()) == ({}, [])
    await shop.put("6", chance=0.9)
    assert (await shop.bound(), await shop.lines()) == ({"6": "h"}, {"h": (1, 0, 0)})
    assert decode_ladder((await shop.row()).ladder).tolist() == pytest.approx([0.3])
    await shop.check()


async def test_an_item_that_was_picked_stays(shop: Shelves) -> None:
    await shop.put("1", "2")
    await shop.hold("h", "1", state="picked", picked=True)
    await shop.put("1", zone=OUT, chance=None)
    assert (await shop.bound(), await shop.lines()) == ({"1": "h"}, {"h": (1, 0, 0)})
    assert await shop.atp() == 1


async def test_units_without_tags_that_go_leave_the_newest_hold_short(shop: Shelves) -> None:
    await shop.book(3)
    await shop.hold("a", untagged=2)
    await shop.hold("b", untagged=1)
    assert (await shop.row()).held == 3
    await shop.book(-2)
    assert await shop.lines() == {"a": (2, 1, 1), "b": (1, 0, 1)}
    assert ((await shop.row()).held, await shop.atp()) == (1, 0)
    await shop.put("1")
    assert (await shop.bound(), await shop.lines()) == ({"1": "a"}, {"a": (2, 1, 0), "b": (1, 0, 1)})
    await shop.check()


async def test_a_hold_at_another_site_keeps_its_item(shop: Shelves) -> None:
    """Carried over and read there, while the fold of its own site still has it: the other site binds other items."""
    await shop.put("1", site=KEY.site)
    await shop.hold("h", "1")
    await shop.put("1", site=OTHER.site)
    assert await shop.atp(OTHER) == 0  # it is somebody's
    await shop.hold("i", quantity=1, key=OTHER)
    assert await shop.bound() == {"1": "h"}
    assert await shop.bound(OTHER) == {}
    assert await shop.lines() == {"h": (1, 0, 0), "i": (1, 0, 1)}
    await shop.put("1", zone=OUT, chance=None, site=KEY.site)  # now it has left its own
    assert await shop.lines() == {"h": (1, 0, 1), "i": (1, 0, 1)}
    await shop.put("1", zone="BACK", site=OTHER.site)
    assert await shop.bound(OTHER) == {"1": "i"}
    await shop.check()


async def test_a_hold_that_is_over_elsewhere_keeps_nothing(shop: Shelves) -> None:
    await shop.put("1", site=KEY.site)
    await shop.hold("h", "1", expires_us=T0_US + 5)
    await shop.put("1", site=OTHER.site)
    await shop.hold("i", quantity=1, key=OTHER)
    assert await shop.bound(OTHER) == {}
    shop.clock.now_us = T0_US + 5
    assert (await shop.read(OTHER))[:2] == (0, 0)  # it is for the one that waits
    await shop.tell(OTHER)
    assert (await shop.bound(OTHER), await shop.bound()) == ({"1": "i"}, {})
    await shop.tell()
    await shop.check()


async def test_an_item_that_another_site_has_by_now_has_not_left(shop: Shelves) -> None:
    """Carried over by hand: the first site notices late that it is gone, and it is for sale where it is."""
    await shop.put("1", site=KEY.site)
    await shop.put("1", site=OTHER.site)
    await shop.put("1", zone=OUT, chance=None, site=KEY.site)
    await shop.tell(OTHER)
    assert await shop.atp(OTHER) == 1


# -- holds that are over


async def test_a_hold_is_gone_for_reads_the_moment_it_is_over(shop: Shelves) -> None:
    await shop.put("1", "2", chance=0.99)
    await shop.book(1)
    end_us = T0_US + 60 * SECOND_US
    await shop.hold("h", "1", untagged=1, expires_us=end_us)
    await shop.hold("later", "2", expires_us=end_us + 1)
    assert (await shop.row()).next_expiry_us == end_us
    everything = [await shop.row(), await shop.events(), await shop.bound(), await shop.lines()]
    shop.clock.now_us = end_us - 1
    assert await shop.read() == (3, 0, [])
    shop.clock.now_us = end_us
    assert await shop.read() == (1, 2, pytest.approx([1.0, 0.99]))
    shop.clock.now_us = end_us + 1
    assert await shop.read() == (0, 3, pytest.approx([1.0, 0.9999, 0.9801]))
    queries = Queries(shop.database, shop.clock)
    (row,) = await queries.site_stock(KEY.site)
    (page,) = (await queries.stock_page(KEY.site, "", 9))[1]
    assert row == page
    assert (row.held, row.offer(Policy()).atp) == (0, 3)
    assert [await shop.row(), await shop.events(), await shop.bound(), await shop.lines()] == everything  # no write
    await shop.tell()
    assert ((await shop.row()).held, (await shop.row()).next_expiry_us) == (0, None)
    assert await shop.read() == (0, 3, pytest.approx([1.0, 0.9999, 0.9801]))


async def test_a_confirmed_hold_is_never_over(shop: Shelves) -> None:
    await shop.put("1")
    await shop.hold("h", "1", state="confirmed", expires_us=T0_US)
    shop.clock.advance(10_000)
    assert (await shop.row()).next_expiry_us is None
    assert (await shop.read())[:2] == (1, 0)


@pytest.mark.parametrize("state", ["released", "expired", "fulfilled"])
async def test_a_hold_that_ended_holds_nothing(shop: Shelves, state: str) -> None:
    await shop.put("1")
    await shop.hold("h", "1", state=state)
    assert (await shop.row()).held == 0
    assert (await shop.read())[:2] == (0, 1)


async def test_an_item_of_a_hold_that_is_over_goes_to_one_that_waits(shop: Shelves) -> None:
    await shop.put("1")
    await shop.hold("over", "1", expires_us=T0_US + 5)
    await shop.hold("waits", quantity=1)
    shop.clock.now_us = T0_US + 5
    assert (await shop.read())[:2] == (0, 0)  # it is promised to the one that waits
    await shop.tell()
    assert await shop.bound() == {"1": "waits"}
    assert (await shop.row()).held == 1


async def test_the_ladder_without_a_hold_of_ones_own(shop: Shelves) -> None:
    await shop.put("1", "2", chance=0.99)
    await shop.book(1)
    await shop.hold("h", "1", untagged=1)
    await shop.hold("i", "2")
    queries = Queries(shop.database, shop.clock)

    async def without(name: str, key: str = "") -> int:
        ladder = await queries.ladder_without(KEY.site, SHIRT_S, name, key)
        return offer(decode_ladder(ladder), Policy(), "live").atp

    assert [await without(name) for name in ("h", "i", "nobody", "")] == [2, 1, 0, 0]
    assert await without("h", "another") == 0, "it is another's"


# -- a row is what would be computed anew


async def random_step(shop: Shelves, rng: random.Random, number: int) -> None:
    serial = str(rng.randrange(6))
    match rng.randrange(7):
        case 0 | 1:
            zone = rng.choice(["FLOOR", "BACK", "FIT", OUT])
            chance = rng.choice([0.0, 0.2, 0.4, 0.6, 0.9, 0.95, 0.99, 1.0, None])
            await shop.put(serial, zone=zone, chance=chance)
        case 2:
            await shop.state(serial, rng.choice([AVAILABLE, SOLD, DAMAGED]))
        case 3:
            row = await shop.row()
            if row is not None and row.untagged and rng.random() < 0.5:
                await shop.book(-rng.randint(1, row.untagged))
            else:
                await shop.book(rng.randint(1, 2))
        case 4 | 5:
            quantity = rng.randint(1, 3)
            expires_us = shop.clock() + rng.choice([20, 900]) * SECOND_US
            await shop.hold(f"h{number:03d}", quantity=quantity, expires_us=expires_us)  # nothing yet: retell serves it
        case 6:
            shop.clock.advance(rng.choice([1, 30]))
            await shop.tell()


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_a_row_is_what_its_facts_say(shop: Shelves, seed: int) -> None:
    rng = random.Random(seed)
    before = await shop.row()
    for number in range(24):
        told = len(await shop.events())
        await random_step(shop, rng, number)
        if number % 4 == 3:
            await shop.check()
        row = await shop.row()
        if row is None:
            continue
        async with shop.database.read() as connection:
            found = (await pictures_of(connection, [KEY], {KEY.site: frozenset({"FLOOR", "BACK"})}, shop.clock()))[KEY]
        assert decode_ladder(row.ladder).tolist() == found.ladder().tolist()
        assert (row.held, row.untagged, row.next_expiry_us) == (
            found.held,
            found.untagged_available,
            found.next_expiry_us,
        )
        assert row.on_hand == sum(found.zones.values()) + found.untagged_available
        assert await shop.read() == (row.held, found_offer(row), decode_ladder(row.ladder).tolist())
        events = (await shop.events())[told:]
        versions = [event["version"] for event in events]
        assert versions == list(range(before.version + 1 if before else 1, row.version + 1))
        moved = any(event["moves"] for event in events)
        differs = before is None or seen(before) != seen(row)
        assert bool(events) == (moved or differs) or not before
        before = row


def found_offer(row: Any) -> int:
    return offer(decode_ladder(row.ladder), Policy(), "live").atp


def seen(row: Any) -> tuple[Any, ...]:
    """All that a channel could see of a row, at some target."""
    return (row.on_hand, row.sellable, row.held, row.untagged, steps(decode_ladder(row.ladder)))


async def test_many_skus_of_several_sites_are_told_in_one_go(shop: Shelves) -> None:
    """More than one statement takes."""
    keys = [SkuKey(site, f"{number:014d}") for site in (SITE.id, OTHER.site) for number in range(520)]
    async with shop.database.write() as connection:
        locked = await lock_skus(connection, keys, T0_US)
        for key in keys[::100]:
            await post_untagged(connection, key, 2, (OUTSIDE, AVAILABLE), because=BECAUSE, now_us=T0_US, owner=OWN)
        views = await SiteViews(shop.clock).load(connection)
        shelves = {site: shelf_of(view) for site, view in views.items()}
        told = await retell(connection, locked, shelves, "test", T0_US)
    assert (len(told.pictures), told.events) == (1_040, 11)
    assert {event["site"] for event in await shop.events()} == {SITE.id, other_site(OTHER.site).id}
