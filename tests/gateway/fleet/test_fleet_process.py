"""The process on a database: what is published when, roll-outs from end to end, restarts, leases, backups."""

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from gateway.fleet.desk import Asker, Shown
from gateway.fleet.device import SITE_FILE
from gateway.fleet.errors import (
    ImpossibleRolloutError,
    KeyUsedError,
    TooManyRolloutsError,
    UnknownRolloutError,
    WrongStageError,
)
from gateway.fleet.limits import AGAIN_S, KEPT_US
from gateway.fleet.process import LEASE
from gateway.fleet.rollout_values import Stage
from gateway.storage import lease
from gateway.storage.engine import Database
from gateway.storage.fleet import fleet_desired
from tests.gateway.fleet.fleet_rig import PORTAL, STOCK, FleetRig, PlayedDevice, PlayedEdge
from wire.topics import Leaf, edge_topic

HASH = STOCK.setting.hash


async def lived(database: Database) -> FleetRig:
    made = FleetRig(database, PlayedEdge("s1"), PlayedEdge("s2"), PlayedEdge("s3"))
    await made.passes(100)
    return made


@pytest.fixture
async def rig(sqlite_database: Database) -> FleetRig:
    return await lived(sqlite_database)


@pytest.fixture
async def any_rig(database: Database) -> FleetRig:
    return await lived(database)


def stage(shown: Shown) -> Stage:
    return shown.stored.rollout.stage


def states(shown: Shown) -> list[str]:
    return [member.state.value for member in shown.stored.rollout.members]


async def test_a_good_profile_reaches_everybody_and_can_be_brought_back(any_rig: FleetRig) -> None:
    rig = any_rig
    shown, plan = await rig.begin()
    assert plan is not None
    assert [member.wave for member in plan.members] == [0, 1, 1]
    await rig.passes(40)
    assert sorted(rig.runs().values()) == ["", "", STOCK.setting.profile]
    done = await rig.over(shown.stored.id)
    assert stage(done) is Stage.DONE
    assert set(rig.runs().values()) == {STOCK.setting.profile}
    assert [said.event.what for said in done.events][:2] == ["begun", "wave"]
    await rig.passes(80)
    second, _ = await rig.begin(PORTAL, name="k2")
    assert stage(await rig.over(second.stored.id)) is Stage.DONE
    await rig.desk.rollback(rig.who, second.stored.id)
    back = await rig.over(second.stored.id)
    assert stage(back) is Stage.ROLLED_BACK
    assert set(rig.runs().values()) == {STOCK.setting.profile}, "the last good one, not the site file's"
    following = await rig.desk.planned(rig.who, rig.asked(PORTAL))
    assert {member.came_from for member in following.members} == {STOCK.setting}, "it is the last good one again"
    assert {edge.hash for edge in rig.edges} == {rig.wire.desired("s1").hash}  # type: ignore[union-attr]


async def test_a_profile_that_halves_the_reads_is_stopped_and_brought_back_by_itself(rig: FleetRig) -> None:
    for edge in rig.edges:
        edge.devices[0].per_min_of[HASH] = 180.0
    shown, _ = await rig.begin()
    over = await rig.over(shown.stored.id)
    assert stage(over) is Stage.ROLLED_BACK
    assert "its reads fell from 600 to 180 a minute" in over.stored.rollout.reason
    assert states(over) == ["back", "left", "left"]
    assert set(rig.runs().values()) == {""}
    assert [rig.wire.desired(site) is None for site in ("s1", "s2", "s3")].count(True) == 2, "nobody else was asked"
    assert rig.process.counters()["fleet_stopped"] == 1
    page, _ = await rig.board.page(None, limit=10)
    assert [view.twin.standing.value for view in page] == ["site_file"] * 3


