"""ROSpecs and AccessSpecs: states, triggers, refusals (LLRP 1.1 sections 10 and 11)."""

from __future__ import annotations

import pytest

from simulator.reader.clock import ManualClock
from tests.simulator.reader.reader_client import (
    START_US,
    Bench,
    access_spec,
    ai_duration,
    aispec,
    epc,
    events,
    events_on,
    report_spec,
    rospec,
    set_config,
    status_code,
)
from wire.llrp.message import Bits, Message, Parameter, param
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType, ROSpecEventType, ROSpecState, StatusCode

ROSPEC_EVENT = 2
AISPEC_EVENT = 6


@pytest.fixture
def bench() -> Bench:
    bench = Bench(ManualClock(START_US))
    bench.connect()
    name, parameters, fields = set_config(events_on(ROSPEC_EVENT, AISPEC_EVENT))
    bench.do(name, *parameters, **fields)
    return bench


def state_of(bench: Bench, rospec_id: int = 1) -> int:
    specs = bench.do("GET_ROSPECS").all("ROSpec")
    return next(spec.number("CurrentState") for spec in specs if spec.number("ROSpecID") == rospec_id)


def kinds(messages: list[Message]) -> list[int]:
    return [event.number("EventType") for event in events(messages, "ROSpecEvent")]


def test_greets_with_success_and_the_time() -> None:
    (greeting,) = Bench(ManualClock(START_US)).connect()
    data = greeting.one("ReaderEventNotificationData")
    assert data.one("UTCTimestamp").number("Microseconds") == START_US
    assert data.one("ConnectionAttemptEvent")["Status"] is ConnectionAttemptStatusType.Success


def test_rospec_goes_through_its_states(bench: Bench) -> None:
    spec = rospec(report=report_spec())
    bench.do("ADD_ROSPEC", spec)
    assert state_of(bench) == ROSpecState.Disabled
    bench.do("ENABLE_ROSPEC", ROSpecID=1)
    assert state_of(bench) == ROSpecState.Inactive
    assert bench.machine.looking is None
    started = bench.send("START_ROSPEC", ROSpecID=1)
    assert [item.name for item in started] == ["START_ROSPEC_RESPONSE", "READER_EVENT_NOTIFICATION"]
    assert kinds(started) == [ROSpecEventType.Start_Of_ROSpec]
    assert state_of(bench) == ROSpecState.Active
    assert bench.machine.looking is not None
    assert bench.machine.looking.ports == {1, 2, 3, 4}
    assert kinds(bench.send("STOP_ROSPEC", ROSpecID=1)) == [ROSpecEventType.End_Of_ROSpec]
    assert state_of(bench) == ROSpecState.Inactive
    assert bench.machine.looking is None
    bench.do("DISABLE_ROSPEC", ROSpecID=1)
    assert state_of(bench) == ROSpecState.Disabled
    bench.do("DELETE_ROSPEC", ROSpecID=1)
    assert bench.do("GET_ROSPECS").all("ROSpec") == []


def test_get_rospecs_gives_back_what_was_added(bench: Bench) -> None:
    spec = rospec(aispec((1, 3)), report=report_spec(1, 5))
    bench.do("ADD_ROSPEC", spec)
    assert bench.do("GET_ROSPECS").all("ROSpec") == [spec]


def test_immediate_start_runs_when_enabled_and_disable_stops(bench: Bench) -> None:
    bench.do("ADD_ROSPEC", rospec(start=1))
    assert kinds(bench.send("ENABLE_ROSPEC", ROSpecID=0)) == [ROSpecEventType.Start_Of_ROSpec]
    assert kinds(bench.send("DISABLE_ROSPEC", ROSpecID=0)) == [ROSpecEventType.End_Of_ROSpec]
    assert bench.wait(10) == []


def test_delete_stops_a_running_rospec(bench: Bench) -> None:
    bench.run(rospec())
    assert kinds(bench.send("DELETE_ROSPEC", ROSpecID=0)) == [ROSpecEventType.End_Of_ROSpec]


def test_duration_ends_the_rospec_on_time(bench: Bench) -> None:
    bench.run(rospec(stop_ms=1_500))
    assert kinds(bench.wait(1.499)) == []
    ended = bench.wait(0.001)
    assert kinds(ended) == [ROSpecEventType.End_Of_ROSpec]
    stamp = ended[-1].find("ReaderEventNotificationData/UTCTimestamp")
    assert stamp is not None
    assert stamp.number("Microseconds") == START_US + 1_500_000
    assert state_of(bench) == ROSpecState.Inactive


