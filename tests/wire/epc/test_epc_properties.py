"""What holds for every value, every scheme and every bit string."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.epc.epc_values import PARTS, PLUS_PARTS, classic_values, plus_values
from wire.epc import Epc, Reject, decode_epc, encode_epc
from wire.epc.elements import digital_link_of, element_string_of, parse_element_string, parse_epc_link
from wire.epc.encode import encode_bits
from wire.epc.headers import HEADER_OF, HEADERS
from wire.epc.uri import parse_tag_uri, parse_urn, tag_uri_of, urn_of

PLUS_SCHEMES = [name + plus for name in PLUS_PARTS for plus in ("+", "++")]

EPC_MAX_BITS = 496


def fields_of(epc: Epc) -> dict[str, Any]:
    """Every field, since == looks at the identity only."""
    return {"type": type(epc), **msgspec.structs.asdict(epc)}


def test_every_scheme_of_the_standard_is_tried_here() -> None:
    assert {*PARTS, *PLUS_SCHEMES} == set(HEADER_OF)


@pytest.mark.parametrize("scheme", PARTS)
def test_a_classic_value_comes_back_from_its_bits(scheme: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(classic_values(scheme))
    def check(value: Epc) -> None:
        epc = encode_epc(value)
        again = decode_epc(epc, 8 * len(epc))
        assert isinstance(again, Epc), again
        assert fields_of(again) == fields_of(value)
        assert len(epc) % 2 == 0
        width = encode_bits(value, scheme)[1]
        cut = decode_epc(epc[: (width + 7) // 8], width)  # without the padding, too
        assert isinstance(cut, Epc), cut
        assert fields_of(cut) == fields_of(value)

    check()


@pytest.mark.parametrize("scheme", PLUS_SCHEMES)
def test_a_plus_value_comes_back_from_its_bits(scheme: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(plus_values(scheme))
    def check(value: Epc) -> None:
        epc = encode_epc(value)
        if 8 * len(epc) > EPC_MAX_BITS:
            return
        again = decode_epc(epc, 8 * len(epc))
        assert isinstance(again, Epc), again
        assert fields_of(again) == fields_of(value)

    check()


@pytest.mark.parametrize("scheme", PARTS)
def test_a_classic_value_comes_back_from_its_uris(scheme: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(classic_values(scheme))
    def check(value: Epc) -> None:
        assert fields_of(parse_tag_uri(tag_uri_of(value))) == fields_of(value)
        assert parse_urn(urn_of(value)) == value
        if value.elements():
            assert parse_epc_link(digital_link_of(value)) == value
            assert parse_element_string(element_string_of(value)) == value

    check()


@settings(max_examples=1_000, deadline=None)
@given(st.binary(min_size=0, max_size=64), st.integers(-8, 520))
def test_any_bytes_and_any_length_give_a_value_or_a_reject(epc: bytes, bits: int) -> None:
    assert isinstance(decode_epc(epc, bits), Epc | Reject)


@settings(max_examples=2_000, deadline=None)
@given(st.sampled_from(sorted(HEADERS)), st.binary(min_size=1, max_size=61))
def test_any_bits_behind_a_known_header_give_a_value_or_a_reject(header: int, rest: bytes) -> None:
    epc = bytes([header]) + rest
    value = decode_epc(epc, 8 * len(epc))
    assert isinstance(value, Epc | Reject)
    if isinstance(value, Reject):
        assert value.scheme == HEADERS[header].scheme
        assert value.message


@pytest.mark.parametrize("scheme", [*PARTS, *PLUS_SCHEMES])
def test_a_tag_with_one_bit_turned_is_another_value_or_a_reject(scheme: str) -> None:
    values = plus_values(scheme) if scheme.endswith("+") else classic_values(scheme)

    @settings(max_examples=40, deadline=None)
    @given(values, st.integers(0, 10_000))
    def check(value: Epc, place: int) -> None:
        epc = encode_epc(value)
        if len(epc) > EPC_MAX_BITS // 8:
            return
        bit = place % (8 * len(epc))
        turned = (int.from_bytes(epc, "big") ^ 1 << bit).to_bytes(len(epc), "big")
        again = decode_epc(turned, 8 * len(epc))
        if isinstance(again, Reject) or scheme.endswith("+"):
            return
        # classic encodings are canonical: other bits are another value, and that one has these bits
        assert fields_of(again) != fields_of(value)
        assert encode_epc(again) == turned

    check()
