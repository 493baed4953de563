"""The ingest: deliveries in, commits, Acks out.

Many deliveries share one commit: what came within `COMMIT_LINGER_S`, at most `COMMIT_MAX_MESSAGES`. While a commit runs
the next batch gathers, so under load batches grow by themselves. Nothing is acked before its commit. A database that is
away stops the commits, not the program: the same batch is tried again, the intake fills up and then drops with a
count, and the edges send again when it is back. Edges that have not said who they are, are asked to (`births`).
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from typing import Final

import structlog
from sqlalchemy.exc import DataError, SQLAlchemyError

from gateway.clock import Clock
from gateway.ingest.admit import Admitted, admit, prune_quarantine
from gateway.ingest.arrival import Arrival, Message, Reported, State, Stray, inspect
from gateway.ingest.births import Births, EdgeName
from gateway.ingest.port import Delivery, Source
from gateway.limits import (
    COMMIT_LINGER_S,
    COMMIT_MAX_MESSAGES,
    QUARANTINE_PRUNE_EVERY,
    RETRY_CAP_S,
    RETRY_FIRST_S,
)
from gateway.steps import Step, pass_by
from gateway.storage.engine import Database
from wire.configuration import ReportedConfig
from wire.messages import Ack, EdgeState, Rebirth, encode_json
from wire.topics import Leaf, edge_topic

_log: Final = structlog.get_logger("gateway.ingest")

STORAGE: Final = "storage"
"""Reject code of a message that the database itself refuses."""


@dataclass(slots=True)
class IngestFigures:
    """What the ingest counted since this process began."""

    commits: int = 0
    appended: int = 0
    duplicates: int = 0
    holes: int = 0
    rejected: int = 0
    strays: int = 0
    gaps: int = 0
    states: int = 0
    reports: int = 0
    acks: int = 0
    commit_failures: int = 0
    unstorable: int = 0
    quarantine_pruned: int = 0
    rebirths: int = 0
    """Edges that were asked to say again who they are."""

    def add(self, done: Admitted) -> None:
        """Count one commit."""
        self.commits += 1
        self.states += len(done.states)
        self.reports += len(done.reports)
        for name in ("appended", "duplicates", "holes", "rejected", "strays", "gaps"):
            setattr(self, name, getattr(self, name) + getattr(done, name))


class Ingest:
    """Runs one source into the database.

    `wake` is called with a site after its log grew, `heard` with what an edge said of itself, `reported` with how
    its devices are configured; all come back at once.
    """

    def __init__(
        self,
        source: Source,
        database: Database,
        sites: Mapping[str, object],
        clock: Clock,
        *,
        wake: Callable[[str], None] = lambda _site: None,
        heard: Callable[[EdgeState], None] = lambda _state: None,
        reported: Callable[[ReportedConfig], None] = lambda _reported: None,
        step: Step = pass_by,
        linger_s: float = COMMIT_LINGER_S,
    ) -> None:
        self.figures = IngestFigures()
        self._source = source
        self._database = database
        self._sites = sites
        self._clock = clock
        self._wake = wake
        self._heard = heard
        self._reported = reported
        self._step = step
        self._linger_s = linger_s
        self._unpruned = 0
        self._births = Births()

    def counters(self) -> dict[str, int]:
        """Return all counters, those of the source included."""
        return asdict(self.figures) | {f"source_{name}": value for name, value in asdict(self._source.figures).items()}

    async def run(self) -> None:
        """Take deliveries until the source is closed; what came before that is committed and acked."""
        queue: asyncio.Queue[Delivery | None] = asyncio.Queue(COMMIT_MAX_MESSAGES)
        reading = asyncio.create_task(self._read(queue))
        committing = asyncio.create_task(self._commit_batches(queue))
        try:
            await asyncio.wait({reading, committing}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (reading, committing):
                if not task.done():
                    task.cancel()
            results = await asyncio.gather(reading, committing, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _commit_batches(self, queue: "asyncio.Queue[Delivery | None]") -> None:
        more = True
        while more:
            batch, more = await self._gather(queue)
            if batch:
                await self.take(batch)

    async def _read(self, queue: "asyncio.Queue[Delivery | None]") -> None:
        async with aclosing(self._source.deliveries()) as deliveries:
            async for delivery in deliveries:
                await queue.put(delivery)
        await queue.put(None)

    async def _gather(self, queue: "asyncio.Queue[Delivery | None]") -> tuple[list[Delivery], bool]:
        """Return the next batch, and whether more may come."""
        first = await queue.get()
        if first is None:
            return [], False
        batch = [first]
        loop = asyncio.get_running_loop()
        until = loop.time() + self._linger_s
        while len(batch) < COMMIT_MAX_MESSAGES:
            try:
                async with asyncio.timeout_at(until):  # `wait_for` may swallow a cancellation (Python 3.11)
                    following = await queue.get()
            except TimeoutError:
                break
            if following is None:
                return batch, False
            batch.append(following)
        return batch, True

    async def take(self, batch: list[Delivery]) -> None:
        """Commit one batch and ack it; comes back only when that is done."""
        arrivals = [inspect(delivery, self._sites) for delivery in batch]
        for done in await self._commit(arrivals):
            self.figures.add(done)
            self._unpruned += done.rejected + done.strays
            for site in done.sites:
                self._wake(site)
            await self._send(done.acks)
            await self._ask_births(arrivals, sorted(done.lossy))
        for arrival in arrivals:
            if isinstance(arrival, State):
                self._heard(arrival.state)
            elif isinstance(arrival, Reported):
                self._reported(arrival.reported)
        if self._unpruned >= QUARANTINE_PRUNE_EVERY:
            await self._prune()

    async def _commit(self, arrivals: list[Arrival]) -> list[Admitted]:
        """Commit the arrivals, together if possible. Retries while the database is away."""
        delay_s = RETRY_FIRST_S
        while True:
            try:
                return [await self._transaction(arrivals)]
            except SQLAlchemyError as error:
                self.figures.commit_failures += 1
                if is_content_error(error):
                    return await self._commit_apart(arrivals)
                _log.warning("commit_failed", error=str(error), retry_s=delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RETRY_CAP_S)

    async def _commit_apart(self, arrivals: list[Arrival]) -> list[Admitted]:
        """Commit each arrival by itself, because the database refuses the content of one; that one is rejected."""
        if len(arrivals) > 1:
            return [done for arrival in arrivals for done in await self._commit([arrival])]
        bad = arrivals[0]
        self.figures.unstorable += 1
        if isinstance(bad, Message) and bad.code is None:
            return await self._commit([replace(bad, code=STORAGE, reason="the database refuses this message")])
        _log.error("unstorable", topic=bad.delivery.topic, kind=type(bad).__name__)
        if isinstance(bad, Stray):
            return []
        return await self._commit([Stray(bad.delivery, STORAGE, "the database refuses this message")])

    async def _transaction(self, arrivals: list[Arrival]) -> Admitted:
        async with self._database.write() as connection:
            self._step("ingest.begun")
            done = await admit(connection, arrivals, self._clock())
            self._step("ingest.written")
        self._step("ingest.committed")
        return done

    async def _send(self, acks: list[tuple[str, Ack]]) -> None:
        """Send the Acks side by side; one that the broker does not take is lost and will be asked for again."""
        if not acks:
            return
        taken = await asyncio.gather(*(self._source.publish(topic, encode_json(ack)) for topic, ack in acks))
        self.figures.acks += sum(taken)
        self._step("ingest.acked")

    async def _ask_births(self, arrivals: list[Arrival], lossy: list[EdgeName]) -> None:
        """Ask the edges that must say again who they are; one that the broker does not take is asked again later."""
        for site, edge in self._births.heard(arrivals, lossy, self._clock()):
            _log.info("rebirth", site=site, edge=edge)
            if await self._source.publish(edge_topic(site, edge, Leaf.CMD), encode_json(Rebirth())):
                self.figures.rebirths += 1

    async def _prune(self) -> None:
        self._unpruned = 0
        try:
            async with self._database.write() as connection:
                self.figures.quarantine_pruned += await prune_quarantine(connection)
        except SQLAlchemyError as error:
            self.figures.commit_failures += 1
            _log.warning("prune_failed", error=str(error))


def is_content_error(error: SQLAlchemyError) -> bool:
    """Whether the database refused the content, so that trying again cannot help (not: it is away or busy)."""
    # Not IntegrityError, ProgrammingError: those tell of tables, rights or counters. A good message that is rejected
    # because of them would be acked, and gone.
    return isinstance(error, DataError)
