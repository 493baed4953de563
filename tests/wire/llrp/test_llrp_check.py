"""Checking a message against the tables: the codes a reader would answer with."""

from __future__ import annotations

import pytest

from tests.wire.llrp.llrp_trees import SELECTOR_FLAGS
from wire.llrp.check import check
from wire.llrp.codec import encode
from wire.llrp.errors import EncodeError
from wire.llrp.message import Message, Parameter, message, param
from wire.llrp.tables.enumerations import StatusCode

STATUS = param("LLRPStatus", StatusCode=0, ErrorDescription="")
START = param("ROSpecStartTrigger", ROSpecStartTriggerType=0)
STOP = param("ROSpecStopTrigger", ROSpecStopTriggerType=0, DurationTriggerValue=0)
BOUNDARY = param("ROBoundarySpec", START, STOP)
AI_STOP = param("AISpecStopTrigger", AISpecStopTriggerType=0, DurationTrigger=0)
INVENTORY = param("InventoryParameterSpec", InventoryParameterSpecID=1, ProtocolID=1)
AI = param("AISpec", AI_STOP, INVENTORY, AntennaIDs=(0,))
SEARCH = param("ImpinjInventorySearchMode", InventorySearchMode=2)


def _add(*parameters: Parameter, version: int = 1) -> Message:
    spec = param("ROSpec", *parameters, ROSpecID=1, Priority=0, CurrentState=0)
    return message("ADD_ROSPEC", 1, spec, version=version)


def test_a_good_rospec_has_no_fault() -> None:
    assert check(_add(BOUNDARY, AI)) == []


@pytest.mark.parametrize(
    ("bad", "status", "number", "path"),
    [
        (message("ADD_ROSPEC", 1), StatusCode.M_MissingParameter, 177, "ADD_ROSPEC"),
        (message("KEEPALIVE", 1, STATUS), StatusCode.M_UnexpectedParameter, 287, "KEEPALIVE/LLRPStatus"),
        (
            message("ADD_ROSPEC_RESPONSE", 1, STATUS, STATUS),
            StatusCode.M_DuplicateParameter,
            287,
            "ADD_ROSPEC_RESPONSE/LLRPStatus",
        ),
        (message("ENABLE_ROSPEC", 1), StatusCode.M_FieldError, 0, "ENABLE_ROSPEC"),
        (_add(AI), StatusCode.P_MissingParameter, 178, "ADD_ROSPEC/ROSpec"),
        (_add(BOUNDARY), StatusCode.P_MissingParameter, 183, "ADD_ROSPEC/ROSpec"),
        (_add(AI, BOUNDARY), StatusCode.P_UnexpectedParameter, 178, "ADD_ROSPEC/ROSpec/ROBoundarySpec"),
        (_add(BOUNDARY, BOUNDARY, AI), StatusCode.P_DuplicateParameter, 178, "ADD_ROSPEC/ROSpec/ROBoundarySpec"),
        (_add(BOUNDARY, AI, STATUS), StatusCode.P_UnexpectedParameter, 287, "ADD_ROSPEC/ROSpec/LLRPStatus"),
        (
            _add(BOUNDARY, AI, param("Unknown", Type=900, Data=b"")),
            StatusCode.P_UnknownParameter,
            900,
            "ADD_ROSPEC/ROSpec/Unknown",
        ),
        (
            _add(BOUNDARY, AI, param("LoopSpec", LoopCount=3)),
            StatusCode.P_UnsupportedParameter,
            355,
            "ADD_ROSPEC/ROSpec/LoopSpec",
        ),
        (
            _add(param("ROBoundarySpec", START), AI),
            StatusCode.P_MissingParameter,
            182,
            "ADD_ROSPEC/ROSpec/ROBoundarySpec",
        ),
        (message("GET_SUPPORTED_VERSION", 1), StatusCode.M_UnsupportedMessage, 0, "GET_SUPPORTED_VERSION"),
        (message("NO_SUCH", 1), StatusCode.M_UnsupportedMessage, 0, "NO_SUCH"),
        (Message("Unknown", {"Type": 999, "Data": b""}), StatusCode.M_UnsupportedMessage, 0, "Unknown"),
        (
            message("KEEPALIVE", 1, param("Unknown", Type=901, Data=b"")),
            StatusCode.M_UnknownParameter,
            901,
            "KEEPALIVE/Unknown",
        ),
    ],
)
def test_each_fault_has_its_code(bad: Message, status: StatusCode, number: int, path: str) -> None:
    assert (status, number, path) in [fault[:3] for fault in check(bad)]
    with pytest.raises(EncodeError):
        encode(bad)


def test_what_version_1_forbids_version_2_allows() -> None:
    assert check(_add(BOUNDARY, AI, param("LoopSpec", LoopCount=3), version=2)) == []
    assert check(message("GET_SUPPORTED_VERSION", 1, version=2)) == []


def test_a_vendor_parameter_stands_where_a_custom_one_may() -> None:
    command = param("C1G2InventoryCommand", SEARCH, TagInventoryStateAware=False)
    antenna = param("AntennaConfiguration", command, AntennaID=1)
    inventory = param("InventoryParameterSpec", antenna, InventoryParameterSpecID=1, ProtocolID=1)
    assert check(_add(BOUNDARY, param("AISpec", AI_STOP, inventory, AntennaIDs=(1,)))) == []
    assert [fault.status for fault in check(_add(param("ROBoundarySpec", START, STOP, SEARCH), AI))] == [
        StatusCode.P_UnexpectedParameter
    ]


def test_a_vendor_parameter_holds_what_its_table_says() -> None:
    selector = param("ImpinjTagReportContentSelector", param("ImpinjEnablePeakRSSI", PeakRSSIMode=1))
    content = Parameter("TagReportContentSelector", {f"Enable{flag}": True for flag in SELECTOR_FLAGS})
    report = param("ROReportSpec", content, selector, ROReportTrigger=2, N=1)
    assert check(_add(BOUNDARY, AI, report)) == []
    twice = param("ImpinjTagReportContentSelector", *(param("ImpinjEnablePeakRSSI", PeakRSSIMode=1),) * 2)
    # A second one still fits the trailing custom slot: Impinj's parameters are custom ones.
    assert check(_add(BOUNDARY, AI, param("ROReportSpec", content, twice, ROReportTrigger=2, N=1))) == []


def test_strict_encoding_keeps_the_order_and_the_loose_one_does_not_care() -> None:
    odd = _add(AI, BOUNDARY)
    with pytest.raises(EncodeError, match="out of order, expected before"):
        encode(odd)
    assert encode(odd, strict=False)[10:] != encode(_add(BOUNDARY, AI))[10:]
