"""Each way in which a tag can be wrong has its own code, and says what was expected."""

import pytest

from wire.epc import Epc, Reject, RejectCode, decode_epc, decode_tag, decode_with_pc
from wire.epc.encode import padded
from wire.epc.tag_memory import make_pc, pc_word

GOOD = "3066C4409047E140075BCD15"

CASES = [
    ("000000000000000000000000", RejectCode.UNPROGRAMMED, "never written"),
    ("E2801160600002054ABCDEF0", RejectCode.TID, "bank 2"),
    ("E34000000000000000000000", RejectCode.UNKNOWN_HEADER, "E3"),
    ("FE0000000000000000000000", RejectCode.UNKNOWN_HEADER, "FE belongs to no GS1 scheme"),
    ("0800000000000000", RejectCode.UNKNOWN_HEADER, "08: SSCC-64, retired"),
    ("8800000000000000", RejectCode.UNKNOWN_HEADER, "88: SGTIN-64, retired"),
    ("BFFFFFFFFFFFFFFF", RejectCode.UNKNOWN_HEADER, "BF: SGTIN-64, retired"),
    ("C000000000000000", RejectCode.UNKNOWN_HEADER, "C0 belongs to no GS1 scheme"),
    ("3016", RejectCode.LENGTH, "16 bits; expected 96"),
    (GOOD + "0000", RejectCode.LENGTH, "112 bits; expected 96"),
    ("30003066C4409047E140075BCD15", RejectCode.LENGTH, "looks like a PC word"),
    ("3666C4409047E159B2C2BF10", RejectCode.LENGTH, "expected 198 to 208"),
    ("3666C4409047E159B2C2BF100000000000000000000000000001", RejectCode.PADDING, "behind bit 198"),
    ("311BA1B300CE0A6A83000001", RejectCode.PADDING, "last 24 bits"),
    ("307C00000000000000000000", RejectCode.PARTITION, "7 is reserved"),
    ("3D7C00000000000000000000", RejectCode.PARTITION, "7 is reserved"),
    ("303BFFFFFFFFFFFFFFFFFFFF", RejectCode.RANGE, "more than 6 digits"),
    ("3003FFFFFFFFFFC000000000", RejectCode.RANGE, "more than 12 digits"),
    ("3262FE9FE27AE2CEF646E093", RejectCode.RANGE, "expected less than 1"),
    ("3F76451FD612640000000000", RejectCode.RANGE, "expected 1 and 1 to 12 more digits"),
    ("3666C4409047E140000000000000000000000000000000000000", RejectCode.EMPTY, "at least one character"),
    ("3666C4409047E1400C0000000000000000000000000000000000", RejectCode.CHARACTER, "code 0x00 at character 1"),
    ("3666C4409047E150000000000000000000000000000000000000", RejectCode.CHARACTER, "code 0x20 at character 1"),
    ("F7309506000134", RejectCode.TRUNCATED, "56 bits"),
    ("F7309506000134A528566CB0AFC4", RejectCode.DIGIT, "expected decimal digits"),
    ("F73795211411234508566CB0AFC4", RejectCode.CHECK_DIGIT, "expected check digit 3 at digit 14, found 0"),
    ("F737952114112345380000000000", RejectCode.EMPTY, "expected 1 to 20"),
    ("F737952114112345315000000000000000000000000000", RejectCode.LENGTH, "21 characters"),
    ("F7379521141123453E1000000000", RejectCode.ENCODING, "indicator 7"),
    ("F73795211411234538566CB0AFC40001", RejectCode.PADDING, "fewer than 16"),
    ("F73795211411234538566CB0AFC400000000", RejectCode.PADDING, "fewer than 16"),
    ("FB372CDE795211411234538566CB0AFC4000", RejectCode.DATE, "reserved"),
    ("FB342C00795211411234538566CB0AFC4000", RejectCode.DATE, "no such day"),
    ("F7B795211411234530110400", RejectCode.AIDC, "04: expected the digits of an application identifier"),
    ("F13195211411234548566CB0AFC4", RejectCode.CHECK_DIGIT, "expected check digit"),
    ("F13195211411234518566CB0AFC4", RejectCode.DIGIT, "expected 0 in front"),
    ("FA3952114132D83C2BF10000", RejectCode.DIGIT, "expected a digit, E or F"),
    ("FA3952E83C2BF10000", RejectCode.DIGIT, "at least four digits"),
    ("F039521141E42AB15", RejectCode.CHARACTER, "expected characters of #-/0123456789A"),
    ("F039521141F3014", RejectCode.RANGE, "serial 005; expected a number without leading zeros"),
    ("FB34345D795211411234538566CB0AFC4000", RejectCode.DATE, "no such day"),
    ("FB34C8DE795211411234538566CB0AFC4000", RejectCode.DATE, "no such day"),
    ("F7379521141123453A3FFFF0", RejectCode.CHARACTER, "indicator 5"),
    ("F7379521141123453A300000", RejectCode.CHARACTER, "indicator 5"),
    ("F7379521141123453A3FA010", RejectCode.CHARACTER, "indicator 5"),
    ("F7379521141123453A206940", RejectCode.CHARACTER, "indicator 5"),
    ("F7379521141123453A306440", RejectCode.CHARACTER, "indicator 5"),
    ("F737952114112345301F", RejectCode.CHARACTER, "indicator 0"),
    ("F8395211416789091F", RejectCode.RANGE, "15 has more than 1 digits"),
    ("FA3" + "1" * 31 + "F", RejectCode.LENGTH, "31 characters"),
    ("F7B7952114112345301124A0", RejectCode.AIDC, "24A: expected the digits"),
    ("F7B795211411234530117241A1", RejectCode.DIGIT, "A1: expected decimal digits"),
    ("F7B795211411234530113103FFFFF", RejectCode.RANGE, "has more than 6 digits"),
    ("FA3952114132", RejectCode.TRUNCATED, "over the end"),
    ("FA3952114132E8", RejectCode.TRUNCATED, "over the end"),
    ("FA33952F", RejectCode.DIGIT, "and a reference"),
    ("FA3F000000", RejectCode.EMPTY, "expected 1 to 30"),
    ("4076451FD40C0E72020000000F54", RejectCode.RANGE, "piece 100 of 2"),
    ("4076451FD40C0E40E40000000F54", RejectCode.RANGE, "piece 1 of 100"),
    ("3F76451FD612640000000001", RejectCode.RANGE, "serial field 1; expected 1 and"),
    ("2F3232434147455900000162", RejectCode.CHARACTER, "CAGE"),
    ("3B0E0CF5E7", RejectCode.TRUNCATED, "runs over the end"),
]


