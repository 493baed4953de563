"""Alarms in the database: one of a name until its cause is gone, on both databases."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from gateway.exceptions.alarm import Alarm, Kind, NewAlarm, Severity, State, evidence_bytes, name_of
from gateway.exceptions.errors import UnknownAlarmError
from gateway.exceptions.limits import AGAIN_US, EVIDENCE_MAX_BYTES, KEPT_US, LIVE_MAX
from gateway.exceptions.store import (
    Causes,
    Settled,
    acknowledge,
    clear_alarm,
    is_settled,
    live_counts,
    open_alarms,
    prune_alarms,
    raise_alarm,
    read_alarm,
    settle,
    settle_causes,
)
from gateway.holds.ids import uuid7
from gateway.storage.alarms import alarm as table
from gateway.storage.commerce import audit
from gateway.storage.engine import Database
from gateway.storage.metadata import SOURCE_CHARS

SITE = "store-001"
HOUR_US = 3_600_000_000
NOW_US = 1_795_000_000_000_000


def gap(name: str = "Oxford", **more: Any) -> NewAlarm:
    said: dict[str, Any] = {"text": f"{name}: a size is missing", "evidence": {"sizes": ["M"]}}
    return NewAlarm(site=SITE, kind=Kind.SIZE_GAP, dedup=name_of(Kind.SIZE_GAP, name, "navy"), **said | more)


class Desk:
    """Each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now_us = NOW_US
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        return uuid7(self.now_us, next(self._numbers))

    async def put(self, new: NewAlarm) -> str | None:
        async with self.database.write() as connection:
            return await raise_alarm(connection, new, self.new_id, self.now_us)

    async def clear(self, new: NewAlarm, reason: str = "gone") -> str | None:
        async with self.database.write() as connection:
            return await clear_alarm(connection, SITE, new.dedup, reason, self.now_us)

    async def seen(self, name: str, key: str = "k1", **more: str) -> tuple[Alarm, bool]:
        async with self.database.write() as connection:
            return await acknowledge(connection, name, key=key, now_us=self.now_us, **more)

    async def read(self, name: str | None) -> Alarm:
        assert name is not None
        async with self.database.read() as connection:
            found = await read_alarm(connection, name)
        assert found is not None
        return found

    async def live(self, kind: Kind = Kind.SIZE_GAP) -> dict[str, Alarm]:
        async with self.database.read() as connection:
            return {one.dedup or "": one for one in await open_alarms(connection, SITE, [kind])}

    async def settle(self, *causes: NewAlarm, **more: Any) -> Settled:
        given = Causes(Kind.SIZE_GAP, causes, "shown again", **more)
        async with self.database.read() as connection:
            nothing = await is_settled(connection, SITE, given, self.now_us)
        before = await self._versions()
        async with self.database.write() as connection:
            done = await settle_causes(connection, SITE, given, new_id=self.new_id, now_us=self.now_us)
        assert nothing == (await self._versions() == before), "a look says whether there is something to write"
        return done

    async def _versions(self) -> list[Any]:
        async with self.database.read() as connection:
            rows = await connection.execute(select(table.c.id, table.c.version).order_by(table.c.id))
            return list(rows.all())


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_one_alarm_of_a_name_until_its_cause_is_gone(desk: Desk) -> None:
    name = await desk.put(gap())
    first = await desk.read(name)
    assert (first.state, first.count, first.first_us, first.last_us) == (State.OPEN, 1, NOW_US, NOW_US)
    desk.now_us += HOUR_US
    worse = gap(severity=Severity.CRITICAL, evidence={"sizes": ["M", "L"]}, text="two sizes", zone="FLOOR")
    assert await desk.put(worse) is None
    again = await desk.read(name)
    assert (again.count, again.first_us, again.last_us, again.version) == (2, NOW_US, NOW_US + HOUR_US, 2)
    assert (again.severity, again.text, again.zone) == (Severity.CRITICAL, "two sizes", "FLOOR")
    assert again.evidence == {"sizes": ["M", "L"]}
    assert await desk.put(replace(gap(), site="store-002")) is not None, "another site's"
    assert await desk.clear(gap(), "shown again") == name
    assert await desk.clear(gap()) is None, "it is gone already"
    over = await desk.read(name)
    assert (over.state, over.cleared_us, over.cleared_reason, over.live) == (
        State.CLEARED,
        desk.now_us,
        "shown again",
        False,
    )
    assert await desk.put(gap()) not in {None, name}, "a new cause is a new alarm"


