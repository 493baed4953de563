"""The site file: YAML text in, `Site` out; every error names the file, the line and the key.

Parsing goes in three steps, each with its own kind of error: YAML (syntax, duplicate keys), shape (unknown keys,
wrong types; msgspec), sense (names that point nowhere, doubles, values out of range). The first two stop at the first
error, the third lists all that it finds.
"""

import re
from typing import Any, Final
from zoneinfo import available_timezones

import msgspec
import yaml
from yaml.reader import ReaderError

from wire.device_options import OPTIONS_OF, PURPOSES_OF, Options
from wire.errors import Problem, SiteFileError, TopicError
from wire.gs1.check_digit import is_checked
from wire.limits import (
    SITE_FILE_MAX_BYTES,
    SITE_FILE_MAX_VALUES,
)
from wire.site import (
    OUT,
    RESERVED_SITES,
    SELLABLE_KINDS,
    Antenna,
    Device,
    DevicePurpose,
    Driver,
    Fulfilment,
    Site,
    Wall,
    Zone,
    ZoneKind,
)
from wire.site_hours import ALWAYS, DAYS, Span, parse_day, parse_minute
from wire.site_shape import DeviceShape, FulfilmentShape, SiteShape
from wire.topics import check_id

_OPTIONS: Final = Options.__struct_fields__
_PORT_MAX: Final = 65_535
_PORT_MAX_DIGITS: Final = 5
_SHOWN_MAX_CHARS: Final = 80
"""Of a wrong value in its message."""

Lines = dict[str, int]


def decode_site_text(data: bytes, file: str) -> str:
    """Return the text of a site file's bytes. Raises `SiteFileError` with the line that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong = f"not UTF-8: byte 0x{error.object[error.start]:02x}; save it as UTF-8"
        raise SiteFileError(file, (Problem(line, "", wrong),)) from error


def parse_site(text: str, file: str = "site.yaml") -> Site:
    """Parse a site file. Raises `SiteFileError` with every problem's line and key."""
    size = len(text.encode())
    if size > SITE_FILE_MAX_BYTES:
        raise SiteFileError(file, (Problem(0, "", f"{size} bytes: the limit is {SITE_FILE_MAX_BYTES}"),))
    lines: Lines = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise SiteFileError(file, (Problem(line, "", f"not YAML: {error.problem}"),)) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        wrong = f"not text: the character {text[error.position]!r} cannot stand in a site file"
        raise SiteFileError(file, (Problem(line, "", wrong),)) from error
    except yaml.YAMLError as error:
        raise SiteFileError(file, (Problem(0, "", f"not YAML: {error}"),)) from error
    except RecursionError as error:
        raise _too_deep(file) from error
    if node is None:
        raise SiteFileError(file, (Problem(0, "", "the file is empty: it needs at least `site` and `zones`"),))
    try:
        plain = _plain(node, "", lines, file)
    except RecursionError as error:
        raise _too_deep(file) from error
    try:
        shape = msgspec.convert(plain, SiteShape)
    except msgspec.ValidationError as error:
        raise SiteFileError(file, (_shape_problem(str(error), lines),)) from error
    problems = tuple(_senseless(shape, lines))
    if problems:
        raise SiteFileError(file, problems)
    return _site(shape)


def _too_deep(file: str) -> SiteFileError:
    return SiteFileError(file, (Problem(0, "", "values nest too deep, or an alias holds itself"),))


def _plain(node: yaml.Node, path: str, lines: Lines, file: str) -> Any:
    """Turn YAML nodes into plain values and note the line of every key path."""
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(lines) > SITE_FILE_MAX_VALUES:
        raise SiteFileError(file, (Problem(line, "", f"more than {SITE_FILE_MAX_VALUES} values, aliases followed"),))
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise SiteFileError(file, (Problem(key_line, path, "a list or mapping as a key: expected a word"),))
            _check_whole(key_node, path, file)
            key = str(key_node.value)
            here = f"{path}.{key}" if path else key
            if key in out:
                raise SiteFileError(file, (Problem(key_line, here, "this key stands twice; keep one"),))
            lines[here] = key_line
            out[key] = _plain(value_node, here, lines, file)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, f"{path}[{i}]", lines, file) for i, child in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    _check_whole(node, path, file)
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise SiteFileError(file, (Problem(line, path, f"{node.value!r}: {error}"),)) from error
    except (AttributeError, LookupError) as error:  # what PyYAML raises for text that an explicit tag does not fit
        raise SiteFileError(file, (Problem(line, path, f"{node.value!r}: not a value of {node.tag}"),)) from error


def _check_whole(node: yaml.ScalarNode, path: str, file: str) -> None:
    r"""Raise `SiteFileError` for a text that no message can hold: `"\ud800"` is half of a character."""
    try:
        str(node.value).encode()
    except UnicodeEncodeError as error:
        line = node.start_mark.line + 1
        raise SiteFileError(file, (Problem(line, path, f"{node.value!r}: half a character"),)) from error


