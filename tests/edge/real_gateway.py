"""The gateway's own ingest on a real broker and a real database, for tests that judge an edge by what it committed."""

import asyncio
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from gateway.clock import system_clock
from gateway.ingest.mqtt import Broker, MqttSource
from gateway.ingest.service import Ingest
from gateway.storage import input_log
from gateway.storage.engine import Database
from gateway.storage.input_log import Kind
from gateway.storage.migrate import migrate
from gateway.storage.schema import gap, quarantine
from gateway.storage.site_register import register_site
from tests.edge.fake_driver import small_site
from tests.edge.uplink_sides import until
from wire.messages import ReadBatch, decode_durable

SITE = small_site()


class RealGateway:
    """`start`, `crash` (what is not committed is forgotten, and no Ack says otherwise), `start` again ..."""

    def __init__(self, folder: Path, port: int) -> None:
        self._url = f"sqlite:///{folder}/gateway.db"
        self._port = port
        self._database: Database | None = None
        self._source: MqttSource | None = None
        self._ingest: Ingest | None = None
        self._task: asyncio.Task[None] | None = None
        self._before = 0
        self._looked_at = 0

    @property
    def arrivals(self) -> int:
        """Messages that were committed or known already, over all starts."""
        figures = self._ingest.figures if self._ingest is not None else None
        return self._before + (figures.appended + figures.duplicates if figures is not None else 0)

    async def create(self) -> None:
        """Make the database."""
        await asyncio.to_thread(migrate, self._url)
        self._database = Database(self._url)
        async with self._database.write() as connection:
            await register_site(connection, SITE, system_clock())

    async def start(self) -> None:
        """Listen."""
        assert self._database is not None
        self._source = MqttSource(Broker("127.0.0.1", self._port), system_clock)
        self._ingest = Ingest(self._source, self._database, {SITE.id: SITE}, system_clock)
        self._task = asyncio.create_task(self._ingest.run())
        source = self._source
        await until(lambda: source.connected, "the gateway at its broker", 60)

    async def crash(self) -> None:
        """End it in the middle of whatever it does."""
        if self._task is None:
            return
        while not self._task.done():  # `asyncio.wait_for` of Python 3.11 may swallow a cancellation (CPython #86296)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.2)
        await asyncio.gather(self._task, return_exceptions=True)
        self._before = self.arrivals
        self._task = self._ingest = None

    async def close(self) -> None:
        """End for good."""
        await self.crash()
        if self._database is not None:
            await self._database.close()

    async def epcs(self) -> Counter[bytes]:
        """Every EPC of every observation in the site's input log."""
        assert self._database is not None
        seen: Counter[bytes] = Counter()
        async with self._database.read() as connection:
            entries = await input_log.entries_after(connection, SITE.id, 0, 10_000_000)
        for entry in entries:
            message = decode_durable(entry.body) if entry.kind is Kind.DATA else None
            if isinstance(message, ReadBatch):
                seen.update(message.observations().epcs())
        return seen

    async def holds(self, beginning: bytes) -> bool:
        """Whether an observation of a tag whose EPC begins so was committed; looks at the newest entries only."""
        assert self._database is not None
        async with self._database.read() as connection:
            entries = await input_log.entries_after(connection, SITE.id, self._looked_at, 1_000)
        for entry in entries:
            self._looked_at = entry.n
            message = decode_durable(entry.body) if entry.kind is Kind.DATA else None
            if isinstance(message, ReadBatch) and any(
                epc.startswith(beginning) for epc in message.observations().epcs()
            ):
                return True
        return False

    async def gaps(self) -> list[tuple[bytes, int, int]]:
        """Stream, first and last of every loss that was said or found."""
        assert self._database is not None
        async with self._database.read() as connection:
            assert (await connection.execute(select(quarantine))).all() == []
            rows = await connection.execute(select(gap.c.stream, gap.c.from_seq, gap.c.to_seq))
            return [(bytes(row.stream or b""), row.from_seq, row.to_seq) for row in rows]
