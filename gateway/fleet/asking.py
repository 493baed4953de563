"""What is asked of devices and edges, in the database: settings in, whole configurations out, each with its version.

An edge takes a configuration only when its version is newer than the one in force. So a version is never below what
the edge reports: after the gateway went back to a backup, the next one is newer all the same.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fleet.device import DeviceName, Setting
from gateway.ingest.births import EdgeName
from gateway.storage.fleet import fleet_desired, fleet_device, fleet_profile
from gateway.storage.statement import MANY, insert_into, upsert_into
from wire.configuration import DesiredDevice, Table, desired_config, encode_desired

_DEVICE: Final = fleet_device.c


@dataclass(frozen=True, slots=True)
class Held:
    """What one device is asked for, its last good setting, and the roll-out that asked."""

    now: Setting
    good: Setting
    rollout: str


class Wanted(NamedTuple):
    """Which configuration of an edge is the newest."""

    version: int
    hash: str
    updated_us: int


async def keep_profile(connection: AsyncConnection, setting: Setting, table: Table, now_us: int) -> None:
    """Keep a profile by value. One that is there stays: its hash says that it is the same."""
    row = {"hash": setting.hash, "name": setting.profile, "body": msgspec.json.encode(table), "created_us": now_us}
    await connection.execute(insert_into(connection, fleet_profile).on_conflict_do_nothing(), row)


async def held(connection: AsyncConnection, sites: Collection[str] | None = None) -> dict[DeviceName, Held]:
    """Return what devices are asked for; those that were never asked are not among them."""
    query = select(fleet_device)
    if sites is not None:
        query = query.where(_DEVICE.site.in_(sorted(sites)))
    rows = await connection.execute(query)
    return {
        DeviceName(row.site, row.edge, row.device): Held(
            Setting(row.profile, row.hash), Setting(row.good_profile, row.good_hash), row.rollout
        )
        for row in rows
    }


async def wanted(connection: AsyncConnection, edge: EdgeName | None = None) -> dict[EdgeName, Wanted]:
    """Return which configuration of each edge, or of one, is the newest."""
    columns = fleet_desired.c
    query = select(columns.site, columns.edge, columns.version, columns.hash, columns.updated_us)
    if edge is not None:
        query = query.where(columns.site == edge.site, columns.edge == edge.edge)
    return {
        EdgeName(row.site, row.edge): Wanted(row.version, row.hash, row.updated_us)
        for row in await connection.execute(query)
    }


async def body_of(connection: AsyncConnection, edge: EdgeName) -> bytes | None:
    """Return an edge's newest configuration as it is published."""
    columns = fleet_desired.c
    query = select(columns.body).where(columns.site == edge.site, columns.edge == edge.edge)
    body = await connection.scalar(query)
    return None if body is None else bytes(body)


async def ask(
    connection: AsyncConnection,
    asks: Mapping[DeviceName, Setting],
    *,
    rollout: str,
    is_return: bool,
    reported: Callable[[EdgeName], int],
    now_us: int,
) -> dict[DeviceName, int]:
    """Write what devices are asked for; return the version of each one's edge that says so.

    `is_return`: these are their last good settings. `reported`: the version that an edge has in force. Raises
    `LimitError` for an edge whose configuration would be too large.
    """
    by_edge: dict[EdgeName, dict[str, Setting]] = defaultdict(dict)
    for name, setting in asks.items():
        by_edge[EdgeName(name.site, name.edge)][name.device] = setting
    versions: dict[DeviceName, int] = {}
    for edge, settings in sorted(by_edge.items()):
        await _write_devices(connection, edge, settings, rollout=rollout, is_return=is_return, now_us=now_us)
        version = await renew(connection, edge, reported(edge), now_us)
        versions |= {DeviceName(edge.site, edge.edge, device): version for device in settings}
    return versions


async def _write_devices(
    connection: AsyncConnection,
    edge: EdgeName,
    settings: Mapping[str, Setting],
    *,
    rollout: str,
    is_return: bool,
    now_us: int,
) -> None:
    rows = [
        {
            "site": edge.site,
            "edge": edge.edge,
            "device": device,
            "profile": setting.profile,
            "hash": setting.hash,
            "good_profile": setting.profile if is_return else "",
            "good_hash": setting.hash if is_return else "",
            "rollout": rollout,
            "updated_us": now_us,
        }
        for device, setting in sorted(settings.items())
    ]
    keep = frozenset() if is_return else frozenset({"good_profile", "good_hash"})
    await connection.execute(upsert_into(connection, fleet_device, keep=keep), rows)


async def renew(connection: AsyncConnection, edge: EdgeName, reported: int, now_us: int, *, again: bool = False) -> int:
    """Write the configuration of an edge anew when what is asked has changed; return its version.

    `again`: give it a new version all the same, because its edge runs another one of this version, or a newer one.
    """
    asked = await _asked(connection, edge)
    profiles = await _profiles(connection, {device.profile_hash for device in asked})
    columns = fleet_desired.c
    here = (columns.site == edge.site) & (columns.edge == edge.edge)
    before = (await connection.execute(select(columns.version, columns.hash).where(here))).one_or_none()
    newest = 0 if before is None else int(before.version)
    made = desired_config(
        site=edge.site,
        edge=edge.edge,
        version=max(newest, reported) + 1,
        at_us=now_us,
        devices=asked,
        profiles=profiles,
    )
    if before is not None and before.hash == made.hash and reported <= newest and not again:
        return newest
    row: dict[str, Any] = {"site": edge.site, "edge": edge.edge, "version": made.version, "hash": made.hash}
    row |= {"body": encode_desired(made), "updated_us": now_us}
    await connection.execute(upsert_into(connection, fleet_desired), row)
    return made.version


async def _asked(connection: AsyncConnection, edge: EdgeName) -> list[DesiredDevice]:
    query = select(_DEVICE.device, _DEVICE.profile, _DEVICE.hash).where(
        _DEVICE.site == edge.site, _DEVICE.edge == edge.edge, _DEVICE.hash != ""
    )
    rows = await connection.execute(query.order_by(_DEVICE.device))
    return [DesiredDevice(device=row.device, profile=row.profile, profile_hash=row.hash) for row in rows]


async def _profiles(connection: AsyncConnection, hashes: Collection[str]) -> dict[str, Table]:
    columns = fleet_profile.c
    found: dict[str, Table] = {}
    names = sorted(hashes)
    for low in range(0, len(names), MANY):
        query = select(columns.hash, columns.body).where(columns.hash.in_(names[low : low + MANY]))
        found |= {row.hash: msgspec.json.decode(bytes(row.body)) for row in await connection.execute(query)}
    return found


async def mark_good(connection: AsyncConnection, names: Iterable[DeviceName], setting: Setting) -> None:
    """Say that devices do well with what they are asked for."""
    rows = [{"of_site": name.site, "of_edge": name.edge, "of_device": name.device} for name in names]
    if not rows:
        return
    mark = (
        update(fleet_device)
        .where(
            _DEVICE.site == bindparam("of_site"),
            _DEVICE.edge == bindparam("of_edge"),
            _DEVICE.device == bindparam("of_device"),
            _DEVICE.hash == setting.hash,
        )
        .values(good_profile=setting.profile, good_hash=setting.hash)
    )
    await connection.execute(mark, rows)