_AT: Final = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"unknown field `(?P<key>[^`]*)`")
_MISSING: Final = re.compile(r"missing required field `(?P<key>[^`]*)`")
_CHOICES: Final = (
    (re.compile(r"zones\[\d+\]\.kind"), ZoneKind),
    (re.compile(r"devices\[\d+\]\.driver"), Driver),
    (re.compile(r"devices\[\d+\]\.purpose"), DevicePurpose),
)
_NOT_TEXT: Final = re.compile(r"Expected `str(?: \| null)?`, got `(bool|int|float|date|datetime)`")


def _shape_problem(error: str, lines: Lines) -> Problem:
    match = _AT.match(error)
    assert match is not None
    path = (match["path"] or "").lstrip(".")
    message = match["message"].replace("Object", "mapping").replace("`array`", "`list`")
    if _NOT_TEXT.fullmatch(message):
        message += ": put it in quotes (YAML reads on, no, 007 and 2026-01-31 as something else)"
    unknown = _UNKNOWN.search(message)
    if unknown:
        path = f"{path}.{unknown['key']}" if path else unknown["key"]
        message = "unknown key; see docs/site-file.md for the keys that can stand here"
    missing = _MISSING.search(message)
    if missing:
        message = f"`{missing['key']}` is missing"
    for where, choices in _CHOICES:
        if where.fullmatch(path) and message.startswith("Invalid enum value"):
            message += f"; there are {', '.join(choices)}"
    return Problem(lines.get(path, lines.get(re.sub(r"(\.[^.\[]*|\[\d+\])$", "", path), 0)), path, message)


def _senseless(shape: SiteShape, lines: Lines) -> list[Problem]:
    found: list[Problem] = []

    def wrong(key: str, message: str) -> None:
        found.append(Problem(lines.get(key, 0), key, message))

    def checked_id(kind: str, key: str, text: str) -> None:
        try:
            check_id(kind, text)
        except TopicError as error:
            wrong(key, str(error))

    checked_id("site", "site", shape.site)
    if shape.site in RESERVED_SITES:
        wrong("site", f"a site cannot be called {shape.site!r}: {RESERVED_SITES[shape.site]}; choose another name")
    if shape.timezone not in available_timezones():
        wrong("timezone", f"{shape.timezone!r} is not a time zone name such as Europe/Berlin")
    if shape.gln and not _gln_is_good(shape.gln):
        wrong("gln", f"{shape.gln!r}: expected 13 digits with a good check digit")
    for i, prefix in enumerate(shape.company_prefixes):
        if not re.fullmatch(r"[0-9]{4,12}", prefix):
            wrong(f"company_prefixes[{i}]", f"{prefix!r}: expected a GS1 company prefix of 4 to 12 digits")
    _check_times(shape, wrong)
    _check_zones(shape, wrong, checked_id)
    _check_devices(shape, wrong, checked_id)
    return found


def _check_times(shape: SiteShape, wrong: Any) -> None:
    for day in DAYS if shape.hours is not None else ():
        try:
            _spans(getattr(shape.hours, day))
        except ValueError as error:
            wrong(f"hours.{day}", str(error))
    try:
        _fulfilment(shape.fulfilment)
    except ValueError as error:
        wrong("fulfilment.cut_off", str(error))


def _spans(text: str) -> tuple[Span, ...]:
    return parse_day(text) if text else ()


def _fulfilment(shape: FulfilmentShape | None) -> Fulfilment:
    if shape is None:
        return Fulfilment()
    cut_off = None if shape.cut_off is None else parse_minute(shape.cut_off)
    return Fulfilment(**msgspec.structs.asdict(shape) | {"cut_off": cut_off})


def _check_zones(shape: SiteShape, wrong: Any, checked_id: Any) -> None:
    names = [zone.id for zone in shape.zones]
    for i, zone in enumerate(shape.zones):
        checked_id("zone", f"zones[{i}].id", zone.id)
        if zone.id == OUT:
            wrong(f"zones[{i}].id", "OUT means 'not in the site'; choose another name")
        if zone.id in names[:i]:
            wrong(f"zones[{i}].id", f"zone {zone.id!r} stands twice")
        if zone.counts_as and zone.counts_as not in names:
            wrong(f"zones[{i}].counts_as", f"no zone {zone.counts_as!r}; there are {', '.join(names)}")
        if zone.outline and len(zone.outline) < 3:
            wrong(f"zones[{i}].outline", f"{len(zone.outline)} points: an outline has at least 3")
    for i, passage in enumerate(shape.passages):
        for name in passage:
            if name not in names:
                wrong(f"passages[{i}]", f"no zone {name!r}; there are {', '.join(names)}")


