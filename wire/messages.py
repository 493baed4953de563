"""The messages of the contract, as msgspec structs: one definition, two encodings.

Durable kinds travel inside a frame on an edge's `data` topic, share its stream's sequence and are acked:
`ReadBatch`, `ScanBatch`, `CountBatch`, `DeviceEvents`, `Gap`. All others are small JSON on topics of their own:
`EdgeState` (retained), `Ack`, the commands, `StockEvent`. Times are integers in UTC microseconds and end in
`_us`; durations end in `_ms`. Every kind carries `schema`: a reader refuses a higher one, and reads all lower ones.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from wire import observations
from wire.errors import IdentityError, MessageError
from wire.frame import Format
from wire.limits import (
    ACK_MAX_REJECTED,
    BATCH_MAX_ANTENNAS,
    BATCH_MAX_EVENTS,
    COMMAND_MAX_ITEMS,
    ID_MAX_CHARS,
    ITEM_PATH_MAX_CHARS,
    WINDOW_MAX_MS,
)
from wire.observations import Observations

SCHEMA: Final = 1

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]
Micros: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65_535)]
Shift: TypeAlias = Annotated[int, Meta(ge=-(2**62), le=2**62)]
"""Milliseconds either way. Every integer has a bound: JSON carries any, MessagePack 64 bits."""
Text: TypeAlias = Annotated[str, Meta(max_length=2_000)]
ItemPath: TypeAlias = Annotated[str, Meta(max_length=ITEM_PATH_MAX_CHARS)]
ClockQuality: TypeAlias = Literal["synced", "estimated", "stepped", "unknown"]


class AntennaSettings(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How an antenna inventories; said when it changes.

    With session 2 or 3 and a single target a silence means nothing.
    """

    tx_power_cdbm: Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)] | None = None
    mode: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    session: Annotated[int, Meta(ge=0, le=3)] | None = None
    target: Literal["single", "dual"] | None = None


