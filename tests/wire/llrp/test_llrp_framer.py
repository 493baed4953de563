"""Framing: the same messages whatever the chunks; lengths that cannot be break the stream and say so."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.llrp.errors import FramingError, MessageTooLong, MessageTooShort
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.limits import MAX_MESSAGE_BYTES

raw_messages = st.builds(
    RawMessage,
    version=st.integers(0, 7),
    type=st.integers(0, 1023),
    message_id=st.integers(0, 0xFFFFFFFF),
    body=st.binary(max_size=60),
)


def _chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(edges)]


def _feed_all(framer: Framer, chunks: list[bytes]) -> tuple[list[RawMessage], type[FramingError] | None]:
    found: list[RawMessage] = []
    for chunk in chunks:
        try:
            found += framer.feed(chunk)
        except FramingError as fault:
            return found + fault.messages, type(fault)
    return found, None


@settings(deadline=None)
@given(st.lists(raw_messages, max_size=6), st.lists(st.integers(0, 10_000), max_size=8))
def test_chunks_do_not_matter(messages: list[RawMessage], cuts: list[int]) -> None:
    stream = b"".join(message.to_bytes() for message in messages)
    for chunks in ([stream], [bytes([octet]) for octet in stream], _chunks(stream, cuts)):
        framer = Framer()
        assert _feed_all(framer, chunks) == (messages, None)
        assert framer.held_bytes == 0


@settings(deadline=None)
@given(
    st.lists(raw_messages, max_size=4),
    st.sampled_from([0, 9, 1_000_001, 0xFFFFFFFF]),
    st.lists(st.integers(0, 10_000), max_size=8),
)
def test_a_lying_length_is_found_at_the_same_place_whatever_the_chunks(
    messages: list[RawMessage], length: int, cuts: list[int]
) -> None:
    lie = struct.pack(">HII", 1 << 10 | 61, length, 7)
    stream = b"".join(message.to_bytes() for message in messages) + lie + b"\x04\x3e\x00\x00\x00\x0a\x00\x00\x00\x01"
    expected = MessageTooShort if length < 10 else MessageTooLong
    for chunks in ([stream], [bytes([octet]) for octet in stream], _chunks(stream, cuts)):
        assert _feed_all(Framer(max_message_bytes=1_000_000), chunks) == (messages, expected)


def test_a_message_over_many_chunks_waits_and_then_comes_whole() -> None:
    framer = Framer()
    message = RawMessage(1, 61, 3, bytes(5_000))
    octets = message.to_bytes()
    assert framer.feed(octets[:9]) == []
    assert framer.feed(octets[9:4_000]) == []
    assert framer.held_bytes == 4_000
    assert framer.feed(octets[4_000:] + octets[:3]) == [message]
    assert framer.held_bytes == 3


def test_the_longest_message_passes_and_one_byte_more_does_not() -> None:
    framer = Framer(max_message_bytes=100)
    longest = RawMessage(2, 61, 0, bytes(90))
    assert framer.feed(longest.to_bytes()) == [longest]
    with pytest.raises(MessageTooLong, match=r"length 101, expected at most 100 \(message type 61, after 0"):
        framer.feed(RawMessage(2, 61, 0, bytes(91)).to_bytes())


def test_a_broken_stream_stays_broken_until_reset_and_holds_nothing() -> None:
    framer = Framer()
    with pytest.raises(MessageTooShort, match="length 9, expected at least 10"):
        framer.feed(struct.pack(">HII", 0x043E, 9, 0))
    assert framer.held_bytes == 0
    with pytest.raises(MessageTooShort) as again:
        framer.feed(RawMessage(1, 62, 1, b"").to_bytes())
    assert again.value.messages == []
    framer.reset()
    assert framer.feed(RawMessage(1, 62, 1, b"").to_bytes()) == [RawMessage(1, 62, 1, b"")]


def test_half_a_message_of_the_old_connection_is_gone_after_reset() -> None:
    framer = Framer()
    framer.feed(RawMessage(1, 61, 1, bytes(50)).to_bytes()[:30])
    framer.reset()
    assert framer.feed(RawMessage(1, 62, 2, b"").to_bytes()) == [RawMessage(1, 62, 2, b"")]


def test_a_lying_length_is_refused_before_any_of_it_is_held() -> None:
    framer = Framer()
    with pytest.raises(MessageTooLong, match=str(MAX_MESSAGE_BYTES)):
        framer.feed(struct.pack(">HII", 0x043D, MAX_MESSAGE_BYTES + 1, 0) + bytes(1_000))
    assert framer.held_bytes == 0


def test_header_fields_are_cut_right() -> None:
    raw = Framer().feed(bytes.fromhex("e83d0000000c01020304abcd"))[0]
    assert raw == RawMessage(version=2, type=61, message_id=0x01020304, body=b"\xab\xcd")
    assert RawMessage(2, 1023, 0xFFFFFFFF, b"").to_bytes().hex() == "0bff0000000affffffff"