async def test_a_restart_in_the_middle_changes_nothing(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.passes(40)
    following = rig.another("two")
    await following.remember()
    rig.clock.advance(30)  # the lease of the first runs out
    for _ in range(30):
        await rig.passes(20, process=following)
        if stage(await rig.desk.get(rig.who, shown.stored.id)) is Stage.DONE:
            break
    assert set(rig.runs().values()) == {STOCK.setting.profile}
    assert stage(await rig.desk.get(rig.who, shown.stored.id)) is Stage.DONE
    assert following.counters()["fleet_leads"] == 1


async def test_of_two_processes_one_moves_the_fleet(any_rig: FleetRig) -> None:
    rig = any_rig
    other = rig.another("two")
    await other.remember()
    await rig.begin()
    await rig.process.look()
    await other.look()
    assert (rig.process.counters()["fleet_leads"], other.counters()["fleet_leads"]) == (1, 0)
    assert other.counters()["fleet_looks"] == 0
    rig.clock.advance(60)
    await other.look()
    with_lease = other.counters()["fleet_moves"]
    await rig.process.look()  # it lost the lease without its knowledge: it notices
    assert rig.process.counters()["fleet_leads"] == 0
    assert other.counters()["fleet_moves"] == with_lease


async def test_one_that_lost_its_lease_without_its_knowledge_writes_nothing(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    async with rig.database.write() as connection:
        ahead_us = rig.clock() + 3_600_000_000  # by another's clock the lease is over
        assert await lease.acquire(connection, LEASE, "two", now_us=ahead_us, ttl_us=1) is not None
    before = await rig.desk.get(rig.who, shown.stored.id)
    await rig.process.look()
    assert (await rig.desk.get(rig.who, shown.stored.id)).stored == before.stored
    assert rig.process.counters()["fleet_leads"] == 0
    assert rig.wire.retained == {}


async def test_without_a_broker_nothing_moves_and_nobody_is_late(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.passes(20)
    rig.wire.connected = False
    before = await rig.desk.get(rig.who, shown.stored.id)
    for edge in rig.edges:
        edge.takes = False
    await rig.passes(200)
    assert (await rig.desk.get(rig.who, shown.stored.id)).stored.rollout == before.stored.rollout
    rig.wire.connected = True
    rig.wire.figures.connects += 1
    await rig.passes(20)
    for edge in rig.edges:
        edge.takes = True
    assert stage(await rig.over(shown.stored.id)) is Stage.DONE


async def test_what_the_broker_does_not_take_is_published_at_the_next_look(rig: FleetRig) -> None:
    rig.wire.takes = False
    await rig.begin()
    await rig.passes(20)
    assert rig.wire.retained == {}
    assert rig.process.counters()["fleet_unpublished"] > 0
    rig.wire.takes = True
    await rig.passes(20)
    assert len(rig.wire.retained) == 1


async def test_it_is_published_again_when_an_edge_begins_or_has_not_taken_it(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.over(shown.stored.id)
    rig.wire.published.clear()
    await rig.passes(200)
    assert rig.wire.published == [], "an edge that has it is left alone"
    await rig.said(what="birth")
    await rig.process.look()
    assert len(rig.wire.published) == 3
    await rig.said(what="birth")
    await rig.process.look()
    assert len(rig.wire.published) == 6, "at each birth, however soon"
    rig.wire.published.clear()
    lost = rig.edges[0]
    lost.version, lost.hash, lost.takes = 0, "", False  # its disk was replaced, and the broker has forgotten
    await rig.passes(round(AGAIN_S) + 20)
    assert {topic for topic, _ in rig.wire.published} == {edge_topic("s1", "edge", Leaf.CONFIG_DESIRED)}
    assert len(rig.wire.published) in {1, 2}
    rig.wire.published.clear()
    rig.process.state(lost.state("death", rig.clock()))
    for _ in range(3):
        rig.clock.advance(AGAIN_S + 1)
        await rig.process.look()
    assert rig.wire.published == [], "nobody is there to take it"


async def test_after_a_backup_was_restored_the_next_version_is_newer(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.over(shown.stored.id)
    edge = rig.edges[0]
    edge.version, edge.hash = 9, "0123456789abcdef"  # what the gateway asked for after the backup
    edge.devices[0].profile, edge.devices[0].hash = "other", "fedcba9876543210"
    await rig.passes(40)
    assert edge.version == 10
    assert edge.devices[0].hash == HASH
    edge.hash = "0123456789abcdef"  # the same version, and something else
    await rig.passes(40)
    assert edge.version == 11


async def test_a_person_stops_it_and_is_named(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.passes(40)
    who = Asker(by="Kim")
    stopped, before = await rig.desk.stop(who, shown.stored.id)
    assert (stopped.stored.wish.what, before) == ("stop", False)
    assert (await rig.desk.stop(who, shown.stored.id))[1] is True
    over = await rig.over(shown.stored.id)
    assert over.stored.rollout.reason == "stopped by Kim"
    assert ("stopped", "Kim") in [(said.event.what, said.by) for said in over.events]
    assert (await rig.desk.stop(who, shown.stored.id))[1] is True
    assert (await rig.desk.rollback(who, shown.stored.id))[1] is True
    assert rig.process.counters()["fleet_stopped"] == 0


async def test_what_is_done_cannot_be_stopped(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.over(shown.stored.id)
    with pytest.raises(WrongStageError, match="is done: stop goes from canary, planned, rolling, watching"):
        await rig.desk.stop(rig.who, shown.stored.id)


async def test_the_same_request_begins_one_rollout(rig: FleetRig) -> None:
    first, _ = await rig.begin()
    again, plan = await rig.begin()
    assert (again.stored.id, plan) == (first.stored.id, None)
    with pytest.raises(KeyUsedError):
        await rig.begin(PORTAL)


async def test_a_device_is_in_one_rollout_at_a_time(rig: FleetRig) -> None:
    first, _ = await rig.begin(sites=frozenset({"s1", "s2"}))
    second, plan = await rig.begin(PORTAL, name="k2")
    assert plan is not None
    assert [str(member.name) for member in plan.members] == ["s3/reader"]
    assert [f"roll-out {first.stored.id} is under way for it"] * 2 == [one.why for one in plan.left_out]
    with pytest.raises(ImpossibleRolloutError, match="under way"):
        await rig.begin(PORTAL, name="k3")
    assert {stage(await rig.over(one.stored.id)) for one in (first, second)} == {Stage.DONE}


async def test_a_rollback_finds_devices_that_a_stopped_rollout_brought_back_to_it(rig: FleetRig) -> None:
    first, _ = await rig.begin()
    await rig.over(first.stored.id)
    for edge in rig.edges:
        edge.devices[0].per_min_of[PORTAL.setting.hash] = 60.0
    second, _ = await rig.begin(PORTAL, name="k2")
    assert stage(await rig.over(second.stored.id)) is Stage.ROLLED_BACK
    assert set(rig.runs().values()) == {STOCK.setting.profile}
    await rig.desk.rollback(rig.who, first.stored.id)
    assert states(await rig.over(first.stored.id)) == ["back"] * 3
    assert set(rig.runs().values()) == {""}


async def test_a_rollback_leaves_alone_what_another_rollout_is_under_way_for(rig: FleetRig) -> None:
    first, _ = await rig.begin()
    await rig.over(first.stored.id)
    second, _ = await rig.begin(PORTAL, name="k2", sites=frozenset({"s1"}))
    await rig.desk.rollback(rig.who, first.stored.id)
    back = await rig.over(first.stored.id)
    assert sorted(states(back)) == ["back", "back", "left"]
    assert [said.event.what for said in back.events].count("returning") == 2, "the third was not even asked"
    assert stage(await rig.over(second.stored.id)) is Stage.DONE
    assert rig.runs() == {"s1/reader": PORTAL.setting.profile, "s2/reader": "", "s3/reader": ""}


async def test_a_new_rollout_takes_over_what_does_not_come_back(rig: FleetRig) -> None:
    rig.edges[0].devices[0].answers = "refused"
    first, plan = await rig.begin(sites=frozenset({"s1"}))
    assert plan is not None
    await rig.passes(40)
    rig.edges[0].takes = False
    await rig.passes(20)
    assert stage(await rig.desk.get(rig.who, first.stored.id)) is Stage.STOPPED
    rig.edges[0].devices[0].answers = "applied"
    second, _ = await rig.begin(PORTAL, name="k2", sites=frozenset({"s1"}))
    await rig.passes(20)
    rig.edges[0].takes = True
    assert stage(await rig.over(second.stored.id)) is Stage.DONE
    shown = await rig.over(first.stored.id)
    assert states(shown) == ["left"]
    assert stage(shown) is Stage.ROLLED_BACK


async def test_there_is_a_most(rig: FleetRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fleet.desk.ACTIVE_MAX", 1)
    await rig.begin(sites=frozenset({"s1"}))
    with pytest.raises(TooManyRolloutsError):
        await rig.begin(PORTAL, name="k2")


async def test_a_key_sees_and_names_its_own_sites_only(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    limited = Asker(key="k", sites=frozenset({"s1", "s2"}))
    assert await rig.desk.listed(limited) == []
    for act in (rig.desk.get, rig.desk.stop, rig.desk.rollback):
        with pytest.raises(UnknownRolloutError):
            await act(limited, shown.stored.id)
    await rig.over(shown.stored.id)
    plan = await rig.desk.planned(limited, rig.asked(PORTAL))
    assert {member.name.site for member in plan.members} == {"s1", "s2"}
    assert [stored.id for stored in await rig.desk.listed(Asker())] == [shown.stored.id]


async def test_a_dry_run_writes_nothing(rig: FleetRig) -> None:
    plan = await rig.desk.planned(rig.who, rig.asked())
    assert len(plan.members) == 3
    async with rig.database.read() as connection:
        for table in ("fleet_rollout", "fleet_profile", "fleet_event", "fleet_device"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


async def test_several_devices_of_an_edge_share_a_configuration(sqlite_database: Database) -> None:
    rig = FleetRig(sqlite_database, PlayedEdge("s1", devices=[PlayedDevice("a"), PlayedDevice("b", per_min=300.0)]))
    rig.edges[0].devices.append(PlayedDevice("till", driver="barcode_serial", answers="unable"))
    await rig.passes(100)
    shown, plan = await rig.begin()
    assert plan is not None
    assert [(str(one.name), "takes no profile" in one.why) for one in plan.left_out] == [("s1/till", True)]
    await rig.passes(20)
    desired = rig.wire.desired("s1")
    assert desired is not None
    assert [(one.device, one.profile_hash) for one in desired.devices] == [("a", HASH)]
    assert stage(await rig.over(shown.stored.id)) is Stage.DONE
    desired = rig.wire.desired("s1")
    assert desired is not None
    assert [one.device for one in desired.devices] == ["a", "b"]
    assert list(desired.profiles) == [HASH]


async def test_a_configuration_that_is_too_large_stops_it(rig: FleetRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wire.configuration.CONFIG_MAX_BYTES", 300)
    shown, _ = await rig.begin()
    await rig.passes(20)
    found = await rig.desk.get(rig.who, shown.stored.id)
    assert found.stored.rollout.reason.startswith("it cannot be asked: desired configuration of")
    assert rig.wire.retained == {}


async def test_what_happened_is_written_for_good(any_rig: FleetRig) -> None:
    rig = any_rig
    await rig.begin()
    for statement in ("UPDATE fleet_event SET what = 'x'", "DELETE FROM fleet_event"):
        with pytest.raises(DBAPIError, match="never changed"):
            async with rig.database.write() as connection:
                await connection.execute(text(statement))


async def test_who_began_it_is_in_the_audit(rig: FleetRig) -> None:
    shown, _ = await rig.desk.begin(Asker(key="key1", by="Kim"), rig.asked())
    await rig.desk.rollback(Asker(key="key2"), shown.stored.id)
    async with rig.database.read() as connection:
        rows = await connection.execute(text("SELECT actor, action, subject FROM audit ORDER BY id"))
        assert [tuple(row) for row in rows] == [
            ("key1", "rollout.begin", shown.stored.id),
            ("key2", "rollout.rollback", shown.stored.id),
        ]


async def test_old_rollouts_are_forgotten_and_what_happened_is_kept(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.over(shown.stored.id)
    rig.clock.advance(KEPT_US // 1_000_000 + 10)
    await rig.passes(20)
    with pytest.raises(UnknownRolloutError):
        await rig.desk.get(rig.who, shown.stored.id)
    async with rig.database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM fleet_event")) > 0


async def test_drift_is_seen(any_rig: FleetRig) -> None:
    rig = any_rig
    shown, _ = await rig.begin()
    await rig.over(shown.stored.id)
    device = rig.edges[0].devices[0]
    device.answers, device.problems = "differs", ("port 1: 24 dBm read back, 30 dBm asked",)
    rig.edges[1].devices[0].hash = "fedcba9876543210"
    await rig.passes(20)
    page, following = await rig.board.page(None, limit=10)
    assert following is None
    assert [(view.twin.standing.value, view.twin.why[:45]) for view in page] == [
        ("drift", "differs: port 1: 24 dBm read back, 30 dBm ask"),
        ("drift", "runs generic-llrp-stock (fedcba9876543210), a"),
        ("as_asked", ""),
    ]
    first, following = await rig.board.page(None, limit=2)
    assert following is not None
    rest, end = await rig.board.page(None, after=following, limit=2)
    assert ([view.name.site for view in first + rest], end) == (["s1", "s2", "s3"], None)
    assert [view.name.site for view in (await rig.board.page(frozenset({"s2"}), limit=9))[0]] == ["s2"]


async def test_an_edge_that_does_not_take_it_drifts_after_a_while(rig: FleetRig) -> None:
    shown, _ = await rig.begin()
    await rig.over(shown.stored.id)
    async with rig.database.write() as connection:
        await connection.execute(update(fleet_desired).values(version=7, updated_us=rig.clock()))
    views, _ = await rig.board.page(frozenset({"s1"}), limit=1)
    assert [view.twin.standing.value for view in views] == ["pending"]
    rig.clock.advance(400)
    views, _ = await rig.board.page(frozenset({"s1"}), limit=1)
    assert [view.twin.standing.value for view in views] == ["drift"]
    assert views[0].twin.why == "its edge has version 1, version 7 is asked for 400 s"
    assert views[0].held is not None
    assert views[0].held.good != SITE_FILE
