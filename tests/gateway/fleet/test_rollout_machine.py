"""The roll-out machine in a world of its own: canaries, waves, what stops it, and the way back."""

from dataclasses import replace

import pytest

from gateway.fleet.device import SITE_FILE, Seen
from gateway.fleet.rollout import step
from gateway.fleet.rollout_values import Facts, MemberState, Pace, Phase, Stage
from tests.gateway.fleet.fleet_world import NEW, OLD, PACE, World, boxes

S = MemberState


def states(world: World) -> list[MemberState]:
    return [member.state for member in world.rollout.members]


def begun(number: int, waves: list[int], pace: Pace = PACE, **how: object) -> World:
    """A world whose devices have read for three minutes: the baseline is there."""
    world = World(boxes(number, **how), waves, pace)
    world.passes(181, look=False)
    world.rollout = replace(world.rollout, phase_us=world.now_us)
    return world


def test_a_good_profile_reaches_all_devices_wave_by_wave() -> None:
    world = begun(7, [0, 0, 1, 1, 1, 2, 2])
    seen: list[tuple[Stage, int]] = []
    while world.rollout.phase is not Phase.OVER:
        world.passes(1)
        if (world.rollout.stage, world.rollout.wave) not in seen:
            seen.append((world.rollout.stage, world.rollout.wave))
        asked = {member.wave for member in world.rollout.members if member.state is S.ASKED}
        assert asked <= {world.rollout.wave}
    assert seen == [
        (Stage.CANARY, 0),
        (Stage.WATCHING, 0),
        (Stage.ROLLING, 1),
        (Stage.ROLLING, 2),
        (Stage.DONE, 2),
    ]
    assert states(world) == [S.GOOD] * 7
    assert [box.runs for box in world.boxes.values()] == [NEW] * 7
    assert sorted(world.good) == sorted(world.boxes)
    assert world.rollout.reason == "7 devices do well"
    assert world.member(0).before == pytest.approx(600, rel=0.01)
    assert world.member(0).after == pytest.approx(600, rel=0.01)


def test_the_watch_lasts_as_long_as_it_was_asked_to() -> None:
    world = begun(1, [0])
    world.until(Stage.WATCHING)
    assert PACE.watch_s - 1 <= world.until(Stage.DONE) <= PACE.watch_s + 31


def test_a_canary_whose_reads_fall_by_more_than_half_stops_it() -> None:
    world = begun(6, [0, 0, 1, 1, 1, 1], watched := replace(PACE, watch_s=100_000))
    spoilt = world.boxes[world.member(1).name]
    spoilt.per_min_new = 240.0
    assert world.over() is Stage.ROLLED_BACK
    assert world.now_us - world.rollout.phase_us < watched.watch_s * 1e6  # at once, not at the end of the watch
    assert world.rollout.reason == "s01/reader: its reads fell from 600 to 240 a minute, to less than 50%"
    assert states(world) == [S.BACK, S.BACK, S.LEFT, S.LEFT, S.LEFT, S.LEFT]
    assert [box.runs for box in world.boxes.values()] == [SITE_FILE] * 6
    assert (world.member(1).before, world.member(1).after) == (600.0, 240.0)
    assert world.good == []
    assert [event.name for event in world.events if event.what == "failed"] == [spoilt.name]


def test_a_fall_to_just_half_is_borne() -> None:
    world = begun(1, [0], per_min_new=306.0)
    assert world.over() is Stage.DONE


def test_one_odd_sample_stops_nothing() -> None:
    world = begun(1, [0])
    world.until(Stage.WATCHING)
    box = next(iter(world.boxes.values()))
    world.passes(45)
    box.per_min_new = 0.0
    world.passes(30)
    box.per_min_new = 600.0
    assert world.over() is Stage.DONE


def test_what_is_read_while_it_settles_does_not_count() -> None:
    world = begun(1, [0], replace(PACE, settle_s=130, watch_s=300), per_min_new=0.0)
    world.until(Stage.WATCHING)
    box = next(iter(world.boxes.values()))
    world.passes(125)
    assert world.rollout.stage is Stage.WATCHING
    box.per_min_new = 600.0
    assert world.over() is Stage.DONE


@pytest.mark.parametrize("answer", ["refused", "differs", "unable"])
def test_a_device_that_does_not_do_it_stops_it(answer: str) -> None:
    world = begun(3, [0, 0, 1])
    world.boxes[world.member(0).name].answers = answer
    world.boxes[world.member(0).name].problems = ("session 3: found session 1",)
    assert world.over() is Stage.ROLLED_BACK
    assert f"s00/reader: {answer}: session 3: found session 1" in world.rollout.reason
    assert states(world) == [S.BACK, S.BACK, S.LEFT]


def test_an_edge_that_refuses_the_configuration_stops_it() -> None:
    world = begun(2, [0, 1])
    box = world.boxes[world.member(0).name]
    box.deaf, box.error = True, "version {version}: hash: the contents have another"
    world.until(Stage.STOPPED)
    assert "its edge refuses the configuration: version 1: hash" in world.rollout.reason


def test_a_report_of_before_it_was_asked_says_nothing() -> None:
    """A device may run the same profile already, by its site file: its edge must have taken this configuration."""
    world = begun(1, [0])
    world.until(Stage.CANARY)
    late = Seen(up=True, version=0, state="applied", hash=NEW.hash)
    facts = Facts(lambda _: late, world.rates.between)
    assert step(world.rollout, facts, world.now_us).rollout == world.rollout
    taken = Facts(lambda _: replace(late, version=1), world.rates.between)
    assert step(world.rollout, taken, world.now_us).rollout.stage is Stage.WATCHING


