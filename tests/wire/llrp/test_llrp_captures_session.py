"""One real session with an Impinj reader: every message decodes, means what its name says, and encodes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer
from wire.llrp.tables.enumerations import C1G2BlockWriteResultType, C1G2ReadResultType, StatusCode
from wire.llrp.tag_report import ReportMemory, decode_tag_reports

if TYPE_CHECKING:
    from wire.llrp.message import Message

DATA = Path(__file__).parents[2] / "data" / "llrp" / "llrp-rs" / "messages.hex"
ROWS = {words[0]: bytes.fromhex(words[-1]) for words in (line.split() for line in DATA.read_text().splitlines())}


def _message(row: str) -> Message:
    [raw] = Framer().feed(ROWS[row])
    return decode(raw)


def test_all_twenty_are_there() -> None:
    assert len(ROWS) == 20


@pytest.mark.parametrize("row", ROWS)
def test_a_message_encodes_back_to_the_same_bytes(row: str) -> None:
    message = _message(row)
    assert encode(message) == ROWS[row]
    assert message.unknown_count() == 0
    assert message.name.replace("_", "").lower()[:6] in row.replace("_", "") or row == "custom_message"


def test_the_whole_session_glued_together_comes_apart_again() -> None:
    raws = Framer().feed(b"".join(ROWS.values()))
    assert [raw.to_bytes() for raw in raws] == list(ROWS.values())


def test_an_error_reply() -> None:
    status = _message("delete_access_spec_result_error").one("LLRPStatus")
    assert status["StatusCode"] is StatusCode.M_FieldError
    assert status.text("ErrorDescription") == "LLRP [409] : //AccessSpecID : invalid"
    assert status.one("FieldError").fields == {"FieldNum": 1, "ErrorCode": StatusCode.A_Invalid}


def test_access_results() -> None:
    read = _message("ro_access_report_read").one("TagReportData").one("C1G2ReadOpSpecResult")
    assert read["Result"] is C1G2ReadResultType.Success
    assert len(read.numbers("ReadData")) == 16
    empty = _message("ro_access_report_read_zero").one("TagReportData").one("C1G2ReadOpSpecResult")
    assert (empty["Result"], empty.numbers("ReadData")) == (C1G2ReadResultType.No_Response_From_Tag, ())
    written = _message("ro_access_report_blockwrite").one("TagReportData").one("C1G2BlockWriteOpSpecResult")
    assert written["Result"] is C1G2BlockWriteResultType.Success
    assert written.number("NumWordsWritten") == 1


def test_capabilities_of_an_impinj_reader() -> None:
    capabilities = _message("get_reader_capabilities_response")
    general = capabilities.one("GeneralDeviceCapabilities")
    assert general.number("DeviceManufacturerName") == 25882
    assert general.text("ReaderFirmwareVersion") == "5.2.1.240"
    assert general.number("MaxNumberOfAntennaSupported") == 4


@pytest.mark.parametrize("kind", ["inventory", "read", "read_zero", "blockwrite"])
def test_the_fast_path_reads_reports_with_access_results(kind: str) -> None:
    row = f"ro_access_report_{kind}"
    [raw] = Framer().feed(ROWS[row])
    batch = decode_tag_reports(raw.body, ReportMemory())
    assert (batch.fault_count, batch.other_count) == (0, 0)
    [report] = batch.reports
    generic = _message(row).one("TagReportData")
    assert report.epc == generic.one("EPC_96").octets("EPC")
    assert report.antenna == generic.one("AntennaID").number("AntennaID") == 1
    assert report.peak_rssi_cdbm == -6800
    assert report.first_seen_us == generic.one("FirstSeenTimestampUTC").number("Microseconds")


def test_an_empty_report_has_no_reports() -> None:
    [raw] = Framer().feed(ROWS["ro_access_report_simple"])
    assert decode_tag_reports(raw.body, ReportMemory()) == ([], (), 0, 0)
