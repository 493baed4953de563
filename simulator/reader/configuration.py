"""What a reader remembers of SET_READER_CONFIG, and how it answers GET_READER_CONFIG (LLRP 1.1 section 12).

A SET is checked whole before any of it is applied, so that a refused one changes nothing. Configuration outlives
connections; a reset to factory defaults and a reboot do not spare it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.reader.request_check import check_antenna, check_antenna_id, check_vendor_and_values
from simulator.reader.status import bad_field, bad_request
from wire.llrp.message import param
from wire.llrp.tables.enumerations import (
    AccessReportTriggerType,
    GetReaderConfigRequestedData,
    GPIPortState,
    IdentificationType,
    KeepaliveTriggerType,
    NotificationEventType,
    ROReportTriggerType,
    StatusCode,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.reader.persona import Persona
    from wire.llrp.message import Message, Parameter

VERSION_1_0_1 = 1


@dataclass(slots=True)
class Configuration:
    """The configuration of one reader.

    Attributes:
        events: whether each NotificationEventType is reported.
        antennas: AntennaConfiguration by port.
        gpi_high: level of each input; None as long as it is unknown.
        hold: hold events and reports at a reconnect until ENABLE_EVENTS_AND_REPORTS.
        link_down_after: unanswered keepalives after which Impinj's link monitor drops the client; 0 = never.
        state_value: changes with every change, so that a client can see that another one was there.
    """

    persona: Persona
    reader_id: bytes
    events: dict[int, bool] = field(default_factory=dict)
    antennas: dict[int, Parameter] = field(default_factory=dict)
    connected: dict[int, bool] = field(default_factory=dict)
    report: Parameter = field(default_factory=lambda: param("ROReportSpec"))
    access_report: int = 0
    keepalive_ms: int = 0
    gpi_enabled: dict[int, bool] = field(default_factory=dict)
    gpi_high: dict[int, bool | None] = field(default_factory=dict)
    gpo_high: dict[int, bool] = field(default_factory=dict)
    hold: bool = False
    link_down_after: int = 0
    state_value: int = 1

    def __post_init__(self) -> None:
        ports = range(1, self.persona.ports + 1)
        self.connected = dict.fromkeys(ports, True)
        self.gpi_high = dict.fromkeys(range(1, self.persona.gpis + 1), False)
        self.reset()

    def reset(self) -> None:
        """Go back to the factory's defaults. What is plugged in (antennas, input levels) stays."""
        persona = self.persona
        self.events = {kind: kind in persona.events_on for kind in NotificationEventType}
        self.antennas = {port: default_antenna(persona, port) for port in range(1, persona.ports + 1)}
        self.report = default_report(persona)
        self.access_report = AccessReportTriggerType(persona.report.access_trigger)
        self.keepalive_ms = 0
        self.gpi_enabled = dict.fromkeys(range(1, persona.gpis + 1), False)
        self.gpo_high = dict.fromkeys(range(1, persona.gpos + 1), False)
        self.hold = False
        self.link_down_after = 0

    def enabled(self, event: NotificationEventType) -> bool:
        """Return whether the client wants to hear of such events."""
        return self.events.get(event, False)

    # -- SET_READER_CONFIG

    def set(self, request: Message, *, extensions: bool) -> None:
        """Carry out SET_READER_CONFIG. Raises `RefusedError`, having changed nothing."""
        self._check(request, extensions=extensions)
        if request.number("ResetToFactoryDefault"):
            self.reset()
        self._apply(request)
        self.state_value = (self.state_value + 1) & 0xFFFFFFFF

    def _check(self, request: Message, *, extensions: bool) -> None:
        persona = self.persona
        check_vendor_and_values(request, persona, extensions=extensions)
        properties = request.all("AntennaProperties")
        if properties and not persona.can_set_antenna_properties:
            problem = "antenna properties cannot be set on this reader"
            raise bad_field("AntennaProperties", "AntennaID", problem, StatusCode.P_UnsupportedParameter)
        for antenna in request.all("AntennaConfiguration"):
            check_antenna(antenna, persona)
        report = request.first("ROReportSpec")
        if report is not None:
            check_report(report, request.version)
        for port in request.all("GPIPortCurrentState"):
            _check_port(port, "GPIPortNum", persona.gpis)
        for port in request.all("GPOWriteData"):
            _check_port(port, "GPOPortNumber", persona.gpos)
        keepalive = request.first("KeepaliveSpec")
        if keepalive is not None and keepalive.number("KeepaliveTriggerType") and not _period(keepalive):
            raise bad_field("KeepaliveSpec", "PeriodicTriggerValue", "period 0 ms, expected at least 1")

    def _apply(self, request: Message) -> None:
        for spec in request.all("ReaderEventNotificationSpec"):
            for state in spec.all("EventNotificationState"):
                self.events[state.number("EventType")] = bool(state.number("NotificationState"))
        for change in request.all("AntennaConfiguration"):
            for port in _chosen(self.antennas, change.number("AntennaID")):
                self.antennas[port] = merged_antenna(self.antennas[port], change)
        self.report = request.first("ROReportSpec") or self.report
        for gpo in request.all("GPOWriteData"):
            self.gpo_high[gpo.number("GPOPortNumber")] = bool(gpo.number("GPOData"))
        for gpi in request.all("GPIPortCurrentState"):
            self.gpi_enabled[gpi.number("GPIPortNum")] = bool(gpi.number("Config"))
        self._apply_scalars(request)

    def _apply_scalars(self, request: Message) -> None:
        access = request.first("AccessReportSpec")
        if access is not None:
            self.access_report = access.number("AccessReportTrigger")
        keepalive = request.first("KeepaliveSpec")
        if keepalive is not None:
            periodic = keepalive.number("KeepaliveTriggerType") == KeepaliveTriggerType.Periodic
            self.keepalive_ms = _period(keepalive) if periodic else 0
        holding = request.first("EventsAndReports")
        if holding is not None:
            self.hold = bool(holding.number("HoldEventsAndReportsUponReconnect"))
        monitor = request.first("ImpinjLinkMonitorConfiguration")
        if monitor is not None:
            enabled = monitor.number("LinkMonitorMode")
            self.link_down_after = max(1, monitor.number("LinkDownThreshold")) if enabled else 0

    # -- GET_READER_CONFIG

    def get(self, request: Message) -> list[Parameter]:
        """Return what GET_READER_CONFIG asks for, in the standard's order. Raises `RefusedError`."""
        kinds = GetReaderConfigRequestedData
        requested = request.number("RequestedData")
        if not isinstance(request["RequestedData"], kinds):
            problem = f"RequestedData {requested}, expected 0 to {max(kinds)}"
            raise bad_request("GET_READER_CONFIG", "RequestedData", problem)
        antenna = request.number("AntennaID")
        if requested in (kinds.All, kinds.AntennaProperties, kinds.AntennaConfiguration):
            check_antenna_id(antenna, self.persona, "AntennaConfiguration")
        gpis = _chosen(self.gpi_high, request.number("GPIPortNum"))
        gpos = _chosen(self.gpo_high, request.number("GPOPortNum"))
        parts: dict[GetReaderConfigRequestedData, list[Parameter]] = {
            kinds.Identification: [self._identification()],
            kinds.AntennaProperties: [self._properties(port) for port in _chosen(self.antennas, antenna)],
            kinds.AntennaConfiguration: [self.antennas[port] for port in _chosen(self.antennas, antenna)],
            kinds.ReaderEventNotificationSpec: [self._event_spec(request.version)],
            kinds.ROReportSpec: [self.report],
            kinds.AccessReportSpec: [param("AccessReportSpec", AccessReportTrigger=self.access_report)],
            kinds.LLRPConfigurationStateValue: [
                param("LLRPConfigurationStateValue", LLRPConfigurationStateValue=self.state_value)
            ],
            kinds.KeepaliveSpec: [self._keepalive_spec()],
            kinds.GPIPortCurrentState: [self._gpi(port) for port in gpis],
            kinds.GPOWriteData: [
                param("GPOWriteData", GPOPortNumber=port, GPOData=self.gpo_high[port]) for port in gpos
            ],
            kinds.EventsAndReports: [param("EventsAndReports", HoldEventsAndReportsUponReconnect=self.hold)],
        }
        answer: list[Parameter] = []
        for kind, found in parts.items():
            if requested in (kinds.All, kind):
                answer += found
        return answer

    def _identification(self) -> Parameter:
        return param("Identification", IDType=IdentificationType.MAC_Address, ReaderID=self.reader_id)

    def _properties(self, port: int) -> Parameter:
        return param("AntennaProperties", AntennaConnected=self.connected[port], AntennaID=port, AntennaGain=0)

    def _event_spec(self, version: int) -> Parameter:
        newer = set() if version > VERSION_1_0_1 else {NotificationEventType.SpecLoop_Event}
        states = [
            param("EventNotificationState", EventType=kind, NotificationState=self.events[kind])
            for kind in NotificationEventType
            if kind not in newer
        ]
        return param("ReaderEventNotificationSpec", *states)

    def _keepalive_spec(self) -> Parameter:
        kind = KeepaliveTriggerType.Periodic if self.keepalive_ms else KeepaliveTriggerType.Null
        return param("KeepaliveSpec", KeepaliveTriggerType=kind, PeriodicTriggerValue=self.keepalive_ms)

    def _gpi(self, port: int) -> Parameter:
        high = self.gpi_high[port]
        level = GPIPortState.Unknown if high is None else GPIPortState(int(high))
        return param("GPIPortCurrentState", GPIPortNum=port, Config=self.gpi_enabled[port], State=level)