async def test_what_a_person_has_seen_stays_seen_while_its_cause_goes_on(desk: Desk) -> None:
    name = await desk.put(gap()) or ""
    found, before = await desk.seen(name, by="Kim", note="ordered")
    assert (found.state, found.acknowledged_by, found.acknowledged_note, before) == (
        State.ACKNOWLEDGED,
        "Kim",
        "ordered",
        False,
    )
    desk.now_us += HOUR_US
    assert await desk.put(gap(evidence={})) is None
    later = await desk.read(name)
    assert (later.state, later.count, later.acknowledged_us) == (State.ACKNOWLEDGED, 2, NOW_US)
    again, before = await desk.seen(name, by="Sam", key="k2", note="me too")
    assert (again.acknowledged_by, again.acknowledged_key, before) == ("Kim", "k1", True)
    await desk.clear(gap())
    assert (await desk.read(name)).state is State.CLEARED
    new = await desk.put(gap()) or ""
    assert (await desk.read(new)).state is State.OPEN, "nobody has seen the new one"
    async with desk.database.read() as connection:
        rows = (await connection.execute(select(audit))).all()
    assert [(row.action, row.subject, row.actor, row.site) for row in rows] == [("alarm.acknowledge", name, "k1", SITE)]


async def test_seen_too_late(desk: Desk) -> None:
    name = await desk.put(gap()) or ""
    await desk.clear(gap())
    found, before = await desk.seen(name, by="Kim")
    assert (found.state, found.acknowledged_by, before) == (State.CLEARED, "Kim", False)
    assert (await desk.seen(name))[1]
    with pytest.raises(UnknownAlarmError, match="nothing"):
        await desk.seen("nothing")


async def test_two_at_once_raise_one(desk: Desk) -> None:
    made = await asyncio.gather(*(desk.put(gap()) for _ in range(6)))
    assert len([name for name in made if name is not None]) == 1
    (one,) = (await desk.live()).values()
    assert one.count == 6


async def test_settling(desk: Desk) -> None:
    a, b, c = gap("A"), gap("B"), gap("C")
    done = await desk.settle(a, b)
    assert (len(done.raised), len(done.cleared), done.changed) == (2, 0, True)
    assert not (await desk.settle(a, b)).changed
    assert (await desk.live())[a.dedup].count == 1, "nothing changed: no row is written"
    desk.now_us += AGAIN_US
    assert not (await desk.settle(a, replace(b, evidence={"sizes": []}))).changed
    live = await desk.live()
    assert (live[a.dedup].count, live[b.dedup].count, live[b.dedup].evidence) == (2, 2, {"sizes": []})
    done = await desk.settle(c, keep=[b.dedup], reasons={a.dedup: "sold out"})
    assert (len(done.raised), len(done.cleared)) == (1, 1)
    assert (await desk.live()).keys() == {b.dedup, c.dedup}
    (gone,) = done.cleared
    assert (await desk.read(gone)).cleared_reason == "sold out"
    assert not (await desk.settle(complete=False)).cleared
    done = await desk.settle()
    assert {(await desk.read(name)).cleared_reason for name in done.cleared} == {"shown again"}
    assert await desk.live() == {}
    async with desk.database.write() as connection:
        loss = replace(gap(), kind=Kind.LEFT_UNSOLD, dedup="left")
        await raise_alarm(connection, loss, desk.new_id, desk.now_us)
        await settle(connection, SITE, Kind.SIZE_GAP, [], reason="x", new_id=desk.new_id, now_us=desk.now_us)
        assert await live_counts(connection) == [(SITE, Kind.LEFT_UNSOLD, State.OPEN, 1)], "other kinds are left alone"


