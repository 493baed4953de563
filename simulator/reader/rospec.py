"""A ROSpec as a plan: what to inventory, when to begin, when to stop (LLRP 1.1 section 10.2).

`read_rospec` turns the parameter into values and refuses what this reader cannot do; `simulator.reader.engine`
carries the plan out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from simulator.reader.air_filter import AirFilter, read_filter
from simulator.reader.configuration import check_report
from simulator.reader.request_check import check_antenna, check_antenna_id, check_protocol
from simulator.reader.status import bad_field, too_many, unsupported
from wire.llrp.tables.enumerations import (
    AISpecStopTriggerType,
    ROSpecStartTriggerType,
    ROSpecState,
    ROSpecStopTriggerType,
    StatusCode,
    TagObservationTriggerType,
)

if TYPE_CHECKING:
    from simulator.reader.persona import Persona
    from wire.llrp.message import Parameter

MS_US: Final = 1_000
ALL_ANTENNAS: Final = 0


class GpiEdge(NamedTuple):
    """An input that changes to a level, and how long to wait for it (0 = for ever)."""

    port: int
    high: bool
    timeout_us: int


class Start(NamedTuple):
    """When a ROSpec begins: at once, by command, at times, or by an input."""

    kind: ROSpecStartTriggerType
    offset_us: int = 0
    period_us: int = 0
    at_us: int | None = None
    gpi: GpiEdge | None = None


class Stop(NamedTuple):
    """When a ROSpec ends, besides by command or because all its specs are done."""

    duration_us: int = 0
    gpi: GpiEdge | None = None


class TagStop(NamedTuple):
    """A TagObservationTrigger: enough tags, or none that is new for `quiet_us`."""

    kind: TagObservationTriggerType
    tags: int
    quiet_us: int
    timeout_us: int


class AiStop(NamedTuple):
    """When an AISpec ends, besides with its ROSpec."""

    duration_us: int = 0
    gpi: GpiEdge | None = None
    tags: TagStop | None = None


class AiPlan(NamedTuple):
    """One AISpec: the antennas it inventories, and until when.

    Attributes:
        spec_index: its place among the ROSpec's specs, from 1.
        antennas: ports; empty = all.
        settings: AntennaConfiguration by port; `ALL_ANTENNAS` for ports without their own.
        filters: the select filters in them, likewise.
    """

    spec_index: int
    antennas: frozenset[int]
    inventory_parameter_spec_id: int
    stop: AiStop
    settings: dict[int, Parameter]
    filters: dict[int, tuple[AirFilter, ...]]

    def filters_of(self, port: int) -> tuple[AirFilter, ...]:
        """Return the select filters of a port."""
        return self.filters.get(port, self.filters.get(ALL_ANTENNAS, ()))

    def settings_of(self, port: int) -> Parameter | None:
        """Return the AntennaConfiguration that the ROSpec gives a port, None if it gives none."""
        return self.settings.get(port, self.settings.get(ALL_ANTENNAS))


class RoPlan(NamedTuple):
    """One ROSpec. `loops`: how often its AISpecs run, 0 = for ever (LLRP 1.1 LoopSpec)."""

    rospec_id: int
    priority: int
    start: Start
    stop: Stop
    specs: tuple[AiPlan, ...]
    loops: int
    report: Parameter | None
    definition: Parameter


def read_rospec(rospec: Parameter, persona: Persona, version: int) -> RoPlan:
    """Return the plan of a ROSpec that `wire.llrp.check` found well-formed.

    Raises:
        RefusedError: the reader cannot do it, or its values contradict each other.
    """
    _check_head(rospec, persona)
    boundary = rospec.one("ROBoundarySpec")
    names = ("AISpec", "RFSurveySpec", "LoopSpec", "Custom")
    children = [child for child in rospec.parameters if child.name in names or child.name == "ImpinjLoopSpec"]
    most = int(persona.llrp["MaxNumSpecsPerROSpec"])
    if len(children) > most:
        raise too_many("ROSpec", f"{len(children)} specs in a ROSpec, expected at most {most}")
    specs: list[AiPlan] = []
    loops = 1
    for index, child in enumerate(children, start=1):
        if child.name == "AISpec":
            specs.append(_read_aispec(child, index, persona))
        elif child.name in ("LoopSpec", "ImpinjLoopSpec"):
            loops = child.number("LoopCount")
        else:
            raise unsupported(child.name, f"{child.name}: this reader runs AISpecs only")
    if not specs:
        raise unsupported("ROSpec", "a ROSpec without AISpec does nothing")
    report = rospec.first("ROReportSpec")
    if report is not None:
        check_report(report, version)
    start, stop = _read_start(boundary, persona), _read_stop(boundary, persona)
    identity, priority = rospec.number("ROSpecID"), rospec.number("Priority")
    return RoPlan(identity, priority, start, stop, tuple(specs), loops, report, rospec)


def _check_head(rospec: Parameter, persona: Persona) -> None:
    if rospec.number("ROSpecID") == 0:
        raise bad_field("ROSpec", "ROSpecID", "ROSpecID 0, expected 1 or more", StatusCode.A_Invalid)
    levels = int(persona.llrp["MaxNumPriorityLevelsSupported"])
    if rospec.number("Priority") > levels:
        raise bad_field("ROSpec", "Priority", f"priority {rospec.number('Priority')}, expected 0 to {levels}")
    if rospec.number("CurrentState") != ROSpecState.Disabled:
        problem = f"CurrentState {rospec.number('CurrentState')}, expected 0 (Disabled) in ADD_ROSPEC"
        raise bad_field("ROSpec", "CurrentState", problem, StatusCode.A_Invalid)


def _read_start(boundary: Parameter, persona: Persona) -> Start:
    trigger = boundary.one("ROSpecStartTrigger")
    kind = ROSpecStartTriggerType(trigger.number("ROSpecStartTriggerType"))
    if kind == ROSpecStartTriggerType.Periodic:
        periodic = _needed(trigger, "PeriodicTriggerValue")
        utc = periodic.first("UTCTimestamp")
        at_us = utc.number("Microseconds") if utc is not None else None
        offset_us, period_us = periodic.number("Offset") * MS_US, periodic.number("Period") * MS_US
        return Start(kind, offset_us=offset_us, period_us=period_us, at_us=at_us)
    if kind == ROSpecStartTriggerType.GPI:
        return Start(kind, gpi=_read_gpi(_needed(trigger, "GPITriggerValue"), persona))
    return Start(kind)


def _read_stop(boundary: Parameter, persona: Persona) -> Stop:
    trigger = boundary.one("ROSpecStopTrigger")
    kind = trigger.number("ROSpecStopTriggerType")
    if kind == ROSpecStopTriggerType.Duration:
        return Stop(duration_us=_duration(trigger, "DurationTriggerValue"))
    if kind == ROSpecStopTriggerType.GPI_With_Timeout:
        return Stop(gpi=_read_gpi(_needed(trigger, "GPITriggerValue"), persona))
    return Stop()


def _read_aispec(aispec: Parameter, index: int, persona: Persona) -> AiPlan:
    antennas = aispec.numbers("AntennaIDs")
    for antenna in antennas:
        check_antenna_id(antenna, persona, "AISpec")
    inventories = aispec.all("InventoryParameterSpec")
    most = int(persona.llrp["MaxNumInventoryParameterSpecsPerAISpec"])
    if len(inventories) > most:
        raise too_many("InventoryParameterSpec", f"{len(inventories)} InventoryParameterSpecs, expected at most {most}")
    inventory = inventories[0]
    check_protocol(inventory)
    settings: dict[int, Parameter] = {}
    filters: dict[int, tuple[AirFilter, ...]] = {}
    for configuration in inventory.all("AntennaConfiguration"):
        check_antenna(configuration, persona)
        settings[configuration.number("AntennaID")] = configuration
        found = [item for command in configuration.all("C1G2InventoryCommand") for item in command.all("C1G2Filter")]
        filters[configuration.number("AntennaID")] = tuple(read_filter(item) for item in found)
    ports = frozenset() if ALL_ANTENNAS in antennas else frozenset(antennas)
    identity = inventory.number("InventoryParameterSpecID")
    stop = _read_ai_stop(aispec.one("AISpecStopTrigger"), persona)
    return AiPlan(index, ports, identity, stop, settings, filters)


def _read_ai_stop(trigger: Parameter, persona: Persona) -> AiStop:
    kind = trigger.number("AISpecStopTriggerType")
    if kind == AISpecStopTriggerType.Duration:
        return AiStop(duration_us=_duration(trigger, "DurationTrigger"))
    if kind == AISpecStopTriggerType.GPI_With_Timeout:
        return AiStop(gpi=_read_gpi(_needed(trigger, "GPITriggerValue"), persona))
    if kind == AISpecStopTriggerType.Tag_Observation:
        return AiStop(tags=_read_tag_stop(_needed(trigger, "TagObservationTrigger")))
    return AiStop()


def _read_tag_stop(trigger: Parameter) -> TagStop:
    kind = TagObservationTriggerType(trigger.number("TriggerType"))
    if kind == TagObservationTriggerType.N_Attempts_To_See_All_Tags_In_FOV_Or_Timeout:
        problem = "TriggerType 2 (N attempts): inventory rounds are not simulated"
        raise bad_field("TagObservationTrigger", "TriggerType", problem, StatusCode.A_Invalid)
    return TagStop(kind, trigger.number("NumberOfTags"), trigger.number("T") * MS_US, trigger.number("Timeout") * MS_US)


def _read_gpi(trigger: Parameter, persona: Persona) -> GpiEdge:
    port = trigger.number("GPIPortNum")
    if not 1 <= port <= persona.gpis:
        raise bad_field("GPITriggerValue", "GPIPortNum", f"GPIPortNum {port}, expected 1 to {persona.gpis}")
    return GpiEdge(port, bool(trigger.number("GPIEvent")), trigger.number("Timeout") * MS_US)


def _duration(trigger: Parameter, field: str) -> int:
    duration_ms = trigger.number(field)
    if duration_ms == 0:
        raise bad_field(trigger.name, field, f"{field} 0 ms, expected at least 1", StatusCode.A_Invalid)
    return duration_ms * MS_US


def _needed(trigger: Parameter, name: str) -> Parameter:
    found = trigger.first(name)
    if found is None:
        problem = f"{trigger.name} needs a {name}"
        raise bad_field(trigger.name, _trigger_type(trigger), problem, StatusCode.A_Invalid)
    return found


def _trigger_type(trigger: Parameter) -> str:
    return next(name for name in trigger.fields if name.endswith("Type"))