class AntennaLook(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one antenna did in the window: the time it really inventoried, and the foreign tags that it counted."""

    device: Id
    port: Port
    inventory_ms: Annotated[int, Meta(ge=0, le=WINDOW_MAX_MS)] = 0
    foreign: Count = 0
    settings: AntennaSettings | None = None


class DeviceClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a device's own clock can be trusted, and by how much it was shifted."""

    device: Id
    quality: ClockQuality
    offset_ms: Shift


class _Durable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    site: Id
    edge: Id
    schema: Annotated[int, Meta(ge=1, le=SCHEMA)] = SCHEMA


class ReadBatch(_Durable, frozen=True, kw_only=True, tag_field="kind", tag="read_batch"):
    """One window of one edge: what each antenna looked at, and what it saw (columns of `wire.observations`)."""

    window_start_us: Micros
    window_ms: Annotated[int, Meta(ge=1, le=WINDOW_MAX_MS)]
    antennas: Annotated[tuple[AntennaLook, ...], Meta(max_length=BATCH_MAX_ANTENNAS)]
    clocks: tuple[DeviceClock, ...] = ()
    antenna: bytes = b""
    epc_bits: bytes = b""
    epc: bytes = b""
    count: bytes = b""
    rssi_peak: bytes = b""
    rssi_mean: bytes = b""
    first: bytes = b""
    last: bytes = b""
    flags: bytes = b""

    def observations(self) -> Observations:
        """Return the columns, checked. Raises `MessageError` naming the column that is wrong."""
        columns = observations.from_columns({name: getattr(self, name) for name in _COLUMNS})
        if len(columns) and int(columns.antenna.max()) >= len(self.antennas):
            raise MessageError(f"antenna index {int(columns.antenna.max())}: the table has {len(self.antennas)} rows")
        return columns


_COLUMNS: Final = ("antenna", "epc_bits", "epc", "count", "rssi_peak", "rssi_mean", "first", "last", "flags")


class Scan(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One barcode as the scanner gave it."""

    device: Id
    at_us: Micros
    purpose: Literal["count", "receive", "sale", "lookup"]
    text: Text
    symbology: Text = ""
    zone: Id | None = None


class ScanBatch(_Durable, frozen=True, kw_only=True, tag_field="kind", tag="scan_batch"):
    """Barcodes that were scanned. A lone scan changes no quantity."""

    scans: Annotated[tuple[Scan, ...], Meta(min_length=1, max_length=BATCH_MAX_EVENTS)]


class CountBatch(_Durable, frozen=True, kw_only=True, tag_field="kind", tag="count_batch"):
    """A part of a cycle count: the EPCs that a handheld saw in a zone during one session.

    The part that says when the count ended is the last. `coverage`: which share of the zone's tags such a count sees;
    0: what it did not see says nothing; unset: the gateway's own figure. The last part's holds.
    """

    session: Id
    zone: Id
    started_us: Micros
    ended_us: Micros | None = None
    epcs: Annotated[tuple[bytes, ...], Meta(max_length=10_000)] = ()
    coverage: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET


class DeviceEvent(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something that a device did or suffered: connected, lost, antenna down, refused, exception."""

    device: Id
    at_us: Micros
    what: Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]
    port: Port | None = None
    detail: Text = ""


class DeviceEvents(_Durable, frozen=True, kw_only=True, tag_field="kind", tag="device_events"):
    """What happened to the devices of this edge."""

    events: Annotated[tuple[DeviceEvent, ...], Meta(min_length=1, max_length=BATCH_MAX_EVENTS)]


class Gap(_Durable, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="gap"):
    """Loss, said aloud: what is missing, why, and how much if that is known."""

    cause: Literal["outbox_cap", "reader_overflow", "undecodable", "queue_full", "stream_lost"]
    from_us: Micros
    to_us: Micros
    device: Id | None = None
    stream: Annotated[bytes, Meta(max_length=16)] = b""
    from_seq: Count = 0
    to_seq: Count = 0
    observations: Count | None = None
    detail: Text = ""


Durable: TypeAlias = ReadBatch | ScanBatch | CountBatch | DeviceEvents | Gap


class _ReadBatchJson(_Durable, frozen=True, kw_only=True, tag_field="kind", tag="read_batch"):
    """The JSON twin of `ReadBatch`: columns as lists, EPCs as hexadecimal text."""

    window_start_us: Micros
    window_ms: Annotated[int, Meta(ge=1, le=WINDOW_MAX_MS)]
    antennas: Annotated[tuple[AntennaLook, ...], Meta(max_length=BATCH_MAX_ANTENNAS)]
    epc: list[str]
    antenna: list[int]
    epc_bits: list[int]
    count: list[int]
    rssi_peak: list[int]
    rssi_mean: list[int]
    first: list[int]
    last: list[int]
    flags: list[int]
    clocks: tuple[DeviceClock, ...] = ()


_DurableJson: TypeAlias = _ReadBatchJson | ScanBatch | CountBatch | DeviceEvents | Gap

_pack: Final = msgspec.msgpack.Encoder()
_unpack: Final[msgspec.msgpack.Decoder[Durable]] = msgspec.msgpack.Decoder(Durable)
_unpack_json: Final[msgspec.json.Decoder[_DurableJson]] = msgspec.json.Decoder(_DurableJson)


def read_batch(
    *,
    site: str,
    edge: str,
    window_start_us: int,
    window_ms: int,
    antennas: tuple[AntennaLook, ...],
    clocks: tuple[DeviceClock, ...],
    columns: Observations,
) -> ReadBatch:
    """Build a `ReadBatch` from checked columns."""
    return ReadBatch(
        site=site,
        edge=edge,
        window_start_us=window_start_us,
        window_ms=window_ms,
        antennas=antennas,
        clocks=clocks,
        **columns.column_bytes(),  # type: ignore[arg-type]
    )


def encode_durable(message: Durable) -> bytes:
    """Return a durable message as MessagePack."""
    return _pack.encode(message)


def encode_durable_json(message: Durable) -> bytes:
    """Return a durable message as JSON for people: columns as lists, EPCs as hexadecimal text."""
    if not isinstance(message, ReadBatch):
        return msgspec.json.encode(message)
    columns = message.observations()
    lists = {name: getattr(columns, name).tolist() for name in _COLUMNS if name != "epc"}
    return msgspec.json.encode(
        _ReadBatchJson(
            site=message.site,
            edge=message.edge,
            schema=message.schema,
            window_start_us=message.window_start_us,
            window_ms=message.window_ms,
            antennas=message.antennas,
            clocks=message.clocks,
            epc=[epc.hex() for epc in columns.epcs()],
            **lists,
        )
    )


def decode_durable(body: bytes, body_format: Format = Format.MSGPACK) -> Durable:
    """Parse a body; columns are checked later, by `observations()`.

    Raises `MessageError` with the place and the expectation.
    """
    try:
        if body_format is Format.MSGPACK:
            return _unpack.decode(body)
        parsed = _unpack_json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"body: {error}") from error
    return _from_json(parsed) if isinstance(parsed, _ReadBatchJson) else parsed


