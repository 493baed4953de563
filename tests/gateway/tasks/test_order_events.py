"""What a channel hears of its orders, who did what to their tasks, and what a miss says to the store's log."""

from typing import Any

import pytest
from sqlalchemy import select

from gateway.availability import Policy
from gateway.fold.evidence import decode_evidence
from gateway.holds.limits import COLLECT_S
from gateway.http.event_stream import Reader
from gateway.http.ports import ChangeRow
from gateway.presence.tracker import EvidenceKind
from gateway.push.courier import message_of
from gateway.push.rendering import render, view_of
from gateway.storage.commerce import audit
from gateway.storage.engine import Database
from gateway.storage.schema import change, site_input
from gateway.tasks.acts import Said
from gateway.trade.collect import HeldUnits
from gateway.trade.said import ItemName
from tests.gateway.holds.rig import Rig
from tests.gateway.small_store import SHIRT_M
from tests.gateway.tasks.task_rig import KEY, KIM, SHIRT_S, SITE, WEB, TaskRig
from tests.gateway.tasks.test_order_tasks import EAST, SHIRTS_M, with_east


@pytest.fixture
async def store(database: Database) -> TaskRig:
    return await TaskRig.open(database)


async def steps(rig: Rig, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(step[name] for name in ("step", *names)) for step in await rig.steps()]


async def logged(database: Database, site: str = SITE.id) -> list[Any]:
    """The evidence in a site's log."""
    async with database.read() as connection:
        query = select(site_input.c.body).where(site_input.c.site == site, site_input.c.kind == "evidence")
        return [decode_evidence(body) for body in await connection.scalars(query.order_by(site_input.c.n))]


async def test_an_order_to_be_sent_tells_each_step(store: TaskRig) -> None:
    await store.rig.put("1", "2", zone="BACK")
    name = await store.order(2, mode="ship_from_store")
    await store.do("pick", (SHIRT_S, "1"))
    await store.do("pick")
    await store.do("pack")
    await store.do("hand_over")
    told = await steps(store.rig, "state", "version", "site", "order_id", "reservation", "channel", "mode")
    same = (SITE.id, name, name, "web", "ship_from_store")
    assert told == [
        ("confirmed", "confirmed", 2, *same),
        ("picked", "confirmed", 3, *same),
        ("picked", "picked", 4, *same),
        ("packed", "picked", 4, *same),
        ("handed_over", "fulfilled", 5, *same),
    ]
    lines = [step["lines"][0]["picked"] for step in await store.rig.steps()]
    assert lines[:3] == [0, 1, 2]
    assert (await store.rig.steps())[0]["lines"] == [
        {"gtin": SHIRT_S, "quantity": 2, "picked": 0, "untagged": 0, "substitution_needed": 0}
    ]


async def test_what_is_said_again_is_told_once(store: TaskRig) -> None:
    await store.rig.put("1")
    name = await store.order()
    await store.holds.confirm(WEB, name)
    await store.holds.pick(WEB, name)
    await store.holds.pick(WEB, name)
    await store.holds.release(WEB, name)
    await store.holds.release(WEB, name)
    assert await steps(store.rig) == [("confirmed",), ("picked",), ("released",)]


async def test_a_pickup_that_nobody_collects_and_what_goes_back(store: TaskRig) -> None:
    await store.rig.put("1")
    name = await store.order()
    await store.do("pick")
    store.rig.clock.advance(COLLECT_S)
    await store.sweeper.sweep()
    back = await store.one("put_back")
    await store.do("put_back")
    await store.tasks.done(WEB, back.id, Said())
    told = await steps(store.rig, "state", "reservation")
    assert told[2:] == [("not_collected", "released", name), ("put_back", "released", name)]


async def test_a_miss_and_the_store_that_serves_it_now(database: Database) -> None:
    store, _ = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    name = await store.order(mode="ship_from_store")
    answer, replayed = await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert (answer.state, answer.order_id, replayed) == ("released", name, False)
    told = await store.rig.steps()
    assert [step["step"] for step in told] == ["confirmed", "pick_missed", "re_sourced", "confirmed"]
    missed, moved, taken = told[1:]
    assert missed["lines"][0]["substitution_needed"] == 1
    assert (moved["reservation"], moved["site"], moved["state"]) == (name, SITE.id, "released")
    assert moved["to"] == [{"reservation": taken["reservation"], "site": EAST}]
    assert (taken["order_id"], taken["site"], taken["state"]) == (name, EAST, "confirmed")
    assert store.resourcing.figures.pick_misses_resourced == 1
    await store.rig.check()


async def test_a_pickup_says_where_else_it_could_be_had(database: Database) -> None:
    store, east = await with_east(database)
    await store.rig.put("1", "2")
    await store.rig.put("9", site=EAST)
    name = await store.order()
    first, _ = await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert first.lines[0].substitution_needed == 0, "the other one of this store takes its place"
    second, _ = await store.holds.pick_miss(WEB, name, (SHIRT_S, "2"))
    (line,) = second.lines
    assert (second.state, line.substitution_needed, east.asked) == ("confirmed", 1, [])
    assert [(one.site, one.atp) for one in line.alternatives] == [(EAST, 1)]  # type: ignore[union-attr]
    (again,) = (await store.holds.get(WEB, name)).lines
    assert again == line


