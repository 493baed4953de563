"""What this reader model refuses in a well-formed request: values out of its own tables, other vendors' parameters.

`wire.llrp.check` says whether a message follows the standard. Here its values are held against the persona, as a
reader does: an index that is in no table, an antenna that it has not, an enumerator that its version does not know.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from simulator.reader.status import bad_field, too_many, unsupported
from wire.llrp.tables import PARAMETERS
from wire.llrp.tables.enumerations import AirProtocols, StatusCode

if TYPE_CHECKING:
    from simulator.reader.persona import Persona
    from wire.llrp.message import Node, Parameter

_EPC_BANK = 1


def check_vendor_and_values(node: Node, persona: Persona, *, extensions: bool) -> None:
    """Refuse vendors' parameters that this reader does not know, and enumerators that nobody knows.

    Raises:
        RefusedError: `P_UnsupportedParameter` or `P_FieldError`.
    """
    for parameter in node.walk():
        definition = PARAMETERS.get(parameter.name)
        vendor = definition.vendor if definition is not None else None
        if parameter.name == "Custom":
            vendor = parameter.number("VendorIdentifier")
        if vendor is not None and vendor != persona.vendor:
            raise unsupported(parameter.name, f"parameter {parameter.name} of vendor {vendor}, we are {persona.vendor}")
        if vendor is not None and persona.is_impinj and not extensions:
            raise unsupported(parameter.name, f"{parameter.name} needs IMPINJ_ENABLE_EXTENSIONS first")
        for field in definition.named_fields if definition is not None else ():
            value = parameter[field.name]
            if field.enumeration is not None and isinstance(value, int) and not isinstance(value, IntEnum):
                expected = ", ".join(member.name for member in field.enumeration)
                raise bad_field(parameter.name, field.name, f"{field.name} {value}, expected one of {expected}")


def check_antenna_id(antenna: int, persona: Persona, parameter: str) -> None:
    """Refuse an antenna that the reader has not; 0 stands for all."""
    if not 0 <= antenna <= persona.ports:
        field = "AntennaIDs" if parameter == "AISpec" else "AntennaID"
        raise bad_field(parameter, field, f"antenna {antenna}, expected 0 (all) or 1 to {persona.ports}")


def check_antenna(configuration: Parameter, persona: Persona) -> None:
    """Refuse an AntennaConfiguration that names what is in no table of the persona. Raises `RefusedError`."""
    check_antenna_id(configuration.number("AntennaID"), persona, "AntennaConfiguration")
    receiver = configuration.first("RFReceiver")
    if receiver is not None:
        known = {index for index, _ in persona.receive_sensitivities}
        _check_index(receiver, "ReceiverSensitivity", known)
    transmitter = configuration.first("RFTransmitter")
    if transmitter is not None:
        _check_index(transmitter, "TransmitPower", {index for index, _ in persona.transmit_powers})
        channels = {table: len(frequencies) for table, frequencies in persona.hop_tables}
        _check_index(transmitter, "HopTableID", set(channels))
        most = channels[transmitter.number("HopTableID")]
        if transmitter.number("ChannelIndex") > most:
            problem = f"ChannelIndex {transmitter.number('ChannelIndex')}, expected 0 to {most}"
            raise bad_field("RFTransmitter", "ChannelIndex", problem)
    for command in configuration.all("C1G2InventoryCommand"):
        _check_inventory_command(command, persona)


def _check_inventory_command(command: Parameter, persona: Persona) -> None:
    if command.number("TagInventoryStateAware") and not persona.llrp["CanDoTagInventoryStateAwareSingulation"]:
        problem = "TagInventoryStateAware is set, this reader cannot do it"
        raise bad_field("C1G2InventoryCommand", "TagInventoryStateAware", problem, StatusCode.A_Invalid)
    filters = command.all("C1G2Filter")
    most = persona.c1g2["MaxNumSelectFiltersPerQuery"]
    if len(filters) > most:
        raise too_many("C1G2Filter", f"{len(filters)} C1G2Filters, expected at most {most}")
    for air_filter in filters:
        mask = air_filter.one("C1G2TagInventoryMask")
        if mask.number("MB") != _EPC_BANK:
            problem = f"filter on memory bank {mask.number('MB')}: only the EPC bank (1) is simulated"
            raise bad_field("C1G2TagInventoryMask", "MB", problem, StatusCode.A_Invalid)
        if air_filter.first("C1G2TagInventoryStateAwareFilterAction") is not None:
            raise unsupported("C1G2TagInventoryStateAwareFilterAction", "state-aware filters are not simulated")
    control = command.first("C1G2RFControl")
    if control is not None:
        _check_index(control, "ModeIndex", {row[0] for row in persona.rf_modes})


def _check_index(parameter: Parameter, field: str, known: set[int]) -> None:
    value = parameter.number(field)
    if value not in known:
        span = f"{min(known)} to {max(known)}" if known else "none"
        raise bad_field(parameter.name, field, f"{field} {value}, expected an index of the table ({span})")


def check_protocol(parameter: Parameter) -> None:
    """Refuse an air protocol other than Gen2."""
    if parameter.number("ProtocolID") != AirProtocols.EPCGlobalClass1Gen2:
        problem = f"ProtocolID {parameter.number('ProtocolID')}, expected 1 (EPCGlobalClass1Gen2)"
        raise bad_field(parameter.name, "ProtocolID", problem)
