"""Which LLRP is spoken: agreed on where it is wanted, and never at the cost of a reader that knows one only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.drivers import build_driver
from edge.drivers.llrp import LlrpDriver
from edge.llrp.events import Left, Lost, Up
from edge.llrp.limits import REQUEST_TIMEOUT_S
from edge.llrp.transitions import State
from simulator.reader.faults import Corruption
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.llrp.pair import KEEPALIVE_MS, Pair, notification, session_for, sighting, success
from tests.edge.llrp.store_reader import SITE, Watched, device, host, until, up
from wire.errors import SiteFileError
from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer
from wire.llrp.message import Message, message, param
from wire.site_file import parse_site

QUESTIONS = ["GET_SUPPORTED_VERSION", "SET_PROTOCOL_VERSION"]
R420 = "impinj-r420-like"


def asked(pair: Pair) -> list[str]:
    return [name for name in pair.machine.heard if name in QUESTIONS]


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("persona", [R420, "zebra-fx9600-4-like"])
def test_1_1_is_agreed_on_and_spoken_to_the_end(persona: str, chunk: int) -> None:
    """The simulated reader refuses every message of another version than the agreed one."""
    pair = Pair(persona, chunk=chunk, version=2, negotiate=True)
    pair.up()
    assert (pair.state(), pair.session.version) == (State.UP, 2)
    assert asked(pair) == QUESTIONS
    pair.see([sighting(2)])
    assert len(pair.tags()) == 1
    pair.advance(5 * KEEPALIVE_MS / 1_000)
    assert pair.machine.counters.keepalive_acks == pair.machine.counters.keepalives_out
    pair.leave()
    assert pair.told(Left)
    assert pair.machine.counters.errors_out == 0
    assert list(pair.machine.heard)[-3:] == ["STOP_ROSPEC", "DELETE_ROSPEC", "CLOSE_CONNECTION"]


def test_a_1_0_1_reader_denies_the_question_and_nothing_is_lost() -> None:
    pair = Pair(version=1, negotiate=True)
    pair.up()
    assert (pair.state(), pair.session.version) == (State.UP, 1)
    assert asked(pair) == QUESTIONS[:1]
    assert pair.machine.counters.errors_out == 1


@pytest.mark.parametrize("negotiate", [None, False])
def test_nobody_is_asked_who_need_not_be(negotiate: bool | None) -> None:
    pair = Pair(version=2, negotiate=negotiate)
    pair.up()
    assert (pair.state(), pair.session.version, asked(pair)) == (State.UP, 1, [])


def greeting(version: int) -> bytes:
    note = notification(param("ConnectionAttemptEvent", Status=0))
    return encode(Message(note.name, note.fields, note.parameters, 0, version))


@pytest.mark.parametrize(
    ("negotiate", "version", "first"),
    [
        (None, 2, "GET_SUPPORTED_VERSION"),
        (None, 3, "GET_SUPPORTED_VERSION"),
        (None, 1, "GET_READER_CAPABILITIES"),
        (False, 2, "GET_READER_CAPABILITIES"),
    ],
)
def test_a_reader_that_greets_with_a_newer_version_is_asked(negotiate: bool | None, version: int, first: str) -> None:
    session = session_for(negotiate=negotiate)
    session.connected(0.0)
    session.receive(greeting(version), 0.0)
    (request,) = map(decode, Framer().feed(session.take()))
    newer = first == "GET_SUPPORTED_VERSION"
    assert (request.name, request.version, session.version) == (first, 2 if newer else 1, 2 if newer else 1)


def test_a_reader_that_greets_with_1_1_and_cannot_agree_on_it_is_spoken_to_in_1_1() -> None:
    session = session_for()
    session.connected(0.0)
    session.receive(greeting(2), 0.0)
    (question,) = Framer().feed(session.take())
    denial = param("LLRPStatus", StatusCode=109, ErrorDescription="")
    session.receive(encode(message("ERROR_MESSAGE", question.message_id, denial, version=2)), 0.1)
    (request,) = map(decode, Framer().feed(session.take()))
    assert (request.name, request.version) == ("GET_READER_CAPABILITIES", 2)


def test_a_reader_whose_newest_is_1_0_1_is_not_told_to_change() -> None:
    pair = Pair(version=2, negotiate=True)
    answer = message("GET_SUPPORTED_VERSION_RESPONSE", 1, success(), version=2, CurrentVersion=1, SupportedVersion=1)
    pair.faults.bodies(encode(answer)[10:], "GET_SUPPORTED_VERSION_RESPONSE")
    pair.up()
    assert (pair.state(), pair.session.version, asked(pair)) == (State.UP, 1, QUESTIONS[:1])


def test_a_reader_that_will_not_change_stays_as_it_is() -> None:
    pair = Pair(version=2, negotiate=True)
    pair.machine._max_version = 3

    def refuse(request: Message, _now_us: int) -> None:
        denial = param("LLRPStatus", StatusCode=110, ErrorDescription="not today")
        response = message("SET_PROTOCOL_VERSION_RESPONSE", request.message_id, denial, version=request.version)
        pair.machine._out.send(response, answer=True)

    pair.machine._set_protocol_version = refuse  # type: ignore[method-assign]
    pair.up()
    assert (pair.state(), pair.session.version, asked(pair)) == (State.UP, 1, QUESTIONS)


def test_a_reader_that_ignores_the_question_is_set_up_without_an_answer() -> None:
    pair = Pair(version=2, negotiate=True)
    pair.faults.corrupt(Corruption.SWALLOW, "GET_SUPPORTED_VERSION_RESPONSE")
    pair.connect()
    pair.advance(REQUEST_TIMEOUT_S - 0.1)
    assert pair.state() is State.ASKING_VERSION
    pair.advance(2 * KEEPALIVE_MS / 1_000)
    assert (pair.state(), pair.session.version, len(pair.told(Up))) == (State.UP, 1, 1)
    late = message("GET_SUPPORTED_VERSION_RESPONSE", 1, success(), version=2, CurrentVersion=1, SupportedVersion=2)
    pair.feed(encode(late))
    assert (pair.session.counters.unasked, pair.session.version) == (1, 1)


def test_a_reader_that_may_or_may_not_have_changed_is_left() -> None:
    pair = Pair(version=2, negotiate=True)
    pair.faults.corrupt(Corruption.SWALLOW, "SET_PROTOCOL_VERSION_RESPONSE")
    pair.connect()
    pair.advance(REQUEST_TIMEOUT_S)
    assert pair.told(Lost) == [Lost("no answer to SET_PROTOCOL_VERSION in time (while setting version)")]
    assert pair.session.failed_negotiating


def test_a_loss_for_another_reason_does_not_end_the_asking() -> None:
    pair = Pair(version=2, negotiate=True)
    pair.up()
    pair.events += pair.session.link_closed("reset", pair.now_s)
    assert pair.state() is State.FAILED
    assert not pair.session.failed_negotiating


@pytest.mark.parametrize("answer", ["GET_SUPPORTED_VERSION_RESPONSE", "SET_PROTOCOL_VERSION_RESPONSE"])
async def test_a_reader_that_hangs_up_over_the_question_is_not_asked_again(answer: str) -> None:
    async with ReaderServer("R1", load_persona(R420), version=2) as reader:
        reader.faults.corrupt(Corruption.DROP_MID, answer)
        async with Watched(reader.address, options={"llrp_version": "1.1"}) as watched:
            await until(lambda: watched.told() == ["lost"])
            assert "(while " in watched.events[0].detail
            reader.heard.clear()
            await up(watched, reader)
            assert not {*QUESTIONS} & {*reader.heard}


@pytest.mark.parametrize(("version", "questions"), [(1, 1), (2, 2)])
async def test_the_site_file_asks_for_1_1(version: int, questions: int) -> None:
    async with ReaderServer("R1", load_persona(R420), version=version) as reader:
        async with Watched(reader.address, options={"llrp_version": "1.1"}) as watched:
            await up(watched, reader)
            assert [name for name in reader.heard if name in QUESTIONS] == QUESTIONS[:questions]
            reader.feed([Sighting(b"\x09" * 12, 96, 2, -6_000, reader.clock.now_us())])
            await until(lambda: len(watched.reads) == 1)
            reader.heard.clear()
            reader.drop()
            await until(lambda: "lost" in watched.told())
            await up(watched, reader)
            assert "GET_SUPPORTED_VERSION" in reader.heard, "a lost connection says nothing of versions"
        assert reader.heard[-1] == "CLOSE_CONNECTION"


@pytest.mark.parametrize(("said", "meant"), [("1.1", True), ("1.0.1", False), (None, None)])
def test_what_the_site_file_says(said: str | None, meant: bool | None) -> None:
    options: dict[str, str | int | float | bool] = {} if said is None else {"llrp_version": said}
    driver = build_driver(replace(device("127.0.0.1:1"), options=options), SITE, host())
    assert isinstance(driver, LlrpDriver)
    assert driver._new_session(may_negotiate=True)._negotiate is meant
    assert driver._new_session(may_negotiate=False)._negotiate is False


@pytest.mark.parametrize(
    ("said", "problem"), [("1.1", "put it in quotes"), ("'2.0'", "Invalid enum value '2.0'"), ("'1.1'", "")]
)
def test_how_the_site_file_says_it(said: str, problem: str) -> None:
    text = (
        "site: s\nzones: [{id: A, kind: sales_floor}]\ndevices:\n"
        f"  - {{id: R1, driver: llrp, address: r1, llrp_version: {said}, antennas: [{{port: 1, zone: A}}]}}\n"
    )
    if problem:
        with pytest.raises(SiteFileError, match=problem):
            parse_site(text)
    else:
        assert parse_site(text).devices[0].options == {"llrp_version": "1.1"}
