import hashlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.keys.token import ENTROPY_BYTES, TOKEN_CHARS, Token, is_same, mint, parse_token


@given(st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES))
def test_a_key_is_found_again_by_its_text_and_only_its_hash_is_kept(entropy: bytes) -> None:
    minted = mint(entropy)
    assert len(minted.token) == TOKEN_CHARS == 3 + 12 + 1 + 43
    secret = minted.token[-43:]
    assert secret == urlsafe_b64encode(entropy[-32:]).decode().rstrip("=")
    assert minted.sha256 == hashlib.sha256(secret.encode()).digest()
    assert parse_token(minted.token) == Token(minted.id, minted.sha256)
    assert secret.encode() not in minted.sha256


@given(st.text(max_size=80))
@example("lu_" + "0" * 12 + "_" + "A" * 43 + "\n")
@example("lu_" + "0" * 12 + "_" + "é" * 43)
@example("LU_" + "0" * 12 + "_" + "A" * 43)
@example("lu_" + "i" * 12 + "_" + "A" * 43)
@example("")
def test_nothing_else_is_a_key(text: str) -> None:
    assert parse_token(text) is None


def test_two_texts_are_two_keys_even_when_their_bytes_are_the_same() -> None:
    """43 characters hold 258 bits: the last one has two that are not used."""
    minted = mint(bytes(ENTROPY_BYTES))
    other = parse_token(minted.token[:-1] + "B")
    assert other is not None
    assert other.id == minted.id
    assert not is_same(other.sha256, minted.sha256)
    assert is_same(bytes(minted.sha256), minted.sha256)


@pytest.mark.parametrize("size", [0, 32, ENTROPY_BYTES - 1, ENTROPY_BYTES + 1])
def test_a_key_needs_all_its_randomness(size: int) -> None:
    with pytest.raises(ValueError, match="bytes of randomness"):
        mint(bytes(size))