def test_immediate_rospec_that_ends_by_itself_starts_again(bench: Bench) -> None:
    bench.do("ADD_ROSPEC", rospec(aispec(stop=ai_duration(200)), start=1))
    bench.do("ENABLE_ROSPEC", ROSpecID=1)
    assert kinds(bench.wait(0.45)) == [ROSpecEventType.End_Of_ROSpec, ROSpecEventType.Start_Of_ROSpec] * 2


def test_periodic_start(bench: Bench) -> None:
    timing = param("PeriodicTriggerValue", Offset=500, Period=2_000)
    start = param("ROSpecStartTrigger", timing, ROSpecStartTriggerType=2)
    bench.do("ADD_ROSPEC", rospec(start=start, stop_ms=100))
    bench.do("ENABLE_ROSPEC", ROSpecID=1)
    assert kinds(bench.wait(0.4)) == []
    begun_and_ended = [ROSpecEventType.Start_Of_ROSpec, ROSpecEventType.End_Of_ROSpec]
    assert kinds(bench.wait(0.3)) == begun_and_ended
    assert kinds(bench.wait(4)) == begun_and_ended * 2


def test_periodic_start_at_a_time_of_day_keeps_its_phase(bench: Bench) -> None:
    utc = param("UTCTimestamp", Microseconds=START_US - 5_300_000)
    timing = param("PeriodicTriggerValue", utc, Offset=0, Period=1_000)
    start = param("ROSpecStartTrigger", timing, ROSpecStartTriggerType=2)
    bench.do("ADD_ROSPEC", rospec(start=start, stop_ms=100))
    bench.do("ENABLE_ROSPEC", ROSpecID=1)
    assert kinds(bench.wait(0.699)) == []
    assert kinds(bench.wait(0.002)) == [ROSpecEventType.Start_Of_ROSpec]


def test_aispecs_take_turns_and_a_late_tick_sees_the_same_history() -> None:
    def history(steps: list[float]) -> list[tuple[int, int]]:
        bench = Bench(ManualClock(START_US))
        bench.connect()
        bench.do("SET_READER_CONFIG", events_on(AISPEC_EVENT), ResetToFactoryDefault=False)
        loop = param("ImpinjLoopSpec", LoopCount=2)
        bench.do("IMPINJ_ENABLE_EXTENSIONS")
        bench.run(rospec(aispec((1,), stop=ai_duration(100)), aispec((2,), stop=ai_duration(250)), loop))
        heard: list[Message] = []
        for step in steps:
            bench.clock.advance(step)
            heard += bench.decoded(bench.machine.tick(bench.clock.now_us()))
        stamps = [item.find("ReaderEventNotificationData/UTCTimestamp") for item in heard]
        indexes = [event.number("SpecIndex") for event in events(heard, "AISpecEvent")]
        return [
            (index, stamp.number("Microseconds") - START_US)
            for index, stamp in zip(indexes, stamps, strict=True)
            if stamp
        ]

    expected = [(1, 100_000), (2, 350_000), (1, 450_000), (2, 700_000)]
    assert history([0.05] * 20) == expected
    assert history([1.0]) == expected


def test_only_the_antennas_of_the_running_aispec_are_looked_at(bench: Bench) -> None:
    bench.run(rospec(aispec((1,), stop=ai_duration(100)), aispec((2, 4)), report=report_spec()))
    bench.see(1, antenna=1)
    bench.see(2, antenna=2)
    bench.wait(0.1)
    bench.see(3, antenna=1)
    bench.see(4, antenna=2)
    bench.see(5, antenna=3)
    assert [report.epc for report in bench.reports] == [epc(1), epc(4)]
    assert bench.machine.counters.sightings_ignored == 3


def test_a_lost_antenna_is_not_looked_at(bench: Bench) -> None:
    bench.do("SET_READER_CONFIG", events_on(8), ResetToFactoryDefault=False)
    bench.run(rospec(aispec((1, 2)), report=report_spec()))
    (note,) = bench.decoded(bench.machine.set_antenna(2, connected=False, now_us=bench.clock.now_us()))
    (event,) = events([note], "AntennaEvent")
    assert (event.number("EventType"), event.number("AntennaID")) == (0, 2)
    assert bench.machine.looking is not None
    assert bench.machine.looking.ports == {1}
    bench.see(9, antenna=2)
    assert bench.reports == []


