"""Encoding refuses what a tag cannot hold, and says which part and why."""

import pytest

from wire.epc import Sgtin, decode_epc, encode_epc, encode_sgtin96, encode_sgtin198
from wire.epc.aidc import FORMATS
from wire.epc.company_prefix import known_prefix_length
from wire.epc.keys import Cpi, Giai, Grai, Itip, Sgln, Sscc
from wire.epc.plain_keys import Gid
from wire.epc.uri import parse_urn, urn_of
from wire.epc.value import Epc
from wire.gs1 import BadCharacter, BadCheckDigit, BadLength, Gtin14, IdentifierError, OutOfRange, parse_gtin
from wire.gs1.errors import PrefixUnknown

GTIN = Gtin14("09506000134352")
UNKNOWN_PREFIX = Gtin14("02000000000008")


def sgtin(serial: str = "1", **attributes: object) -> Sgtin:
    return Sgtin(GTIN, serial, **attributes)  # type: ignore[arg-type]


BAD: list[tuple[Epc, str, type[IdentifierError], str]] = [
    (sgtin("274877906944"), "sgtin-96", OutOfRange, "at most 274877906943"),
    (sgtin("01"), "sgtin-96", BadCharacter, "without leading zeros"),
    (sgtin("A"), "sgtin-96", BadCharacter, "digits 0 to 9"),
    (sgtin(""), "sgtin-198", BadLength, "1 to 20"),
    (sgtin("A" * 21), "sgtin-198", BadLength, "1 to 20"),
    (sgtin("a b"), "sgtin-198", BadCharacter, "character 2"),
    (sgtin("\u0661"), "sgtin-96", BadCharacter, "character 1"),
    (sgtin(filter=8), "sgtin-96", OutOfRange, "0 to 7"),
    (sgtin(filter=-1), "sgtin+", OutOfRange, "0 to 7"),
    (sgtin(), "sscc-96", BadCharacter, "a scheme of sgtin"),
    (sgtin(), "sgtin-64", BadCharacter, "one of"),
    (sgtin(company_prefix_length=5), "sgtin-96", OutOfRange, "6 to 12"),
    (Sgtin(Gtin14("09506000134353"), "1"), "sgtin+", BadCheckDigit, "09506000134352"),
    (Sgtin(Gtin14("09506000134353"), "1"), "sgtin-96", BadCheckDigit, "09506000134352"),
    (Sgtin(UNKNOWN_PREFIX, "1"), "sgtin-96", PrefixUnknown, "company prefix length"),
    (sgtin(), "dsgtin+", BadCharacter, "a date under one of the AIs"),
    (sgtin(date=("17", "260230")), "dsgtin+", OutOfRange, "no such day"),
    (sgtin(date=("10", "260630")), "dsgtin+", BadCharacter, "a date under"),
    (sgtin(hostname=""), "sgtin++", BadCharacter, "host name"),
    (sgtin(hostname="-a.com"), "sgtin++", BadCharacter, "host name"),
    (sgtin(hostname="a" * 64), "sgtin++", BadLength, "at most 63"),
    (sgtin(data=(("89", "1"),)), "sgtin+", BadCharacter, "AI of TDS table F"),
    (sgtin(data=(("17", "261301"),)), "sgtin+", OutOfRange, "no such day"),
    (sgtin(data=(("4321", "2"),)), "sgtin+", OutOfRange, "0 or 1"),
    (sgtin(data=(("3103", "12345"),)), "sgtin+", BadLength, "6 digits"),
    (sgtin(data=(("30", "123456789"),)), "sgtin+", BadLength, "1 to 8 digits"),
    (sgtin(data=(("3103", "1234567"),)), "sgtin+", BadLength, "behind"),
    (sgtin(data=(("10", "\u00fc"),)), "sgtin+", BadCharacter, "character 1"),
    (Giai("123A"), "giai+", BadCharacter, "four digits"),
    (Giai("9506000" + "A" * 24), "giai+", BadCharacter, "four digits"),
    (Cpi("9506000a", "1"), "cpi+", BadCharacter, "four digits"),
    (Giai("9506000ABC", company_prefix_length=7), "giai-96", BadCharacter, "digits 0 to 9"),
    (Grai("9521141123454", "A" * 17), "grai+", BadLength, "1 to 16"),
    (Sgln("9521141123454", ""), "sgln+", BadLength, "1 to 20"),
    (Sscc("09520123456789123"), "sscc+", BadCheckDigit, "095201234567891235"),
    (Sgtin(Gtin14(""), "1"), "sgtin-96", BadLength, "6 to 12 digits"),
    (Sgtin(Gtin14(""), "1"), "sgtin+", BadLength, "6 to 12 digits"),
    (Sscc(""), "sscc+", BadLength, "6 to 12 digits"),
    (Itip(Gtin14(""), "01", "02", "1"), "itip+", BadLength, "6 to 12 digits"),
    (Sgtin(parse_gtin("01234565"), "1"), "sgtin-96", PrefixUnknown, "company prefix length"),
    (Gid("268435456", "1", "1"), "gid-96", OutOfRange, "at most 268435455"),
    (Gid("1", "1", "1", filter=1), "gid-96", OutOfRange, "0 to 0"),
]


