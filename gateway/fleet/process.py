"""The process of the fleet: moves roll-outs, and sees to it that every edge has the configuration that it should.

Theory of operation. All state is in the database: what is asked of each device, the newest configuration of each edge,
each roll-out with its devices. What edges say comes from the ingest, in memory, and from the database at the start. One
task looks at it every two seconds and at each report; it moves a roll-out in one transaction with what it asks, and
publishes after the commit. A configuration is published, retained, when it is new, when its edge begins, and again
while an edge that is there has not taken it: a broker may have forgotten it.

Of several gateways one does this: the lease `fleet`, renewed in each transaction, so that who lost it writes nothing.
Without a broker nothing moves: then nothing that an edge does could be seen.
"""

import asyncio
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.fleet.asking import Wanted, ask, body_of, held, mark_good, renew, wanted
from gateway.fleet.device import DeviceName
from gateway.fleet.heard import Heard
from gateway.fleet.limits import AGAIN_S, KEPT_US, LEASE_S, LOOK_S, PRUNE_S
from gateway.fleet.reading import reports_of, states_of
from gateway.fleet.rollout import overtaken, rollback, step, stop
from gateway.fleet.rollout_values import Facts, Move, Phase, Rollout, Stage
from gateway.fleet.store import (
    Stored,
    numbered,
    prune_rollouts,
    read_rollout,
    under_way,
    unfinished,
    write_events,
    write_rollout,
)
from gateway.ingest.births import EdgeName
from gateway.push.publisher import Publisher
from gateway.storage import lease
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError
from wire.configuration import ReportedConfig
from wire.errors import WireError
from wire.messages import EdgeState
from wire.topics import Leaf, edge_topic

_log: Final = structlog.get_logger("gateway.fleet")

LEASE: Final = "fleet"
_FAILURES: Final = (SQLAlchemyError, OSError)


@dataclass(slots=True)
class FleetCounters:
    """What the fleet of this process counted."""

    fleet_leases_taken: int = 0
    fleet_looks: int = 0
    fleet_moves: int = 0
    """Changes of roll-outs that were written."""
    fleet_asked: int = 0
    """Devices that were asked for another profile, or for their former one."""
    fleet_published: int = 0
    """Configurations that the broker took."""
    fleet_unpublished: int = 0
    fleet_stopped: int = 0
    """Roll-outs that were stopped because of a device."""
    fleet_failures: int = 0
    fleet_pruned: int = 0


@dataclass(slots=True)
class _Published:
    version: int
    at_us: int


