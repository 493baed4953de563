"""The generic codec: hand-written bytes, what is unknown, what is malformed, what a caller may not ask."""

from __future__ import annotations

import pytest

from tests.wire.llrp.llrp_trees import SELECTOR_FLAGS
from wire.llrp.codec import decode, decode_parameters, encode, encode_parameter
from wire.llrp.errors import DecodeError, EncodeError, MissingParameter
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.limits import MAX_DEPTH, MAX_PARAMETERS
from wire.llrp.message import Bits, Message, Parameter, message, param
from wire.llrp.tables import enumerations, response_to
from wire.llrp.tables.impinj import ImpinjInventorySearchType

STATUS = param("LLRPStatus", StatusCode=0, ErrorDescription="")


def _decode(octets: str) -> Message:
    [raw] = Framer().feed(bytes.fromhex(octets))
    return decode(raw)


def test_a_real_event_of_a_reader_without_utc_clock() -> None:
    event = _decode("043f000000200000000000f600160081000c00000000da3c043d010000060000")
    data = event.one("ReaderEventNotificationData")
    assert data.one("Uptime").number("Microseconds") == 0xDA3C043D
    status = data.one("ConnectionAttemptEvent")["Status"]
    assert status is enumerations.ConnectionAttemptStatusType.Success
    assert event.find("ReaderEventNotificationData/ConnectionAttemptEvent") == data.first("ConnectionAttemptEvent")
    assert event.find("ReaderEventNotificationData/AntennaEvent/Nothing") is None


def test_bit_fields_share_a_byte_with_reserved_bits() -> None:
    octets = encode_parameter(
        param("C1G2TargetTag", MB=2, Match=True, Pointer=32, TagMask=Bits(4, b"\xf0"), TagData=Bits(4, b"\x30"))
    )
    assert octets.hex() == "0153000da000200004f0000430"
    [again] = decode_parameters(octets)
    assert (again["MB"], again["Match"]) == (2, True)
    assert again.octets("TagMask") == b"\xf0"


def test_ten_flags_over_two_bytes() -> None:
    for index, flag in enumerate(SELECTOR_FLAGS):
        octets = encode_parameter(
            Parameter("TagReportContentSelector", {f"Enable{f}": f == flag for f in SELECTOR_FLAGS})
        )
        assert octets == b"\x00\xee\x00\x06" + (1 << 15 - index).to_bytes(2)


def test_the_epc_keeps_its_bit_length() -> None:
    [epc] = decode_parameters(bytes.fromhex("00f10009" + "0014" + "123450"))
    assert epc["EPC"] == Bits(20, b"\x12\x34\x50")
    [empty] = decode_parameters(bytes.fromhex("00f100060000"))
    assert empty["EPC"] == Bits(0, b"")


def test_an_unknown_tlv_is_stepped_over_and_kept() -> None:
    body = bytes.fromhex("0081000c0000000000000001" + "03840006beef" + "010000060000")
    octets = (0xF6).to_bytes(2) + (4 + len(body)).to_bytes(2) + body
    event = decode(RawMessage(1, 63, 0, octets))
    data = event.one("ReaderEventNotificationData")
    assert data.all("Unknown") == [Parameter("Unknown", {"Type": 900, "Data": b"\xbe\xef"})]
    assert data.first("ConnectionAttemptEvent") is not None
    assert event.unknown_count() == 1
    assert encode(event, strict=False)[10:] == octets
    with pytest.raises(EncodeError, match=r"tables do not know in READER_EVENT_NOTIFICATION/.*/Unknown"):
        encode(event)


def test_an_unknown_tv_ends_its_enclosing_parameter_only() -> None:
    first = bytes.fromhex("8d000000000000000000000001" + "ff0102" + "810003")
    second = bytes.fromhex("8d000000000000000000000002" + "810003")
    body = b"".join((0xF0).to_bytes(2) + (4 + len(part)).to_bytes(2) + part for part in (first, second))
    report = decode(RawMessage(1, 61, 0, body))
    odd, good = report.all("TagReportData")
    assert odd.one("UnknownTV").fields == {"Type": 0x7F, "Data": bytes.fromhex("0102810003")}
    assert odd.first("AntennaID") is None
    assert good.one("AntennaID").number("AntennaID") == 3
    assert encode(report, strict=False)[10:] == body