def default_antenna(persona: Persona, port: int) -> Parameter:
    """Return a port's AntennaConfiguration after a factory reset."""
    facts = persona.antenna
    return param(
        "AntennaConfiguration",
        param("RFReceiver", ReceiverSensitivity=facts.receiver),
        param("RFTransmitter", HopTableID=facts.hop_table, ChannelIndex=facts.channel, TransmitPower=facts.power),
        param(
            "C1G2InventoryCommand",
            param("C1G2RFControl", ModeIndex=facts.mode, Tari=facts.tari),
            param(
                "C1G2SingulationControl",
                Session=facts.session,
                TagPopulation=facts.population,
                TagTransitTime=facts.transit_ms,
            ),
            TagInventoryStateAware=False,
        ),
        AntennaID=port,
    )


def default_report(persona: Persona) -> Parameter:
    """Return the reader's own ROReportSpec after a factory reset."""
    facts = persona.report
    memory = (
        [param("C1G2EPCMemorySelector", EnableCRC=False, EnablePCBits=False, EnableXPCBits=False)]
        if facts.memory_selector
        else []
    )
    selector = param(
        "TagReportContentSelector",
        *memory,
        EnableROSpecID=False,
        EnableSpecIndex=False,
        EnableInventoryParameterSpecID=False,
        EnableAntennaID=facts.antenna,
        EnableChannelIndex=False,
        EnablePeakRSSI=facts.peak_rssi,
        EnableFirstSeenTimestamp=facts.first_seen,
        EnableLastSeenTimestamp=facts.last_seen,
        EnableTagSeenCount=False,
        EnableAccessSpecID=False,
    )
    return param("ROReportSpec", selector, ROReportTrigger=ROReportTriggerType(facts.trigger), N=facts.n)


