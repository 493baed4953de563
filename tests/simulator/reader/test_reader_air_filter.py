"""Select filters: what takes part in an inventory."""

from __future__ import annotations

import pytest

from simulator.reader.air_filter import AirFilter, read_filter, takes_part
from wire.llrp.message import Bits, Parameter, param

EPC = bytes.fromhex("3034257BF7194E4000001A85")


def c1g2(pointer: int, length: int, mask: bytes, action: int | None = 0) -> Parameter:
    parts = [param("C1G2TagInventoryMask", MB=1, Pointer=pointer, TagMask=Bits(length, mask))]
    if action is not None:
        parts.append(param("C1G2TagInventoryStateUnawareFilterAction", Action=action))
    return param("C1G2Filter", *parts, T=1)


@pytest.mark.parametrize(
    ("pointer", "length", "mask", "matches"),
    [
        (32, 8, b"\x30", True),
        (32, 8, b"\x31", False),
        (32, 14, b"\x30\x34", True),  # header, filter value 1, partition 5
        (43, 3, b"\xa0", True),  # partition 5 = 101
        (43, 3, b"\xc0", False),
        (32 + 88, 8, b"\x85", True),
        (32 + 89, 8, b"\x0a", False),  # runs over the end
        (16, 8, b"\x30", False),  # begins in the PC word
        (16, 8, b"\x00", False),
        (32, 0, b"", True),
    ],
)
def test_mask_stands_at_its_bit(pointer: int, length: int, mask: bytes, matches: bool) -> None:
    assert read_filter(c1g2(pointer, length, mask)).matches(EPC, 96) is matches


def test_an_epc_of_odd_length_is_left_aligned() -> None:
    assert AirFilter(4, 4, 0x2, True, False).matches(b"\x12\x34\x50", 20)
    assert AirFilter(16, 4, 0x5, True, False).matches(b"\x12\x34\x50", 20)
    assert not AirFilter(17, 4, 0x5, True, False).matches(b"\x12\x34\x50", 20)


@pytest.mark.parametrize(
    ("action", "matching", "other"),
    [
        (None, True, False),
        (0, True, False),
        (1, True, False),
        (2, True, False),
        (3, False, True),
        (4, False, True),
        (5, False, True),
    ],
)
def test_action_decides_who_takes_part(action: int | None, matching: bool, other: bool) -> None:
    filters = [read_filter(c1g2(32, 8, b"\x30", action))]
    assert takes_part(filters, EPC, 96) is matching
    assert takes_part(filters, b"\x31" + EPC[1:], 96) is other


def test_filters_work_one_after_the_other() -> None:
    sgtin = read_filter(c1g2(32, 8, b"\x30", 0))
    not_this = read_filter(c1g2(32 + 88, 8, b"\x85", 3))
    assert not takes_part([sgtin, not_this], EPC, 96)
    assert takes_part([sgtin, not_this], EPC[:-1] + b"\x86", 96)
    assert not takes_part([sgtin, not_this], b"\x36" + EPC[1:-1] + b"\x86", 96)
    assert takes_part([], EPC, 96)