def _check_devices(shape: SiteShape, wrong: Any, checked_id: Any) -> None:
    names = [zone.id for zone in shape.zones]
    ids = [device.id for device in shape.devices]
    for i, device in enumerate(shape.devices):
        checked_id("device", f"devices[{i}].id", device.id)
        checked_id("edge", f"devices[{i}].edge", device.edge)
        if device.id in ids[:i]:
            wrong(f"devices[{i}].id", f"device {device.id!r} stands twice")
        _check_driver(f"devices[{i}]", device, wrong)
        if device.zone and device.zone not in names:
            wrong(f"devices[{i}].zone", f"no zone {device.zone!r}; there are {', '.join(names)}")
        ports = [antenna.port for antenna in device.antennas]
        for j, antenna in enumerate(device.antennas):
            if antenna.zone not in names:
                wrong(f"devices[{i}].antennas[{j}].zone", f"no zone {antenna.zone!r}; there are {', '.join(names)}")
            if antenna.port in ports[:j]:
                wrong(f"devices[{i}].antennas[{j}].port", f"port {antenna.port} stands twice")


_ADDRESSES: Final = {
    Driver.LLRP: "an LLRP reader has one, as host or host:port",
    Driver.SLLURP: "an LLRP reader has one, as host or host:port",
    Driver.IMPINJ_IOT: "the reader's host or host:port",
    Driver.ZEBRA_IOTC: "the reader's name, as it stands in its topics",
    Driver.BARCODE_SERIAL: "the scanner's serial port, best one of /dev/serial/by-id",
    Driver.UHF_SERIAL: "the module's serial port, best one of /dev/serial/by-id",
    Driver.FILE: "the folder that is watched for count files",
}
_IN_THE_NETWORK: Final = frozenset({Driver.LLRP, Driver.SLLURP, Driver.IMPINJ_IOT})
_NEED_ZONE: Final = frozenset({Driver.BARCODE_SERIAL})


def _check_driver(key: str, device: DeviceShape, wrong: Any) -> None:
    """Check what depends on the driver: address, purpose, zone and settings."""
    driver = device.driver
    if not device.address:
        wrong(key, f"`address` is missing: {_ADDRESSES[driver]}")
    elif driver in _IN_THE_NETWORK:
        _check_address(f"{key}.address", device.address, wrong)
    if device.purpose is not None and device.purpose not in PURPOSES_OF[driver]:
        there = ", ".join(sorted(PURPOSES_OF[driver]))
        wrong(f"{key}.purpose", f"{device.purpose.value!r} is no purpose of a {driver} device; there are {there}")
    if driver in _NEED_ZONE and not device.zone:
        wrong(key, "`zone` is missing: where the scanner stands")
    for name in _OPTIONS:
        if getattr(device, name) is not None and name not in OPTIONS_OF[driver]:
            wrong(
                f"{key}.{name}",
                f"a {driver} device has no such setting; there are {', '.join(sorted(OPTIONS_OF[driver]))}",
            )


def _check_address(key: str, address: str, wrong: Any) -> None:
    match = re.fullmatch(r"(\[[\w:.%]+\]|[^:\[\]\s]+)(?::(?P<port>[0-9]+))?", address)
    if match is None:
        wrong(key, f"{_short(address)}: expected host or host:port, IPv6 as [address]:port")
    elif match["port"] and (len(match["port"]) > _PORT_MAX_DIGITS or int(match["port"]) > _PORT_MAX):
        wrong(key, f"{_short(address)}: expected a port of 1 to {_PORT_MAX}")


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX_CHARS else f"{text[:_SHOWN_MAX_CHARS]}...")


def _gln_is_good(gln: str) -> bool:
    """Check a GLN's length and GS1 check digit (GS1 General Specifications, section 7.9.1)."""
    return re.fullmatch(r"[0-9]{13}", gln) is not None and is_checked(gln)


def _site(shape: SiteShape) -> Site:
    zones = tuple(
        Zone(
            id=zone.id,
            kind=zone.kind,
            sellable=zone.kind in SELLABLE_KINDS if zone.sellable is None else zone.sellable,
            counts_as=zone.counts_as or zone.id,
            outline=zone.outline,
            floor=zone.floor,
            department=zone.department,
            walk=zone.walk,
        )
        for zone in shape.zones
    )
    return Site(
        id=shape.site,
        name=shape.name or shape.site,
        timezone=shape.timezone,
        zones=zones,
        passages=shape.passages,
        devices=tuple(_device(device) for device in shape.devices),
        walls=tuple(Wall(wall.start, wall.end, wall.loss_db) for wall in shape.walls),
        gln=shape.gln,
        company_prefixes=shape.company_prefixes,
        location=None if shape.location is None else (shape.location.lat, shape.location.lon),
        hours=ALWAYS if shape.hours is None else tuple(_spans(getattr(shape.hours, day)) for day in DAYS),
        fulfilment=_fulfilment(shape.fulfilment),
    )


def _device(device: DeviceShape) -> Device:
    options = {name: getattr(device, name) for name in _OPTIONS if getattr(device, name) is not None}
    antennas = tuple(
        Antenna(a.port, a.zone, a.x, a.y, a.z, a.aim, a.tilt, a.gain_dbi, a.power_dbm, a.cable_loss_db)
        for a in device.antennas
    )
    return Device(
        id=device.id,
        driver=device.driver,
        address=device.address,
        edge=device.edge,
        profile=device.profile,
        zone=device.zone,
        purpose=device.purpose,
        antennas=antennas,
        options=options,
    )
