"""The shape of a site file: which keys may stand where, of which type, in which range. Sense is checked afterwards."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from wire.device_options import Options
from wire.limits import DEVICE_MAX_ANTENNAS, SITE_MAX_DEVICES, SITE_MAX_METRES, SITE_MAX_ZONES
from wire.site import DevicePurpose, Driver, ZoneKind

DEFAULT_EDGE: Final = "edge-1"

# A bound also keeps out what YAML calls numbers and are none: `.nan` and `.inf`.
Metres = Annotated[float, Meta(ge=-SITE_MAX_METRES, le=SITE_MAX_METRES)]
Degrees = Annotated[float, Meta(ge=-360, le=360)]
Point = tuple[Metres, Metres]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mapping that takes the keys below and no others."""


class ZoneShape(Strict):
    """One of `zones`."""

    id: str
    kind: ZoneKind
    sellable: bool | None = None
    counts_as: str = ""
    outline: tuple[Point, ...] = ()
    floor: Annotated[int, Meta(ge=-100, le=200)] = 0
    department: str = ""
    walk: Annotated[int, Meta(ge=0, le=9_999)] | None = None


class AntennaShape(Strict):
    """One of a device's `antennas`."""

    port: Annotated[int, Meta(ge=1, le=65_535)]
    zone: str
    x: Metres | None = None
    y: Metres | None = None
    z: Metres | None = None
    aim: Degrees | None = None
    tilt: Degrees | None = None
    gain_dbi: Annotated[float, Meta(ge=-50, le=50)] | None = None
    power_dbm: Annotated[float, Meta(ge=0, le=36)] | None = None
    cable_loss_db: Annotated[float, Meta(ge=0, le=20)] = 0.0


class DeviceShape(Options, forbid_unknown_fields=True, kw_only=True):
    """One of `devices`; the drivers' own settings stand beside these keys."""

    id: str
    driver: Driver
    address: str = ""
    edge: str = DEFAULT_EDGE
    profile: str = ""
    zone: str = ""
    purpose: DevicePurpose | None = None
    antennas: Annotated[tuple[AntennaShape, ...], Meta(max_length=DEVICE_MAX_ANTENNAS)] = ()


class WallShape(Strict, rename={"start": "from", "end": "to"}):
    """One of `walls`."""

    start: Point
    end: Point
    loss_db: Annotated[float, Meta(ge=0, le=100)] = 12.0


class LocationShape(Strict):
    """Degrees (WGS 84)."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]


class HoursShape(Strict):
    """Spans of each day; see `wire.site_hours`."""

    mon: str = ""
    tue: str = ""
    wed: str = ""
    thu: str = ""
    fri: str = ""
    sat: str = ""
    sun: str = ""


class FulfilmentShape(Strict):
    """What the site does for orders from elsewhere."""

    ship: bool = True
    pickup: bool = True
    pick_cost: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    capacity_per_day: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    cut_off: str | None = None
    handling_min: Annotated[int, Meta(ge=0, le=10_080)] = 30


class SiteShape(Strict):
    """The whole file."""

    site: str
    zones: Annotated[tuple[ZoneShape, ...], Meta(min_length=1, max_length=SITE_MAX_ZONES)]
    name: str = ""
    timezone: str = "UTC"
    gln: str = ""
    company_prefixes: tuple[str, ...] = ()
    passages: tuple[tuple[str, str], ...] = ()
    walls: tuple[WallShape, ...] = ()
    devices: Annotated[tuple[DeviceShape, ...], Meta(max_length=SITE_MAX_DEVICES)] = ()
    location: LocationShape | None = None
    hours: HoursShape | None = None
    fulfilment: FulfilmentShape | None = None
