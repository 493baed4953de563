"""Roll-outs in the database: begun, found again, moved. All in the caller's transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import and_, bindparam, delete, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fleet.device import DeviceName, Setting
from gateway.fleet.limits import SAID_CHARS
from gateway.fleet.rollout_values import ACTIVE, Event, Member, MemberState, Phase, Rollout, Stage
from gateway.fleet.settings import Settings
from gateway.storage.fleet import fleet_event, fleet_rollout, fleet_rollout_device
from gateway.storage.statement import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Who began a roll-out, under which name, with what."""

    id: str
    key: str
    by: str
    idempotency_key: str
    sha256: bytes
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked for: `stop`, `rollback`, or nothing (empty)."""

    what: str = ""
    key: str = ""
    by: str = ""

    @property
    def who(self) -> str:
        """Return who it was, for a sentence."""
        return self.by or (f"key {self.key}" if self.key else "somebody at the gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A roll-out as it is kept."""

    id: str
    key: str
    by: str
    sha256: bytes
    settings: Settings
    rollout: Rollout
    wish: Wish
    version: int
    created_us: int
    updated_us: int


_MEMBER: Final = fleet_rollout_device.c


async def insert_rollout(connection: AsyncConnection, begun: Begun, rollout: Rollout, now_us: int) -> None:
    """Keep a new roll-out with all its devices."""
    row = _changing(rollout) | {
        "id": begun.id,
        "key": begun.key,
        "idempotency_key": begun.idempotency_key,
        "body_sha256": begun.sha256,
        "by": storable(begun.by),
        "profile": rollout.setting.profile,
        "hash": rollout.setting.hash,
        "settings": msgspec.json.encode(begun.settings),
        "wish": "",
        "wish_key": "",
        "wish_by": "",
        "version": 1,
        "created_us": now_us,
        "updated_us": now_us,
    }
    await connection.execute(insert(fleet_rollout), row)
    members = [_member_row(begun.id, place, member) for place, member in enumerate(rollout.members)]
    await connection.execute(insert(fleet_rollout_device), members)


async def read_rollout(connection: AsyncConnection, name: str, *, lock: bool = False) -> Stored | None:
    """Return a roll-out with its devices; `lock`: nobody else moves it before this transaction ends."""
    query = select(fleet_rollout).where(fleet_rollout.c.id == storable(name))
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        return None
    members = select(fleet_rollout_device).where(_MEMBER.rollout == row["id"]).order_by(_MEMBER.place)
    found = tuple(_member(each) for each in (await connection.execute(members)).mappings())
    return stored_of(row, found)


def stored_of(row: RowMapping, members: tuple[Member, ...]) -> Stored:
    """Return a row of `fleet_rollout` as a value."""
    settings = msgspec.json.decode(bytes(row["settings"]), type=Settings)
    rollout = Rollout(
        setting=Setting(row["profile"], row["hash"]),
        pace=settings.pace(),
        members=members,
        stage=Stage(row["stage"]),
        phase=Phase(row["phase"]),
        wave=row["wave"],
        phase_us=row["phase_us"],
        reason=row["reason"],
    )
    return Stored(
        id=row["id"],
        key=row["key"],
        by=row["by"],
        sha256=bytes(row["body_sha256"]),
        settings=settings,
        rollout=rollout,
        wish=Wish(what=row["wish"], key=row["wish_key"], by=row["wish_by"]),
        version=row["version"],
        created_us=row["created_us"],
        updated_us=row["updated_us"],
    )


async def write_rollout(connection: AsyncConnection, before: Stored, after: Rollout, now_us: int) -> None:
    """Write what a move changed: the roll-out, and those of its devices that differ. Its wish is done."""
    values = _changing(after) | {"version": before.version + 1, "updated_us": now_us}
    values |= {"wish": "", "wish_key": "", "wish_by": ""}
    await connection.execute(update(fleet_rollout).where(fleet_rollout.c.id == before.id).values(values))
    known = {member.name: member for member in before.rollout.members}
    changed = [_member_changes(before.id, member) for member in after.members if member != known.get(member.name)]
    if not changed:
        return
    move = (
        update(fleet_rollout_device)
        .where(
            _MEMBER.rollout == bindparam("of_rollout"),
            _MEMBER.site == bindparam("of_site"),
            _MEMBER.edge == bindparam("of_edge"),
            _MEMBER.device == bindparam("of_device"),
        )
        .values({name: bindparam(f"new_{name}") for name in _CHANGES})
    )
    await connection.execute(move, changed)


