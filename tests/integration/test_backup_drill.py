"""The drill: readers over LLRP -> edge -> real Mosquitto -> `lastunit gateway`, a backup, a lost disk, the way back.

What must hold at the end: everything goes on by itself, the books are right, and every row that the edge ever made is
in the restored log or in a gap that names it: what was lost between the backup and the end of the disk is written down.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from edge.daemon import EdgeDaemon
from gateway.ledger.verify import verify
from gateway.storage.engine import Database
from gateway.storage.input_log import Kind, last_numbers
from gateway.storage.schema import gap, site_input, stream
from simulator.reader.live_store import LiveStore
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.integration.gateway_process import GatewayProcess
from tests.integration.test_whole_path import SITE_FILE, daemon
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import Postgres

WAIT_S = 60.0


@dataclass
class Place:
    """A database, and how it is lost."""

    url: str
    postgres: Postgres | None = None

    def lose(self) -> None:
        """A disk is gone; what is put in its place is empty."""
        if self.postgres is None:
            file = Path(self.url.removeprefix("sqlite:///"))
            for path in file.parent.glob(f"{file.name}*"):
                path.unlink()
            return
        self.postgres.drop_database(self.url)
        self.url = self.postgres.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield Place(f"sqlite:///{tmp_path}/lastunit.db")
        return
    server: Postgres = request.getfixturevalue("postgres")
    made = Place(server.new_database(), server)
    yield made
    server.drop_database(made.url)


def command(*words: str, url: str) -> Any:
    """Run `lastunit gateway ...` as a person would, and return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "lastunit", "gateway", *words, "--json"],
        env=os.environ | {"LASTUNIT_GATEWAY_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def acked(edge: EdgeDaemon, rows: int) -> None:
    """Wait until the gateway has acknowledged so many rows: the edge forgets them then."""
    async with asyncio.timeout(WAIT_S):
        while edge.stats().delivery.acked_rows < rows:  # noqa: ASYNC110 - the gateway is another process
            await asyncio.sleep(0.05)


async def told(database: Database, site: str) -> tuple[int, list[tuple[int, int]], int]:
    """Return how many batches the log holds, the ranges that were lost, and the newest settled number."""
    async with database.read() as connection:
        kinds = list(await connection.scalars(select(site_input.c.kind).where(site_input.c.site == site)))
        gaps = [
            (int(row.from_seq), int(row.to_seq))
            for row in await connection.execute(select(gap).where(gap.c.site == site, gap.c.stream.is_not(None)))
        ]
        newest = int(await connection.scalar(select(stream.c.last_seq).where(stream.c.site == site)) or 0)
        assert len(kinds) == (await last_numbers(connection))[site]
    return sum(kind == Kind.DATA.value for kind in kinds), gaps, newest


async def test_a_lost_database_comes_back_and_what_is_missing_is_named(
    tmp_path: Path, mosquitto: Mosquitto, place: Place
) -> None:
    site = read_demo_site("main-street")
    store = Store(site, "realistic", seed=3, busy=8, haste=4)
    backup = tmp_path / "drill.backup"
    gateway = GatewayProcess(tmp_path, sites=[SITE_FILE], broker=mosquitto.url, database=place.url)
    async with LiveStore(site, store) as live:
        edge = daemon(live.site, mosquitto.url, tmp_path / "outbox.db")
        await edge.start()
        living = asyncio.create_task(live.run())
        with gateway:
            await acked(edge, 4)
            made = await asyncio.to_thread(command, "backup", str(backup), "--site", str(SITE_FILE), url=place.url)
            at_backup = edge.stats().delivery.acked_rows
            await acked(edge, at_backup + 3)  # these the gateway has taken, and the edge has forgotten
        await asyncio.to_thread(place.lose)
        restored = await asyncio.to_thread(command, "restore", str(backup), url=place.url)
        again = GatewayProcess(tmp_path, sites=[SITE_FILE], broker=mosquitto.url, database=place.url)
        with again:
            before = edge.stats().delivery.acked_rows
            await acked(edge, before + 4)
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await edge.stop(drain_s=60.0)
            assert await asyncio.to_thread(again.stop) == 0
    stats = edge.stats()
    assert stats.waiting_rows == 0
    database = Database(place.url)
    try:
        held, gaps, newest = await told(database, site.id)
        lost = sum(last - first + 1 for first, last in gaps)
        assert len(gaps) == 1, gaps
        assert lost >= 3
        assert held + lost == newest == stats.outbox.accepted_rows
        verdict = await verify(database, site.id)
        assert verdict.good, verdict.shown
        assert verdict.movements > 0
    finally:
        await database.close()
    assert made["manifest"]["rows"]["site_input"] == restored["manifest"]["rows"]["site_input"] > 0
    assert [part["name"] for part in made["manifest"]["parts"]][1:] == ["sites/0001-main-street.yaml"]
    checked = await asyncio.to_thread(command, "verify", url=place.url)
    assert (checked["site"], checked["faults"]) == (site.id, 0)
    print(f"backup {made['took_s']} s, restore {restored['took_s']} s, {lost} rows lost and named")
