"""Reads of sold goods are dropped after the grace, whatever their tags look like; bounded, and not for ever."""

import pytest

from edge.limits import SOLD_KEEP_S
from edge.sold import SoldTags
from wire.epc import encode_sgtin96, encode_sgtin198
from wire.item_path import item_path
from wire.messages import ForgetSold, RememberAgain, SoldItem
from wire.window import TagRead

A, B, C = b"\x01" * 12, b"\x02" * 12, b"\x03" * 12
"""No EPCs of GS1: they have no GTIN."""

GTIN = "09506000134352"


def read(epc: bytes, bits: int | None = None) -> TagRead:
    return TagRead(1, epc, 8 * len(epc) if bits is None else bits, -5_000, 0, 0, 1)


def tag(serial: int, filter_value: int = 1) -> bytes:
    return encode_sgtin96(GTIN, serial, company_prefix_length=7, filter=filter_value)


def sold(*epcs: bytes, grace_s: int = 0) -> ForgetSold:
    return ForgetSold(epcs=tuple(epc.hex() for epc in epcs), grace_s=grace_s)


def items(*serials: int | str, age_s: int = 0, grace_s: int = 0, anew: bool = False) -> ForgetSold:
    named = tuple(SoldItem(item_path(GTIN, str(serial)), age_s) for serial in serials)
    return ForgetSold(epcs=(), grace_s=grace_s, items=named, anew=anew)


def drops(tags: SoldTags, epc: bytes, now_s: float) -> bool:
    return tags.without_sold([read(epc)], now_s) == []


def test_grace_and_return() -> None:
    tags = SoldTags()
    tags.forget(sold(A, grace_s=10), 100.0)
    assert not drops(tags, A, 109.9)
    assert drops(tags, A, 110.0)
    assert not drops(tags, B, 110.0)
    assert not drops(tags, A, 110.0 + SOLD_KEEP_S)
    assert len(tags) == 0


def test_an_item_is_known_by_every_tag_that_says_it() -> None:
    """Another filter value, another length of the company prefix, another scheme: one GTIN and serial."""
    tags = SoldTags()
    tags.forget(items(7, "A/1%"), 0.0)
    same = [
        read(tag(7)),
        read(tag(7, filter_value=3)),
        read(encode_sgtin96(GTIN, 7, company_prefix_length=8)),
        read(encode_sgtin198(GTIN, "7", company_prefix_length=7)),
        read(encode_sgtin198(GTIN, "7", company_prefix_length=7)[:25], 198),
        read(encode_sgtin198(GTIN, "A/1%", company_prefix_length=7)),
    ]
    others = [read(tag(8)), read(encode_sgtin96("09506000134369", 7, company_prefix_length=7)), read(A)]
    assert tags.without_sold([*others, *same], 0.0) == others
    assert tags.without_sold([*same, *others], 0.0) == others


def test_an_epc_and_its_item_are_the_same() -> None:
    tags = SoldTags()
    tags.forget(sold(tag(7)), 0.0)
    assert drops(tags, tag(7, filter_value=3), 0.0)
    tags.remember(RememberAgain(items=(item_path(GTIN, "7"),)))
    assert not drops(tags, tag(7), 0.0)


def test_the_grace_counts_from_the_sale() -> None:
    tags = SoldTags()
    tags.forget(items(1, age_s=3_000, grace_s=3_600), 10_000.0)
    tags.forget(items(2, age_s=4_000, grace_s=3_600), 10_000.0)
    assert (drops(tags, tag(1), 10_599.9), drops(tags, tag(1), 10_600.0)) == (False, True)
    assert drops(tags, tag(2), 10_000.0)
    assert not drops(tags, tag(2), 10_000.0 - 400 + SOLD_KEEP_S)


def test_what_is_returned_is_read_again_at_once() -> None:
    tags = SoldTags()
    tags.forget(items(1, 2), 0.0)
    assert drops(tags, tag(1), 0.0)
    tags.remember(RememberAgain(items=(item_path(GTIN, "1"), item_path(GTIN, "9"))))
    assert (drops(tags, tag(1), 0.0), drops(tags, tag(2), 0.0)) == (False, True)
    tags.forget(items(1), 5.0)
    assert drops(tags, tag(1), 5.0)


def test_a_whole_list_replaces_what_was_told_before() -> None:
    tags = SoldTags()
    tags.forget(items(1, 2), 0.0)
    tags.forget(items(3, anew=True), 0.0)
    tags.forget(items(4), 0.0)
    assert [drops(tags, tag(serial), 1.0) for serial in (1, 2, 3, 4)] == [False, False, True, True]
    tags.forget(items(anew=True), 0.0)
    assert len(tags) == 0


def test_the_oldest_sales_give_way_in_whatever_order_they_are_told() -> None:
    tags = SoldTags(capacity=2)
    tags.forget(items(1, age_s=10), 100.0)
    tags.forget(items(2, age_s=30), 100.0)
    tags.forget(items(3, age_s=20), 100.0)
    assert [drops(tags, tag(serial), 100.0) for serial in (1, 2, 3)] == [True, False, True]
    tags.forget(items(1, age_s=0), 101.0)
    tags.forget(items(4, age_s=5), 101.0)
    assert [drops(tags, tag(serial), 101.0) for serial in (1, 3, 4)] == [True, False, True]
    many = SoldTags(capacity=100)
    many.forget(items(*range(101), age_s=1), 0.0)
    assert len(many) == 96


def test_what_tags_say_is_remembered_within_a_bound() -> None:
    tags = SoldTags(known_max=10)
    tags.forget(items(1), 0.0)
    for serial in range(100):
        assert drops(tags, tag(serial), 0.0) == (serial == 1)
        assert len(tags._known) <= 10


@pytest.mark.parametrize(
    "path", ["", "/01/09506000134352", "01/09506000134352/21/1", "/01/9506000134352/21/1", "/01/09506000134352/21/"]
)
def test_what_names_nothing_is_counted(path: str) -> None:
    tags = SoldTags()
    tags.forget(
        ForgetSold(epcs=("zz", A.hex()), grace_s=0, items=(SoldItem(path), SoldItem(item_path(GTIN, "1")))), 0.0
    )
    tags.remember(RememberAgain(items=(path,)))
    assert (tags.malformed, len(tags)) == (3, 2)