@pytest.mark.parametrize(("kind", "sees", "left"), [(0, 3, 0), (3, 4, 1)])
def test_tag_observation_counts_tags_or_different_tags(bench: Bench, kind: int, sees: int, left: int) -> None:
    trigger = param("TagObservationTrigger", TriggerType=kind, NumberOfTags=3, NumberOfAttempts=1, T=0, Timeout=0)
    stop = param("AISpecStopTrigger", trigger, AISpecStopTriggerType=3, DurationTrigger=0)
    bench.run(rospec(aispec(stop=stop), report=report_spec(1, 0)))
    for number in (1, 1, 2, 3)[:sees]:
        assert bench.machine.looking is not None
        bench.see(number)
    assert bench.machine.looking is None
    assert sum(bench.seen().values()) == 3 + left


def test_tag_observation_ends_when_nothing_new_comes(bench: Bench) -> None:
    trigger = param("TagObservationTrigger", TriggerType=4, NumberOfTags=0, NumberOfAttempts=1, T=300, Timeout=0)
    stop = param("AISpecStopTrigger", trigger, AISpecStopTriggerType=3, DurationTrigger=0)
    bench.run(rospec(aispec(stop=stop)))
    assert kinds(bench.wait(5)) == []
    bench.see(1)
    bench.wait(0.2)
    bench.see(2)
    assert kinds(bench.wait(0.299)) == []
    bench.see(2)
    assert kinds(bench.wait(0.001)) == [ROSpecEventType.End_Of_ROSpec]


def test_gpi_starts_and_stops() -> None:
    bench = Bench(ManualClock(START_US))
    bench.connect()
    gpi = param("GPIPortCurrentState", GPIPortNum=2, Config=True, State=0)
    bench.do("SET_READER_CONFIG", events_on(1, ROSPEC_EVENT), gpi, ResetToFactoryDefault=False)
    rise = param("GPITriggerValue", GPIPortNum=2, GPIEvent=True, Timeout=0)
    fall = param("GPITriggerValue", GPIPortNum=2, GPIEvent=False, Timeout=0)
    boundary = param(
        "ROBoundarySpec",
        param("ROSpecStartTrigger", rise, ROSpecStartTriggerType=3),
        param("ROSpecStopTrigger", fall, ROSpecStopTriggerType=2, DurationTriggerValue=0),
    )
    spec = param("ROSpec", boundary, aispec(), ROSpecID=1, Priority=0, CurrentState=0)
    bench.do("ADD_ROSPEC", spec)
    bench.do("ENABLE_ROSPEC", ROSpecID=1)
    now_us = bench.clock.now_us()
    assert bench.decoded(bench.machine.set_gpi(1, high=True, now_us=now_us)) == []
    up = bench.decoded(bench.machine.set_gpi(2, high=True, now_us=now_us))
    assert [event.number("GPIEvent") for event in events(up, "GPIEvent")] == [True]
    assert kinds(up) == [ROSpecEventType.Start_Of_ROSpec]
    assert kinds(bench.decoded(bench.machine.set_gpi(2, high=False, now_us=now_us))) == [ROSpecEventType.End_Of_ROSpec]


def test_more_important_rospec_preempts() -> None:
    bench = Bench(ManualClock(START_US), "zebra-fx9600-4-like")
    bench.connect()
    bench.do("SET_READER_CONFIG", events_on(ROSPEC_EVENT), ResetToFactoryDefault=False)
    bench.run(rospec(rospec_id=1, priority=3))
    for identity, priority in ((2, 3), (3, 1)):
        bench.do("ADD_ROSPEC", rospec(rospec_id=identity, priority=priority))
        bench.do("ENABLE_ROSPEC", ROSpecID=identity)
    assert status_code(bench.ask("START_ROSPEC", ROSpecID=2)) == StatusCode.R_DeviceError
    heard = bench.send("START_ROSPEC", ROSpecID=3)
    assert kinds(heard) == [ROSpecEventType.Preemption_Of_ROSpec, ROSpecEventType.Start_Of_ROSpec]
    assert [event.number("PreemptingROSpecID") for event in events(heard, "ROSpecEvent")] == [3, 0]
    assert state_of(bench, 1) == ROSpecState.Inactive


