"""The sensor model of a site: what a labelled survey found out about its antennas and zones, as a versioned JSON file.

It holds what was counted, not what follows from it: looks, reads, levels, changes of level, stays. The filter's tables
are made from it (`gateway.presence.surveyed`). A model belongs to the antennas that it was surveyed with: at another
site it is worse than none, so a site file that has other antennas is refused.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from wire.errors import WireError
from wire.limits import DEVICE_MAX_ANTENNAS, SITE_MAX_DEVICES, SITE_MAX_ZONES
from wire.site import Site

FORMAT: Final = "lastunit-sensor-model"
VERSION: Final = 1

MODEL_MAX_BYTES: Final = 64 << 20
"""A site of 250 zones and 1,000 antennas takes some 25 MB; no model is larger than twice that."""

MODEL_MAX_ANTENNAS: Final = SITE_MAX_DEVICES * DEVICE_MAX_ANTENNAS

SOURCES_MAX: Final = 100
"""Files that a model names as its survey; more walks than that are joined first."""

NAMES_SHOWN: Final = 10

MOTION_KINDS: Final = 11
"""Kinds of change of level between two windows: see `gateway.presence.motion`."""

_Count = Annotated[int, Meta(ge=0, le=2**53)]
_Amount = Annotated[float, Meta(ge=0, le=1e15)]
_Dbm = Annotated[float, Meta(ge=-150, le=50)]
_Db = Annotated[float, Meta(ge=0, le=100)]


class ModelError(WireError):
    """A model that cannot be used: the message names the file, the place in it and the mend."""

    code = "model"


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    pass


class SurveyedAntenna(_Strict, kw_only=True, frozen=True):
    """An antenna of the survey. `look_ms`: how long it usually looked in a window in which it looked; 0: never."""

    device: str
    port: Annotated[int, Meta(ge=1, le=65_535)]
    look_ms: Annotated[float, Meta(ge=0, le=60_000)]


class Reception(_Strict, kw_only=True, frozen=True):
    """What one antenna had of the items in one zone; an antenna that never read them has no entry.

    Attributes:
        antenna: Number of the antenna in the model's list.
        hits: Looks that gave a read (of the looks that the zone counts for this antenna).
        windows: Windows with a read, those outside counted looks too: what the levels rest on.
        rssi_dbm, rssi_sd_db: Mean and spread of the windows' mean RSSI, over all items of the zone.
    """

    antenna: Annotated[int, Meta(ge=0, lt=MODEL_MAX_ANTENNAS)]
    hits: _Count
    windows: Annotated[int, Meta(ge=1, le=2**53)]
    rssi_dbm: _Dbm
    rssi_sd_db: _Db


class SurveyedZone(_Strict, kw_only=True, frozen=True):
    """What the survey had of one zone.

    Attributes:
        zone: Id of a zone of the site file.
        items, items_read, stays: Items that were there, those of them that were read there, and how often one came.
        seconds, read_seconds: Seconds of all items together, and those of them with a read at any antenna.
        leaves: How often an item went from here to each other zone.
        motion: Reads by kind of change of level, shape [MOTION_KINDS].
        looks: Looks of each antenna at items that were here and could answer, shape [antennas].
        heard: Receptions by antenna, ascending.
    """

    zone: str
    items: _Count
    items_read: _Count
    stays: _Count
    seconds: _Amount
    read_seconds: _Amount
    leaves: Annotated[dict[str, _Count], Meta(max_length=SITE_MAX_ZONES)]
    motion: Annotated[tuple[_Count, ...], Meta(min_length=MOTION_KINDS, max_length=MOTION_KINDS)]
    looks: tuple[_Count, ...]
    heard: tuple[Reception, ...]


class Confusion(_Strict, kw_only=True, frozen=True):
    """Where items were and where the model took them for, in item-seconds from the first read on.

    Attributes:
        told: The zones that can be told, `counts_as` applied.
        seconds: By true zone (the model's zones) and told zone, shape [zones, told].
        held_out: Each item was judged by a model without it; else the model judged what it was made from.
    """

    told: Annotated[tuple[str, ...], Meta(min_length=1, max_length=SITE_MAX_ZONES)]
    seconds: tuple[tuple[_Amount, ...], ...]
    held_out: bool


class Model(_Strict, kw_only=True, frozen=True):
    """A sensor model.

    Attributes:
        quiet_s: A tag is silent for so long after a read (Gen2 session 1), as the survey shows; 0: it is not.
        sensitivity_dbm: RSSI below which hardly any read comes (3 % of them); None: too few reads to say.
        read_sd_db: Spread of the windows of a still item at one antenna; None: too few reads to say.
        items, windows, seconds: What it rests on: items that were read, their windows with a read, seconds surveyed.
        made_at: When it was fitted, ISO 8601. `made_from`: the files.
        confusion: How well it tells the zones apart; None: not judged.
    """

    format: str = FORMAT
    version: int = VERSION
    site: str
    made_at: str
    made_from: Annotated[tuple[str, ...], Meta(max_length=SOURCES_MAX)]
    items: _Count
    windows: _Count
    seconds: _Amount
    quiet_s: Annotated[float, Meta(ge=0, le=600)]
    sensitivity_dbm: _Dbm | None
    read_sd_db: _Db | None
    antennas: Annotated[tuple[SurveyedAntenna, ...], Meta(min_length=1, max_length=MODEL_MAX_ANTENNAS)]
    zones: Annotated[tuple[SurveyedZone, ...], Meta(min_length=1, max_length=SITE_MAX_ZONES)]
    confusion: Confusion | None = None

    def antenna_keys(self) -> tuple[tuple[str, int], ...]:
        """Return (device, port) of each antenna, in the model's order."""
        return tuple((antenna.device, antenna.port) for antenna in self.antennas)


class _Head(msgspec.Struct):
    format: str = ""
    version: int = 0


def encode_model(model: Model) -> bytes:
    """Return a model as JSON text: the same model gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(model, order="deterministic"), indent=1) + b"\n"


def decode_model(data: bytes, file: str) -> Model:
    """Return the model that `data` holds. Raises `ModelError`, which begins with `file` and names the place in it."""
    if len(data) > MODEL_MAX_BYTES:
        raise ModelError(f"{file}: {len(data):,} bytes: a sensor model has at most {MODEL_MAX_BYTES:,}")
    try:
        head = msgspec.json.decode(data, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{file}: not a sensor model: {error}") from error
    if head.format != FORMAT:
        raise ModelError(f"{file}: format {head.format!r}: expected {FORMAT!r}, as `lastunit calibrate` writes it")
    if head.version != VERSION:
        raise ModelError(f"{file}: version {head.version}: this program reads version {VERSION}; calibrate once more")
    try:
        model = msgspec.json.decode(data, type=Model)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{file}: {error}") from error
    _check_sense(model, file)
    return model


def _check_sense(model: Model, file: str) -> None:
    """Check what the shape cannot say. Raises `ModelError`."""
    keys = model.antenna_keys()
    _check_once(file, "antennas", [f"{device}:{port}" for device, port in keys])
    names = [zone.zone for zone in model.zones]
    _check_once(file, "zones", names)
    if model.confusion is not None:
        shape = [len(row) for row in model.confusion.seconds]
        if shape != [len(model.confusion.told)] * len(names):
            raise ModelError(f"{file}: confusion.seconds: expected {len(names)} rows of {len(model.confusion.told)}")
    for number, zone in enumerate(model.zones):
        place = f"{file}: zones[{number}] ({zone.zone})"
        if len(zone.looks) != len(keys):
            raise ModelError(f"{place}.looks: {len(zone.looks)} values for {len(keys)} antennas")
        unknown = sorted(set(zone.leaves) - set(names))
        if unknown:
            raise ModelError(f"{place}.leaves: no zone {_listed(unknown)} in this model")
        heard = [reception.antenna for reception in zone.heard]
        if heard != sorted(set(heard)) or (heard and heard[-1] >= len(keys)):
            raise ModelError(f"{place}.heard: antennas {heard}: expected ascending numbers below {len(keys)}")
        for at, reception in enumerate(zone.heard):
            looks = zone.looks[reception.antenna]
            if reception.hits > min(looks, reception.windows):
                raise ModelError(
                    f"{place}.heard[{at}].hits: {reception.hits:,} of {looks:,} looks and "
                    f"{reception.windows:,} windows with a read: no more than either"
                )


def _check_once(file: str, place: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ModelError(f"{file}: {place}: {_listed(twice)} more than once")


def check_model(model: Model, site: Site, file: str) -> None:
    """Check that a model was surveyed at `site` with the antennas and zones that it has.

    Raises `ModelError`, which begins with `file` and says which antennas or zones differ.
    """
    mend = "a survey counts for the antennas that it was made with: calibrate once more"
    if model.site != site.id:
        raise ModelError(f"{file}: surveyed at site {model.site!r}, but the site file describes {site.id!r}: {mend}")
    there, here = set(model.antenna_keys()), set(site.zone_of_antenna())
    if there != here:
        text = "; ".join(
            f"{_listed(sorted(f'{device}:{port}' for device, port in only))} only in the {where}"
            for only, where in ((there - here, "model"), (here - there, "site file"))
            if only
        )
        raise ModelError(f"{file}: antennas differ from those of site {site.id!r}: {text}: {mend}")
    unknown = sorted({zone.zone for zone in model.zones} - {zone.id for zone in site.zones})
    if unknown:
        raise ModelError(f"{file}: zones that site {site.id!r} does not have: {_listed(unknown)}: {mend}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