def merged_antenna(old: Parameter, change: Parameter) -> Parameter:
    """Return an AntennaConfiguration in which each part that the change holds replaces the old one."""
    parts: list[Parameter] = []
    for name in ("RFReceiver", "RFTransmitter", "C1G2InventoryCommand"):
        part = change.first(name) or old.first(name)
        if part is not None:
            parts.append(part)
    return param("AntennaConfiguration", *parts, AntennaID=old.number("AntennaID"))


def check_report(report: Parameter, version: int) -> None:
    """Refuse report triggers that the protocol version does not know. Raises `RefusedError`."""
    trigger = report.number("ROReportTrigger")
    if version == VERSION_1_0_1 and trigger > ROReportTriggerType.Upon_N_Tags_Or_End_Of_ROSpec:
        problem = f"ROReportTrigger {trigger}, expected 0 to 2 in LLRP 1.0.1"
        raise bad_field("ROReportSpec", "ROReportTrigger", problem)


def _period(keepalive: Parameter) -> int:
    return keepalive.number("PeriodicTriggerValue")


def _check_port(parameter: Parameter, name: str, most: int) -> None:
    port = parameter.number(name)
    if not 1 <= port <= most:
        raise bad_field(parameter.name, name, f"{name} {port}, expected 1 to {most}")


def _chosen(ports: Iterable[int], wanted: int) -> list[int]:
    """Return the ports that a request names: one of them, or all for 0."""
    return [port for port in ports if wanted in (0, port)]