# -- refusals: an error status, and the reader is as it was


def power(antenna: int, index: int = 81, table: int = 1, channel: int = 1) -> Parameter:
    transmitter = param("RFTransmitter", HopTableID=table, ChannelIndex=channel, TransmitPower=index)
    return param("AntennaConfiguration", transmitter, AntennaID=antenna)


def command(*parts: Parameter, aware: bool = False) -> Parameter:
    return param(
        "AntennaConfiguration", param("C1G2InventoryCommand", *parts, TagInventoryStateAware=aware), AntennaID=0
    )


def air_filter(pointer: int, mask: Bits, bank: int = 1) -> Parameter:
    return param(
        "C1G2Filter",
        param("C1G2TagInventoryMask", MB=bank, Pointer=pointer, TagMask=mask),
        param("C1G2TagInventoryStateUnawareFilterAction", Action=0),
        T=1,
    )


SGTIN = air_filter(32, Bits(8, b"\x30"))
WRONG = {
    "ROSpecID 0": rospec(rospec_id=0),
    "not disabled": param("ROSpec", *rospec().parameters, ROSpecID=1, Priority=0, CurrentState=2),
    "priority": rospec(priority=2),
    "antenna": rospec(aispec((1, 5))),
    "power index": rospec(aispec((1,), power(1, index=82))),
    "hop table": rospec(aispec((1,), power(1, table=2))),
    "channel": rospec(aispec((1,), power(1, channel=51))),
    "mode": rospec(aispec((1,), command(param("C1G2RFControl", ModeIndex=5, Tari=0)))),
    "state aware": rospec(aispec((1,), command(aware=True))),
    "filters": rospec(aispec((1,), command(SGTIN, SGTIN, SGTIN))),
    "filter on user memory": rospec(aispec((1,), command(air_filter(0, Bits(8, b"\x00"), bank=3)))),
    "duration 0": param(
        "ROSpec",
        param(
            "ROBoundarySpec",
            param("ROSpecStartTrigger", ROSpecStartTriggerType=0),
            param("ROSpecStopTrigger", ROSpecStopTriggerType=1, DurationTriggerValue=0),
        ),
        aispec(),
        ROSpecID=1,
        Priority=0,
        CurrentState=0,
    ),
    "periodic without period": rospec(start=2),
    "GPI that is not there": rospec(
        start=param(
            "ROSpecStartTrigger",
            param("GPITriggerValue", GPIPortNum=5, GPIEvent=True, Timeout=0),
            ROSpecStartTriggerType=3,
        )
    ),
    "unknown trigger": rospec(start=9),
    "too many specs": rospec(*[aispec()] * 33),
    "no AISpec but a survey": rospec(
        param(
            "RFSurveySpec",
            param("RFSurveySpecStopTrigger", StopTriggerType=0, DurationPeriod=0, N=0),
            AntennaID=1,
            StartFrequency=900_000,
            EndFrequency=920_000,
        )
    ),
    "report trigger of 1.1": rospec(report=report_spec(4, 5)),
    "Impinj without extensions": rospec(
        aispec((1,), command(param("ImpinjInventorySearchMode", InventorySearchMode=2)))
    ),
    "other vendor": rospec(
        aispec((1,), command(param("MotoAntennaQueryConfig", EnableSLAll=False, EnableABFlip=True)))
    ),
    "missing AISpec": param("ROSpec", rospec().parameters[0], ROSpecID=1, Priority=0, CurrentState=0),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_rospec_is_refused_and_the_connection_lives(bench: Bench, wrong: Parameter) -> None:
    answer = bench.ask("ADD_ROSPEC", wrong)
    assert answer.name == "ADD_ROSPEC_RESPONSE"
    assert status_code(answer) == StatusCode.M_ParameterError
    assert answer.one("LLRPStatus").first("ParameterError") is not None
    assert answer.one("LLRPStatus").text("ErrorDescription")
    assert bench.closed is None
    assert bench.do("GET_ROSPECS").all("ROSpec") == []
    bench.run(rospec(report=report_spec()))
    bench.see(1)
    assert len(bench.reports) == 1


def test_refusal_names_parameter_and_field(bench: Bench) -> None:
    error = bench.ask("ADD_ROSPEC", WRONG["power index"]).one("LLRPStatus").one("ParameterError")
    assert (error.number("ParameterType"), error["ErrorCode"]) == (224, StatusCode.P_FieldError)
    assert error.one("FieldError")["FieldNum"] == 2
    assert error.one("FieldError")["ErrorCode"] is StatusCode.A_OutOfRange


def test_second_rospec_is_one_too_many_for_the_r420_and_not_for_the_fx9600(bench: Bench) -> None:
    bench.do("ADD_ROSPEC", rospec(rospec_id=1))
    error = bench.ask("ADD_ROSPEC", rospec(rospec_id=2)).one("LLRPStatus").one("ParameterError")
    assert error["ErrorCode"] is StatusCode.P_OverflowParameter
    zebra = Bench(ManualClock(START_US), "zebra-fx9600-8-like")
    zebra.connect()
    zebra.do("ADD_ROSPEC", rospec(rospec_id=1))
    assert status_code(zebra.ask("ADD_ROSPEC", rospec(rospec_id=1))) == StatusCode.M_ParameterError
    for identity in range(2, 65):
        zebra.do("ADD_ROSPEC", rospec(rospec_id=identity))
    assert status_code(zebra.ask("ADD_ROSPEC", rospec(rospec_id=65))) == StatusCode.M_ParameterError


@pytest.mark.parametrize("name", ["START_ROSPEC", "STOP_ROSPEC", "ENABLE_ROSPEC", "DISABLE_ROSPEC", "DELETE_ROSPEC"])
def test_a_rospec_that_is_not_there(bench: Bench, name: str) -> None:
    answer = bench.ask(name, ROSpecID=7)
    assert answer.name == f"{name}_RESPONSE"
    assert status_code(answer) == StatusCode.M_FieldError
    assert answer.one("LLRPStatus").one("FieldError")["ErrorCode"] is StatusCode.A_Invalid


@pytest.mark.parametrize("name", ["START_ROSPEC", "STOP_ROSPEC"])
def test_a_disabled_rospec_does_not_start(bench: Bench, name: str) -> None:
    bench.do("ADD_ROSPEC", rospec())
    assert status_code(bench.ask(name, ROSpecID=1)) == StatusCode.M_FieldError
    assert state_of(bench) == ROSpecState.Disabled


# -- AccessSpecs


def test_access_specs_are_kept_switched_and_deleted(bench: Bench) -> None:
    bench.do("ADD_ACCESSSPEC", access_spec(1))
    bench.do("ADD_ACCESSSPEC", access_spec(2))
    bench.do("ENABLE_ACCESSSPEC", AccessSpecID=2)
    specs = bench.do("GET_ACCESSSPECS").all("AccessSpec")
    assert [(spec.number("AccessSpecID"), spec.number("CurrentState")) for spec in specs] == [(1, 0), (2, 1)]
    bench.do("DISABLE_ACCESSSPEC", AccessSpecID=0)
    bench.do("DELETE_ACCESSSPEC", AccessSpecID=1)
    assert bench.do("GET_ACCESSSPECS").all("AccessSpec") == [access_spec(2)]
    assert status_code(bench.ask("DELETE_ACCESSSPEC", AccessSpecID=1)) == StatusCode.M_FieldError
    assert status_code(bench.ask("ADD_ACCESSSPEC", access_spec(2))) == StatusCode.M_ParameterError
    assert status_code(bench.ask("ADD_ACCESSSPEC", access_spec(3, state=1))) == StatusCode.M_ParameterError
    bench.do("DELETE_ACCESSSPEC", AccessSpecID=0)
    assert bench.do("GET_ACCESSSPECS").all("AccessSpec") == []


def test_select_filter_keeps_other_tags_silent(bench: Bench) -> None:
    last_byte = air_filter(32 + 88, Bits(8, b"\x07"))
    bench.run(rospec(aispec((0,), command(last_byte)), report=report_spec()))
    for number in (6, 7, 8, 0x107):
        bench.see(number)
    assert [report.epc for report in bench.reports] == [epc(7), epc(0x107)]
    assert bench.machine.counters.sightings_ignored == 2