@pytest.mark.parametrize(("digits", "code", "words"), CASES, ids=lambda value: str(value)[:24])
def test_a_broken_tag_is_rejected_with_its_code(digits: str, code: RejectCode, words: str) -> None:
    bits = 4 * len(digits)
    value = decode_epc(bytes.fromhex(digits + "0" * (len(digits) % 2)), bits)
    assert isinstance(value, Reject), value
    assert value.code == code, value
    assert words in value.message


def test_a_host_name_that_is_none_is_rejected() -> None:
    # the annex's SGTIN++ with its host's last code, .com, turned into the code of a space
    good = int("FD3795211411234538566CB0AFC525065F1876F0D996D800", 16)
    bad = good ^ (0x5B ^ 0x21) << 11
    for number, code in ((good, None), (bad, RejectCode.HOSTNAME)):
        value = decode_epc(number.to_bytes(24, "big"), 192)
        assert (value.code if isinstance(value, Reject) else None) == code


def test_bytes_and_bits_must_agree() -> None:
    for epc, bits in ((b"", 0), (b"\x30", 0), (bytes(12), 88), (bytes(12), 97), (bytes(63), 504), (bytes(12), -96)):
        value = decode_epc(epc, bits)
        assert isinstance(value, Reject)
        assert value.code == RejectCode.LENGTH