async def test_a_miss_is_evidence_in_the_store_s_log_and_damage_is_none(store: TaskRig) -> None:
    await store.rig.put("1", "2", "3", zone="BACK")
    name = await store.order(3)
    before = len(await logged(store.rig.database))
    await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    await store.cannot("pick", "2", reason="damaged")
    await store.cannot("pick", "3", reason="not_found")
    told = (await logged(store.rig.database))[before:]
    assert [(one.kind, one.items, one.zone, one.posted) for one in told] == [
        (EvidenceKind.MISS, ((SHIRT_S, "1"),), "BACK", True),
        (EvidenceKind.MISS, ((SHIRT_S, "3"),), "BACK", True),
    ]
    assert told[0].id == f"pick_miss:{name}:1"
    await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert len(await logged(store.rig.database)) == before + 2, "said again, it is not a second miss"


async def test_a_part_that_is_handed_over_is_told_of_in_its_store(database: Database) -> None:
    store, _ = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    name = await store.order({KEY: 1, KEY._replace(site=EAST): 1})
    await store.do("pick")
    await store.do("pick", site=EAST)
    await store.do("hand_over", site=EAST)
    told = await steps(store.rig, "site", "state")
    assert told[:2] == [("confirmed", SITE.id, "confirmed"), ("confirmed", EAST, "confirmed")]
    assert told[-1] == ("handed_over", EAST, "picked")
    async with store.rig.database.write() as connection:
        till = HeldUnits(store.follow_up)
        await till.collect(connection, name, SITE.id, [ItemName(SHIRT_S, "1")], {}, now_us=store.rig.clock())
    assert (await steps(store.rig, "site", "state"))[-1] == ("handed_over", SITE.id, "fulfilled")


async def test_who_hears_of_an_order(store: TaskRig) -> None:
    """Its own channel, if the key may hold; staff of any; and no thresholds hold it back."""
    await store.rig.put("1")
    await store.order()
    async with store.rig.database.read() as connection:
        row = (await connection.execute(select(change).where(change.c.gtin == ""))).one()
    stored = ChangeRow(7, row.site, row.gtin, b'{"seq":7,' + bytes(row.body)[1:], row.ladder)

    def hears(**more: Any) -> bool:
        given: dict[str, Any] = {"moves": False, "policy": Policy("web"), "orders": True} | more
        return Reader(**given).take(stored) is not None

    assert hears()
    assert not hears(policy=Policy("pos"))
    assert not hears(orders=False)
    assert hears(moves=True, policy=Policy("pos"), orders=False)
    assert not hears(sites=frozenset({"other"}))
    taken = Reader(moves=False, policy=Policy("web"), orders=True).take(stored)
    assert taken is not None
    assert taken.sse.startswith(b"id: 7\nevent: order\ndata: {")
    rendered = render(stored, view_of(Policy("web")))
    assert (rendered.atp, rendered.gtin) == (None, "")
    assert message_of(rendered).startswith(b'{"type":"order.confirmed","timestamp":"2026-11-18T11:06:40.000Z","data":{')


async def test_who_did_what_to_a_task(store: TaskRig) -> None:
    await store.rig.put("1", "2")
    await store.order()
    pick = await store.one("pick")
    await store.tasks.claim(KIM, pick.id, "Kim")
    await store.tasks.claim(KIM, pick.id, "Kim")
    await store.tasks.release(KIM, pick.id, "Kim")
    await store.tasks.release(KIM, pick.id, "Kim")
    held = pick.lines[0].items[0].digital_link.rpartition("/")[2]
    await store.cannot("pick", held)
    await store.do("pick")
    await store.tasks.done(WEB, pick.id, Said())
    async with store.rig.database.read() as connection:
        rows = (await connection.execute(select(audit).order_by(audit.c.id))).all()
    assert [(row.action, row.actor) for row in rows] == [
        ("task.claim", "tablet"),
        ("task.claim", "tablet"),
        ("task.release", "tablet"),
        ("task.cannot", "web"),
        ("task.done", "web"),
    ], "a repeat of what was done is none; a claim that is made again is more time"
    assert {(row.site, row.subject) for row in rows} == {(SITE.id, pick.id)}
    assert b"Kim" not in b"".join(row.detail for row in rows)
    assert b'"kind":"pick"' in rows[0].detail


async def test_a_line_that_loses_its_item_by_itself_is_a_change(store: TaskRig) -> None:
    await store.rig.put("1")
    await store.rig.put("7", gtin=SHIRT_M)
    await store.order({KEY: 1, SHIRTS_M: 1})
    await store.rig.state("1", "damaged")
    await store.sweeper.sweep()
    last = (await store.rig.steps())[-1]
    assert last["step"] == "changed"
    assert {line["gtin"]: line["substitution_needed"] for line in last["lines"]} == {SHIRT_S: 1, SHIRT_M: 0}