async def test_too_many_causes_are_counted(sqlite_database: Database) -> None:
    desk = Desk(sqlite_database)
    causes = [gap(f"S{number:04}") for number in range(LIVE_MAX + 3)]
    done = await desk.settle(*causes)
    assert (len(done.raised), done.left_out) == (LIVE_MAX, 3)
    assert set(await desk.live()) == {cause.dedup for cause in causes[:LIVE_MAX]}, "the first, the worst ones"
    done = await desk.settle(*causes[5:])
    assert (len(done.raised), len(done.cleared), done.left_out) == (3, 5, 0)


async def test_the_table_refuses_what_cannot_be(desk: Desk) -> None:
    name = await desk.put(gap())
    wrong: list[dict[str, Any]] = [
        {"state": "cleared"},
        {"state": "acknowledged"},
        {"dedup": None},
        {"kind": "noise"},
        {"severity": "mild"},
        {"count": 0},
    ]
    for values in wrong:
        with pytest.raises(IntegrityError):
            async with desk.database.write() as connection:
                await connection.execute(table.update().where(table.c.id == name).values(**values))


async def test_old_ones_are_forgotten(desk: Desk) -> None:
    old, kept = await desk.put(gap("A")), await desk.put(gap("B"))
    await desk.clear(gap("A"))
    desk.now_us += KEPT_US + 1
    new = await desk.put(gap("C"))
    await desk.clear(gap("C"))
    async with desk.database.write() as connection:
        assert await prune_alarms(connection, desk.now_us - KEPT_US) == 1
        assert set(await connection.scalars(select(table.c.id))) == {kept, new}, f"without {old}"
        assert await prune_alarms(connection, desk.now_us - KEPT_US) == 0


async def test_text_that_a_database_cannot_hold(desk: Desk) -> None:
    odd = gap("a\0b", text="x\0" * 1_000, serial="s\0")
    name = await desk.put(odd)
    assert await desk.put(odd) is None
    found = await desk.read(name)
    assert (len(found.text), "\0" in found.text) == (512, False)
    assert not (await desk.settle(odd)).cleared
    assert await desk.clear(odd) == name
    async with desk.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(table)) == 1


def test_names() -> None:
    assert name_of(Kind.CLONE, "09506000134352", "7") == "clone/09506000134352/7"
    long = [name_of(Kind.SIZE_GAP, "x" * 200, end) for end in "ab"]
    assert len(set(long)) == 2
    assert {len(name) for name in long} == {SOURCE_CHARS}


values = st.recursive(
    st.none() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    lambda inner: st.lists(inner, max_size=40),
    max_leaves=60,
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), values))
def test_evidence_fits_and_says_what_was_cut(evidence: dict[str, Any]) -> None:
    body = evidence_bytes(evidence)
    assert len(body) <= EVIDENCE_MAX_BYTES
    found = msgspec.json.decode(body)
    left_out = found.pop("left_out", {})
    if not left_out:
        assert found == evidence
    elif left_out.keys() != {"bytes"}:
        assert found.keys() == evidence.keys()
        for key, cut in left_out.items():
            assert found[key] == evidence[key][: len(found[key])]
            assert len(found[key]) + cut == len(evidence[key])


def test_long_evidence_is_cut() -> None:
    found = msgspec.json.decode(evidence_bytes({"serials": [f"serial-{n}" for n in range(1_000)], "units": 1_000}))
    assert found["serials"][0] == "serial-0"
    assert len(found["serials"]) + found["left_out"]["serials"] == found["units"]
    assert "bytes" in msgspec.json.decode(evidence_bytes({"a": {"b": "x" * 5_000}}))["left_out"]