@pytest.mark.parametrize(("value", "scheme", "error", "words"), BAD, ids=lambda value: str(value)[:40])
def test_what_a_tag_cannot_hold_is_refused(value: Epc, scheme: str, error: type[IdentifierError], words: str) -> None:
    with pytest.raises(error, match=words):
        encode_epc(value, scheme)


def test_a_value_without_a_scheme_takes_the_tightest_that_holds_it() -> None:
    for serial, scheme in (("1", "sgtin-96"), ("01", "sgtin-198"), ("A", "sgtin-198"), ("274877906944", "sgtin-198")):
        epc = encode_epc(sgtin(serial))
        value = decode_epc(epc, 8 * len(epc))
        assert isinstance(value, Sgtin)
        assert (value.scheme, value.serial) == (scheme, serial)
    with pytest.raises(PrefixUnknown):
        encode_epc(Sgtin(UNKNOWN_PREFIX, "1"))
    with pytest.raises(BadLength):
        encode_epc(sgtin("A" * 21))


def test_the_prefix_length_is_the_callers_then_the_tags_then_the_tables() -> None:
    own = sgtin(company_prefix_length=8)
    given = decode_epc(encode_epc(own, "sgtin-96", company_prefix_length=9), 96)
    kept = decode_epc(encode_epc(own, "sgtin-96"), 96)
    table = decode_epc(encode_epc(sgtin(), "sgtin-96"), 96)
    lengths = [value.company_prefix_length for value in (given, kept, table) if isinstance(value, Sgtin)]
    assert lengths == [9, 8, known_prefix_length(GTIN[1:])]
    assert known_prefix_length("") is None
    assert known_prefix_length("ABC") is None
    with pytest.raises(OutOfRange, match="6 to 12, found 0"):
        encode_epc(own, "sgtin-96", company_prefix_length=0)


@pytest.mark.parametrize("gtin", ["95010939", "10000095010936"])
def test_a_gtin_8_has_a_prefix_of_eight_digits(gtin: str) -> None:
    # the example of TDS section 7.3.2, and a case of the same goods
    item = Sgtin(parse_gtin(gtin), "1")
    assert urn_of(item) == f"urn:epc:id:sgtin:00000950.{item.gtin[0]}1093.1"
    assert parse_urn(urn_of(item)) == item


def test_the_short_ways_for_sgtins() -> None:
    assert encode_sgtin96("9506000134352", 123_456_789, company_prefix_length=11, filter=3).hex().upper() == (
        "3066C4409047E140075BCD15"
    )
    assert encode_sgtin198("9506000134352", "32a/b", company_prefix_length=11, filter=3).hex().upper() == (
        "3666C4409047E159B2C2BF100000000000000000000000000000"
    )
    with pytest.raises(BadCheckDigit, match="expected check digit 2, found 3 at digit 13"):
        encode_sgtin96("9506000134353", 1, company_prefix_length=7)
    with pytest.raises(BadCharacter):
        encode_sgtin96(GTIN, -1, company_prefix_length=7)


def test_data_in_a_format_that_is_not_known_here_is_kept_as_bits() -> None:
    assert "7011" not in FORMATS  # a date and time of variable precision
    value = sgtin(scheme="sgtin+", data=(("10", "LOT"), ("", "0b01110000000100010101")))
    epc = encode_epc(value)
    again = decode_epc(epc, 8 * len(epc))
    assert isinstance(again, Sgtin)
    assert again.identity == value.identity
    assert again.data[0] == ("10", "LOT")
    assert again.data[1][1].startswith("0b01110000000100010101")
    assert encode_epc(again) == epc


def test_errors_cut_long_values() -> None:
    with pytest.raises(BadLength) as caught:
        encode_epc(sgtin("A" * 10_000), "sgtin-198")
    assert len(str(caught.value)) < 300
    assert caught.value.code == "length"
