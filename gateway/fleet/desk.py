"""The one door to the fleet for people: what each device is, and roll-outs begun, seen, stopped, brought back.

The desk writes down what is asked; the process does it. So it makes no difference which gateway answers a request.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec
from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.fleet.asking import held, keep_profile
from gateway.fleet.device import SITE_FILE, DeviceName
from gateway.fleet.errors import (
    ImpossibleRolloutError,
    KeyUsedError,
    TooManyRolloutsError,
    UnknownRolloutError,
    WrongStageError,
)
from gateway.fleet.heard import Heard
from gateway.fleet.limits import ACTIVE_MAX, BASELINE_S, EVENTS_SHOWN, LISTED_MAX
from gateway.fleet.plan import Candidate, Plan, PlanError, Targets, plan
from gateway.fleet.profiles import Given
from gateway.fleet.rollout_values import ACTIVE, Event, Pace, Rollout, Stage
from gateway.fleet.settings import settings_of
from gateway.fleet.store import (
    Begun,
    Stored,
    Wish,
    insert_rollout,
    read_rollout,
    stored_of,
    under_way,
    wish,
    write_events,
)
from gateway.holds.ids import NewId
from gateway.storage.engine import Database
from gateway.storage.fleet import fleet_event, fleet_rollout, fleet_rollout_device
from gateway.storage.schema import lease
from gateway.trade.audit import write_audit

_STOPPABLE: Final = tuple(sorted(stage.value for stage in ACTIVE))
_RETURNABLE: Final = (*_STOPPABLE, Stage.DONE.value, Stage.STOPPED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: the key's id (empty: there are no keys), its sites (None: all), and what the person called himself."""

    key: str = ""
    sites: frozenset[str] | None = None
    by: str = ""

    def sees(self, sites: Collection[str]) -> bool:
        """Whether all of these are his."""
        return self.sites is None or self.sites.issuperset(sites)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A roll-out that is asked for; `name`: its idempotency key, `digest`: of what was sent under it."""

    profile: Given
    targets: Targets
    pace: Pace
    name: str = ""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Said:
    """Something that happened in a roll-out."""

    at_us: int
    key: str
    by: str
    event: Event


@dataclass(frozen=True, slots=True)
class Shown:
    """A roll-out with its newest events, the oldest of them first."""

    stored: Stored
    events: tuple[Said, ...] = ()


class FleetDesk:
    """Answers people. `heard`: what this process knows of devices; `wake`: tells the process that there is work."""

    def __init__(
        self, database: Database, clock: Clock, heard: Heard, new_id: NewId, *, wake: Callable[[], None] = lambda: None
    ) -> None:
        self.begun = 0
        self._database = database
        self._clock = clock
        self._heard = heard
        self._new_id = new_id
        self._wake = wake

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return {"fleet_rollouts_begun": self.begun}

    # -- roll-outs

    async def planned(self, who: Asker, asked: Asked) -> Plan:
        """Return what a roll-out would do, and do nothing. Raises `ImpossibleRolloutError`."""
        async with self._database.read() as connection:
            return await self._plan(connection, who, asked)

    async def begin(self, who: Asker, asked: Asked) -> tuple[Shown, Plan | None]:
        """Begin a roll-out; return it with its plan. None for a plan: it was begun before, under the same name.

        Raises `ImpossibleRolloutError`, `TooManyRolloutsError`, `KeyUsedError`.
        """
        now_us = self._clock()
        async with self._database.write() as connection:
            # Two that begin at once must not both take the same device.
            await connection.execute(select(lease.c.name).where(lease.c.name == "fleet").with_for_update())
            before = await self._before(connection, who, asked)
            if before is not None:
                return Shown(before), None
            made = await self._plan(connection, who, asked)
            name = await self._write(connection, who, asked, made, now_us)
        self.begun += 1
        self._wake()
        return await self.get(who, name), made

    async def _before(self, connection: AsyncConnection, who: Asker, asked: Asked) -> Stored | None:
        columns = fleet_rollout.c
        query = select(columns.id).where(columns.key == who.key, columns.idempotency_key == asked.name)
        name = await connection.scalar(query)
        if name is None:
            return None
        found = await read_rollout(connection, name)
        assert found is not None
        if found.sha256 != asked.digest:
            raise KeyUsedError(f"Idempotency-Key {asked.name!r} was used for another roll-out ({found.id})")
        return found

    async def _plan(self, connection: AsyncConnection, who: Asker, asked: Asked) -> Plan:
        active = select(func.count()).select_from(fleet_rollout).where(fleet_rollout.c.stage.in_(_STOPPABLE))
        if int(await connection.scalar(active) or 0) >= ACTIVE_MAX:
            raise TooManyRolloutsError(f"{ACTIVE_MAX} roll-outs are under way: wait for one, or stop it")
        candidates = await self._candidates(connection, who)
        try:
            return plan(candidates, asked.targets, asked.profile.setting, asked.pace.canaries)
        except PlanError as error:
            raise ImpossibleRolloutError(str(error)) from error

    async def _candidates(self, connection: AsyncConnection, who: Asker) -> list[Candidate]:
        """Return every device that edges report, and those that only say their health."""
        now_us = self._clock()
        settings = await held(connection, who.sites)
        busy = await under_way(connection)
        found: list[Candidate] = []
        for name, _, said in self._heard.devices():
            if who.sees({name.site}):
                own = settings.get(name)
                inventory = said.inventory
                found.append(
                    Candidate(
                        name=name,
                        driver=said.driver,
                        vendor=inventory.vendor if inventory else "",
                        model=inventory.model if inventory else "",
                        state=said.state,
                        hash=said.profile_hash,
                        up=bool(self._heard.rates.up(name)),
                        per_min=self._heard.rates.between(name, now_us - round(BASELINE_S * 1e6), now_us).per_min,
                        now=own.now if own else SITE_FILE,
                        good=own.good if own else SITE_FILE,
                        rollout=busy.get(name, ""),
                    )
                )
        reported = {candidate.name for candidate in found}
        silent = (name for name in self._heard.rates.names() if name not in reported and who.sees({name.site}))
        return [*found, *(Candidate(name=name, reported=False) for name in silent)]

    async def _write(self, connection: AsyncConnection, who: Asker, asked: Asked, made: Plan, now_us: int) -> str:
        setting = asked.profile.setting
        begun = Begun(
            id=self._new_id(),
            key=who.key,
            by=who.by,
            idempotency_key=asked.name,
            sha256=asked.digest,
            settings=settings_of(asked.targets, asked.pace),
        )
        await keep_profile(connection, setting, asked.profile.table, now_us)
        rollout = Rollout(setting=setting, pace=asked.pace, members=made.members, phase_us=now_us)
        await insert_rollout(connection, begun, rollout, now_us)
        what = f"{setting} for {len(made.members)} devices in {rollout.waves} waves"
        events = [Event("begun", what), *(Event("note", said) for said in made.said)]
        await write_events(connection, begun.id, events, now_us, key=who.key, by=who.by)
        detail = {"profile": setting.profile, "hash": setting.hash, "devices": len(made.members)}
        await _audit(connection, who, ("rollout.begin", begun.id), detail, now_us)
        return begun.id

    async def listed(self, who: Asker) -> list[Stored]:
        """Return roll-outs of his sites, the newest first, without their devices."""
        async with self._database.read() as connection:
            query = select(fleet_rollout).order_by(fleet_rollout.c.id.desc()).limit(LISTED_MAX)
            if who.sites is not None:
                member = fleet_rollout_device.c
                foreign = (member.rollout == fleet_rollout.c.id) & member.site.not_in(sorted(who.sites))
                query = query.where(~exists().where(foreign))
            rows = (await connection.execute(query)).mappings().all()
        return [stored_of(row, ()) for row in rows]

    async def get(self, who: Asker, name: str) -> Shown:
        """Return a roll-out. Raises `UnknownRolloutError`."""
        async with self._database.read() as connection:
            stored = await _own(connection, who, name)
            return Shown(stored, await _events(connection, stored.id))

    async def stop(self, who: Asker, name: str) -> tuple[Shown, bool]:
        """Stop a roll-out; return it, and whether that was said before.

        Raises `UnknownRolloutError`, `WrongStageError`.
        """
        return await self._wished(who, name, "stop", _STOPPABLE)

    async def rollback(self, who: Asker, name: str) -> tuple[Shown, bool]:
        """Bring all devices of a roll-out back, as `stop`."""
        return await self._wished(who, name, "rollback", _RETURNABLE)

    async def _wished(self, who: Asker, name: str, what: str, stages: tuple[str, ...]) -> tuple[Shown, bool]:
        now_us = self._clock()
        async with self._database.write() as connection:
            stored = await _own(connection, who, name, lock=True)
            again = stored.wish.what == what or _is_done(stored, what)
            if not again:
                if stored.rollout.stage.value not in stages:
                    raise WrongStageError(stored.id, stored.rollout.stage.value, stages, what)
                await wish(connection, stored.id, Wish(what=what, key=who.key, by=who.by), now_us)
                await _audit(connection, who, (f"rollout.{what}", stored.id), {}, now_us)
        self._wake()
        return await self.get(who, name), again


def digest_of(body: object) -> bytes:
    """Return the digest of what was asked under an idempotency key."""
    return sha256(msgspec.json.encode(body, order="deterministic")).digest()


async def _audit(
    connection: AsyncConnection, who: Asker, what: tuple[str, str], detail: dict[str, Any], now_us: int
) -> None:
    """Write down who did what: the action, and the roll-out's id."""
    action, name = what
    await write_audit(connection, at_us=now_us, actor=who.key, action=action, site=None, subject=name, detail=detail)


def _is_done(stored: Stored, what: str) -> bool:
    returning = {Stage.ROLLING_BACK, Stage.ROLLED_BACK}
    return stored.rollout.stage in (returning | {Stage.STOPPED} if what == "stop" else returning)


async def _own(connection: AsyncConnection, who: Asker, name: str, *, lock: bool = False) -> Stored:
    stored = await read_rollout(connection, name, lock=lock)
    if stored is None or not who.sees({member.name.site for member in stored.rollout.members}):
        raise UnknownRolloutError(name)
    return stored


async def _events(connection: AsyncConnection, name: str) -> tuple[Said, ...]:
    columns = fleet_event.c
    query = select(fleet_event).where(columns.rollout == name).order_by(columns.id.desc()).limit(EVENTS_SHOWN)
    rows = (await connection.execute(query)).all()
    return tuple(
        Said(
            row.at_us,
            row.actor,
            row.by,
            Event(row.what, row.detail, DeviceName(row.site, row.edge, row.device) if row.device else None),
        )
        for row in reversed(rows)
    )
