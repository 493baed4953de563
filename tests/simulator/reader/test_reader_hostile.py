"""Whatever a client sends, a reader answers or closes; it never breaks, and serves the next client."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.reader.clock import ManualClock
from simulator.reader.persona import NAMES
from tests.simulator.reader.reader_client import (
    START_US,
    Bench,
    aispec,
    epc,
    report_spec,
    rospec,
    status_code,
)
from tests.wire.llrp.llrp_trees import message_of
from wire.llrp.codec import encode
from wire.llrp.framer import RawMessage
from wire.llrp.tables import MESSAGES, response_to

REQUESTS = sorted(MESSAGES)
RUNNING = rospec(aispec(), start=1, report=report_spec(2, 1))


def serves(bench: Bench) -> None:
    """A new client can do its work."""
    bench.machine.disconnected(bench.clock.now_us())
    bench.version = 1
    bench.connect()
    bench.do("SET_READER_CONFIG", ResetToFactoryDefault=True)
    bench.send("ENABLE_EVENTS_AND_REPORTS")  # the last client may have wanted them held
    bench.reports.clear()
    bench.run(RUNNING)
    bench.see(1)
    assert [report.epc for report in bench.reports] == [epc(1)]


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_any_bytes(chunks: list[bytes]) -> None:
    bench = Bench(ManualClock(START_US))
    bench.connect()
    for chunk in chunks:
        bench.raw(chunk)
        if bench.closed:
            break
    serves(bench)


@pytest.mark.parametrize("persona", [NAMES[0], NAMES[1]])
@given(seed=st.integers(0, 2**32), version=st.sampled_from([1, 2]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_messages_of_the_tables_in_any_state(persona: str, seed: int, version: int) -> None:
    chance = random.Random(seed)
    bench = Bench(ManualClock(START_US), persona, version=version)
    bench.connect()
    if chance.random() < 0.5:
        bench.run(RUNNING)
    if persona == NAMES[0] and chance.random() < 0.5:
        bench.do("IMPINJ_ENABLE_EXTENSIONS")
    for identity in range(1, 25):
        tree = message_of(MESSAGES[chance.choice(REQUESTS)], chance)
        request = msgspec.structs.replace(tree, message_id=identity << 16, version=chance.choice((1, 1, 1, version)))
        heard = bench.raw(encode(request, strict=False))
        answers = [item for item in heard if item.message_id == identity << 16]
        response = response_to(request.name)
        assert len(answers) <= 1 or request.name == "GET_REPORT"
        if response is not None:
            assert [item.name for item in answers] in ([response], ["ERROR_MESSAGE"])
            assert status_code(answers[0]) == 0 or answers[0].one("LLRPStatus").text("ErrorDescription")
        bench.see(chance.randrange(3), antenna=chance.randint(1, 4))
        bench.clock.advance(chance.random())
        bench.decoded(bench.machine.tick(bench.clock.now_us()))
        if bench.closed:
            break
    serves(bench)


@given(st.binary(max_size=60), st.integers(0, 1023), st.integers(0, 7))
def test_any_body_under_a_right_header(body: bytes, number: int, version: int) -> None:
    bench = Bench(ManualClock(START_US))
    bench.connect()
    bench.raw(RawMessage(version, number, 9, body).to_bytes())
    serves(bench)