def test_an_unknown_vendor_stays_opaque_and_a_known_one_has_its_name() -> None:
    unknown, known = decode_parameters(bytes.fromhex("03ff000d00000001000000091f" + "03ff000e0000651a000000170002"))
    assert unknown == param("Custom", VendorIdentifier=1, ParameterSubtype=9, Data=b"\x1f")
    assert known == param("ImpinjInventorySearchMode", InventorySearchMode=ImpinjInventorySearchType.Dual_Target)
    assert known["InventorySearchMode"] is ImpinjInventorySearchType.Dual_Target


def test_a_vendor_parameter_newer_than_our_table_stays_opaque() -> None:
    longer = bytes.fromhex("03ff00100000651a000000170002" + "0001")
    [custom] = decode_parameters(longer)
    assert custom == param("Custom", VendorIdentifier=25882, ParameterSubtype=23, Data=bytes.fromhex("00020001"))
    assert encode_parameter(custom) == longer


def test_a_vendor_message_has_its_name() -> None:
    enable = _decode("07ff00000013000000010000651a1500000000")
    assert (enable.name, enable.fields, enable.message_id) == ("IMPINJ_ENABLE_EXTENSIONS", {}, 1)
    assert response_to("IMPINJ_ENABLE_EXTENSIONS") == "IMPINJ_ENABLE_EXTENSIONS_RESPONSE"
    other = _decode("07ff0000001000000001000000630901")
    assert other.name == "CUSTOM_MESSAGE"
    assert other.fields == {"VendorIdentifier": 99, "MessageSubtype": 9, "Data": b"\x01"}


def test_an_unknown_message_is_kept() -> None:
    odd = _decode("07e70000000c00000001beef")
    assert odd == Message("Unknown", {"Type": 999, "Data": b"\xbe\xef"}, (), 1, 1)
    assert encode(odd, strict=False).hex() == "07e70000000c00000001beef"
    with pytest.raises(EncodeError, match="message type that the tables do not know"):
        encode(odd)


def test_a_number_outside_its_enumeration_stays_a_number() -> None:
    [event] = decode_parameters(bytes.fromhex("0100000600ff"))
    assert event["Status"] == 255
    assert not isinstance(event["Status"], enumerations.ConnectionAttemptStatusType)
    assert encode_parameter(event).hex() == "0100000600ff"


