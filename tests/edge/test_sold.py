"""Sold tags are dropped, bounded, and not for ever."""

from edge.limits import SOLD_KEEP_S
from edge.sold import SoldTags
from wire.messages import ForgetSold

A, B, C = b"\x01" * 12, b"\x02" * 12, b"\x03" * 12


def sold(*epcs: bytes, grace_s: int = 0) -> ForgetSold:
    return ForgetSold(epcs=tuple(epc.hex() for epc in epcs), grace_s=grace_s)


def test_grace_and_return() -> None:
    tags = SoldTags()
    tags.forget(sold(A, grace_s=10), 100.0)
    assert not tags.drops(A, 109.9)
    assert tags.drops(A, 110.0)
    assert not tags.drops(B, 110.0)
    assert not tags.drops(A, 110.0 + SOLD_KEEP_S)
    assert len(tags) == 0


def test_the_oldest_give_way() -> None:
    tags = SoldTags(capacity=2)
    tags.forget(sold(A, B), 0.0)
    tags.forget(sold(A), 1.0)
    tags.forget(sold(C), 2.0)
    assert [tags.drops(epc, 5.0) for epc in (A, B, C)] == [True, False, True]


def test_what_is_no_epc_is_counted() -> None:
    tags = SoldTags()
    tags.forget(ForgetSold(epcs=("zz", A.hex()), grace_s=0), 0.0)
    assert (tags.malformed, len(tags)) == (1, 1)
