"""The gateway as a whole: in one process with its edges, and as a program of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.config import GatewayConfig
from gateway.fold.process import FoldProcess, LeaseTimes
from gateway.http.app import create_app
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.ledger.verify import verify
from gateway.storage.engine import Database
from gateway.storage.site_register import register_site
from tests.gateway.log_rig import RULES
from tests.gateway.small_store import (
    ACK,
    BACK,
    DATA,
    FLOOR,
    SHIRT_M,
    SHIRT_S,
    SITE,
    SITE_FILE,
    T0_US,
    ManualClock,
    epc,
    frame,
    reads,
)
from tests.gateway.test_catalogue import GOOD
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto
from wire.messages import Ack, decode_ack

ROOT = Path(__file__).parents[2]


def config(url: str, **changes: Any) -> GatewayConfig:
    values: dict[str, Any] = {"database_url": url, "http_port": 0, "lease_ttl_s": 0.6} | changes
    return GatewayConfig(**values)


async def test_from_a_tag_read_to_an_http_answer(database_url: str) -> None:
    broker, clock = MemoryBroker(), ManualClock()
    source = MemorySource(broker, clock)
    acks: list[Ack] = []
    broker.listen(ACK, lambda _topic, payload: acks.append(decode_ack(payload)))
    gateway = Gateway(config(database_url), sites=[SITE], source=source, http=create_app, clock=clock)
    async with gateway, httpx.AsyncClient(base_url=str(gateway.http_url), timeout=60) as client:
        await import_catalogue(gateway.database, GOOD, T0_US)
        await until(lambda: source.connected and gateway.fold.holds(SITE.id))
        for second in range(5):
            clock.advance(1)
            broker.send(DATA, frame(reads(second, [(FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_M, 1))]), second + 1))
        await until(lambda: acks and acks[-1].upto == 5)
        await until(lambda: SITE.id in gateway.fold.folds)  # the log may be ahead of a fold that is being loaded
        await until(lambda: gateway.fold.folds[SITE.id].state.figures["read_batches"] == 5)
        asked = {"gtin": SHIRT_S, "site": SITE.id}
        async with asyncio.timeout(20):  # a tick says that the zones are looked at; the relay numbers that later still
            while True:
                answer = await client.get("/v1/availability", params=asked)
                assert answer.status_code == 200, answer.text
                health = await gateway.queries.health()
                if answer.json()["status"] == "live" and not health.feed.waiting:
                    break
                await asyncio.sleep(0.005)
        assert gateway.feed.last_seq >= 2
        assert (answer.json()["atp"], answer.json()["status"]) == (1, "live")
        counters = gateway.counters()
        assert (counters["appended"], counters["fold_failures"], counters["source_connected"]) == (5, 0, 1)
        assert (health.feed.waiting, health.ingest["appended"]) == (0, 5)
    database = Database(database_url)
    assert (await verify(database, SITE.id)).good
    await database.close()


async def test_a_clean_stop_leaves_nothing_to_replay_and_no_lease_to_wait_for(sqlite_url: str) -> None:
    broker, clock = MemoryBroker(), ManualClock()
    first = Gateway(config(sqlite_url), sites=[SITE], source=MemorySource(broker, clock), clock=clock)
    async with first:
        await until(lambda: first.source.connected and first.fold.holds(SITE.id))
        for second in range(40):
            broker.send(DATA, frame(reads(second, [(FLOOR, epc(SHIRT_S, 1))]), second + 1))
        await until(lambda: first.counters()["appended"] == 40)
    second_start = Gateway(config(sqlite_url), sites=[SITE], source=MemorySource(broker, clock), clock=clock)
    async with second_start:
        await until(lambda: SITE.id in second_start.fold.folds)  # the clock stands still: no lease can expire
        assert second_start.fold.folds[SITE.id].replayed == 0


async def test_of_two_gateways_one_folds_and_the_other_takes_over(postgres_url: str) -> None:
    broker, clock = MemoryBroker(), ManualClock()
    one = Gateway(config(postgres_url), sites=[SITE], source=MemorySource(broker, clock), clock=clock)
    two = Gateway(config(postgres_url), sites=[SITE], source=MemorySource(MemoryBroker(), clock), clock=clock)
    await one.start()
    await until(lambda: one.source.connected and one.fold.holds(SITE.id))
    async with two:
        broker.send(DATA, frame(reads(0, [(FLOOR, epc(SHIRT_S, 1))]), 1))
        await until(lambda: one.fold.figures.folded >= 2)
        assert not two.fold.holds(SITE.id)
        await one.stop()
        await until(lambda: two.fold.holds(SITE.id) and two.fold.figures.folded > 0)
    database = Database(postgres_url)
    assert (await verify(database, SITE.id)).good
    await database.close()


async def test_a_folder_that_slept_through_its_lease_is_fenced_and_comes_back(database: Database) -> None:
    """One process stops renewing; the other takes the site; the first must notice and write nothing."""
    clocks = [ManualClock(), ManualClock()]
    times = LeaseTimes(ttl_s=3.0, tick_s=0.02, poll_s=0.02)
    async with database.write() as connection:
        await register_site(connection, SITE, T0_US)
    processes = [
        FoldProcess(database, [SITE.id], f"p{i}", clock, rules=RULES, times=times) for i, clock in enumerate(clocks)
    ]
    first, second = processes
    tasks = [asyncio.create_task(first.run())]
    await until(lambda: first.figures.folded > 3)
    clocks[1].advance(10)  # by the second one's clock the first one's lease is over
    tasks.append(asyncio.create_task(second.run()))
    await until(lambda: second.figures.folded > 3)
    await until(lambda: first.figures.leases_lost)
    assert not first.holds(SITE.id)
    for process in processes:
        process.stop()
    await asyncio.gather(*tasks)
    assert [process.figures.fold_failures for process in processes] == [0, 0]
    assert (await verify(database, SITE.id)).good


async def test_a_part_that_fails_is_heard_of(sqlite_url: str) -> None:
    class BrokenSource(MemorySource):
        async def deliveries(self) -> Any:
            raise ValueError("broken")
            yield

    clock = ManualClock()
    async with Gateway(
        config(sqlite_url), sites=[SITE], source=BrokenSource(MemoryBroker(), clock), clock=clock
    ) as one:
        with pytest.raises(ValueError, match="broken"):
            await asyncio.wait_for(one.wait_ended(), 20)


async def test_a_start_that_fails_leaves_nothing_open(sqlite_url: str) -> None:
    clock = ManualClock()
    bad = config(sqlite_url, http_host="192.0.2.1")
    gateway = Gateway(bad, sites=[SITE], source=MemorySource(MemoryBroker(), clock), http=create_app, clock=clock)
    with pytest.raises(ValueError, match="loopback"):
        await gateway.start()
    await gateway.stop()


def test_the_program_runs_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE_FILE)
    with Mosquitto(tmp_path) as broker:
        (tmp_path / "gateway.yaml").write_text(
            f"sites: [site.yaml]\ndatabase_url: sqlite:///{tmp_path}/g.db\n"
            f"broker_url: mqtt://127.0.0.1:{broker.port}\nhttp_port: 0\n"
        )
        program = (
            "import sys; from pathlib import Path; from gateway.app import run_gateway; "
            "from gateway.config import load_config; from gateway.http.app import create_app; "
            "run_gateway(load_config(Path(sys.argv[1])), create_app)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "gateway.yaml")],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["event"] == "broker_connected":
                process.send_signal(signal.SIGTERM)
        process.stderr.close()
        assert process.wait(30) == 0
    events = [line["event"] for line in lines]
    assert events[0] == "gateway_starts"
    assert {"lease_taken", "broker_connected", "gateway_stops"} <= set(events)
