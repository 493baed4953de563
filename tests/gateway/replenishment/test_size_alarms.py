"""Size gaps become alarms when they last, and end by themselves; an end of the process changes nothing of that."""

import pytest

from gateway.exceptions.store import acknowledge
from gateway.replenishment.assortment import RunKey
from gateway.replenishment.gaps import GapKind, Run, SizeState
from gateway.replenishment.limits import GAP_SETTLE_US
from gateway.replenishment.size_alarms import SizeAlarms
from tests.gateway.replenishment.refill_rig import MINUTE, SHIRT_M, SHIRT_S, SITE, Database, Staff, Store

KEY = RunKey("Oxford", "blue")
NAME = "size_gap/Oxford/blue"
T = 1_000_000_000_000


def run(kind: GapKind | None, *states: SizeState) -> Run:
    given = states or (SizeState.SHOWN,)
    return Run("Oxford", "blue", tuple((f"g{n}", f"{n}", state) for n, state in enumerate(given)), (), kind, "words")


GAP = run(GapKind.CORE_GAP, SizeState.BEHIND, SizeState.SHOWN)
FINE = run(None)
DARK = run(None, SizeState.UNKNOWN, SizeState.SHOWN)


def names(alarms: SizeAlarms) -> list[str]:
    return [one.dedup for one in alarms.causes()]


def test_only_a_gap_that_lasts_is_an_alarm() -> None:
    alarms = SizeAlarms(SITE.id)
    alarms.changed = False
    assert alarms.judged(KEY, GAP, T) == T + GAP_SETTLE_US
    assert (names(alarms), alarms.changed) == ([], False)
    assert alarms.judged(KEY, GAP, T + GAP_SETTLE_US) is None
    assert (names(alarms), alarms.changed) == ([NAME], True)
    alarms.changed = False
    alarms.judged(KEY, GAP, T + 2 * GAP_SETTLE_US)
    assert not alarms.changed  # nothing new of it
    alarms.judged(KEY, FINE, T + 2 * GAP_SETTLE_US)
    assert (names(alarms), alarms.keep(), alarms.changed) == ([], set(), True)
    alarms.judged(KEY, GAP, T + 3 * GAP_SETTLE_US)
    assert names(alarms) == []  # a new one lasts anew


def test_what_nobody_sees_clears_no_alarm() -> None:
    alarms = SizeAlarms(SITE.id)
    alarms.judged(KEY, GAP, T)
    alarms.judged(KEY, GAP, T + GAP_SETTLE_US)
    alarms.judged(KEY, DARK, T + GAP_SETTLE_US)
    assert (names(alarms), alarms.keep()) == ([], {NAME})
    alarms.judged(KEY, GAP, T + GAP_SETTLE_US + 1)
    assert names(alarms) == [NAME]  # it is the same gap: it does not settle anew
    alarms.judged(KEY, DARK, T + 2 * GAP_SETTLE_US)
    alarms.judged(KEY, FINE, T + 2 * GAP_SETTLE_US)
    assert (names(alarms), alarms.keep()) == ([], set())


def test_alarms_of_before_the_start_go_on_until_their_runs_were_judged() -> None:
    alarms = SizeAlarms(SITE.id, known={NAME, "size_gap/Gone/red"})
    alarms.keep_only([KEY])
    assert alarms.keep() == {NAME}
    alarms.judged(KEY, GAP, T)
    assert (names(alarms), alarms.keep()) == ([NAME], set())


def test_the_worst_come_first() -> None:
    alarms = SizeAlarms(SITE.id)
    for number, kind in enumerate(reversed(GapKind)):
        for at_us in (T, T + GAP_SETTLE_US):
            alarms.judged(RunKey("Oxford", f"{number}"), run(kind, SizeState.BEHIND), at_us)
    assert [one.evidence["gap"] for one in alarms.causes()] == ["not_shown", "core_gap", "broken_run"]
    assert [one.severity.value for one in alarms.causes()] == ["critical", "warning", "warning"]
    alarms.forget([RunKey("Oxford", "0")])
    assert len(alarms.causes()) == 2


@pytest.fixture
async def store(database: Database) -> Store:
    return await Store(database).stock_up()


async def test_from_a_gap_to_its_alarm_and_its_end(store: Store) -> None:
    await store.put("f1", "f2", zone="FLOOR", chance=0.98)
    await store.put("m1", gtin=SHIRT_M, zone="BACK", chance=0.98)
    await store.put("f0", gtin=SHIRT_M, zone="FLOOR", chance=0.98)
    staff = Staff(store)
    await staff.work()
    await store.put("f1", "f2", zone="EXIT", chance=0.98)
    await store.put("f1", "f2", zone="OUT", chance=0.98)
    await staff.work()
    await staff.after(9 * MINUTE)
    assert await store.alarms() == []
    await staff.after(MINUTE + 1)
    (alarm,) = await store.alarms()
    assert (alarm.kind.value, alarm.dedup, alarm.text) == (
        "size_gap",
        NAME,
        "Oxford blue: not on the floor: S; not in the store: S",
    )
    assert alarm.evidence["missing_core"] == ["S"]
    assert alarm.evidence["sizes"] == [
        {"gtin": SHIRT_M, "size": "M", "state": "shown"},
        {"gtin": SHIRT_S, "size": "S", "state": "absent"},
    ]
    async with store.database.write() as connection:
        await acknowledge(connection, alarm.id, key="", now_us=store.clock())
    await staff.process._release()
    other = Staff(store, holder="two")
    await other.work()
    await other.after(MINUTE)
    (same,) = await store.alarms()
    assert (same.id, same.state.value, same.count) == (alarm.id, "acknowledged", 1)
    await other.after(16 * MINUTE)
    assert (await store.alarms())[0].count == 2  # its cause goes on
    await store.look("FLOOR", live=False)
    await other.after(11 * MINUTE)
    assert [one.id for one in await store.alarms()] == [alarm.id]  # what nobody sees ends nothing
    await store.look("FLOOR", live=True)
    await store.put("f9", zone="FLOOR", chance=0.98)
    await other.after(2 * MINUTE)
    await other.after(2 * MINUTE)
    assert await store.alarms() == []
    assert other.counters["refill_alarms_cleared"] == 1