async def wish(connection: AsyncConnection, name: str, wanted: Wish, now_us: int) -> None:
    """Write down what a person asked for; the process does it."""
    values: dict[str, Any] = {"wish": wanted.what, "wish_key": wanted.key, "wish_by": storable(wanted.by)}
    values |= {"version": fleet_rollout.c.version + 1, "updated_us": now_us}
    await connection.execute(update(fleet_rollout).where(fleet_rollout.c.id == name).values(values))


async def unfinished(connection: AsyncConnection) -> list[str]:
    """Return the ids of roll-outs that something is still to be done for, the oldest first."""
    waiting = and_(fleet_rollout.c.phase == Phase.OVER.value, fleet_rollout.c.wish != "")
    query = select(fleet_rollout.c.id).where((fleet_rollout.c.phase != Phase.OVER.value) | waiting)
    return list(await connection.scalars(query.order_by(fleet_rollout.c.id)))


async def under_way(connection: AsyncConnection) -> dict[DeviceName, str]:
    """Return the devices that a roll-out is under way for, and which."""
    query = (
        select(_MEMBER.site, _MEMBER.edge, _MEMBER.device, _MEMBER.rollout)
        .join(fleet_rollout, fleet_rollout.c.id == _MEMBER.rollout)
        .where(fleet_rollout.c.stage.in_(sorted(stage.value for stage in ACTIVE)))
    )
    return {DeviceName(row.site, row.edge, row.device): row.rollout for row in await connection.execute(query)}


async def write_events(
    connection: AsyncConnection, rollout: str, events: Iterable[Event], now_us: int, *, key: str = "", by: str = ""
) -> None:
    """Append what happened."""
    rows = [
        {
            "at_us": now_us,
            "rollout": rollout,
            "actor": key,
            "by": storable(by),
            "what": event.what,
            "site": event.name.site if event.name else "",
            "edge": event.name.edge if event.name else "",
            "device": event.name.device if event.name else "",
            "detail": storable(event.detail, SAID_CHARS),
        }
        for event in events
    ]
    if rows:
        await connection.execute(insert(fleet_event), rows)


async def prune_rollouts(connection: AsyncConnection, before_us: int) -> int:
    """Forget roll-outs that have been over since before an instant; return how many."""
    old = select(fleet_rollout.c.id).where(
        fleet_rollout.c.phase == Phase.OVER.value, fleet_rollout.c.updated_us < before_us
    )
    names = list(await connection.scalars(old))
    for name in names:
        await connection.execute(delete(fleet_rollout_device).where(_MEMBER.rollout == name))
        await connection.execute(delete(fleet_rollout).where(fleet_rollout.c.id == name))
    return len(names)


def numbered(rollout: Rollout, versions: Mapping[DeviceName, int]) -> Rollout:
    """Return a roll-out whose devices know by which version of their edge they are asked."""
    members = tuple(
        replace(member, version=versions[member.name]) if member.name in versions else member
        for member in rollout.members
    )
    return replace(rollout, members=members)


# -- rows

_CHANGES: Final = ("state", "state_us", "version", "before", "after", "said")


def _changing(rollout: Rollout) -> dict[str, Any]:
    return {
        "stage": rollout.stage.value,
        "phase": rollout.phase.value,
        "wave": rollout.wave,
        "phase_us": rollout.phase_us,
        "reason": storable(rollout.reason, SAID_CHARS),
    }


def _member_changes(rollout: str, member: Member) -> dict[str, Any]:
    name = member.name
    key = {"of_rollout": rollout, "of_site": name.site, "of_edge": name.edge, "of_device": name.device}
    return key | {f"new_{column}": value for column, value in _member_values(member).items()}


def _member_values(member: Member) -> dict[str, Any]:
    return {
        "state": member.state.value,
        "state_us": member.state_us,
        "version": member.version,
        "before": member.before,
        "after": member.after,
        "said": storable(member.said, SAID_CHARS),
    }


def _member_row(rollout: str, place: int, member: Member) -> dict[str, Any]:
    return {
        "rollout": rollout,
        "site": member.name.site,
        "edge": member.name.edge,
        "device": member.name.device,
        "wave": member.wave,
        "place": place,
        "from_profile": member.came_from.profile,
        "from_hash": member.came_from.hash,
    } | _member_values(member)


def _member(row: RowMapping) -> Member:
    return Member(
        name=DeviceName(row["site"], row["edge"], row["device"]),
        wave=row["wave"],
        came_from=Setting(row["from_profile"], row["from_hash"]),
        state=MemberState(row["state"]),
        state_us=row["state_us"],
        version=row["version"],
        before=row["before"],
        after=row["after"],
        said=row["said"],
    )
