"""The engine's state as bytes, and back, also after the site file changed.

Columns of items are kept by row, of active items and of those at rest. What is kept by antenna, device or zone is kept
under its name, so that it survives a site file with other antennas or zones; positions are found again as the nearest
one in the same zone.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.presence.item_state import SHAPES
from gateway.presence.plan import Plan
from gateway.presence.resting import SHAPES as RESTING_SHAPES
from gateway.presence.tracker import SnapshotError

MAGIC: Final = "engine"
VERSION: Final = 3


class _Version(msgspec.Struct, array_like=True):
    magic: str
    version: int


class _Saved1(msgspec.Struct, array_like=True):
    """What version 1 held: no item was at rest, and `home` was a density over the whole floor."""

    magic: str
    version: int
    zones: list[str]
    antennas: list[tuple[str, int]]
    devices: list[str]
    positions: bytes
    position_zone: bytes
    items: int
    gtins: list[int]
    columns: dict[str, bytes]
    air: dict[str, bytes]
    through: bytes
    home: bytes
    quick: dict[str, bytes]
    pending: list[tuple[int, int]]
    numbers: dict[str, int]


class Saved(msgspec.Struct, array_like=True):
    """What a snapshot holds.

    `items` [items]; `columns` of `rows` active items, `resting` of `quiet` ones; `air` of antennas and devices;
    `numbers` of the engine.
    """

    magic: str
    version: int
    zones: list[str]
    antennas: list[tuple[str, int]]
    devices: list[str]
    positions: bytes
    position_zone: bytes
    met: int
    items: dict[str, bytes]
    rows: int
    columns: dict[str, bytes]
    quiet: int
    resting: dict[str, bytes]
    gtins: list[int]
    air: dict[str, bytes]
    through: bytes
    home: dict[str, bytes]
    quick: dict[str, bytes]
    pending: list[tuple[int, int]]
    numbers: dict[str, int]


def encode(saved: Saved) -> bytes:
    """Return a snapshot as MessagePack; equal states give equal bytes."""
    return msgspec.msgpack.encode(saved)


def decode(snapshot: bytes) -> Saved:
    """Return what `encode` wrote. Raises `SnapshotError` for other bytes or another version."""
    try:
        found = msgspec.msgpack.decode(snapshot, type=_Version)
        if found.magic != MAGIC:
            raise SnapshotError(f"snapshot of {found.magic!r}: expected {MAGIC!r}")
        if found.version == 1:
            return _of_version_1(msgspec.msgpack.decode(snapshot, type=_Saved1))
        if found.version == 2:
            return _of_version_2(msgspec.msgpack.decode(snapshot, type=Saved))
        if found.version != VERSION:
            raise SnapshotError(f"engine snapshot version {found.version}: this program reads versions 1 to {VERSION}")
        return msgspec.msgpack.decode(snapshot, type=Saved)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"not a snapshot of the presence engine: {error}") from error


def _of_version_1(old: _Saved1) -> Saved:
    """Return the same state with all items active; where the goods of a kind hang is learned within a minute."""
    columns = {name: column for name, column in old.columns.items() if name != "settled"}
    columns["item"] = np.arange(old.items, dtype=np.int32).tobytes()
    columns = _fills(SHAPES, old.items, columns)
    return Saved(
        magic=MAGIC,
        version=VERSION,
        zones=old.zones,
        antennas=old.antennas,
        devices=old.devices,
        positions=old.positions,
        position_zone=old.position_zone,
        met=old.items,
        items={"sku": columns.get("sku", b"")},
        rows=old.items,
        columns=columns,
        quiet=0,
        resting={},
        gtins=old.gtins,
        air=_with_targets(old.air, len(old.antennas)),
        through=old.through,
        home={},
        quick=old.quick,
        pending=old.pending,
        numbers=old.numbers,
    )


def _of_version_2(old: Saved) -> Saved:
    """Return the same state, in which no tag's own silence is known, nor any reader's target."""
    return msgspec.structs.replace(
        old,
        version=VERSION,
        columns=_fills(SHAPES, old.rows, old.columns),
        resting=_fills(RESTING_SHAPES, old.quiet, old.resting),
        air=_with_targets(old.air, len(old.antennas)),
    )


def _fills(
    shapes: Mapping[str, tuple[Any, tuple[int, ...], Any]], rows: int, had: dict[str, bytes]
) -> dict[str, bytes]:
    """Return columns with those that are new: they hold what new rows hold."""
    return {name: np.full((rows, *shape), fill, dtype).tobytes() for name, (dtype, shape, fill) in shapes.items()} | had


def _with_targets(air: dict[str, bytes], antennas: int) -> dict[str, bytes]:
    return {"dual": bytes(antennas)} | air


def position_bytes(plan: Plan) -> tuple[bytes, bytes]:
    """Return the plan's positions as bytes: x and y, and zone numbers."""
    return np.stack([plan.x, plan.y]).tobytes(), plan.position_zone.astype(np.int32).tobytes()


def numbers_of(old: list[Any], new: list[Any]) -> NDArray[np.int64]:
    """Return the new number of each old name, -1 where it is no more."""
    index = {name: number for number, name in enumerate(new)}
    return np.array([index.get(name, -1) for name in old], np.int64)


def positions_of(saved: Saved, plan: Plan) -> NDArray[np.int64]:
    """Return the new position of each old one: the nearest in the zone of the same name, or the nearest of all."""
    x, y = np.frombuffer(saved.positions).reshape(2, -1)
    zone = np.frombuffer(saved.position_zone, np.int32)
    zones = numbers_of(saved.zones, list(plan.zones))
    found = np.zeros(len(x), np.int64)
    for number in range(len(x)):
        away = np.hypot(plan.x - x[number], plan.y - y[number])
        away = away + 1e6 * (plan.position_zone != zones[zone[number]])
        found[number] = int(np.nan_to_num(away, nan=1e9).argmin())
    return found
