"""Frames out of bytes: any cut gives the same, garbage costs itself."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from edge.uhf.chafon_frames import Answers
from edge.uhf.framer import Framer, Framing, Noise
from edge.uhf.limits import FRAME_S, NOISE_MAX_BYTES
from edge.uhf.thingmagic_frames import Responses
from simulator.modules import chafon, thingmagic

LONGEST = 262
Make: TypeAlias = Callable[[bytes], bytes]
Parts: TypeAlias = list[tuple[bool, bytes]]


def thingmagic_frame(data: bytes) -> bytes:
    return thingmagic.said(0x22, 0, data[:240])


def chafon_frame(data: bytes) -> bytes:
    return chafon.said(0x01, 1, data[:240])


FAMILIES = pytest.mark.parametrize(
    ("framing", "make"), [(Responses(), thingmagic_frame), (Answers(), chafon_frame)], ids=["thingmagic", "chafon"]
)
PAYLOADS = st.binary(max_size=60)
PARTS = st.lists(st.tuples(st.booleans(), PAYLOADS), max_size=12)
"""Good frames (True) and garbage."""


def cut(framing: Framing, pieces: list[bytes], *, expired: bool = True) -> list[bytes | Noise]:
    framer = Framer(framing)
    cuts = [one for piece in pieces for one in framer.feed(piece, 0.0)]
    return cuts + framer.expire(FRAME_S) if expired else cuts


def pieces_of(line: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(line), *(place % (len(line) + 1) for place in places)})
    return [line[begin:end] for begin, end in pairwise(ends)]


def holds_a_frame(framing: Framing, make: Make, parts: Parts) -> bool:
    """Whether a frame begins in garbage by chance: one in 65,536 of all places."""
    line = bytearray(b"".join(make(data) if good else data for good, data in parts))
    at = 0
    for good, data in parts:
        for begin in () if good else range(at, at + len(data)):
            length = framing.length(line, begin)
            if length and begin + length <= len(line) and framing.proves(bytes(line[begin : begin + length])):
                return True
        at += len(make(data) if good else data)
    return False


@FAMILIES
@given(parts=PARTS, places=st.lists(st.integers(0, 10_000), max_size=30))
def test_any_cut_gives_the_same(framing: Framing, make: Make, parts: Parts, places: list[int]) -> None:
    line = b"".join(make(data) if good else data for good, data in parts)
    whole = cut(framing, [line])
    assert cut(framing, pieces_of(line, places)) == whole
    assert cut(framing, [line[at : at + 1] for at in range(len(line))]) == whole


@FAMILIES
@given(parts=PARTS)
@example(parts=[(True, b"\xff" * 30), (False, b"\xff" * 60), (True, b"\x05"), (False, b"\x05" * 60), (True, b"")])
def test_garbage_costs_itself(framing: Framing, make: Make, parts: Parts) -> None:
    """Every good frame comes out, in order, whatever stands between them."""
    frames = [make(data) for good, data in parts if good]
    assume(not holds_a_frame(framing, make, parts))
    found = cut(framing, [make(data) if good else data for good, data in parts])
    assert [one for one in found if isinstance(one, bytes)] == frames


@pytest.mark.parametrize("framing", [Responses(), Answers()], ids=["thingmagic", "chafon"])
@given(data=st.lists(st.binary(max_size=600), max_size=8))
def test_nothing_is_held_beyond_one_frame(framing: Framing, data: list[bytes]) -> None:
    framer = Framer(framing)
    for piece in data:
        framer.feed(piece, 0.0)
        assert len(framer._held) < LONGEST
        assert len(framer._came) <= len(framer._held)
    framer.expire(FRAME_S)
    assert not framer._held
    assert framer.deadline() is None


@FAMILIES
def test_what_comes_before_the_first_frame_was_torn_not_lost(framing: Framing, make: Make) -> None:
    first, second = make(b"first"), make(b"second")
    assert cut(framing, [first[3:] + second]) == [second]


@FAMILIES
def test_one_disturbance_is_one_loss(framing: Framing, make: Make) -> None:
    good = make(b"good")
    assert cut(framing, [good + b"\x00\x01\x02" + good]) == [good, Noise(3), good]
    damaged = good[:-1] + bytes((good[-1] ^ 1,))
    assert cut(framing, [good + damaged + good]) == [good, Noise(len(damaged)), good]


def test_endless_noise_is_told_now_and_then() -> None:
    good = thingmagic_frame(b"")
    found = cut(Responses(), [good, bytes(NOISE_MAX_BYTES), bytes(NOISE_MAX_BYTES - 1), good])
    assert found == [good, Noise(NOISE_MAX_BYTES), Noise(NOISE_MAX_BYTES - 1), good]


@FAMILIES
def test_a_false_beginning_is_given_up_in_time(framing: Framing, make: Make) -> None:
    """Frames that come behind it do not keep it alive, and a frame that has begun later is not given up with it."""
    framer = Framer(framing)
    good = make(b"0123456789")
    assert framer.feed(good, 10.0) == [good]
    assert framer.feed(b"\xff\xff", 10.0) == []  # claims more than 250 bytes
    assert framer.feed(make(b"a"), 10.1) == []
    assert framer.deadline() == 10.0 + FRAME_S
    late = make(b"late")
    assert framer.feed(late[:5], 10.0 + FRAME_S - 0.01) == []
    assert framer.expire(10.0 + FRAME_S - 0.001) == []
    assert framer.expire(10.0 + FRAME_S) == [Noise(2), make(b"a")]
    assert framer.feed(late[5:], 10.0 + FRAME_S + 0.01) == [late]
