import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pairing.code import ENTROPY_BYTES, digest_of, mint_code, parse_code, shown_code

ENTROPY = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(ENTROPY)
def test_a_code_is_read_as_it_is_shown(entropy: bytes) -> None:
    code = mint_code(entropy)
    assert parse_code(code) == parse_code(shown_code(code)) == parse_code(f" {shown_code(code).lower()} ") == code
    assert len(shown_code(code)) == 9
    assert not set(code) & set("ILOU")


@given(ENTROPY, ENTROPY)
def test_each_randomness_is_a_code_of_its_own(one: bytes, other: bytes) -> None:
    assert (mint_code(one) == mint_code(other)) == (one == other)


def test_the_ends_of_the_alphabet() -> None:
    assert mint_code(bytes(ENTROPY_BYTES)) == "00000000"
    assert mint_code(b"\xff" * ENTROPY_BYTES) == "ZZZZZZZZ"
    assert mint_code(bytes([0, 0, 0, 0, 33])) == "00000011"
    with pytest.raises(ValueError, match="4 bytes"):
        mint_code(b"\0" * 4)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("o1Il-OLo0", "01110100"),
        ("7kq2 m9xa", "7KQ2M9XA"),
        ("7-K-Q-2-M-9-X-A", "7KQ2M9XA"),
        ("7KQ2M9X", None),
        ("7KQ2M9XAA", None),
        ("7KQ2-M9XU", None),
        ("7KQ2_M9XA", None),
        ("", None),
        ("7KQ2\N{EN DASH}M9XA", None),
        ("\N{FULLWIDTH DIGIT SEVEN}KQ2M9XA", None),
        ("-" * 1_000_000 + "7KQ2M9XA", None),
    ],
)
def test_what_people_type(typed: str, code: str | None) -> None:
    assert parse_code(typed) == code


def test_what_is_kept_depends_on_code_and_site() -> None:
    kept = {digest_of("s1", "7KQ2M9XA"), digest_of("s2", "7KQ2M9XA"), digest_of("s1", "7KQ2M9XB")}
    assert {len(digest) for digest in kept} == {32}
    assert len(kept) == 3
    assert digest_of("s1", "7KQ2M9XA") in kept