def _from_json(twin: _ReadBatchJson) -> ReadBatch:
    try:
        epcs = [bytes.fromhex(text) for text in twin.epc]
    except ValueError as error:
        raise MessageError(f"column epc: {error}") from error
    columns = observations.from_lists(
        {name: getattr(twin, name) for name in _COLUMNS if name != "epc"},
        epcs,
    )
    return read_batch(
        site=twin.site,
        edge=twin.edge,
        window_start_us=twin.window_start_us,
        window_ms=twin.window_ms,
        antennas=twin.antennas,
        clocks=twin.clocks,
        columns=columns,
    )


def check_identity(message: Durable, site: str, edge: str) -> None:
    """Raise `IdentityError` unless the body names the site and edge of the topic that it came on."""
    if (message.site, message.edge) != (site, edge):
        raise IdentityError(f"body names {message.site}/{message.edge}: the topic names {site}/{edge}")


# -- not durable: JSON on topics of their own


class AntennaHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One antenna as its edge sees it now. Rates count tag reads in a minute of *inventory*, not of the clock.

    `quiet`: it reads far less than it used to, though it is plugged in and its reader inventories.
    """

    port: Port
    state: Literal["unknown", "ok", "quiet", "unplugged"] = "unknown"
    reads_per_min: float = 0.0
    usual_per_min: float | None = None


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device as its edge sees it now."""

    device: Id
    driver: Id
    state: Literal["down", "connecting", "up", "refused", "disabled"]
    since_us: Micros
    reads: Count = 0
    errors: Count = 0
    last_error: Text = ""
    holder: Text = ""
    reads_per_min: float = 0.0
    temperature_c: float | None = None
    clock: ClockQuality | None = None
    clock_offset_ms: Shift | None = None
    antennas: tuple[AntennaHealth, ...] = ()


class EdgeState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Retained state of an edge. The broker publishes `death` as its last will.

    `evicted`: rows that the outbox's cap took since its file began. `dropped_rows`: rows that the disk did not take in
    time, since the start. `gaps`: losses that were said by a Gap, since the start. `certificate_not_after_us`: when its
    certificate at the broker ends; None without one.
    """

    what: Literal["birth", "health", "death"]
    site: Id
    edge: Id
    at_us: Micros
    schema: int = SCHEMA
    stream: str = ""
    config_hash: str = ""
    outbox_rows: Count = 0
    outbox_bytes: Count = 0
    outbox_oldest_s: float = 0.0
    evicted: Count = 0
    devices: tuple[DeviceHealth, ...] = ()
    version: Annotated[str, Meta(max_length=ID_MAX_CHARS)] = ""
    started_us: Micros = 0
    observations: Count = 0
    foreign_reads: Count = 0
    sold_reads: Count = 0
    dropped_rows: Count = 0
    gaps: Count = 0
    disk: Literal["ok", "refuses"] = "ok"
    certificate_not_after_us: Micros | None = None


class Rejected(msgspec.Struct, frozen=True, array_like=True):
    """A message that the gateway keeps in quarantine: `[seq, code]`."""

    seq: Count
    code: Annotated[str, Meta(max_length=ID_MAX_CHARS)]


class Ack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of `stream` up to and including `upto` is committed (0: nothing yet)."""

    stream: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    upto: Count
    resend_from: Count | None = None
    rejected: Annotated[tuple[Rejected, ...], Meta(max_length=ACK_MAX_REJECTED)] = ()