def test_text_that_is_not_utf_8_does_not_cost_the_status() -> None:
    [status] = decode_parameters(bytes.fromhex("011f000a0064" + "0002" + "ff41"))
    assert status.number("StatusCode") == enumerations.StatusCode.M_ParameterError
    assert status.text("ErrorDescription") == "\ufffdA"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("00f6", "2 bytes left, expected a 4-byte parameter header in READER_EVENT_NOTIFICATION at body offset 0"),
        ("00f60003", "parameter type 246 has length 3, expected 4 to 4 in READER_EVENT_NOTIFICATION at body offset 0"),
        ("00f60005", "parameter type 246 has length 5, expected 4 to 4"),
        (
            "00f6000c0080000c00000000",
            "parameter type 128 has length 12, expected 4 to 8 in .*/ReaderEventNotificationData",
        ),
        ("00f6000c0100000600000001", "2 bytes left, expected a 4-byte parameter header"),
        ("00f6000900f8000500", "1 bytes left, expected 3 for its fields in .*/GPIEvent at body offset 8"),
        (
            "00f6000c00fc0008000541ff",
            "Message announces 5 elements of 8 bits, only 2 bytes left in .*/ReaderExceptionEvent",
        ),
        ("00f6000b00fc0007000241", "announces 2 elements of 8 bits, only 1 bytes left"),
        ("00f6000900fc000500", "1 bytes left, expected the 2-byte count of Message"),
    ],
)
def test_malformed_bodies_say_what_and_where(body: str, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        decode(RawMessage(1, 63, 0, bytes.fromhex(body)))


def test_nesting_is_bounded() -> None:
    octets = b""
    for _ in range(MAX_DEPTH + 1):
        octets = bytes.fromhex("0121") + (8 + len(octets)).to_bytes(2) + bytes(4) + octets
    with pytest.raises(DecodeError, match=f"nest deeper than {MAX_DEPTH}"):
        decode_parameters(octets)
    assert len(decode_parameters(octets[8:])) == 1


def test_the_number_of_parameters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wire.llrp.codec.MAX_PARAMETERS", 10)
    assert len(decode_parameters(bytes.fromhex("810001") * 10)) == 10
    with pytest.raises(DecodeError, match="more than 10 parameters"):
        decode_parameters(bytes.fromhex("810001") * 11)
    assert MAX_PARAMETERS >= 66_000 * 12, "an honest reader's flushed buffer must pass"


def test_getters_say_what_is_missing() -> None:
    status = message("CLOSE_CONNECTION_RESPONSE", 1, STATUS)
    assert status.one("LLRPStatus").text("ErrorDescription") == ""
    with pytest.raises(MissingParameter, match="no parameter 'Nothing' in CLOSE_CONNECTION_RESPONSE"):
        status.one("Nothing")
    with pytest.raises(MissingParameter, match=r"no field 'Code', fields are .*StatusCode.* in LLRPStatus"):
        STATUS.number("Code")
    with pytest.raises(MissingParameter, match="field 'StatusCode' is 0, not text"):
        STATUS.text("StatusCode")
    with pytest.raises(MissingParameter, match="not a number"):
        STATUS.number("ErrorDescription")
    with pytest.raises(MissingParameter, match="not bytes"):
        STATUS.octets("StatusCode")
    with pytest.raises(MissingParameter, match="not a list of numbers"):
        param("EPCData", EPC=Bits(0, b"")).numbers("EPC")
    assert param("PerAntennaAirProtocol", AntennaID=1, ProtocolID=b"\x01").numbers("ProtocolID") == (1,)


@pytest.mark.parametrize(
    ("parameter", "problem"),
    [
        (
            param("KeepaliveSpec", KeepaliveTriggerType=1),
            r"expected \['KeepaliveTriggerType', 'PeriodicTriggerValue'\]",
        ),
        (param("AntennaID", AntennaID=65536), "65536, expected a number from 0 to 65535 in AntennaID/AntennaID"),
        (param("AntennaID", AntennaID=-1), "-1, expected a number from 0"),
        (param("PeakRSSI", PeakRSSI=128), "128, expected a number from -128 to 127"),
        (param("AntennaID", AntennaID="one"), "'one', expected a number"),
        (param("GPIEvent", GPIPortNumber=1, GPIEvent=2), "2, expected a number from 0 to 1 in GPIEvent/GPIEvent"),
        (param("EPC_96", EPC=b"\x00" * 11), "expected 12 bytes"),
        (param("EPCData", EPC=Bits(9, b"\x00")), r"expected Bits\(length"),
        (param("EPCData", EPC=Bits(65536, bytes(8192))), "65536 elements, expected at most 65535"),
        (param("AISpec", AntennaIDs=(1, 70000)), "expected numbers of 16 bits in AISpec/AntennaIDs"),
        (param("AISpec", AntennaIDs=b"\x01"), "expected a tuple of numbers"),
        (param("ReaderExceptionEvent", Message="\ud800"), "is not Unicode"),
        (param("ReaderExceptionEvent", Message=3), "3, expected text"),
        (param("NoSuch"), "no parameter of that name: 'NoSuch'"),
        (Parameter("AntennaID", {"AntennaID": 1}, (STATUS,)), "TV parameter of 2 bytes holds no parameters"),
        (param("Unknown", Type=1024, Data=b""), r"expected Type \(0 to 1023\)"),
        (param("UnknownTV", Type=128, Data=b""), r"expected Type \(0 to 127\)"),
        (
            param("Custom", VendorIdentifier=1, ParameterSubtype=1, Data=bytes(65_530)),
            "expected at most 65535 in Custom",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(parameter: Parameter, problem: str) -> None:
    with pytest.raises(EncodeError, match=problem):
        encode_parameter(parameter)


def test_a_message_header_must_fit() -> None:
    for bad in (message("KEEPALIVE", -1), message("KEEPALIVE", 1 << 32), message("KEEPALIVE", 1, version=8)):
        with pytest.raises(EncodeError, match="message id"):
            encode(bad)
    with pytest.raises(EncodeError, match="no message of that name: 'KEEP'"):
        encode(message("KEEP", 1), strict=False)


def test_encoding_nests_no_deeper_than_decoding() -> None:
    inner = param("ParameterError", ParameterType=1, ErrorCode=100)
    for _ in range(MAX_DEPTH):
        inner = param("ParameterError", inner, ParameterType=1, ErrorCode=100)
    with pytest.raises(EncodeError, match=f"nest deeper than {MAX_DEPTH}"):
        encode_parameter(inner)
