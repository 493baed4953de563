"""What waits for the disk: encoded rows between the window and the outbox, committed many at a time.

While a commit runs, the next rows gather; the next commit takes them all (group commit). When the disk is full the
rows wait here, bounded; beyond the bound the oldest go and become one Gap row (cause `queue_full`), which is stored
before anything else as soon as the disk takes rows again. So a short failure of the disk costs nothing, a long one is
said, and it heals without help.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.drivers.port import Host
from edge.errors import OutboxUnavailable
from edge.limits import APPEND_MAX_BYTES, APPEND_MAX_ROWS, INTAKE_MAX_BYTES, INTAKE_MAX_ROWS, INTAKE_RETRY_S
from edge.outage import Outage
from edge.outbox import Appended, NewRow
from edge.outbox_thread import OutboxThread
from wire.limits import BODY_MAX_BYTES
from wire.messages import Gap, encode_durable


@dataclass(slots=True)
class _Dropped:
    """Rows that the disk did not take in time."""

    from_us: int
    to_us: int
    rows: int = 0
    observations: int = 0

    def joined(self, later: "_Dropped | None") -> "_Dropped":
        if later is None:
            return self
        from_us, to_us = min(self.from_us, later.from_us), max(self.to_us, later.to_us)
        return _Dropped(from_us, to_us, self.rows + later.rows, self.observations + later.observations)


@dataclass(slots=True)
class IntakeFigures:
    """Rows and observations that never became durable, and how often the disk refused."""

    dropped_rows: int = 0
    dropped_observations: int = 0
    oversize_rows: int = 0
    refusals: int = 0


class Intake:
    """Feeds the outbox. `live` gives the stream that rows belong to now; `on_appended` hears what became durable."""

    def __init__(
        self,
        outbox: OutboxThread,
        host: Host,
        *,
        site: str,
        edge: str,
        live: Callable[[], bytes],
        on_appended: Callable[[Appended], None],
        log: Any,
    ) -> None:
        self.figures = IntakeFigures()
        self._outbox = outbox
        self._host = host
        self._site, self._edge = site, edge
        self._live = live
        self._on_appended = on_appended
        self._disk = Outage(log, "outbox")
        self._rows: deque[tuple[int, NewRow]] = deque()
        self._bytes = 0
        self._dropped: _Dropped | None = None
        self._given_up = 0
        """Rows of gaps that were stored since the disk was last in order."""
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def refusing(self) -> bool:
        """Whether the disk refused rows, and those that gathered since are not all stored yet."""
        return bool(self._disk.reason)

    def offer(self, row: NewRow) -> None:
        """Queue a row; never blocks. A body over the wire's limit is dropped and becomes a gap."""
        now_us = self._host.wall_us()
        if len(row.body) > BODY_MAX_BYTES:
            self.figures.oversize_rows += 1
            self._drop(now_us, row)
            return
        self._rows.append((now_us, row))
        self._bytes += len(row.body)
        while len(self._rows) > INTAKE_MAX_ROWS or self._bytes > INTAKE_MAX_BYTES:
            self._drop(*self._pop())
        self._idle.clear()
        self._filled.set()

    async def run(self) -> None:
        """Store rows until cancelled."""
        while True:
            await self._filled.wait()
            if not await self._store():
                await asyncio.sleep(INTAKE_RETRY_S)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until everything that was offered is durable; False when the disk does not take it in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _store(self) -> bool:
        """Commit one transaction; False when the disk refused and the rows wait on."""
        taken, dropped = self._take(), self._dropped
        self._dropped = None
        rows = [row for _, row in taken]
        if dropped is not None:
            rows.insert(0, self._gap(dropped))
        stream = self._live()
        try:
            appended = await self._outbox.append(stream, rows, self._host.wall_us(), self._host.monotonic_s())
        except OutboxUnavailable as error:
            self.figures.refusals += 1
            self._disk.broke(str(error))
            self._rows.extendleft(reversed(taken))
            self._bytes += sum(len(row.body) for _, row in taken)
            self._dropped = dropped.joined(self._dropped) if dropped else self._dropped
            return False
        self._given_up += dropped.rows if dropped else 0
        if not self._rows and self._dropped is None:  # a disk that takes some and refuses some is not back
            self._disk.back(dropped_rows=self._given_up)
            self._given_up = 0
            self._filled.clear()
            self._idle.set()
        self._on_appended(appended)
        return True

    def _take(self) -> list[tuple[int, NewRow]]:
        taken: list[tuple[int, NewRow]] = []
        size = 0
        while self._rows and len(taken) < APPEND_MAX_ROWS:
            size += len(self._rows[0][1].body)
            if taken and size > APPEND_MAX_BYTES:
                break
            taken.append(self._pop())
        return taken

    def _pop(self) -> tuple[int, NewRow]:
        offered_us, row = self._rows.popleft()
        self._bytes -= len(row.body)
        return offered_us, row

    def _drop(self, offered_us: int, row: NewRow) -> None:
        dropped = self._dropped
        if dropped is None:
            dropped = self._dropped = _Dropped(offered_us, offered_us)
        dropped.from_us, dropped.to_us = min(dropped.from_us, offered_us), max(dropped.to_us, offered_us)
        dropped.rows += 1
        dropped.observations += row.observations
        self.figures.dropped_rows += 1
        self.figures.dropped_observations += row.observations
        self._idle.clear()
        self._filled.set()

    def _gap(self, dropped: _Dropped) -> NewRow:
        body = encode_durable(
            Gap(
                site=self._site,
                edge=self._edge,
                cause="queue_full",
                from_us=max(0, dropped.from_us),
                to_us=max(0, dropped.to_us),
                observations=dropped.observations,
                detail=f"the outbox could not be written: {dropped.rows} rows were given up",
            )
        )
        return NewRow(body, is_gap=True)
