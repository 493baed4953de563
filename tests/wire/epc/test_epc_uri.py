"""URIs that are none are refused, with the part that is wrong."""

import pytest

from wire.epc import Sgtin, decode_epc, encode_epc
from wire.epc.elements import digital_link_of, element_string_of, of_elements, parse_element_string, parse_epc_link
from wire.epc.keys import Sgln
from wire.epc.plain_keys import Gid
from wire.epc.uri import parse_tag_uri, parse_urn, tag_uri_of, urn_of
from wire.gs1 import Gtin14, IdentifierError
from wire.gs1.errors import BadUri, PrefixUnknown

GTIN = Gtin14("09506000134352")

BAD_URNS = [
    ("urn:epc:id:sgtin:9506000.013435", "expected 3 parts, found 2"),
    ("urn:epc:id:sgtin:9506000.13435.1", "6 to 6"),
    ("urn:epc:id:sgtin:95060.00013435.1", "6 to 12 digits"),
    ("urn:epc:id:sgtin:950600O.013435.1", "character 7"),
    ("urn:epc:id:sgtin:9506000.013435.", "1 to 20 characters, found 0"),
    ("urn:epc:id:sgtin:9506000.013435.a/b", "%2F, found a raw /"),
    ("urn:epc:id:sgtin:9506000.013435.a\0/b", "%2F, found a raw /"),
    ("urn:epc:id:sgtin:9506000.013435.a\0%2Fb", "character 2"),
    ("urn:epc:id:sgtin:9506000.013435.%2F/", "%2F, found a raw /"),
    ("urn:epc:id:sgtin:9506000.013435.a%2", "escapes of"),
    ("urn:epc:id:sgtin:9506000.013435.a%41", "escapes of"),
    ("urn:epc:id:sgtin:9506000.013435.a%zz", "escapes of"),
    ("urn:epc:id:sgtin:9506000.013435." + "a" * 21, "1 to 20 characters, found 21"),
    ("urn:epc:id:lgtin:9506000.013435.1", "a type of"),
    ("urn:epc:class:lgtin:9506000.013435.1", "urn:epc:id:"),
    ("urn:epc:id:gid:1.02.3", "without leading zeros"),
    ("urn:epc:id:gid:1.2.68719476736", "at most"),
    ("urn:epc:id:usdod:2I194.1", "characters of"),
    ("urn:epc:id:adi:W81X9C.3KL.%23", "characters of"),
    ("urn:epc:id:sgtin:" + "1" * 1_000, "urn:epc:id:"),
    ("", "urn:epc:id:"),
]


@pytest.mark.parametrize(("text", "words"), BAD_URNS, ids=lambda value: str(value)[:50])
def test_a_urn_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        parse_urn(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("urn:epc:tag:sgtin-64:1.9506000.013435.1", "a scheme of"),
        ("urn:epc:tag:sgtin+:1.9506000.013435.1", "a scheme of"),
        ("urn:epc:tag:sgtin-96:8.9506000.013435.1", "a filter of 0 to 7"),
        ("urn:epc:tag:sgtin-96:01.9506000.013435.1", "a filter of 0 to 7"),
        ("urn:epc:tag:sgtin-96:1.9506000.013435.A", "digits 0 to 9"),
        ("urn:epc:tag:sgtin-96:1.9506000.013435.274877906944", "at most"),
        ("urn:epc:tag:gid-96:1.1.1.1", "characters of 0123456789"),
    ],
)
def test_a_tag_uri_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        parse_tag_uri(text)
    assert words in str(caught.value)


def test_lower_case_escapes_are_the_same() -> None:
    assert parse_urn("urn:epc:id:sgtin:9506000.013435.a%2fb") == Sgtin(GTIN, "a/b")


def test_a_plus_tag_has_a_urn_only_when_the_prefix_is_known() -> None:
    tag = Sgtin(GTIN, "1", scheme="sgtin+")
    assert urn_of(tag) == "urn:epc:id:sgtin:95060001343.05.1"  # by GS1's table
    assert urn_of(tag, 7) == "urn:epc:id:sgtin:9506000.013435.1"
    with pytest.raises(PrefixUnknown, match="neither given nor in GS1's table"):
        urn_of(Sgtin(Gtin14("02000000000008"), "1", scheme="sgtin+"))
    with pytest.raises(BadUri, match="a scheme of TDS 1"):
        tag_uri_of(tag)


@pytest.mark.parametrize(
    "text",
    [
        "(01)09506000134352",
        "(01)09506000134353(21)1",
        "(8003)09521141123454",
        "(8003)19521141123454A",
        "(253)9521141123454",
        "(10)LOT",
        "(8006)095211411234540102",
        "(414)9521141123455",
        "(21)1",
        "01",
    ],
)
def test_elements_of_no_single_thing_are_refused(text: str) -> None:
    with pytest.raises(IdentifierError):
        parse_element_string(text)


def test_a_class_of_things_is_said_to_be_one() -> None:
    for text in ("(8003)09521141123454", "(253)9521141123454", "(01)09506000134352"):
        with pytest.raises(BadUri, match="no single thing"):
            parse_element_string(text)


def test_digits_of_other_scripts_are_no_digits() -> None:
    for text in ("(30)\u0663", "(01)0950600013435\u0662(21)1", "(\u0660\u0661)09506000134352(21)1"):
        with pytest.raises(IdentifierError):
            parse_element_string(text)


def test_elements_must_be_whole() -> None:
    with pytest.raises(IdentifierError, match="18 digits"):
        of_elements((("8006", "0952114112345401"), ("21", "1")))


def test_a_link_may_be_of_any_host_and_carry_more() -> None:
    link = "https://shop.example/p/01/09506000134352/10/LOT/21/a%2Fb?17=260630&utm_source=x#top"
    assert parse_epc_link(link) == Sgtin(GTIN, "a/b")


def test_a_tag_s_date_and_data_are_in_its_link() -> None:
    tag = Sgtin(GTIN, "1", scheme="dsgtin++", date=("17", "260630"), data=(("10", "LOT"),), hostname="id.example.com")
    # a batch is a qualifier, so that it stands in the path
    assert digital_link_of(tag) == "https://id.example.com/01/09506000134352/10/LOT/21/1?17=260630"
    assert digital_link_of(tag, "x.example") == "https://x.example/01/09506000134352/10/LOT/21/1?17=260630"
    epc = encode_epc(tag)
    assert decode_epc(epc, 8 * len(epc)) == tag


def test_a_place_without_extension_has_no_ai_for_it() -> None:
    assert element_string_of(Sgln("9521141123454", "0")) == "(414)9521141123454"
    assert parse_element_string("(414)9521141123454") == Sgln("9521141123454", "0")


def test_identifiers_without_a_gs1_key_have_no_link() -> None:
    with pytest.raises(BadUri, match="a GS1 key"):
        digital_link_of(Gid("1", "2", "3"))
