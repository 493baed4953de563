"""The checksums, against frames that the makers printed and that real modules sent."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.uhf.chafon_frames import Answers
from edge.uhf.crc import crc_reflected, crc_shifted
from edge.uhf.thingmagic_frames import (
    BOOT_FIRMWARE,
    GET_READ_POWER,
    GET_REGIONS,
    GET_TEMPERATURE,
    SET_PROTOCOL,
    Responses,
    command,
)
from simulator.modules import chafon, thingmagic

FRAMES = Path(__file__).parents[2] / "data" / "uhf"
PRINTED = [
    text
    for line in (FRAMES / "thingmagic-frames.txt").read_text().splitlines()
    if (text := line.partition("#")[0].strip())
]
CHAFON = [
    (name.strip(), bytes.fromhex(value.strip().strip("'")))
    for name, _, value in (line.partition("=") for line in (FRAMES / "chafon-frames.txt").read_text().splitlines())
    if value
]


@pytest.mark.parametrize("text", PRINTED)
def test_frames_of_thingmagics_manuals(text: str) -> None:
    frame = bytes.fromhex(text)
    assert Responses().proves(frame)
    assert crc_shifted(frame[1:-2]) == thingmagic.checksum(frame[1:-2])


def test_commands_as_thingmagics_manuals_print_them() -> None:
    printed = {bytes.fromhex(text) for text in PRINTED}
    ours = {
        command(BOOT_FIRMWARE),
        command(SET_PROTOCOL, b"\x00\x05"),
        command(GET_READ_POWER, b"\x01"),
        command(GET_REGIONS),
        command(GET_TEMPERATURE),
    }
    assert ours <= printed


def test_frames_of_real_chafon_modules() -> None:
    assert len(CHAFON) == 12
    for name, frame in CHAFON:
        assert Answers().length(bytearray(frame), 0) == len(frame)
        assert Answers().proves(frame) == (name != "RESP_TAGS_BAD_CHECKSUM"), name
        assert crc_reflected(frame) == chafon.checksum(frame)


@given(st.binary(max_size=300))
def test_both_sides_agree(data: bytes) -> None:
    assert crc_shifted(data) == thingmagic.checksum(data)
    assert crc_reflected(data) == chafon.checksum(data)


@given(st.binary(min_size=1, max_size=260), st.data())
def test_one_wrong_bit_shows(data: bytes, draw: st.DataObject) -> None:
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    wrong = bytearray(data)
    wrong[bit // 8] ^= 1 << bit % 8
    assert crc_shifted(bytes(wrong)) != crc_shifted(data)
    assert crc_reflected(bytes(wrong)) != crc_reflected(data)
