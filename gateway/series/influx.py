"""Sends what waits to a server of time series, beside everything else: an outage fills the outbox and delays nobody.

One batch after the other, in order. What an answer means stands in `gateway.series.sending`. A batch is forgotten after
the server has it; a crash in between sends it again, which is the same points again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.series import outbox
from gateway.series.limits import BATCH_POINTS, REQUESTS_PER_BATCH, SHOWN_CHARS
from gateway.series.sending import Answer, Verdict, pause_s, verdict_of
from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway.series")

IDLE_S: Final = 1.0
"""How often the outbox is looked at when nobody says that it grew."""


class Sender(Protocol):
    """One server: `gateway.series.influx_http`."""

    async def send(self, lines: bytes) -> Answer:
        """Send lines; return the answer. Nobody there, or too slow: status 0. Raises nothing."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(slots=True)
class SendingFigures:
    """What the sending of this process counted, in points and requests."""

    series_sent: int = 0
    series_requests: int = 0
    series_send_failures: int = 0
    series_refused: int = 0


class _LaterError(Exception):
    """The server does not take it now."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"{answer.status} {answer.text}")


class Sending:
    """Sends while `run` runs. `chance` draws from [0, 1); `allowed`: whether it is this process that sends."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        clock: Clock,
        *,
        chance: Callable[[], float],
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        self.figures = SendingFigures()
        self.last_refused = ""
        """The newest line that was refused, and why."""
        self._database = database
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._allowed = allowed
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._failures = 0

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    def wake(self) -> None:
        """Say that the outbox grew."""
        self._woken.set()

    def stop(self) -> None:
        """Let `run` end; what waits goes on waiting in the database."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Send until `stop`."""
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                pause = IDLE_S
                try:
                    if self._allowed() and await self.send_some():
                        pause = 0.0
                    self._back()
                except _LaterError as error:
                    pause = self._later(error.answer)
                except (SQLAlchemyError, OSError) as error:
                    pause = self._later(Answer(0, f"the database: {error}"))
                await self._wait(pause)
        finally:
            await self._sender.close()

    async def _wait(self, pause: float) -> None:
        """Wait; only news of an outbox that was empty ends it early."""
        event = self._stopping if self._failures else self._woken
        if pause and not self._stopping.is_set():
            try:
                async with asyncio.timeout(pause):
                    await event.wait()
            except TimeoutError:
                return

    def _later(self, answer: Answer) -> float:
        self._failures += 1
        self.figures.series_send_failures += 1
        if self._failures == 1:  # once when it breaks, once when it is back
            _log.warning("series_wait", status=answer.status, error=answer.text[:SHOWN_CHARS])
        return pause_s(self._failures, answer, self._chance())

    def _back(self) -> None:
        if self._failures:
            _log.info("series_flow_again", failures=self._failures)
        self._failures = 0

    async def send_some(self) -> int:
        """Send the oldest points that wait; return how many that were. Raises `_LaterError`."""
        async with self._database.read() as connection:
            batches = await outbox.oldest(connection, BATCH_POINTS)
        if not batches:
            return 0
        lines = b"\n".join(batch.lines for batch in batches).split(b"\n")
        refused = await self._deliver(lines)
        async with self._database.write() as connection:
            await outbox.forget(connection, batches)
        self.figures.series_sent += len(lines) - refused
        self.figures.series_refused += refused
        return len(lines)

    async def _deliver(self, lines: list[bytes]) -> int:
        """Send lines; return how many were refused for good. Raises `_LaterError` when not all is decided."""
        parts, refused, requests = [lines], 0, 0
        while parts:
            part = parts.pop()
            answer = await self._sender.send(b"\n".join(part))
            requests += 1
            self.figures.series_requests += 1
            verdict = verdict_of(answer, len(part))
            if verdict is Verdict.LATER:
                raise _LaterError(answer)
            if verdict is Verdict.SPLIT and requests < REQUESTS_PER_BATCH:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            elif verdict is not Verdict.TAKEN:
                refused += len(part)
                self._show(part[0], answer, len(part))
        return refused

    def _show(self, line: bytes, answer: Answer, lines: int) -> None:
        shown = line.decode("utf-8", "replace")[:SHOWN_CHARS]
        self.last_refused = f"{shown}: {answer.text[:SHOWN_CHARS]}"
        _log.warning("series_refused", lines=lines, line=shown, status=answer.status, error=answer.text[:SHOWN_CHARS])
