"""The frame: 40 plain bytes that can be read whatever follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import FrameError, LimitError, MessageError, WireError
from wire.frame import (
    Format,
    Frame,
    Header,
    decode_frame,
    encode_frame,
    encode_json_frame,
    trusted_body,
)
from wire.limits import BODY_MAX_BYTES, HEADER_BYTES, JSON_FRAME_MAX_BYTES, SEQ_MAX

STREAM = bytes(range(16))
HEADER = Header(STREAM, 9, 4)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    seq = draw(st.integers(1, SEQ_MAX))
    return Header(draw(st.binary(min_size=16, max_size=16)), seq, draw(st.integers(1, seq)))


@given(headers(), st.binary(max_size=200), st.sampled_from(list(Format)))
def test_what_is_framed_comes_back(header: Header, body: bytes, kind: Format) -> None:
    frame = encode_frame(header, body, kind)
    assert len(frame) == HEADER_BYTES + len(body)
    assert decode_frame(frame) == Frame(header, kind, body)
    assert trusted_body(decode_frame(frame)) == body


@given(headers())
def test_the_json_twin_comes_back(header: Header) -> None:
    assert decode_frame(encode_json_frame(header, b'{"a":1}')) == Frame(header, Format.JSON, b'{"a":1}')


@given(st.binary(max_size=100))
def test_any_bytes_give_a_frame_or_a_typed_error(data: bytes) -> None:
    try:
        decode_frame(data)
    except WireError:
        return


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_flipped_byte_is_seen_or_harmless(at: int, flip: int) -> None:
    """In the body: always seen. In the header: refused, or another header that is valid; never another body."""
    body = b"the body of a message" * 5
    data = bytearray(encode_frame(HEADER, body))
    data[at % len(data)] ^= flip
    try:
        frame = decode_frame(bytes(data))
    except FrameError:
        assert at % len(data) < HEADER_BYTES
        return
    if at % len(data) >= HEADER_BYTES:
        assert frame.damage is not None
        assert frame.header == HEADER
        with pytest.raises(MessageError, match="CRC"):
            trusted_body(frame)
    elif frame.damage is None:
        assert frame.body == body


@pytest.mark.parametrize("length", range(HEADER_BYTES))
def test_a_cut_header_is_refused(length: int) -> None:
    with pytest.raises(FrameError):
        decode_frame(encode_frame(HEADER, b"body")[:length])


def test_a_cut_body_is_damage_that_can_still_be_acked() -> None:
    frame = decode_frame(encode_frame(HEADER, b"body")[:-1])
    assert frame.header == HEADER
    assert frame.damage is not None


def test_a_body_on_the_limit_is_taken_and_one_byte_more_refused() -> None:
    whole = encode_frame(HEADER, bytes(BODY_MAX_BYTES))
    assert decode_frame(whole).damage is None
    with pytest.raises(LimitError):
        encode_frame(HEADER, bytes(BODY_MAX_BYTES + 1))
    assert "limit" in (decode_frame(whole + b"\x00").damage or "")


def test_an_unknown_format_is_damage() -> None:
    data = bytearray(encode_frame(HEADER, b"body"))
    data[3] = 7
    assert "format 7" in (decode_frame(bytes(data)).damage or "")


@pytest.mark.parametrize(("at", "value"), [(0, 0x4D), (2, 2), (2, 0)])
def test_other_magic_and_version_are_refused(at: int, value: int) -> None:
    data = bytearray(encode_frame(HEADER, b"body"))
    data[at] = value
    with pytest.raises(FrameError):
        decode_frame(bytes(data))


@pytest.mark.parametrize(
    ("stream", "seq", "first_held"),
    [
        (STREAM[:-1], 1, 1),
        (STREAM + b"\x00", 1, 1),
        (STREAM, 0, 0),
        (STREAM, 1, 0),
        (STREAM, 1, 2),
        (STREAM, SEQ_MAX + 1, 1),
        (STREAM, -1, -1),
    ],
)
def test_a_header_is_valid_by_construction(stream: bytes, seq: int, first_held: int) -> None:
    with pytest.raises(FrameError):
        Header(stream, seq, first_held)


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"{}",
        b'{"v":2,"stream":"' + STREAM.hex().encode() + b'","seq":1,"first_held":1,"body":{}}',
        b'{"v":1,"stream":"zz","seq":1,"first_held":1,"body":{}}',
        b'{"v":1,"stream":"abcd","seq":1,"first_held":1,"body":{}}',
        b'{"v":1,"stream":"' + STREAM.hex().encode() + b'","seq":0,"first_held":0,"body":{}}',
        b'{"v":1,"stream":"' + STREAM.hex().encode() + b'","seq":1,"first_held":1,"body":{},"more":1}',
        b'{"v":1,"stream":"' + STREAM.hex().encode() + b'","seq":1.5,"first_held":1,"body":{}}',
        b"{" * 10_000,
        b"{" + b" " * JSON_FRAME_MAX_BYTES,
        b'{"v":1,"stream":"\xff","seq":1,"first_held":1,"body":{}}',
    ],
)
def test_bad_json_frames_are_refused(text: bytes) -> None:
    with pytest.raises(FrameError):
        decode_frame(text)


def test_json_nested_beyond_measure_is_a_frame_error() -> None:
    with pytest.raises(FrameError):
        decode_frame(b'{"v":' + b"[" * 200_000)
