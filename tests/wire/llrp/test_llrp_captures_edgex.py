"""Every message body captured from a real Impinj R420 says what EdgeX's JSON twin of it says, no more and no less."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wire.llrp.codec import decode, encode
from wire.llrp.framer import RawMessage
from wire.llrp.tag_report import ReportMemory, decode_tag_reports

if TYPE_CHECKING:
    from wire.llrp.message import Node

DATA = Path(__file__).parents[2] / "data" / "llrp" / "edgex"

TYPES = {
    "CloseConnectionResponse": 4,
    "GetAccessSpecsResponse": 54,
    "GetROSpecsResponse": 36,
    "GetReaderCapabilitiesResponse": 11,
    "GetReaderConfigResponse": 12,
    "ROAccessReport": 61,
    "ReaderEventNotification": 63,
}

NAMES = {
    # parameters that EdgeX lists under a plural or another name
    "AccessSpecs": "AccessSpec",
    "ROSpecs": "ROSpec",
    "AntennaConfigurations": "AntennaConfiguration",
    "C1G2CRC": "C1G2_CRC",
    "C1G2PC": "C1G2_PC",
    "C1G2RFModes": "C1G2UHFRFModeTable",
    "C1G2XPCW1": "C1G2_XPCW1",
    "C1G2XPCW2": "C1G2_XPCW2",
    "EPC96": "EPC_96",
    "EventNotificationStates": "EventNotificationState",
    "Filters": "C1G2Filter",
    "FirstSeenUTC": "FirstSeenTimestampUTC",
    "FirstSeenUptime": "FirstSeenTimestampUptime",
    "FrequencyHopTables": "FrequencyHopTable",
    "GPIPortCurrentStates": "GPIPortCurrentState",
    "InvAwareAction": "C1G2TagInventoryStateAwareSingulationAction",
    "KeepAliveSpec": "KeepaliveSpec",
    "LastSeenUTC": "LastSeenTimestampUTC",
    "LastSeenUptime": "LastSeenTimestampUptime",
    "PerAntennaAirProtocols": "PerAntennaAirProtocol",
    "PerAntennaReceiveSensitivityRanges": "PerAntennaReceiveSensitivityRange",
    "RFControl": "C1G2RFControl",
    "ReceiveSensitivities": "ReceiveSensitivityTableEntry",
    "SingulationControl": "C1G2SingulationControl",
    "TransmitPowerLevels": "TransmitPowerLevelTableEntry",
    "UHFC1G2RFModeTableEntries": "C1G2UHFRFModeTableEntry",
    # fields
    "AirProtocolIDs": "ProtocolID",
    "BackscatterDataRate": "BDRValue",
    "CRCEnabled": "EnableCRC",
    "ClientRequestedOpSpecTimeout": "ClientRequestOpSpecTimeout",
    "DeviceManufacturer": "DeviceManufacturerName",
    "DivideRatio": "DRValue",
    "EnableInventoryParamSpecID": "EnableInventoryParameterSpecID",
    "FirmwareVersion": "ReaderFirmwareVersion",
    "Frequencies": "Frequency",
    "HasUTCClock": "HasUTCClockCapability",
    "IsEPCHagConformant": "EPCHAGTCConformance",
    "MaxAccessSpecs": "MaxNumAccessSpecs",
    "MaxInventoryParameterSpecsPerAISpec": "MaxNumInventoryParameterSpecsPerAISpec",
    "MaxOpSpecsPerAccessSpec": "MaxNumOpSpecsPerAccessSpec",
    "MaxPriorityLevelSupported": "MaxNumPriorityLevelsSupported",
    "MaxROSpecs": "MaxNumROSpecs",
    "MaxSelectFiltersPerQuery": "MaxNumSelectFiltersPerQuery",
    "MaxSpecsPerROSpec": "MaxNumSpecsPerROSpec",
    "MaxSupportedAntennas": "MaxNumberOfAntennaSupported",
    "MaxTariTime": "MaxTariValue",
    "MinTariTime": "MinTariValue",
    "ModeID": "ModeIdentifier",
    "Model": "ModelName",
    "Modulation": "MValue",
    "NotificationEnabled": "NotificationState",
    "PCBitsEnabled": "EnablePCBits",
    "PIERatio": "PIEValue",
    "RFModeID": "ModeIndex",
    "ReaderEventType": "EventType",
    "ReceiveSensitivity": "ReceiveSensitivityValue",
    "SpectralMask": "SpectralMaskIndicator",
    "Status": "StatusCode",
    "StepTariTime": "StepTariValue",
    "SupportsBlockErase": "CanSupportBlockErase",
    "SupportsBlockPermalock": "CanSupportBlockPermalock",
    "SupportsBlockWrite": "CanSupportBlockWrite",
    "SupportsEventsAndReportHolding": "SupportsEventAndReportHolding",
    "SupportsTagRecommissioning": "CanSupportTagRecommissioning",
    "SupportsUMIMethod2": "CanSupportUMIMethod2",
    "SupportsXPC": "CanSupportXPC",
    "TransmitPowerIndex": "TransmitPower",
    "XPCBitsEnabled": "EnableXPCBits",
}

NAMES_IN = {
    ("GPIPortCurrentState", "Enabled"): "Config",
    ("GPIPortCurrentState", "Port"): "GPIPortNum",
    ("GPOWriteData", "Data"): "GPOData",
    ("GPOWriteData", "Port"): "GPOPortNumber",
    ("KeepaliveSpec", "Interval"): "PeriodicTriggerValue",
    ("KeepaliveSpec", "Trigger"): "KeepaliveTriggerType",
    ("ROReportSpec", "Trigger"): "ROReportTrigger",
}

ABSENT = (None, 0, {"EPCNumBits": 0, "EPC": None})
"""How EdgeX writes a parameter that is not there; the zeros only where a timestamp or an EPC may be absent."""

BODIES = sorted(DATA.glob("*.bytes"))


def _plain(value: Any) -> Any:
    """A field's value as EdgeX's JSON writes it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return list(value) if isinstance(value, tuple) else value


