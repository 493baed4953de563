"""What the frames say: real ones, those of the software modules, and nonsense with a good checksum."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.uhf import chafon_frames, thingmagic_frames
from edge.uhf.conversation import FrameError
from edge.uhf.news import Tag
from simulator.modules import thingmagic
from simulator.modules.port import InField
from tests.edge.uhf.test_uhf_crc import CHAFON, PRINTED

EPCS = st.binary(min_size=0, max_size=62).filter(lambda epc: len(epc) % 2 == 0)


def test_the_tag_of_a_real_thingmagic_stream() -> None:
    told = thingmagic_frames.response(bytes.fromhex(PRINTED[-1]))
    assert (told.opcode, told.status) == (thingmagic_frames.READ_TAG_MULTIPLE, 0)
    assert thingmagic_frames.record_type(told.data) == thingmagic_frames.RECORD_TAG
    assert thingmagic_frames.tag_of(told.data) == Tag(1, bytes.fromhex("000000000000000000001545"), -6_000, 1)


def test_the_command_that_starts_a_stream() -> None:
    """As SparkFun's library sends it to real modules, but for the metadata: ours asks for less."""
    known = bytes.fromhex("00000122000005072210001B03E801FF")
    assert thingmagic_frames.start_reading(1_000)[3:-2] == known[:-2] + b"\x00\x47"


@given(EPCS, st.integers(1, 16), st.integers(-128, 0), st.integers(0, 0x1FF))
def test_a_tag_record_round_trips(epc: bytes, port: int, rssi_dbm: int, flags: int) -> None:
    tag = thingmagic_frames.tag_of(thingmagic.tag_record(InField(epc, rssi_dbm), port, flags, 0x1B))
    assert tag.epc == epc
    assert tag.port == (port if flags & 0x0004 else 1)
    assert tag.rssi_cdbm == (rssi_dbm * 100 if flags & 0x0002 else None)


@pytest.mark.parametrize(("words", "epc"), [("3200 0001", "AABB"), ("3200 8001 0002", "AABB"), ("3000", "0001AABB")])
def test_extended_protocol_control_is_no_part_of_the_epc(words: str, epc: str) -> None:
    body = bytes.fromhex(words + epc) + b"\x12\x34"
    record = bytes.fromhex("10001B000001") + (8 * len(body)).to_bytes(2) + body
    assert thingmagic_frames.tag_of(record).epc == bytes.fromhex(epc)


@given(st.binary(max_size=80))
def test_nonsense_of_a_thingmagic_raises_its_own_error_only(data: bytes) -> None:
    thingmagic_frames.record_type(data)
    thingmagic_frames.status_temperature(data)
    thingmagic_frames.ports_there(data)
    with suppress(FrameError):
        thingmagic_frames.power_limits(data)
    with suppress(FrameError):
        thingmagic_frames.tag_of(data)


def test_status_records_carry_the_temperature() -> None:
    assert thingmagic_frames.status_temperature(bytes.fromhex("10003B004702 0004 D8")) == -40
    assert thingmagic_frames.status_temperature(bytes.fromhex("10003B004702 0006 0D35E4 24")) == 36
    assert thingmagic_frames.status_temperature(bytes.fromhex("10003B004702 0002 0D35E4")) is None


# -- Chafon


def chafon_data(index: int) -> chafon_frames.Answer:
    return chafon_frames.answer(CHAFON[index][1])


def test_the_information_of_a_real_288() -> None:
    told = chafon_data(0)
    assert told.command == chafon_frames.READER_INFO
    assert chafon_frames.info_of(told.data) == chafon_frames.ReaderInfo(False, 4, 30, 10, False, "0.22")


def test_tags_of_real_modules() -> None:
    found = {
        (name, len(frame)): (frame[3], chafon_frames.tags_of(frame[4:-2], plain=frame[0] in (0x13, 0x20)))
        for name, frame in CHAFON
        if name.startswith(("RESP_TAGS_1", "RESP_TAGS_2", "RESP_TAGS_3", "RESP_TAGS_4", "RESP_NO", "RESP_MULTIPLE"))
    }
    tag, other = bytes.fromhex("000000000000000000000313"), bytes.fromhex("000000000000000000000314")
    assert found == {
        ("RESP_TAGS_1", 20): (3, [(tag, None)]),
        ("RESP_TAGS_3", 20): (3, [(bytes.fromhex("49440000000000000a000334"), None)]),
        ("RESP_MULTIPLE_TAGS", 33): (3, [(tag, None), (other, None)]),
        ("RESP_TAGS_1", 22): (3, [(tag, -2_200)]),
        ("RESP_TAGS_2", 22): (3, [(bytes.fromhex("3039606303c74380001a0559"), -6_500)]),
        ("RESP_TAGS_3", 22): (3, [(bytes.fromhex("49440000000000000a000334"), -2_900)]),
        ("RESP_TAGS_4", 14): (3, [(bytes.fromhex("00323038"), -2_000)]),
        ("RESP_NO_TAGS", 8): (1, []),
        ("RESP_MULTIPLE_TAGS", 36): (3, [(tag, -2_200), (other, -2_100)]),
    }


@pytest.mark.parametrize(("mask", "port"), [(1, 1), (2, 2), (4, 3), (0x80, 8), (0, None), (5, None)])
def test_the_antenna_of_an_answer(mask: int, port: int | None) -> None:
    assert chafon_frames.port_of(mask) == port


def test_phase_and_tid_are_stepped_over() -> None:
    epc, tid = bytes(range(12)), bytes(12)
    block = bytes((0xC0 | 24,)) + epc + tid + bytes((74,)) + bytes(7)
    assert chafon_frames.tags_of(b"\x01\x01" + block, plain=False) == [(epc, -5_500)]


@given(st.binary(max_size=250), st.booleans())
def test_nonsense_of_a_chafon_raises_its_own_error_only(data: bytes, plain: bool) -> None:
    with suppress(FrameError):
        chafon_frames.info_of(data)
    with suppress(FrameError):
        chafon_frames.tags_of(data, plain=plain)


@pytest.mark.parametrize("data", ["0101", "01020C00", "010102AABB", "0100FF", "01010C" + 12 * "00"])
def test_an_inventory_that_lies_about_its_tags_is_an_error(data: str) -> None:
    with pytest.raises(FrameError, match="inventory: "):
        chafon_frames.tags_of(bytes.fromhex(data), plain=False)
