"""Which tags are ours: company prefixes, classes, ghosts, air masks, and the cache in front of the decoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.epc import (
    CompanyPrefixes,
    Epc,
    EpcCache,
    Reject,
    Sgtin,
    TagClass,
    air_mask,
    classify,
    decode_epc,
    encode_epc,
    encode_sgtin96,
    ghost_column,
    is_ghost,
    is_ours,
    is_ours_column,
)
from wire.epc.keys import Sscc, with_check_digit
from wire.epc.prefix import AIR_MASK_POINTER_BITS
from wire.gs1 import BadCharacter, BadLength, Gtin14, OutOfRange

OURS = "09506000134352"
PREFIX_SETS = st.lists(st.text("0123456789", min_size=4, max_size=12), max_size=8)
BODIES = st.text("0123456789", min_size=13, max_size=13)


@given(PREFIX_SETS, st.lists(BODIES, min_size=1, max_size=20))
def test_a_prefix_matches_the_thirteen_digits_behind_the_indicator(prefixes: list[str], bodies: list[str]) -> None:
    near = [(prefix + body)[:12] + body[12] for prefix in prefixes for body in bodies[:2]]
    gtins = [with_check_digit(body) for body in bodies + near]
    ours = CompanyPrefixes(prefixes)
    expected = [not prefixes or any(gtin[1:].startswith(prefix) for prefix in prefixes) for gtin in gtins]
    assert [is_ours(gtin, ours) for gtin in gtins] == expected
    column = np.array([int(gtin) for gtin in gtins], np.uint64)
    assert is_ours_column(column, ours).tolist() == expected


def test_a_prefix_inside_of_another_changes_nothing() -> None:
    both = CompanyPrefixes(["9506", "9506000", "95061"])
    for body, ours in (("9506000000000", True), ("9506999999999", True), ("9507000000000", False)):
        gtin = with_check_digit("0" + body[:12])
        assert is_ours(gtin, both) is ours
        assert is_ours_column(np.array([int(gtin)], np.uint64), both).tolist() == [ours]


def test_no_prefixes_mean_no_filter() -> None:
    assert not CompanyPrefixes()
    assert is_ours(OURS, CompanyPrefixes())
    assert is_ours_column(np.array([int(OURS)], np.uint64), CompanyPrefixes()).all()


def test_the_supplier_s_partition_does_not_matter() -> None:
    prefixes = CompanyPrefixes(["9506000"])
    for length in range(6, 13):
        epc = encode_sgtin96(OURS, 1, company_prefix_length=length)
        assert classify(decode_epc(epc, 96), prefixes) == TagClass.OURS


def test_bad_prefixes_are_refused() -> None:
    for bad, error in ((["123"], BadLength), (["1234567890123"], BadLength), (["95O6000"], BadCharacter)):
        with pytest.raises(error, match="company prefix"):
            CompanyPrefixes(bad)
    with pytest.raises(OutOfRange, match="at most 100000"):
        CompanyPrefixes(f"{number:06d}" for number in range(100_001))


def test_every_tag_has_a_class() -> None:
    prefixes = CompanyPrefixes(["9506000"])
    classes = {
        "3066C4409047E140075BCD15": TagClass.OURS,
        "30164596F40C0E5CBE991A83": TagClass.FOREIGN,
        "311BA1B300CE0A6A83000000": TagClass.OTHER_KEY,
        "E28011606000020412345678": TagClass.NOT_EPC,
        "000000000000000000000000": TagClass.NOT_EPC,
        "AB0000000000000000000000": TagClass.NOT_EPC,
        "307C00000000000000000000": TagClass.MALFORMED,
    }
    for digits, expected in classes.items():
        assert classify(decode_epc(bytes.fromhex(digits), 96), prefixes) == expected, digits
    plus = encode_epc(Sgtin(Gtin14(OURS), "A1"), "sgtin+")
    assert classify(decode_epc(plus, 8 * len(plus)), prefixes) == TagClass.OURS


def test_ghosts_are_few_reads_of_unknown_items() -> None:
    reads = np.array([0, 1, 2, 3, 1, 3], np.uint16)
    known = np.array([False, False, False, False, True, True])
    expected = [True, True, True, False, False, False]
    assert ghost_column(reads, known).tolist() == expected
    assert [is_ghost(int(n), known=bool(k)) for n, k in zip(reads, known, strict=True)] == expected


@given(st.integers(6, 12), BODIES, st.integers(0, 7), st.sampled_from(["sgtin-96", "sgtin-198"]))
def test_an_air_mask_matches_the_tags_of_its_prefix(length: int, body: str, filter_value: int, scheme: str) -> None:
    gtin = Gtin14(with_check_digit(body))
    pointer, bits, mask = air_mask(gtin[1 : 1 + length])
    epc = encode_epc(Sgtin(gtin, "1", filter=filter_value), scheme, company_prefix_length=length)
    memory = int.from_bytes(b"\0\0\x30\0" + epc, "big")
    seen = memory >> (8 * len(epc) + 32 - pointer - bits) & ((1 << bits) - 1)
    assert pointer == AIR_MASK_POINTER_BITS
    assert seen << (8 * len(mask) - bits) == int.from_bytes(mask, "big")


def test_an_air_mask_needs_a_prefix_that_tags_can_hold() -> None:
    for bad, error in (("12345", BadLength), ("1234567890123", BadLength), ("12345x", BadCharacter)):
        with pytest.raises(error):
            air_mask(bad)


def test_the_cache_answers_as_the_decoder_does() -> None:
    cache = EpcCache(8)
    epcs = [encode_sgtin96(OURS, serial, company_prefix_length=7) for serial in range(20)]
    for epc in [*epcs, *epcs[::-1], bytes(12), bytes(12)]:
        assert cache.decode(epc, 96) == decode_epc(epc, 96)
        assert len(cache) <= cache.capacity
    assert cache.hits + cache.misses == 42


def test_the_cache_keeps_what_is_read_again_and_forgets_the_rest() -> None:
    cache = EpcCache(100)
    regular = encode_sgtin96(OURS, 0, company_prefix_length=7)
    for serial in range(1, 2_001):
        cache.decode(encode_sgtin96(OURS, serial, company_prefix_length=7), 96)
        if serial % 20 == 0:
            cache.decode(regular, 96)
    assert cache.misses == 2_001
    assert cache.hits == 99
    assert len(cache) <= 100


def test_the_cache_does_not_mix_up_lengths() -> None:
    cache = EpcCache(10)
    epc = bytes.fromhex("3666C4409047E159B2C2BF100000000000000000000000000000")[:25]
    assert isinstance(cache.decode(epc, 198), Epc)
    assert isinstance(cache.decode(epc, 200), Epc)
    assert isinstance(cache.decode(epc, 193), Reject)
    assert cache.misses == 3


def test_the_cache_does_not_keep_what_is_too_long_for_an_epc() -> None:
    cache = EpcCache(10)
    for bits in (96, 8_000_000):
        assert isinstance(cache.decode(bytes(1_000_000), bits), Reject)
    assert (cache.misses, len(cache)) == (2, 0)


def test_a_cache_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        EpcCache(1)


def test_identity_leaves_out_filter_and_scheme() -> None:
    tag = Sgtin(Gtin14(OURS), "1", scheme="sgtin-96", filter=1, company_prefix_length=7)
    other = Sgtin(Gtin14(OURS), "1", scheme="sgtin+", filter=0, date=("17", "260630"))
    assert tag == other
    assert (tag != other) is False
    assert {tag, other} == {tag}
    assert tag != Sgtin(Gtin14(OURS), "2")
    assert tag != Sscc("095201234567891235")
    assert tag != (OURS, "1")
    assert tag.identity == other.identity == (OURS, "1")
    with pytest.raises(AttributeError):
        tag.serial = "2"  # type: ignore[misc]