def _compare(twin: dict[str, Any], node: Node, path: str) -> None:
    fields, children = set(node.fields), {child.name for child in node.parameters}
    for key, expected in twin.items():
        name = NAMES_IN.get((node.name, key), NAMES.get(key, key))
        where = f"{path}/{name}"
        if name in fields:
            fields.remove(name)
            assert _plain(node[name]) == expected, where
        elif name in children:
            children.remove(name)
            found = node.all(name)
            twins = expected if isinstance(expected, list) else [expected]
            assert len(found) == len(twins), where
            for child, child_twin in zip(found, twins, strict=True):
                if isinstance(child_twin, dict):
                    _compare(child_twin, child, where)
                else:
                    assert [_plain(value) for value in child.fields.values()] == [child_twin], where
        else:
            assert expected in ABSENT, f"{where}: the twin has {expected!r}, we found nothing"
    assert not fields, f"{path}: the twin does not know of {fields}"
    assert not children, f"{path}: the twin does not know of {children}"


def test_all_fifteen_bodies_are_there() -> None:
    assert len(BODIES) == 15


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_body_says_what_its_twin_says(path: Path) -> None:
    raw = RawMessage(1, TYPES[path.stem.split("-")[0]], 1, path.read_bytes())
    message = decode(raw)
    _compare(json.loads(path.with_suffix(".json").read_text()), message, message.name)
    assert message.unknown_count() == 0
    assert encode(message) == raw.to_bytes()


@pytest.mark.parametrize("path", sorted(DATA.glob("ROAccessReport*.bytes")), ids=lambda path: path.stem)
def test_the_fast_path_agrees_with_the_twin(path: Path) -> None:
    twins = json.loads(path.with_suffix(".json").read_text())["TagReportData"]
    batch = decode_tag_reports(path.read_bytes(), ReportMemory())
    assert batch.fault_count == 0
    for report, twin in zip(batch.reports, twins, strict=True):
        assert base64.b64encode(report.epc).decode() == twin["EPC96"]["EPC"]
        assert report.epc_bits == 96
        assert report.antenna == twin["AntennaID"]
        assert report.peak_rssi_cdbm == twin["PeakRSSI"] * 100
        assert report.first_seen_us == twin["FirstSeenUTC"]
        assert report.last_seen_us is twin["LastSeenUTC"] is None
        assert report.seen_count is twin["TagSeenCount"] is None
