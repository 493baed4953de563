"""sllurp, an independent LLRP library, understands our bytes, and we understand its."""

from __future__ import annotations

from typing import Any

import sllurp.llrp
import sllurp.llrp_proto

from wire.llrp.check import check
from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.message import message, param
from wire.llrp.tables.enumerations import AirProtocols, ROSpecStartTriggerType
from wire.llrp.tables.impinj import ImpinjInventorySearchType
from wire.llrp.tag_report import ReportContent, ReportMemory, TagReport, decode_tag_reports, encode_tag_reports

llrp: Any = sllurp.llrp
llrp_proto: Any = sllurp.llrp_proto

MODE = {"ModeIdentifier": 1000, "MinTari": 6250, "MaxTari": 6250}


def _written_by_peer(message_dict: dict[str, Any]) -> bytes:
    octets: bytes = llrp.LLRPMessage(msgdict=message_dict).msgbytes
    return octets


def test_we_read_the_rospec_that_it_writes() -> None:
    rospec = llrp_proto.LLRPROSpec(
        MODE,
        7,
        antennas=(1, 3),
        tx_power=81,
        report_every_n_tags=5,
        session=1,
        tag_population=200,
        impinj_search_mode=2,
        impinj_tag_content_selector={
            "EnablePeakRSSI": True,
            "EnableRFPhaseAngle": True,
            "EnableRFDopplerFrequency": False,
        },
    )
    octets = _written_by_peer({"ADD_ROSPEC": {"Ver": 1, "Type": 20, "ID": 9, "ROSpecID": 7, "ROSpec": rospec}})
    [raw] = Framer().feed(octets)
    add = decode(raw)
    assert add.message_id == 9
    assert check(add) == []
    assert encode(add) == octets
    spec = add.one("ROSpec")
    assert spec.number("ROSpecID") == 7
    start = spec.find("ROBoundarySpec/ROSpecStartTrigger")
    assert start is not None
    assert start["ROSpecStartTriggerType"] is ROSpecStartTriggerType.Immediate
    scan = spec.one("AISpec")
    assert scan.numbers("AntennaIDs") == (1, 3)
    inventory = scan.one("InventoryParameterSpec")
    assert inventory["ProtocolID"] is AirProtocols.EPCGlobalClass1Gen2
    for antenna, port in zip(inventory.all("AntennaConfiguration"), (1, 3), strict=True):
        command = antenna.one("C1G2InventoryCommand")
        assert antenna.number("AntennaID") == port
        assert antenna.one("RFTransmitter").number("TransmitPower") == 81
        assert command.one("C1G2SingulationControl").number("Session") == 1
        assert command.one("C1G2SingulationControl").number("TagPopulation") == 200
        search = command.one("ImpinjInventorySearchMode")
        assert search["InventorySearchMode"] is ImpinjInventorySearchType.Dual_Target
    content = ReportContent.from_report_spec(spec.one("ROReportSpec"))
    assert (content.impinj_peak_rssi, content.impinj_phase) == (True, True)


def test_it_reads_the_tag_reports_that_we_write() -> None:
    reports = [
        TagReport(
            bytes([index]) * 12, 96, 1 + index, -6100 - 100 * index, 10**15 + index, 10**15 + 2 * index, seen_count=9
        )
        for index in range(5)
    ]
    body = encode_tag_reports(reports, ReportContent(rospec_id=True))
    found = llrp.LLRPMessage(msgbytes=RawMessage(1, 61, 3, body).to_bytes()).msgdict["RO_ACCESS_REPORT"]
    for tag, report in zip(found["TagReportData"], reports, strict=True):
        assert bytes.fromhex(tag["EPC"].decode()) == report.epc
        assert tag["AntennaID"] == report.antenna
        assert tag["PeakRSSI"] * 100 == report.peak_rssi_cdbm
        assert tag["FirstSeenTimestampUTC"] == report.first_seen_us
        assert tag["LastSeenTimestampUTC"] == report.last_seen_us
        assert tag["TagSeenCount"] == report.seen_count
    assert decode_tag_reports(body, ReportMemory()).reports == reports


def test_it_reads_the_replies_that_we_write() -> None:
    status = param("LLRPStatus", StatusCode=101, ErrorDescription="no such ROSpec")
    octets = encode(message("ENABLE_ROSPEC_RESPONSE", 5, status))
    found = llrp.LLRPMessage(msgbytes=octets).msgdict["ENABLE_ROSPEC_RESPONSE"]
    assert found["ID"] == 5
    assert found["LLRPStatus"]["StatusCode"] == "FieldError"
    assert found["LLRPStatus"]["ErrorDescription"] in {"no such ROSpec", b"no such ROSpec"}
