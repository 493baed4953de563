"""What kind of reader is simulated: the facts of a model as data, one JSON file each in `personas/`.

The tables (powers, modes, hop channels, limits) are those that real readers answered; where each comes from stands in
`personas/SOURCES.md`. "-like" says that behaviour beyond LLRP is ours.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec

from wire.llrp.tables import VENDORS

if TYPE_CHECKING:
    from wire.site import Device

NAMES: Final = ("impinj-r420-like", "zebra-fx9600-4-like", "zebra-fx9600-8-like")
"""The personas that come with the package."""

IMPINJ: Final = 25882
ZEBRA: Final = 161


class PersonaError(Exception):
    """No persona of that name: the caller asked for something impossible."""


class AntennaDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An antenna's configuration after a factory reset; all but `session`, `population`, `transit_ms` are indexes."""

    receiver: int
    hop_table: int
    channel: int
    power: int
    mode: int
    tari: int
    session: int
    population: int
    transit_ms: int


class ReportDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reader's own ROReportSpec and AccessReportSpec after a factory reset.

    `memory_selector`: whether it lists a C1G2EPCMemorySelector (with nothing enabled).
    """

    trigger: int
    n: int
    antenna: bool
    peak_rssi: bool
    first_seen: bool
    last_seen: bool
    memory_selector: bool
    access_trigger: int


class Persona(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reader model.

    Attributes:
        vendor: IANA private enterprise number.
        oui: first three bytes of its MAC address, hexadecimal.
        llrp_version: the highest that it speaks (1 = LLRP 1.0.1, 2 = LLRP 1.1).
        max_buffered_tags: tag reports that it keeps while nobody takes them; then the oldest are lost.
        llrp, c1g2: fields of LLRPCapabilities and C1G2LLRPCapabilities by their LLRP names.
        receive_sensitivities: (index, dB above the maximum).
        transmit_powers: (index, 0.01 dBm); the first index is 1 with Impinj and 0 with Zebra.
        hop_tables: (hop table id, frequencies in kHz).
        rf_modes: ModeIdentifier, DR, EPC HAG conformance, M, forward modulation, spectral mask, BDR, PIE and the
            Tari's minimum, maximum and step.
        events_on: NotificationEventType numbers that are enabled after a factory reset.
    """

    name: str
    vendor: int
    model: int
    firmware: str
    oui: str
    llrp_version: int
    ports: int
    gpis: int
    gpos: int
    has_utc_clock: bool
    can_set_antenna_properties: bool
    max_buffered_tags: int
    llrp: dict[str, int | bool]
    c1g2: dict[str, int | bool]
    country: int
    standard: int
    receive_sensitivities: list[tuple[int, int]]
    transmit_powers: list[tuple[int, int]]
    hop_tables: list[tuple[int, list[int]]]
    rf_modes: list[tuple[int, int, bool, int, int, int, int, int, int, int, int]]
    antenna: AntennaDefaults
    report: ReportDefaults
    events_on: list[int]

    @property
    def is_impinj(self) -> bool:
        """Whether Impinj's extensions may be enabled."""
        return self.vendor == IMPINJ

    @property
    def vendor_prefixes(self) -> tuple[str, ...]:
        """How names of this vendor's parameters begin in the tables."""
        return {"Impinj": ("Impinj",), "Zebra": ("Moto", "BrandID")}.get(VENDORS.get(self.vendor, ""), ())

    def with_ports(self, ports: int) -> Persona:
        """Return the persona with at least that many ports, as a reader with an antenna hub has."""
        return msgspec.structs.replace(self, ports=max(self.ports, ports))

    def reader_id(self, device_id: str) -> bytes:
        """Return an EUI-64 made from the model's OUI and the device's name: eight bytes, the same in every run."""
        tail = hashlib.sha256(device_id.encode()).digest()[:3]
        return bytes.fromhex(self.oui) + b"\xff\xff" + tail


def load_persona(name: str) -> Persona:
    """Return the persona of that name. Raises `PersonaError`."""
    if name not in NAMES:
        raise PersonaError(f"persona {name!r}, expected one of {', '.join(NAMES)}")
    data = files("simulator.reader").joinpath("personas", f"{name}.json").read_bytes()
    return msgspec.json.decode(data, type=Persona)


def persona_of(device: Device) -> Persona:
    """Choose the persona for a site's device: its option `persona`, else by its profile's vendor, else Impinj's.

    Raises:
        PersonaError: the device's option names none.
    """
    ports = max((antenna.port for antenna in device.antennas), default=1)
    asked = device.options.get("persona")
    if asked is not None:
        return load_persona(str(asked)).with_ports(ports)
    if device.profile.startswith("zebra"):
        return load_persona("zebra-fx9600-4-like" if ports <= 4 else "zebra-fx9600-8-like").with_ports(ports)
    return load_persona("impinj-r420-like").with_ports(ports)
