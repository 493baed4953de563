"""A site: its zones, who touches whom, its devices and their antennas. Values that cannot be wrong.

Built by `wire.site_file` from the site file; every program reads the same file, so that a place has one name only.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wire.site_hours import ALWAYS, Week


class ZoneKind(StrEnum):
    """What a zone is for."""

    SALES_FLOOR = "sales_floor"
    BACK_ROOM = "back_room"
    FITTING_ROOM = "fitting_room"
    CHECKOUT = "checkout"
    RECEIVING = "receiving"
    EXIT = "exit"
    WINDOW = "window"


OUT: Final = "OUT"
"""The place of an item that is not in the site. No zone may carry this name."""

AUTO: Final = "auto"
"""In a request: the site that is best."""

RESERVED_SITES: Final = {
    AUTO: "in a reservation that means 'wherever it is best'",
    "me": "`/store/me` is where a store screen asks who it is",
}
"""Names that no site may carry, and why."""

SELLABLE_KINDS: Final = frozenset({ZoneKind.SALES_FLOOR, ZoneKind.BACK_ROOM, ZoneKind.WINDOW})
"""Goods in fitting rooms and at the checkout are in a shopper's hands, goods in receiving are not checked yet."""


class Driver(StrEnum):
    """How an edge daemon polls a device."""

    LLRP = "llrp"
    SLLURP = "sllurp"
    IMPINJ_IOT = "impinj_iot"
    ZEBRA_IOTC = "zebra_iotc"
    BARCODE_SERIAL = "barcode_serial"
    UHF_SERIAL = "uhf_serial"
    FILE = "file"


class DevicePurpose(StrEnum):
    """What a device is there for: a reader looks, a scanner or a handheld is held by a person."""

    STOCK = "stock"
    PORTAL = "portal"
    SHELF = "shelf"
    FITTING_ROOM = "fitting_room"
    CHECKOUT = "checkout"
    COUNT = "count"
    RECEIVE = "receive"
    SALE = "sale"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True)
class Zone:
    """A place in a site. `outline` is a polygon in metres on the store's plan, empty when there is no plan."""

    id: str
    kind: ZoneKind
    sellable: bool
    counts_as: str
    outline: tuple[tuple[float, float], ...] = ()
    floor: int = 0
    department: str = ""
    walk: int | None = None
    """Its number on the way that people walk through the site; None: the file does not say."""


@dataclass(frozen=True, slots=True)
class Antenna:
    """One port of a reader; it covers one zone. Metres; `z` above the floor. None means: not surveyed."""

    port: int
    zone: str
    x: float | None = None
    y: float | None = None
    z: float | None = None
    aim: float | None = None
    tilt: float | None = None
    gain_dbi: float | None = None
    power_dbm: float | None = None
    cable_loss_db: float = 0.0
    """Between the reader's port and the antenna."""


@dataclass(frozen=True, slots=True)
class Device:
    """Anything that an edge daemon polls. `options` are the driver's own settings (`wire.device_options`)."""

    id: str
    driver: Driver
    address: str
    edge: str
    profile: str = ""
    zone: str = ""
    purpose: DevicePurpose | None = None
    antennas: tuple[Antenna, ...] = ()
    options: dict[str, str | int | float | bool] = field(default_factory=dict)

    def host_port(self, default_port: int) -> tuple[str, int]:
        """Return host and TCP port of `address`; `default_port` where it names none."""
        host, colon, port = self.address.rpartition(":")
        if not colon or self.address.endswith("]"):  # an IPv6 address stands in brackets
            host, port = self.address, str(default_port)
        return host.removeprefix("[").removesuffix("]"), int(port)


@dataclass(frozen=True, slots=True)
class Wall:
    """A wall on the plan, from one point to another, and what it costs a signal in one crossing."""

    start: tuple[float, float]
    end: tuple[float, float]
    loss_db: float


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """What a site does for orders from elsewhere. Prices in the channel's currency, None: the channel's own."""

    ship: bool = True
    pickup: bool = True
    pick_cost: float | None = None
    capacity_per_day: int | None = None
    """Orders that its people can handle in a day; None: any number."""
    cut_off: int | None = None
    """Minute of the local day after which work begins on the next open one."""
    handling_min: int = 30
    """Minutes of work from the order to the parcel."""


@dataclass(frozen=True, slots=True)
class Site:
    """One store, warehouse or distribution centre, as its site file says it is."""

    id: str
    name: str
    timezone: str
    zones: tuple[Zone, ...]
    passages: tuple[tuple[str, str], ...]
    devices: tuple[Device, ...]
    walls: tuple[Wall, ...] = ()
    gln: str = ""
    company_prefixes: tuple[str, ...] = ()
    location: tuple[float, float] | None = None
    """Latitude and longitude, degrees (WGS 84)."""
    hours: Week = ALWAYS
    fulfilment: Fulfilment = Fulfilment()

    def zone(self, zone_id: str) -> Zone:
        """Return a zone by its id. Raises `KeyError`."""
        for zone in self.zones:
            if zone.id == zone_id:
                return zone
        raise KeyError(zone_id)

    def walk(self) -> dict[str, int]:
        """Return the place of each zone on the way through the site, from 0 on.

        First the zones that have a number, in the order of these; then the others. Alike ones as in the file.
        """
        steps = sorted(self.zones, key=lambda zone: (zone.walk is None, zone.walk or 0))
        return {zone.id: place for place, zone in enumerate(steps)}

    def edges(self) -> tuple[str, ...]:
        """Return the ids of the edge boxes that own devices here, in the file's order."""
        return tuple(dict.fromkeys(device.edge for device in self.devices))

    def devices_of(self, edge: str) -> tuple[Device, ...]:
        """Return the devices that an edge box polls."""
        return tuple(device for device in self.devices if device.edge == edge)

    def zone_of_antenna(self) -> dict[tuple[str, int], str]:
        """Return the zone of each (device, port)."""
        return {(device.id, antenna.port): antenna.zone for device in self.devices for antenna in device.antennas}

    def touching(self, zone_id: str) -> frozenset[str]:
        """Return the zones that one passage connects with `zone_id`."""
        there = {b for a, b in self.passages if a == zone_id}
        return frozenset(there | {a for a, b in self.passages if b == zone_id})
