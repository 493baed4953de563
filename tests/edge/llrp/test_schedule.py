"""When a reader inventories: duty cycle and inputs, from the site file to the looks that are credited."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge.drivers import build_driver
from edge.llrp.dialogue import Wishes
from edge.llrp.schedule import ALWAYS, Schedule, schedule_of
from edge.llrp.session import Session
from edge.llrp.transitions import State
from firmware_config.profile import ProfileError, Purpose, load_profile
from firmware_config.render import AntennaAsk
from simulator.reader.faults import Corruption
from tests.edge.llrp.fault_bytes import report
from tests.edge.llrp.fault_world import KEEPALIVE_S, World
from tests.edge.llrp.pair import KEEPALIVE_MS, Pair, notification
from tests.edge.llrp.store_reader import SITE, device, host
from tests.edge.llrp.virtual_loop import run_virtual
from wire.llrp.check import check
from wire.llrp.codec import encode
from wire.llrp.message import message, param
from wire.site import DevicePurpose

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wire.llrp.message import Parameter

PORTS = 4


def with_options(**options: object) -> dict[str, object]:
    return {"keepalive_s": KEEPALIVE_S, **options}


def asked(**options: object) -> Schedule:
    return schedule_of(replace(device("127.0.0.1:1"), options=with_options(**options)))  # type: ignore[arg-type]


def play(scene: Callable[[World], Awaitable[None]], **options: object) -> None:
    async def played() -> None:
        async with World(options=options) as world:
            await scene(world)

    run_virtual(played())


def looked_ms(world: World) -> int:
    return sum(look.inventory_ms for look in world.driver.looked(world.now_s()))


# -- the site file


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ALWAYS),
        ({"on_s": 2, "off_s": 8}, Schedule(on_ms=2_000, off_ms=8_000)),
        ({"gpi_port": 2}, Schedule(gpi_port=2)),
        ({"gpi_port": 2, "gpi_level": "low"}, Schedule(gpi_port=2, gpi_high=False)),
        ({"gpi_port": 1, "gpi_timeout_s": 30}, Schedule(gpi_port=1, gpi_for_ms=30_000)),
    ],
)
def test_what_the_site_file_says(options: dict[str, object], expected: Schedule) -> None:
    assert asked(**options) == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"on_s": 2}, "device R1: on_s and off_s: one needs the other"),
        ({"off_s": 2}, "device R1: on_s and off_s: one needs the other"),
        ({"on_s": 0.01, "off_s": 2}, "device R1: on_s: 0.01, expected 0.1 or more"),
        ({"gpi_level": "low"}, "device R1: gpi_level and gpi_timeout_s need a gpi_port"),
        ({"gpi_timeout_s": 5}, "device R1: gpi_level and gpi_timeout_s need a gpi_port"),
        ({"gpi_port": 1, "on_s": 2, "off_s": 3}, "device R1: gpi_port and on_s: a reader inventories by an input or"),
        ({"air_filter": "prefix"}, "device R1: air_filter: 'prefix' needs company_prefixes in the site file"),
    ],
)
def test_settings_that_contradict(options: dict[str, object], problem: str) -> None:
    wrong = replace(device("127.0.0.1:1"), options=with_options(**options))  # type: ignore[arg-type]
    with pytest.raises(ProfileError, match=problem):
        build_driver(wrong, SITE, host())


def triggers(schedule: Schedule) -> tuple[Parameter, Parameter]:
    boundary = schedule.boundary()
    return boundary.one("ROSpecStartTrigger"), boundary.one("ROSpecStopTrigger")


@pytest.mark.parametrize(
    ("schedule", "start", "stop", "duration_ms"),
    [
        (ALWAYS, 0, 0, 0),
        (Schedule(on_ms=2_000, off_ms=8_000), 2, 1, 2_000),
        (Schedule(gpi_port=3), 3, 2, 0),
        (Schedule(gpi_port=3, gpi_for_ms=5_000), 3, 1, 5_000),
    ],
)
def test_triggers_are_what_the_standard_allows(schedule: Schedule, start: int, stop: int, duration_ms: int) -> None:
    begins, ends = triggers(schedule)
    assert begins.number("ROSpecStartTriggerType") == start
    assert ends.number("ROSpecStopTriggerType") == stop
    assert ends.number("DurationTriggerValue") == duration_ms
    rospec = param("ROSpec", schedule.boundary(), ROSpecID=1, Priority=0, CurrentState=0)
    faults = check(message("ADD_ROSPEC", 1, rospec))
    assert not [fault for fault in faults if "Trigger" in str(fault)]


def test_a_period_is_both_parts_and_an_input_ends_at_its_other_level() -> None:
    begins, _ = triggers(Schedule(on_ms=2_000, off_ms=8_000))
    assert begins.one("PeriodicTriggerValue").number("Period") == 10_000
    begins, ends = triggers(Schedule(gpi_port=3, gpi_high=False))
    assert begins.one("GPITriggerValue").fields == {"GPIPortNum": 3, "GPIEvent": False, "Timeout": 0}
    assert ends.one("GPITriggerValue").fields == {"GPIPortNum": 3, "GPIEvent": True, "Timeout": 0}


# -- the duty cycle


def test_a_duty_cycle_is_looked_at_for_its_share_only() -> None:
    async def scene(world: World) -> None:
        await world.up()
        looked_ms(world)
        began_s = world.now_s()
        for number in range(100):
            await asyncio.sleep(1)
            await world.see(number)
        share = looked_ms(world) / 1_000 / (world.now_s() - began_s)
        assert share == pytest.approx(0.2, abs=0.03)
        assert "START_ROSPEC" not in world.reader.heard, "the reader keeps the time"
        assert world.told() == ["up"], "the end of each turn is no loss"

    play(scene, on_s=2, off_s=8)


def test_a_rest_is_not_looked_at_though_the_reader_lives() -> None:
    async def scene(world: World) -> None:
        await world.up()
        await world.reader.until(lambda: world.reader.looking is None, timeout_s=60)
        await asyncio.sleep(0.01)
        looked_ms(world)
        await world.see(1)
        await asyncio.sleep(5)
        assert world.reader.counters.keepalive_acks >= 4
        assert looked_ms(world) == 0
        assert world.tags() == [], "and no tag is read"
        await world.reader.until(lambda: world.reader.looking is not None, timeout_s=60)
        await world.see(2)
        await asyncio.sleep(1.5)
        assert looked_ms(world) > 500
        assert len(world.tags()) == 1

    play(scene, on_s=2, off_s=8)


def test_a_reader_that_never_tells_its_starts() -> None:
    """It reads and is not believed to look; that is said once."""

    async def scene(world: World) -> None:
        world.start()
        await world.reader.until(lambda: world.reader.connected)
        world.reader.faults.corrupt(Corruption.SWALLOW, "READER_EVENT_NOTIFICATION", times=1_000)
        await world.until_state("up")
        await world.reader.until(lambda: world.reader.looking is not None, timeout_s=60)
        for number in range(3):
            await world.see(number)
        await asyncio.sleep(2)
        assert len(world.tags()) == 3
        assert looked_ms(world) == 0
        assert world.told() == ["up", "config_differs"]
        assert world.events[-1].detail.startswith("tags are read and the reader never told that the ROSpec began")

    play(scene, on_s=2, off_s=2)


# -- inputs


def test_an_input_lets_it_inventory_while_it_has_its_level() -> None:
    async def scene(world: World) -> None:
        await world.up()
        await asyncio.sleep(5)
        assert looked_ms(world) == 0
        assert world.reader.looking is None
        world.reader.set_gpi(2, high=True)
        await asyncio.sleep(5)
        assert 3_000 <= looked_ms(world) <= 5_000
        world.reader.set_gpi(2, high=False)
        await asyncio.sleep(5)
        assert looked_ms(world) <= 2_000, "the rest of the five seconds"
        await asyncio.sleep(5)
        assert looked_ms(world) == 0
        assert [(event.what, event.port, event.detail) for event in world.events] == [
            ("up", None, ""),
            ("gpi", 2, "high"),
            ("gpi", 2, "low"),
        ]
        assert "START_ROSPEC" not in world.reader.heard

    play(scene, gpi_port=2)


@pytest.mark.parametrize("level", ["high", "low"])
def test_an_input_that_has_its_level_already(level: str) -> None:
    async def scene(world: World) -> None:
        world.reader.set_gpi(2, high=level == "high")
        await world.up()
        assert world.reader.looking is not None, "there is no edge to wait for"
        await world.see(1)
        await asyncio.sleep(2)
        assert len(world.tags()) == 1
        assert looked_ms(world) > 1_000
        world.reader.set_gpi(2, high=level != "high")
        await asyncio.sleep(0.1)
        assert world.reader.looking is None
        assert "lost" not in world.told()

    play(scene, gpi_port=2, gpi_level=level)


def test_an_input_that_gets_its_level_for_a_while() -> None:
    async def scene(world: World) -> None:
        world.reader.set_gpi(1, high=True)
        await world.up()
        await asyncio.sleep(3)
        assert world.reader.looking is None, "only the change counts: nobody passed since"
        world.reader.set_gpi(1, high=False)
        world.reader.set_gpi(1, high=True)
        await asyncio.sleep(0.1)
        world.reader.set_gpi(1, high=False)
        await asyncio.sleep(10)
        assert looked_ms(world) == pytest.approx(4_000, abs=50)
        assert world.reader.looking is None

    play(scene, gpi_port=1, gpi_timeout_s=4)


def test_an_input_that_the_reader_has_not() -> None:
    async def scene(world: World) -> None:
        world.start()
        await world.until_state("down")
        assert "gpi_port 9: the reader has inputs 1 to 4" in world.reasons()[0]

    play(scene, gpi_port=9)


def test_a_reader_without_inputs() -> None:
    with pytest.raises(ProfileError, match="gpi_port 1: the reader has no inputs"):
        Schedule(gpi_port=1).check(0)


def test_a_reader_that_does_not_tell_its_inputs_is_waited_for() -> None:
    async def scene(world: World) -> None:
        denial = bytes.fromhex("011f000a0065") + b"\x00\x02no"
        antennas = bytes.fromhex("011f00080000") + b"\x00\x00"
        world.reader.faults.bodies(antennas, "GET_READER_CONFIG_RESPONSE")
        world.reader.faults.bodies(denial, "GET_READER_CONFIG_RESPONSE")
        world.reader.set_gpi(2, high=True)
        await world.up()
        assert world.reader.looking is None
        assert world.told() == ["up"]

    play(scene, gpi_port=2)


# -- over a reconnect


def test_what_ran_for_an_old_connection_is_not_credited_to_the_new_one() -> None:
    async def scene(world: World) -> None:
        world.reader.set_gpi(2, high=True)
        await world.up()
        world.reader.drop()
        await world.until_state("down")
        looked_ms(world)
        world.reader.set_gpi(2, high=False)
        await world.until_state("up")
        await asyncio.sleep(5)
        assert world.reader.looking is None
        assert looked_ms(world) == 0

    play(scene, gpi_port=2)


def test_a_start_from_before_our_rospec_is_not_ours() -> None:
    """A reader that held the old ROSpec's start back, and never tells its end."""
    profile = load_profile("impinj-r420-stock")
    pair = Pair()
    pair.machine.set_gpi(2, True, pair.now_us)
    wishes = Wishes(Schedule(gpi_port=2))
    pair.session = Session(lambda _: profile, [AntennaAsk(1, Purpose.STOCK)], KEEPALIVE_MS, wishes=wishes)
    pair.session.connected(pair.now_s)
    greeting = pair.machine.connect(pair.now_us)
    pair.feed(encode(notification(param("ROSpecEvent", EventType=0, ROSpecID=1, PreemptingROSpecID=0))))
    pair.do(greeting)
    pair.advance(KEEPALIVE_MS / 1_000)
    assert pair.state() is State.UP
    assert pair.machine.looking is not None, "it was started, because nothing runs"
    assert pair.looking() == (1,)


def test_another_programs_rospec_is_still_a_misfortune() -> None:
    async def scene(world: World) -> None:
        await world.up()
        event = param("ROSpecEvent", EventType=2, ROSpecID=1, PreemptingROSpecID=7)
        data = param("ReaderEventNotificationData", param("UTCTimestamp", Microseconds=1), event)
        await world.put(report(data, kind="READER_EVENT_NOTIFICATION"))
        await world.until_state("down")
        assert "our ROSpec was preempted by ROSpec 7" in world.reasons()[0]

    play(scene, on_s=2, off_s=8)


# -- purpose


def test_the_devices_purpose_goes_before_its_zones() -> None:
    async def scene(world: World) -> None:
        await world.up()
        settings = [look.settings for look in world.driver.looked(world.now_s())]
        assert [found.session for found in settings if found is not None] == [0] * PORTS

    async def played() -> None:
        async with World(purpose=DevicePurpose.PORTAL) as world:
            await scene(world)

    run_virtual(played())