class Rebirth(msgspec.Struct, frozen=True, tag_field="cmd", tag="rebirth"):
    """Say again who you are: the gateway missed the birth."""


class SoldItem(msgspec.Struct, frozen=True, array_like=True):
    """An item that was sold: `[path, age_s]`; the path is that of its Digital Link (`wire.item_path`)."""

    path: ItemPath
    age_s: Annotated[int, Meta(ge=0, le=2**31)] = 0
    """How long ago the gateway learnt of the sale."""


class ForgetSold(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="cmd", tag="forget_sold"):
    """Goods that were sold: drop reads of them at the edge from `grace_s` after the sale on.

    `items` by GTIN and serial, whatever their tags look like. `anew`: forget what was told before; the first page of a
    whole list says so. `epcs`: single tags (hexadecimal), sold now; it stands first and without a default, because
    edges of before `items` ask for it.
    """

    epcs: Annotated[tuple[str, ...], Meta(max_length=COMMAND_MAX_ITEMS)]
    grace_s: Annotated[int, Meta(ge=0, le=86_400)] = 3_600
    items: Annotated[tuple[SoldItem, ...], Meta(max_length=COMMAND_MAX_ITEMS)] = ()
    anew: bool = False


class RememberAgain(msgspec.Struct, frozen=True, tag_field="cmd", tag="remember_again"):
    """Items (paths, as in `ForgetSold`) that are sold no longer, most of them returned: their reads count at once."""

    items: Annotated[tuple[ItemPath, ...], Meta(max_length=COMMAND_MAX_ITEMS)]


class ReadMore(msgspec.Struct, frozen=True, tag_field="cmd", tag="read_more"):
    """Look harder at these zones for a while."""

    zones: tuple[Id, ...]
    seconds: Annotated[int, Meta(ge=1, le=3_600)]


Command: TypeAlias = Rebirth | ForgetSold | RememberAgain | ReadMore


class StockEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The fat stock event: all that a channel needs to show, so that it need not ask again."""

    seq: Count
    gtin: str
    site: Id
    atp: int
    on_hand: int
    confidence: float | None
    version: Count
    as_of: str
    reason: str


def encode_json(message: EdgeState | Ack | Command | StockEvent) -> bytes:
    """Return a message that is not durable as JSON."""
    return msgspec.json.encode(message)


def _decode_json(kind: type, payload: bytes) -> object:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"payload: {error}") from error


def decode_ack(payload: bytes) -> Ack:
    """Parse an Ack. Raises `MessageError`."""
    message = _decode_json(Ack, payload)
    assert isinstance(message, Ack)
    return message


def decode_state(payload: bytes) -> EdgeState:
    """Parse an edge's retained state. Raises `MessageError`."""
    message = _decode_json(EdgeState, payload)
    assert isinstance(message, EdgeState)
    return message


def decode_command(payload: bytes) -> Command:
    """Parse a command. Raises `MessageError`."""
    message = _decode_json(Command, payload)  # type: ignore[arg-type]
    assert isinstance(message, Rebirth | ForgetSold | RememberAgain | ReadMore)
    return message