class FleetProcess:
    """Moves roll-outs until it is stopped. `state` and `reported` take what the ingest hears."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        holder: str,
        clock: Clock,
        *,
        ttl_s: float = LEASE_S,
        look_s: float = LOOK_S,
    ) -> None:
        self.counted = FleetCounters()
        self.heard = Heard()
        self._database = database
        self._publisher = publisher
        self._holder = holder
        self._clock = clock
        self._ttl_us = int(ttl_s * 1e6)
        self._look_s = look_s
        self._fence: int | None = None
        self._held_us = 0
        self._connects = -1
        self._since_us = 0
        self._wanted: dict[EdgeName, Wanted] = {}
        self._published: dict[EdgeName, _Published] = {}
        self._again: set[EdgeName] = set()
        self._pruned_us = 0
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()

    # -- what others tell

    def state(self, state: EdgeState) -> None:
        """Take what an edge said of itself."""
        if self.heard.state(state, self._clock()):
            self._news.set()

    def reported(self, said: ReportedConfig) -> None:
        """Take an edge's report of its configuration."""
        self.heard.report(said)
        self._news.set()

    def wake(self) -> None:
        """Look soon: a person asked for something."""
        self._news.set()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()
        self._news.set()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        left_out = self.heard.left_out + self.heard.rates.left_out
        return asdict(self.counted) | {"fleet_left_out": left_out, "fleet_leads": int(self._fence is not None)}

    # -- the task

    async def run(self) -> None:
        """Look until `stop`."""
        await self.remember()
        while not self._stopping.is_set():
            self._news.clear()
            await self.look()
            await self._pause()
        await self._release()

    async def look(self) -> None:
        """Look once, if this process is the one that does: move what can be moved, publish what is due."""
        try:
            if await self._hold():
                await self._look()
        except FencedError as error:
            self._fence = None
            _log.warning("fleet_fenced", error=str(error))
        except (*_FAILURES, WireError) as error:
            self.counted.fleet_failures += 1
            _log.warning("fleet_failed", error=repr(error)[:500])
            self._fence = None  # what it remembers may be wrong: it begins anew

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._look_s):
                await self._news.wait()
        except TimeoutError:
            return

    async def remember(self) -> None:
        """Learn what edges said before this process began; what they say from now on is newer."""
        while not self._stopping.is_set():
            try:
                async with self._database.read() as connection:
                    async for said in reports_of(connection):
                        if EdgeName(said.site, said.edge) not in self.heard.reports:
                            self.heard.report(said)
                    async for state, received_us in states_of(connection):
                        self.heard.rates.heard(state, received_us)
            except _FAILURES as error:
                self.counted.fleet_failures += 1
                _log.warning("fleet_unread", error=repr(error)[:500])
                await self._pause()
            else:
                return

    async def _hold(self) -> bool:
        """Take or keep the lease; return whether it is ours."""
        now_us = self._clock()
        if self._fence is not None and abs(now_us - self._held_us) < self._ttl_us / 3:
            return True
        async with self._database.write() as connection:
            if self._fence is not None and await self._renew(connection):
                self._held_us = now_us
                return True
            self._fence = await lease.acquire(connection, LEASE, self._holder, now_us=now_us, ttl_us=self._ttl_us)
        if self._fence is None:
            return False
        self.counted.fleet_leases_taken += 1
        self._held_us = now_us
        self._published.clear()
        async with self._database.read() as connection:
            self._wanted = await wanted(connection)
        _log.info("fleet_begins", fence=self._fence, edges=len(self._wanted))
        return True

    async def _renew(self, connection: AsyncConnection) -> bool:
        assert self._fence is not None
        return await lease.renew(
            connection, LEASE, self._holder, self._fence, now_us=self._clock(), ttl_us=self._ttl_us
        )

    async def _still_mine(self, connection: AsyncConnection) -> None:
        if self._fence is None or not await self._renew(connection):
            raise FencedError("another process moves the fleet")

    async def _release(self) -> None:
        if self._fence is None:
            return
        try:
            async with self._database.write() as connection:
                await lease.release(connection, LEASE, self._holder, self._fence)
        except _FAILURES as error:
            _log.warning("release_failed", error=repr(error)[:500])
        self._fence = None

    # -- one look

    async def _look(self) -> None:
        if not self._publisher.connected:
            return
        now_us = self._clock()
        if self._publisher.figures.connects != self._connects:
            self._connects = self._publisher.figures.connects
            self._since_us = now_us
            self._published.clear()
        self.counted.fleet_looks += 1
        async with self._database.read() as connection:
            names = await unfinished(connection)
        for name in names:
            await self._move(name)
        await self._set_right()
        await self._publish_due()
        await self._prune()

    async def _move(self, name: str) -> None:
        """Move one roll-out as far as it goes now; each step is one transaction."""
        more = True
        while more and not self._stopping.is_set():
            async with self._database.write() as connection:
                await self._still_mine(connection)
                stored = await read_rollout(connection, name, lock=True)
                if stored is None:
                    return
                after, more = await self._step(connection, stored)
            if after is not stored.rollout:
                self.counted.fleet_moves += 1
                if after.stage != stored.rollout.stage:
                    _log.info("rollout", id=name, stage=after.stage.value, reason=after.reason)
            for edge in {EdgeName(m.name.site, m.name.edge) for m in after.members} & self._again:
                await self._publish(edge)

    async def _step(self, connection: AsyncConnection, stored: Stored) -> tuple[Rollout, bool]:
        """Make one move and write it; return what the roll-out is now, and whether it may move on at once."""
        now_us = self._clock()
        move = await self._decide(connection, stored, now_us)
        if move.rollout == stored.rollout and not stored.wish.what:
            return stored.rollout, False
        try:
            async with connection.begin_nested():
                after = await self._ask(connection, stored, move, now_us)
        except WireError as error:
            move = stop(stored.rollout, f"it cannot be asked: {error}", now_us)
            after = await self._ask(connection, stored, move, now_us)
        await mark_good(connection, move.good, after.setting)
        await write_rollout(connection, stored, after, now_us)
        await write_events(connection, stored.id, move.events, now_us, key=stored.wish.key, by=stored.wish.by)
        if after.stage is Stage.STOPPED and stored.rollout.stage is not Stage.STOPPED and not stored.wish.what:
            self.counted.fleet_stopped += 1
        return after, after.phase is not stored.rollout.phase or after.wave != stored.rollout.wave

    async def _decide(self, connection: AsyncConnection, stored: Stored, now_us: int) -> Move:
        """Return what a person's wish, or the facts, make of a roll-out."""
        rollout = stored.rollout
        if stored.wish.what == "stop":
            return stop(rollout, f"stopped by {stored.wish.who}", now_us)
        if stored.wish.what != "rollback" and rollout.phase is not Phase.UNDOING:
            return step(rollout, self._facts(), now_us)
        known = await held(connection, {member.name.site for member in rollout.members})
        if stored.wish.what == "rollback":
            busy = await under_way(connection)

            def has_it(name: DeviceName) -> bool:
                others = busy.get(name, stored.id) != stored.id
                return name in known and known[name].now == rollout.setting and not others

            return rollback(rollout, f"rolled back by {stored.wish.who}", has_it, now_us)

        def mine(name: DeviceName) -> bool:
            return name in known and known[name].rollout == stored.id

        return step(overtaken(rollout, mine, now_us), self._facts(), now_us)

    def _facts(self) -> Facts:
        return Facts(self.heard.seen, self.heard.rates.between, self._since_us)

    async def _ask(self, connection: AsyncConnection, stored: Stored, move: Move, now_us: int) -> Rollout:
        if not move.asks:
            return move.rollout
        versions = await ask(
            connection,
            move.asks,
            rollout=stored.id,
            is_return=move.rollout.phase is Phase.UNDOING,
            reported=self._reported_version,
            now_us=now_us,
        )
        self.counted.fleet_asked += len(versions)
        edges = {EdgeName(name.site, name.edge) for name in versions}
        self._again |= edges
        return numbered(move.rollout, versions)

    def _reported_version(self, edge: EdgeName) -> int:
        report = self.heard.reports.get(edge)
        return 0 if report is None else report.version

    # -- publishing

    async def _set_right(self) -> None:
        """Give a new version to what an edge cannot take: it has a newer one, or another of the same number."""
        for edge, asked in sorted(self._wanted.items()):
            report = self.heard.reports.get(edge)
            if report is None or report.version < asked.version:
                continue
            if report.version == asked.version and report.hash == asked.hash:
                continue
            async with self._database.write() as connection:
                await self._still_mine(connection)
                version = await renew(connection, edge, report.version, self._clock(), again=True)
            _log.warning("fleet_set_right", site=edge.site, edge=edge.edge, reported=report.version, version=version)
            await self._publish(edge)

    async def _publish_due(self) -> None:
        born = self.heard.born()
        for edge, asked in sorted(self._wanted.items()):
            report = self.heard.reports.get(edge)
            if edge not in born and report is not None and report.version >= asked.version:
                continue
            done = self._published.get(edge)
            is_new = done is None or done.version != asked.version
            waited_us = 0 if done is None else abs(self._clock() - done.at_us)
            refused = report is not None and report.error.startswith(f"version {asked.version}:")
            again = self.heard.is_there(edge) and waited_us >= AGAIN_S * 1e6 and not refused
            if is_new or edge in born or again or edge in self._again:
                await self._publish(edge)

    async def _publish(self, edge: EdgeName) -> None:
        """Publish an edge's newest configuration, retained; what the broker does not take is tried at the next look."""
        async with self._database.read() as connection:
            found = (await wanted(connection, edge)).get(edge)
            body = await body_of(connection, edge)
        if found is None or body is None:
            return
        self._wanted[edge] = found
        if await self._publisher.publish(edge_topic(edge.site, edge.edge, Leaf.CONFIG_DESIRED), body, retain=True):
            self.counted.fleet_published += 1
            self._published[edge] = _Published(found.version, self._clock())
            self._again.discard(edge)
        else:
            self.counted.fleet_unpublished += 1
            self._again.add(edge)

    async def _prune(self) -> None:
        now_us = self._clock()
        if abs(now_us - self._pruned_us) < PRUNE_S * 1e6:
            return
        self._pruned_us = now_us
        async with self._database.write() as connection:
            await self._still_mine(connection)
            self.counted.fleet_pruned += await prune_rollouts(connection, now_us - KEPT_US)