def test_bits_beyond_the_end_are_not_the_tags() -> None:
    exact = decode_epc(padded(int("3666C4409047E159B2C2BF1" + "0" * 27, 16) >> 2, 198)[:25], 198)
    dirty = bytearray(bytes.fromhex("3666C4409047E159B2C2BF100000000000000000000000000000")[:25])
    dirty[-1] |= 0x03  # the two bits behind bit 198
    value = decode_epc(bytes(dirty), 198)
    assert isinstance(value, Epc)
    assert value == exact


def test_the_toggle_bit_makes_an_iso_identifier() -> None:
    value = decode_tag(bytes.fromhex("31A9" + GOOD))
    assert isinstance(value, Reject)
    assert (value.code, "A9" in value.message) == (RejectCode.ISO_AFI, True)


def test_the_pc_word_says_how_long_the_epc_is() -> None:
    epc = bytes.fromhex(GOOD)
    assert isinstance(decode_with_pc(0x3000, epc, 96), Epc)
    assert isinstance(decode_with_pc(0x3400, epc, 96), Epc)  # user memory has no say
    wrong = decode_with_pc(0x6800, epc, 96)
    assert isinstance(wrong, Reject)
    assert (wrong.code, "208 bits, 96 came" in wrong.message) == (RejectCode.LENGTH, True)
    short = decode_tag(b"\x30")
    assert isinstance(short, Reject)
    assert short.code == RejectCode.LENGTH


def test_pc_words_are_made_and_taken_apart() -> None:
    assert make_pc(bytes.fromhex(GOOD)) == 0x3000
    word = pc_word(0x6B05)
    assert (word.epc_bits, word.user_memory, word.extended, word.toggle, word.attribute) == (208, False, True, True, 5)
    for bad in (-1, 0x10000):
        with pytest.raises(ValueError, match="PC word"):
            pc_word(bad)
    for epc in (bytes(11), bytes(64)):
        with pytest.raises(ValueError, match="31 words"):
            make_pc(epc)


def six_bit(text: str) -> str:
    """A 6-bit string with its end, as binary digits."""
    return "".join(f"{ord(character) & 0x3F:06b}" for character in text) + "000000"


CPI_HEAD = f"{0x3D:08b}" + "000" + "101" + f"{9521141:024b}"
ADI_HEAD = f"{0x3B:08b}" + "000011" + six_bit(" 35962")[:-6]

STRINGS = [
    (CPI_HEAD + six_bit("A1") + f"{7:040b}", None),
    (CPI_HEAD + six_bit("A" * 23) + f"{7:040b}", None),
    (CPI_HEAD + six_bit("") + f"{7:040b}", RejectCode.RANGE),
    (CPI_HEAD + six_bit("A") + f"{10**12:040b}", RejectCode.RANGE),
    (CPI_HEAD + six_bit("A" * 24) + f"{7:040b}", RejectCode.CHARACTER),
    (CPI_HEAD + six_bit("A.") + f"{7:040b}", RejectCode.CHARACTER),
    (ADI_HEAD + six_bit("PQ7VZ4") + six_bit("#M37"), None),
    (ADI_HEAD + six_bit("") + six_bit("1"), None),
    (ADI_HEAD + six_bit("P") + six_bit(""), RejectCode.CHARACTER),
    (ADI_HEAD + six_bit("P") + six_bit("#"), RejectCode.CHARACTER),
    (ADI_HEAD + six_bit("P") + six_bit("1#2"), RejectCode.CHARACTER),
    (ADI_HEAD + six_bit("P" * 33) + six_bit("1"), RejectCode.CHARACTER),
    (ADI_HEAD + six_bit("P") + six_bit("1" * 31), RejectCode.CHARACTER),
    (ADI_HEAD + six_bit("P#") + six_bit("1"), RejectCode.CHARACTER),
]


@pytest.mark.parametrize(("digits", "code"), STRINGS)
def test_six_bit_strings_have_their_limits(digits: str, code: RejectCode | None) -> None:
    epc = padded(int(digits, 2), len(digits))
    value = decode_epc(epc, 8 * len(epc))
    assert (value.code if isinstance(value, Reject) else None) == code, value
