"""A persona's answer to GET_READER_CAPABILITIES (LLRP 1.1 section 9.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.llrp.message import param
from wire.llrp.tables.enumerations import AirProtocols, GetReaderCapabilitiesRequestedData

if TYPE_CHECKING:
    from simulator.reader.persona import Persona
    from wire.llrp.message import Parameter

_MODE_FIELDS = (
    "ModeIdentifier",
    "DRValue",
    "EPCHAGTCConformance",
    "MValue",
    "ForwardLinkModulation",
    "SpectralMaskIndicator",
    "BDRValue",
    "PIEValue",
    "MinTariValue",
    "MaxTariValue",
    "StepTariValue",
)


def capabilities(persona: Persona, requested: int) -> list[Parameter]:
    """Return the parameters that answer a request, in the standard's order."""
    kinds = GetReaderCapabilitiesRequestedData
    parts = {
        kinds.General_Device_Capabilities: general,
        kinds.LLRP_Capabilities: llrp,
        kinds.Regulatory_Capabilities: regulatory,
        kinds.LLRP_Air_Protocol_Capabilities: air_protocol,
    }
    return [build(persona) for kind, build in parts.items() if requested in (kinds.All, kind)]


def general(persona: Persona) -> Parameter:
    """Return GeneralDeviceCapabilities."""
    return param(
        "GeneralDeviceCapabilities",
        *[
            param("ReceiveSensitivityTableEntry", Index=index, ReceiveSensitivityValue=value)
            for index, value in persona.receive_sensitivities
        ],
        param("GPIOCapabilities", NumGPIs=persona.gpis, NumGPOs=persona.gpos),
        *[
            param("PerAntennaAirProtocol", AntennaID=port, ProtocolID=bytes([AirProtocols.EPCGlobalClass1Gen2]))
            for port in range(1, persona.ports + 1)
        ],
        MaxNumberOfAntennaSupported=persona.ports,
        CanSetAntennaProperties=persona.can_set_antenna_properties,
        HasUTCClockCapability=persona.has_utc_clock,
        DeviceManufacturerName=persona.vendor,
        ModelName=persona.model,
        ReaderFirmwareVersion=persona.firmware,
    )


def llrp(persona: Persona) -> Parameter:
    """Return LLRPCapabilities."""
    return param("LLRPCapabilities", **persona.llrp)


def regulatory(persona: Persona) -> Parameter:
    """Return RegulatoryCapabilities: powers, hop channels, modes."""
    powers = [
        param("TransmitPowerLevelTableEntry", Index=index, TransmitPowerValue=value)
        for index, value in persona.transmit_powers
    ]
    tables = [
        param("FrequencyHopTable", HopTableID=table, Frequency=tuple(frequencies))
        for table, frequencies in persona.hop_tables
    ]
    modes = [param("C1G2UHFRFModeTableEntry", **dict(zip(_MODE_FIELDS, row, strict=True))) for row in persona.rf_modes]
    bands = param(
        "UHFBandCapabilities",
        *powers,
        param("FrequencyInformation", *tables, Hopping=bool(tables)),
        param("C1G2UHFRFModeTable", *modes),
    )
    return param("RegulatoryCapabilities", bands, CountryCode=persona.country, CommunicationsStandard=persona.standard)


def air_protocol(persona: Persona) -> Parameter:
    """Return C1G2LLRPCapabilities."""
    return param("C1G2LLRPCapabilities", **persona.c1g2)
