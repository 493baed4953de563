"""Codes and what authenticates an enrolment: the same bytes on both sides, and for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.enrolment import (
    ENTROPY_BYTES,
    SECRET_BITS,
    Code,
    EnrolAnswer,
    answer_mac,
    is_same_mac,
    mint_code,
    parse_code,
    renewal_bytes,
    request_mac,
)

CODE = Code("7Q2M4XKD", "0123456789ABCDEFGHJK")
ANSWER = EnrolAnswer(certificate="c", ca="a", site="s", edge="e", broker="b", mac="")


@given(st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES))
def test_a_code_is_read_as_people_write_it(entropy: bytes) -> None:
    code = mint_code(entropy)
    shown = code.shown()
    assert parse_code(shown) == code
    assert parse_code(f"  {shown.lower().replace('-', ' ')} ") == code
    assert parse_code(shown.replace("0", "o").replace("1", "l")) == code
    assert [len(group) for group in shown.split("-")] == [4] * 7


def test_the_secret_is_long_and_shows_nowhere() -> None:
    assert SECRET_BITS >= 80
    assert CODE.secret not in repr(CODE)
    assert CODE.secret.encode() not in CODE.key()


@pytest.mark.parametrize("text", ["", "7Q2M", "7Q2M-4XKD" * 4, "U" * 28, "!" * 28, "0" * 27, "0" * 29, "0" * 1_000])
def test_what_is_no_code_is_none(text: str) -> None:
    assert parse_code(text) is None


def test_every_bit_of_randomness_counts() -> None:
    base = bytes(ENTROPY_BYTES)
    codes = {mint_code((1 << bit).to_bytes(ENTROPY_BYTES, "big")).shown() for bit in range(140)}
    assert len(codes) == 140
    assert mint_code(base).shown() not in codes


def test_the_proofs_are_those_of_the_first_release() -> None:
    """A box of any release enrols at a gateway of any other: these values never change."""
    assert CODE.key().hex() == "c8f8d0831089fa6ad6877616fc64233ec11c9495a1ac35a9c5fd9fc6702921a4"
    assert (
        request_mac(CODE.key(), CODE.name, "00" * 16, "csr")
        == "37c26171d47c25bf9acdca58314baab4fe2ec19787ccb0918b96a31bc55b770d"
    )
    assert (
        answer_mac(CODE.key(), "00" * 16, ANSWER) == "e816ccde19269feb12100e36024f6ca90e4a67c6ace802ba27e028d6d3986854"
    )
    assert renewal_bytes("c", "r").hex() == "000000126c617374756e69742072656e6577616c203100000001630000000172"


def test_each_part_is_proved_and_none_runs_into_the_next() -> None:
    key = CODE.key()
    macs = {
        request_mac(key, "ab", "c", "d"),
        request_mac(key, "a", "bc", "d"),
        request_mac(key, "a", "b", "cd"),
        request_mac(Code(CODE.name, "1" * 20).key(), "ab", "c", "d"),
        request_mac(Code("00000000", CODE.secret).key(), "ab", "c", "d"),
        answer_mac(key, "n", ANSWER),
        answer_mac(key, "m", ANSWER),
    }
    for part in ("certificate", "ca", "site", "edge", "broker"):
        changed = {name: getattr(ANSWER, name) for name in ANSWER.__struct_fields__} | {part: "x"}
        macs.add(answer_mac(key, "n", EnrolAnswer(**changed)))
    assert len(macs) == 12
    assert is_same_mac("a", "a")
    assert not is_same_mac("a", "\udc80")
