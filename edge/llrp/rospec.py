"""What a reader is told to do: its configuration and its ROSpec, built from a plan; and what it made of it.

Theory of operation. One ROSpec does everything. When it starts and stops is its schedule (`edge.llrp.schedule`; nothing
said: when told, and never). It holds one AISpec that names all ports: the reader takes them in turn for as long as it
runs, so each port looks for its share of the time; where the profile says how long a turn is, one AISpec for each port.
Every port has its own antenna configuration, because purposes differ by port, and the same filters
(`edge.llrp.air_filter`). Reports come after each N tags, since LLRP 1.0.1 knows no interval; the reader's own event
messages are asked for, one by one, and its inputs are switched on: most readers sleep over them else.

What was asked is then read back. Readers round and normalise, so fields where we left the choice to the reader are not
compared, and what a reader adds does not count. The settings that we announce to the gateway are those found, not
those asked. Pure. LLRP 1.1 sections 12.1, 13.1 and 17.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.llrp.air_filter import filters
from edge.llrp.limits import DIFFERENCES_MAX, LINK_DOWN_KEEPALIVES
from edge.llrp.schedule import ALWAYS
from firmware_config.profile import Search
from wire.llrp.message import Message, Parameter, Value, message, param
from wire.llrp.tables.enumerations import (
    AirProtocols,
    AISpecStopTriggerType,
    GPIPortState,
    KeepaliveTriggerType,
    NotificationEventType,
    ROReportTriggerType,
    ROSpecState,
)
from wire.llrp.tables.impinj import ImpinjInventorySearchType, ImpinjSwitch
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from edge.llrp.air_filter import Mask
    from edge.llrp.capabilities import Capabilities
    from edge.llrp.schedule import Schedule
    from firmware_config.render import AntennaPlan, ReaderPlan

ROSPEC_ID: Final = 1
"""Ours is the only ROSpec: a R420 holds one at most, and all others are deleted."""

_SEARCH: Final = {
    Search.SINGLE: ImpinjInventorySearchType.Single_Target,
    Search.DUAL: ImpinjInventorySearchType.Dual_Target,
    Search.DUAL_RESET: ImpinjInventorySearchType.Dual_Target_with_BtoASelect,
}
_TARGET: Final[dict[int, Literal["single", "dual"]]] = {
    ImpinjInventorySearchType.Single_Target: "single",
    ImpinjInventorySearchType.Single_Target_With_Suppression: "single",
    ImpinjInventorySearchType.Single_Target_BtoA: "single",
    ImpinjInventorySearchType.Dual_Target: "dual",
    ImpinjInventorySearchType.Dual_Target_with_BtoASelect: "dual",
}

_EVENTS: Final = (
    NotificationEventType.GPI_Event,
    NotificationEventType.ROSpec_Event,
    NotificationEventType.Report_Buffer_Fill_Warning,
    NotificationEventType.Reader_Exception_Event,
    NotificationEventType.Antenna_Event,
)


def reader_config(message_id: int, keepalive_ms: int, able: Capabilities) -> Message:
    """Return SET_READER_CONFIG: keepalives, the events that we want, and holding reports while nobody listens."""
    events = [event for event in _EVENTS if _offers(able, event)]
    parameters = [
        param(
            "ReaderEventNotificationSpec",
            *(param("EventNotificationState", EventType=event, NotificationState=True) for event in events),
        ),
        param("KeepaliveSpec", KeepaliveTriggerType=KeepaliveTriggerType.Periodic, PeriodicTriggerValue=keepalive_ms),
        *(
            param("GPIPortCurrentState", GPIPortNum=port, Config=True, State=GPIPortState.Unknown)
            for port in range(1, able.gpi_ports + 1)
        ),
    ]
    if able.can_hold_reports:
        parameters.append(param("EventsAndReports", HoldEventsAndReportsUponReconnect=True))
    if able.is_impinj:
        parameters.append(
            param(
                "ImpinjLinkMonitorConfiguration",
                LinkMonitorMode=ImpinjSwitch.Enabled,
                LinkDownThreshold=LINK_DOWN_KEEPALIVES,
            )
        )
    return message("SET_READER_CONFIG", message_id, *parameters, ResetToFactoryDefault=False)


def _offers(able: Capabilities, event: NotificationEventType) -> bool:
    """Return whether the reader has such events at all; asking for others is an error on some."""
    if event is NotificationEventType.GPI_Event:
        return able.gpi_ports > 0
    return event is not NotificationEventType.Report_Buffer_Fill_Warning or able.warns_of_buffer


def rospec(
    plan: ReaderPlan,
    report_every_tags: int,
    able: Capabilities,
    schedule: Schedule = ALWAYS,
    masks: Sequence[Mask] = (),
) -> Parameter:
    """Return the ROSpec for a plan; `masks`: those of the tags that are to be read, none: all."""
    ports = [antenna.port for antenna in plan.antennas]
    antennas = [_antenna(antenna, plan, able, masks) for antenna in plan.antennas]
    turns = [slice(i, i + 1) for i in range(len(ports))] if schedule.turn_ms else [slice(None)]
    return param(
        "ROSpec",
        schedule.boundary(),
        *(_aispec(i, antennas[turn], ports[turn], schedule.turn_ms) for i, turn in enumerate(turns, 1)),
        _report(report_every_tags, able),
        ROSpecID=ROSPEC_ID,
        Priority=0,
        CurrentState=ROSpecState.Disabled,
    )


def _aispec(number: int, antennas: Sequence[Parameter], ports: Sequence[int], turn_ms: int) -> Parameter:
    kind = AISpecStopTriggerType.Duration if turn_ms else AISpecStopTriggerType.Null
    return param(
        "AISpec",
        param("AISpecStopTrigger", AISpecStopTriggerType=kind, DurationTrigger=turn_ms),
        param(
            "InventoryParameterSpec",
            *antennas,
            InventoryParameterSpecID=number,
            ProtocolID=AirProtocols.EPCGlobalClass1Gen2,
        ),
        AntennaIDs=tuple(ports),
    )


def _antenna(antenna: AntennaPlan, plan: ReaderPlan, able: Capabilities, masks: Sequence[Mask]) -> Parameter:
    inventory = filters(masks)
    if antenna.mode is not None:
        # Tari 0: the mode's own. ModeIndex takes the mode's *identifier*: all readers read it so.
        inventory.append(param("C1G2RFControl", ModeIndex=antenna.mode, Tari=0))
    inventory.append(
        param("C1G2SingulationControl", Session=antenna.session, TagPopulation=antenna.population, TagTransitTime=0)
    )
    if able.is_impinj and antenna.search in _SEARCH:
        inventory.append(param("ImpinjInventorySearchMode", InventorySearchMode=_SEARCH[antenna.search]))
    return param(
        "AntennaConfiguration",
        param(
            "RFTransmitter",
            HopTableID=plan.hop_table,
            ChannelIndex=plan.channel,
            TransmitPower=antenna.power_index,
        ),
        param("C1G2InventoryCommand", *inventory, TagInventoryStateAware=False),
        AntennaID=antenna.port,
    )


def _report(every_tags: int, able: Capabilities) -> Parameter:
    content = param(
        "TagReportContentSelector",
        EnableROSpecID=False,
        EnableSpecIndex=False,
        EnableInventoryParameterSpecID=False,
        EnableAntennaID=True,
        EnableChannelIndex=False,
        EnablePeakRSSI=True,
        EnableFirstSeenTimestamp=True,
        EnableLastSeenTimestamp=True,
        EnableTagSeenCount=True,
        EnableAccessSpecID=False,
    )
    # Impinj's own peak RSSI comes in hundredths of a dBm, the standard's in whole ones.
    finer = param("ImpinjEnablePeakRSSI", PeakRSSIMode=ImpinjSwitch.Enabled)
    vendor = (param("ImpinjTagReportContentSelector", finer),) if able.is_impinj else ()
    trigger = ROReportTriggerType.Upon_N_Tags_Or_End_Of_ROSpec
    return param("ROReportSpec", content, *vendor, ROReportTrigger=trigger, N=every_tags)


# -- reading back

_READERS_CHOICE: Final = frozenset({"CurrentState", "Tari", "TagTransitTime", "T"})
"""Fields in which we leave the choice to the reader: it may say what it chose."""


def differences(asked: Parameter, found: Parameter) -> list[str]:
    """Return where `found` differs from `asked`, at most `DIFFERENCES_MAX`; what a reader adds does not count."""
    out: list[str] = []
    _compare(asked, found, asked.name, out)
    return out[:DIFFERENCES_MAX]


def _compare(asked: Parameter, found: Parameter, path: str, out: list[str]) -> None:
    for name, value in asked.fields.items():
        if name not in _READERS_CHOICE and found.fields.get(name) != value:
            out.append(f"{path}.{name}: asked {_plain(value)}, found {_plain(found.fields.get(name))}")
    waiting: dict[str, list[Parameter]] = {}
    for child in found.parameters:
        waiting.setdefault(_key(child), []).append(child)
    for child in asked.parameters:
        twins = waiting.get(_key(child))
        if not twins:
            out.append(f"{path}/{_key(child)}: asked for, not found")
            continue
        _compare(child, twins.pop(0), f"{path}/{_key(child)}", out)


def _key(parameter: Parameter) -> str:
    """Antenna configurations are told apart by their port, all else by name and order."""
    port = parameter.fields.get("AntennaID")
    return f"{parameter.name}[{port}]" if isinstance(port, int) else parameter.name


def _plain(value: Value | None) -> str:
    return str(int(value)) if isinstance(value, int) else repr(value)


def settings_found(found: Parameter, plan: ReaderPlan, able: Capabilities) -> Mapping[int, AntennaSettings]:
    """Return, by port, how each planned antenna really inventories; where the reader is silent, as it was asked."""
    configurations = {
        node.fields.get("AntennaID"): node for node in found.walk() if node.name == "AntennaConfiguration"
    }
    return {
        antenna.port: _settings(antenna, configurations.get(antenna.port), able.facts.power_cdbm)
        for antenna in plan.antennas
    }


def _settings(antenna: AntennaPlan, found: Parameter | None, power_cdbm: Mapping[int, int]) -> AntennaSettings:
    if found is None:
        return AntennaSettings(antenna.power_cdbm, antenna.mode, antenna.session, antenna.target)
    transmitter = found.first("RFTransmitter")
    control = found.find("C1G2InventoryCommand/C1G2RFControl")
    singulation = found.find("C1G2InventoryCommand/C1G2SingulationControl")
    search = found.find("C1G2InventoryCommand/ImpinjInventorySearchMode")
    power = power_cdbm.get(transmitter.number("TransmitPower")) if transmitter is not None else antenna.power_cdbm
    return AntennaSettings(
        tx_power_cdbm=power,
        mode=control.number("ModeIndex") if control is not None else antenna.mode,
        session=singulation.number("Session") if singulation is not None else antenna.session,
        target=_TARGET.get(search.number("InventorySearchMode")) if search is not None else antenna.target,
    )
