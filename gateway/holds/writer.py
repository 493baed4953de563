"""Group commit: requests that come while a transaction runs are decided together in the next one.

One hot SKU has one row to lock and one disk to write to. Taken one by one, a thousand buyers queue for both; taken
together, they cost one lock and one commit for each few dozen. Nobody waits for a full batch: what is there goes.

A transaction that fails takes nobody with it: it is tried again as a whole (by then the rival has committed, and its
answers are found), then each request alone. All of that is safe because nothing is answered before its commit, and a
commit whose answer was lost is found by its idempotency key.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.holds.alternatives import elsewhere
from gateway.holds.asked import Asked, Made, Outcome
from gateway.holds.batch import Batches, KeyTakenError, TakenError
from gateway.holds.errors import BusyError, InsufficientError
from gateway.holds.limits import ATTEMPTS, BATCH_MAX, LINGER_S, QUEUE_MAX
from gateway.site_view import SiteViews
from gateway.steps import Step
from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway.holds")

RUNNERS: Final = 1
"""Batches of one process at once. A second one only waits for the same rows: buyers of a hot SKU waited half as long
again for their answers, and no more of them were served."""


@dataclass(slots=True)
class WriterFigures:
    """What the writer of this process counted."""

    hold_batches: int = 0
    holds_made: int = 0
    holds_refused: int = 0
    holds_replayed: int = 0
    hold_retries: int = 0
    hold_failures: int = 0
    holds_turned_away: int = 0


def stay(_: str) -> None:
    """Do nothing at a step: what programs use."""


def nothing() -> None:
    """Do nothing after a commit."""


class Writer:
    """The queue of requests for units, and the tasks that empty it. They end by themselves when it is empty."""

    def __init__(
        self,
        database: Database,
        batches: Batches,
        views: SiteViews,
        *,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        step: Step = stay,
        committed: Callable[[], None] = nothing,
    ) -> None:
        self.figures = WriterFigures()
        self._database = database
        self._batches = batches
        self._views = views
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._step = step
        self._committed = committed
        self._waiting: deque[tuple[Asked, asyncio.Future[Outcome]]] = deque()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures) | self._batches.counters() | {"holds_waiting": len(self._waiting)}

    async def submit(self, asked: Asked) -> Outcome:
        """Have a request decided; return what became of it, once that is committed. Raises `BusyError`."""
        if len(self._waiting) >= self._queue_max:
            self.figures.holds_turned_away += 1
            raise BusyError(f"{self._queue_max} requests for units wait already")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._running < RUNNERS:
            self._running += 1
            task = asyncio.create_task(self._empty(), name="hold-writer")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def close(self) -> None:
        """Wait until everything that waits is decided."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _empty(self) -> None:
        """Decide what waits until nothing does.

        It counts itself out in the same step in which it finds the queue empty: a task that is ending takes nothing.
        """
        try:
            await asyncio.sleep(LINGER_S)
            await self._take_all()
        finally:
            self._running -= 1

    async def _take_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._batch_max, len(self._waiting)))]
            try:
                outcomes = await self._decided([asked for asked, _ in batch])
            except BaseException as error:  # a defect of ours, or the end of the loop: nobody may wait for ever
                _log.error("hold_batch_failed", error=repr(error))
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error if isinstance(error, Exception) else BusyError("it was cut short"))
                if not isinstance(error, Exception):
                    raise
                continue
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                self._count(outcome)
                if not future.done():  # done: its client has gone
                    future.set_result(outcome)

    def _count(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Made):
            self.figures.holds_refused += 1
        elif outcome.replayed:
            self.figures.holds_replayed += 1
        else:
            self.figures.holds_made += 1

    async def _decided(self, asked: Sequence[Asked]) -> list[Outcome]:
        """Decide about a batch, whatever it takes."""
        for attempt in range(ATTEMPTS):
            if attempt == ATTEMPTS // 2 and len(asked) > 1:
                return [outcome for one in asked for outcome in await self._decided([one])]
            try:
                return await self._once(asked)
            except (TakenError, KeyTakenError, DBAPIError, PoolTimeoutError, OSError) as error:
                self.figures.hold_retries += 1
                _log.warning("hold_batch_again", requests=len(asked), error=str(error)[:500])
            await asyncio.sleep(LINGER_S * 4**attempt)
        self.figures.hold_failures += 1
        return [BusyError("the database did not take this reservation") for _ in asked]

    async def _once(self, asked: Sequence[Asked]) -> list[Outcome]:
        async with self._database.write() as connection:
            outcomes = await self._batches.decide(connection, asked)
            self._step("holds.written")
        self._step("holds.committed")
        self._committed()
        self.figures.hold_batches += 1
        return await self._with_alternatives(asked, outcomes)

    async def _with_alternatives(self, asked: Sequence[Asked], outcomes: list[Outcome]) -> list[Outcome]:
        gtins = {s.gtin for outcome in outcomes if isinstance(outcome, InsufficientError) for s in outcome.shortages}
        if not gtins:
            return outcomes
        try:
            async with self._database.read() as connection:
                found = await elsewhere(connection, self._views, gtins)
        except (SQLAlchemyError, OSError) as error:  # a hint is not worth a failure
            _log.warning("no_alternatives", error=str(error)[:500])
            return outcomes
        return [
            found.named(outcome, one.who) if isinstance(outcome, InsufficientError) else outcome
            for one, outcome in zip(asked, outcomes, strict=True)
        ]