def test_an_older_refusal_stops_nothing() -> None:
    world = begun(1, [0])
    box = next(iter(world.boxes.values()))
    box.version, box.takes_s, box.error = 7, 20, "version 7: hash: the contents have another"
    assert world.over() is Stage.DONE


def test_a_device_that_does_not_come_up_in_time_stops_it() -> None:
    world = begun(2, [0, 1])
    world.until(Stage.CANARY)
    world.boxes[world.member(0).name].state = "connecting"
    world.say()
    took_s = world.until(Stage.STOPPED)
    assert took_s == pytest.approx(PACE.apply_s, abs=2)
    assert "it did not come up within 60 s (reported: applied; its health: connecting)" in world.rollout.reason


def test_an_edge_that_never_answers_stops_it_and_is_brought_back_when_it_does() -> None:
    world = begun(2, [0, 1])
    box = world.boxes[world.member(0).name]
    box.deaf = True
    world.until(Stage.STOPPED)
    assert "its edge did not take the configuration within 60 s" in world.rollout.reason
    world.passes(500)
    assert world.rollout.stage is Stage.STOPPED
    assert world.member(0).state is S.RETURNING
    box.deaf = False
    assert world.over() is Stage.ROLLED_BACK


def test_a_device_that_goes_down_while_it_is_watched_stops_it() -> None:
    world = begun(2, [0, 1])
    world.until(Stage.WATCHING)
    world.passes(100)
    world.boxes[world.member(0).name].state = "down"
    world.until(Stage.STOPPED)
    assert "it is not up any more: down" in world.rollout.reason


def test_silence_is_no_success() -> None:
    world = begun(1, [0])
    world.until(Stage.WATCHING)
    world.muted = True
    world.until(Stage.STOPPED)
    assert "nothing was heard of its reads" in world.rollout.reason
    assert "600 a minute before" in world.rollout.reason


def test_later_waves_are_watched_too_and_earlier_ones_keep_what_is_good() -> None:
    world = begun(5, [0, 1, 1, 2, 2])
    world.boxes[world.member(2).name].per_min_new = 100.0
    assert world.over() is Stage.STOPPED
    assert states(world) == [S.GOOD, S.BACK, S.BACK, S.LEFT, S.LEFT]
    assert world.told("over") == ["all devices that were asked are back; 1 devices of earlier waves keep it"]
    world.rollback("Kim asked for it")
    assert world.over() is Stage.ROLLED_BACK
    assert [box.runs for box in world.boxes.values()] == [SITE_FILE] * 5


def test_devices_are_brought_back_to_the_last_good_profile() -> None:
    world = World(boxes(2, per_min_new=10.0), [0, 1], PACE, came_from=OLD)
    assert world.over() is Stage.ROLLED_BACK
    assert [box.runs for box in world.boxes.values()] == [OLD, OLD]


def test_a_device_that_was_not_up_is_asked_and_not_waited_for() -> None:
    world = begun(3, [0, 1, 1])
    away = world.boxes[world.member(1).name]
    away.state, away.deaf = "down", True
    assert world.over() is Stage.DONE
    assert states(world) == [S.GOOD, S.ABSENT, S.GOOD]
    assert away.asked == NEW
    assert world.rollout.reason == "2 devices do well, 1 were not up"
    assert world.member(1).said.startswith("was not up when its wave began (down)")


def test_a_device_that_reads_too_little_is_not_judged_by_its_reads_and_that_is_said() -> None:
    world = begun(2, [0, 1], per_min=12.0, per_min_new=0.0)
    assert world.over() is Stage.DONE
    assert "12 reads a minute before, at least 30 are needed: not judged by them" in world.told("unjudged")[0]
    assert world.member(0).before is None


def test_without_a_baseline_it_waits_and_then_goes_on_and_says_so() -> None:
    world = World(boxes(1), [0])
    world.passes(60)
    assert world.rollout.stage is Stage.PLANNED  # two samples at most: not yet
    assert world.over() is Stage.DONE
    assert world.member(0).before == 600.0
    silent = World(boxes(1), [0])
    silent.passes(31)  # one health, so that it is known to be up
    silent.muted = True
    silent.until(Stage.CANARY)
    assert (silent.now_us - silent.rollout.phase_us) == 0
    assert "0 samples of its reads before" in silent.member(0).said


def test_no_device_is_late_while_the_gateway_was_away() -> None:
    world = begun(1, [0])
    world.boxes[world.member(0).name].takes_s = 90
    world.until(Stage.CANARY)
    world.passes(80, look=False)
    world.since_us = world.now_us
    assert world.over() is Stage.DONE


def test_what_it_does_nearly_is_said() -> None:
    world = begun(1, [0], answers="adapted", problems=("port 1: 30.5 dBm asked, 30.0 is the most",))
    assert world.over() is Stage.DONE
    assert world.member(0).said == "port 1: 30.5 dBm asked, 30.0 is the most"


def test_a_person_stops_it() -> None:
    world = begun(3, [0, 1, 1])
    world.until(Stage.WATCHING)
    world.stop("Kim stopped it")
    assert world.over() is Stage.ROLLED_BACK
    assert world.rollout.reason == "Kim stopped it"
    world.stop("again")
    assert world.rollout.reason == "Kim stopped it"


def test_rollback_after_done_leaves_alone_what_has_another_profile_by_now() -> None:
    world = begun(3, [0, 1, 1])
    world.over()
    other = world.boxes[world.member(2).name]
    other.asked = other.runs = OLD
    world.rollback("Kim asked for it")
    assert world.over() is Stage.ROLLED_BACK
    assert states(world) == [S.BACK, S.BACK, S.LEFT]
    assert other.runs == OLD
    before = world.rollout
    world.rollback("again")
    assert world.rollout == before
