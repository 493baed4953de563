"""What a reader says that it can do: GET_READER_CAPABILITIES_RESPONSE as typed values (LLRP 1.1 section 11.2).

Only what a stock reader needs is taken. Tables are kept by the reader's own index, because no order can be relied on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge.llrp.limits import GPI_PORTS_MAX
from firmware_config.inventory import model_name
from firmware_config.region import region_of_standard
from firmware_config.render import Mode, ReaderFacts
from firmware_config.vendors import IMPINJ
from wire.configuration import DeviceInventory
from wire.limits import INVENTORY_MAX_CHARS

if TYPE_CHECKING:
    from wire.llrp.message import Message, Parameter

_IMPINJ_AUTOMATIC: Final = 1_000
"""Impinj numbers the modes that choose by themselves from 1000 on; their rates in the table are placeholders."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One reader. `facts` is what a profile is rendered through."""

    facts: ReaderFacts
    model: int
    firmware: str
    has_utc_clock: bool
    can_hold_reports: bool
    warns_of_buffer: bool
    max_rospecs: int
    gpi_ports: int
    select_filters: int = 0
    """Filters that one query may send before it; 0: none, or it does not say."""
    max_specs: int = 1
    """AISpecs in one ROSpec."""

    def inventory(self) -> DeviceInventory:
        """Return what the reader says that it is. LLRP has no serial number."""
        vendor, model = model_name(self.facts.vendor, self.model)
        return DeviceInventory(vendor=vendor, model=model, firmware=self.firmware[:INVENTORY_MAX_CHARS])

    @property
    def is_impinj(self) -> bool:
        """Whether Impinj's own parameters mean something to it."""
        return self.facts.vendor == IMPINJ


def read_capabilities(response: Message) -> Capabilities:
    """Return a reader's capabilities. Raises `MissingParameter` (a `DecodeError`) when it left out what it must say."""
    device = response.one("GeneralDeviceCapabilities")
    llrp = response.one("LLRPCapabilities")
    law = response.one("RegulatoryCapabilities")
    band = law.one("UHFBandCapabilities")
    vendor = device.number("DeviceManufacturerName")
    gpio = device.first("GPIOCapabilities")
    gen2 = response.first("C1G2LLRPCapabilities")
    frequencies = band.one("FrequencyInformation")
    fixed = frequencies.first("FixedFrequencyTable")
    facts = ReaderFacts(
        vendor=vendor,
        ports=device.number("MaxNumberOfAntennaSupported"),
        power_cdbm={
            entry.number("Index"): entry.number("TransmitPowerValue")
            for entry in band.all("TransmitPowerLevelTableEntry")
        },
        modes=tuple(
            _mode(entry, vendor)
            for table in band.all("C1G2UHFRFModeTable")
            for entry in table.all("C1G2UHFRFModeTableEntry")
        ),
        hop_tables=tuple(table.number("HopTableID") for table in frequencies.all("FrequencyHopTable"))
        if frequencies.number("Hopping")
        else (),
        fixed_channels=len(fixed.numbers("Frequency")) if fixed is not None else 0,
        region=region_of_standard(law.number("CommunicationsStandard"), min(_channels_khz(frequencies), default=None)),
    )
    return Capabilities(
        facts=facts,
        model=device.number("ModelName"),
        firmware=device.text("ReaderFirmwareVersion"),
        has_utc_clock=bool(device.number("HasUTCClockCapability")),
        can_hold_reports=bool(llrp.number("SupportsEventAndReportHolding")),
        warns_of_buffer=bool(llrp.number("CanReportBufferFillWarning")),
        max_rospecs=llrp.number("MaxNumROSpecs"),
        max_specs=llrp.number("MaxNumSpecsPerROSpec"),
        gpi_ports=min(gpio.number("NumGPIs"), GPI_PORTS_MAX) if gpio is not None else 0,
        select_filters=gen2.number("MaxNumSelectFiltersPerQuery") if gen2 is not None else 0,
    )


def _channels_khz(frequencies: Parameter) -> list[int]:
    """Return all channels that the reader names."""
    tables = (*frequencies.all("FrequencyHopTable"), *frequencies.all("FixedFrequencyTable"))
    return [frequency for table in tables for frequency in table.numbers("Frequency")]


def _mode(entry: Parameter, vendor: int) -> Mode:
    identifier = entry.number("ModeIdentifier")
    return Mode(
        identifier=identifier,
        miller=1 << entry.number("MValue"),  # FM0, 2, 4, 8 travel as 0 to 3
        bdr_hz=entry.number("BDRValue"),
        automatic=vendor == IMPINJ and identifier >= _IMPINJ_AUTOMATIC,
    )
