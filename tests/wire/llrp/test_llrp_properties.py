"""What holds for every message and parameter of the tables, and for any bytes at all."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.llrp.llrp_trees import any_message, message_of, messages, parameters
from wire.llrp.check import check
from wire.llrp.codec import decode, decode_parameters, encode, encode_parameter
from wire.llrp.errors import DecodeError
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.tables import MESSAGES, MESSAGES_BY_TYPE, PARAMETERS
from wire.llrp.tag_report import ReportMemory, decode_tag_reports

if TYPE_CHECKING:
    from wire.llrp.message import Message

QUICK = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_message_survives_encoding(name: str) -> None:
    @QUICK
    @given(messages(name))
    def survives(message: Message) -> None:
        assert check(message) == []
        [raw] = Framer().feed(encode(message))
        assert decode(raw) == message

    survives()


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_every_parameter_survives_encoding(name: str) -> None:
    @QUICK
    @given(parameters(name))
    def survives(parameter: object) -> None:
        octets = encode_parameter(parameter)  # type: ignore[arg-type]
        assert decode_parameters(octets) == (parameter,)
        assert encode_parameter(decode_parameters(octets)[0]) == octets

    survives()


def _any_bytes_give_a_value_or_a_typed_error(number: int, body: bytes) -> None:
    try:
        decode(RawMessage(1, number, 0, body))
    except DecodeError as fault:
        assert 0 <= fault.offset <= len(body)
        assert fault.path.startswith(MESSAGES_BY_TYPE[number].name if number != 1023 else ("CUSTOM", "IMPINJ", "MOTO"))
    batch = decode_tag_reports(body, ReportMemory())
    assert len(batch.faults) <= batch.fault_count


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(MESSAGES_BY_TYPE)), st.binary(max_size=300))
def test_any_bytes_give_a_value_or_a_typed_error(number: int, body: bytes) -> None:
    _any_bytes_give_a_value_or_a_typed_error(number, body)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_message, st.data())
def test_a_spoilt_message_gives_a_value_or_a_typed_error(message: Message, data: st.DataObject) -> None:
    octets = bytearray(encode(message, strict=False))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(10, len(octets)))
    _any_bytes_give_a_value_or_a_typed_error(
        MESSAGES[message.name].number if MESSAGES[message.name].vendor is None else 1023, bytes(octets[10:cut])
    )


def _fuzz(count: int, seed: int) -> int:
    """Mutate honest messages `count` times; return how many still decode."""
    source = random.Random(seed)
    honest = [encode(message_of(definition, source)) for definition in MESSAGES.values() for _ in range(4)]
    good = 0
    for _ in range(count):
        octets = bytearray(source.choice(honest))
        for _ in range(source.choice((1, 1, 2, 8))):
            octets[source.randrange(len(octets))] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
        body = bytes(octets[10 : source.choice((len(octets), source.randrange(10, len(octets) + 1)))])
        number = (octets[0] & 3) << 8 | octets[1]
        decode_tag_reports(body, ReportMemory())
        try:
            message = decode(RawMessage(1, number, 0, body))
        except DecodeError:
            continue
        again = decode(Framer().feed(encode(message, strict=False))[0])
        assert again == message
        good += 1
    return good


def test_twenty_thousand_mutations() -> None:
    assert _fuzz(20_000, seed=1) > 5_000, "the mutations are too gentle or too rough to show anything"


@pytest.mark.proof
def test_two_million_mutations() -> None:
    assert sum(_fuzz(100_000, seed) for seed in range(2, 22)) > 500_000
