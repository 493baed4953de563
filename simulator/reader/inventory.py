"""What the air interface does for the AISpec that runs: ports, power, Gen2 session and target.

A ROSpec's AntennaConfiguration goes before the reader's own; what neither says is the reader's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.reader.sighting import Looking
from wire.llrp.tables.impinj import ImpinjInventorySearchType

if TYPE_CHECKING:
    from simulator.reader.configuration import Configuration
    from simulator.reader.engine import Entry
    from simulator.reader.rospec import AiPlan
    from wire.llrp.message import Parameter

_DUAL = frozenset({ImpinjInventorySearchType.Dual_Target, ImpinjInventorySearchType.Dual_Target_with_BtoASelect})


def looking_of(entry: Entry | None, configuration: Configuration) -> Looking | None:
    """Return what an active ROSpec inventories; None when none is active or none of its antennas is there."""
    if entry is None or entry.ai is None:
        return None
    plan = entry.ai.plan
    named = plan.antennas or configuration.antennas.keys()
    ports = frozenset(port for port in named if configuration.connected[port])
    if not ports:
        return None
    first = min(ports)
    powers = tuple((port, _power(plan, configuration, port)) for port in sorted(ports))
    return Looking(
        entry.plan.rospec_id,
        plan.spec_index,
        plan.inventory_parameter_spec_id,
        ports,
        _session(plan, configuration, first),
        _dual_target(plan, configuration, first),
        powers,
    )


def _setting(plan: AiPlan, configuration: Configuration, port: int, path: str) -> Parameter | None:
    own = plan.settings_of(port)
    found = own.find(path) if own is not None else None
    return found if found is not None else configuration.antennas[port].find(path)


def _power(plan: AiPlan, configuration: Configuration, port: int) -> int:
    transmitter = _setting(plan, configuration, port, "RFTransmitter")
    index = transmitter.number("TransmitPower") if transmitter is not None else configuration.persona.antenna.power
    return dict(configuration.persona.transmit_powers)[index]


def _session(plan: AiPlan, configuration: Configuration, port: int) -> int:
    control = _setting(plan, configuration, port, "C1G2InventoryCommand/C1G2SingulationControl")
    return control.number("Session") if control is not None else configuration.persona.antenna.session


def _dual_target(plan: AiPlan, configuration: Configuration, port: int) -> bool:
    mode = _setting(plan, configuration, port, "C1G2InventoryCommand/ImpinjInventorySearchMode")
    if mode is not None:
        return mode.number("InventorySearchMode") in _DUAL
    flip = _setting(plan, configuration, port, "C1G2InventoryCommand/MotoAntennaQueryConfig")
    return flip is not None and bool(flip.number("EnableABFlip"))
