"""Thousands ask two API processes for the last unit over HTTP: exactly one gets it."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.clock import system_clock
from gateway.storage.engine import Database
from tests.gateway.holds.rig import Rig
from tests.gateway.small_store import SHIRT_S, SITE

BODY = json.dumps({"lines": [{"gtin": SHIRT_S, "quantity": 1, "site": SITE.id}], "mode": "ship"}).encode()
ROOT = Path(__file__).parents[3]


@contextmanager
def api_process(database_url: str) -> Iterator[str]:
    """Run an API process; yield the address that it printed, which is therefore its own."""
    command = [sys.executable, "-m", "tests.gateway.holds.serve_child", database_url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), url
        yield url
        process.stdin.close()
        assert process.wait(30) == 0


class Shopper:
    """One open connection to an API process."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url)
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def open(self) -> "Shopper":
        self.reader, self.writer = await asyncio.open_connection(self.address.hostname, self.address.port)
        return self

    async def post(self, path: str, body: bytes = b"", key: str = "") -> tuple[int, Any]:
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n"
        head += f"content-type: application/json\r\nidempotency-key: {key}\r\n\r\n" if key else "\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        size = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(answer[9:12]), json.loads(await self.reader.readexactly(int(size[15:])))

    async def ask_all(self, keys: Iterator[str]) -> list[tuple[int, Any]]:
        """Take keys, which others take too, and ask under each for one unit."""
        return [await self.post("/v1/reservations", BODY, key) for key in keys]

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def rounds(database_url: str, urls: list[str], *, times: int, requests: int, at_once: int, units: int) -> None:
    database = Database(database_url)
    rig = await Rig(database, clock=system_clock).open()  # type: ignore[arg-type]
    await rig.put(*(str(number) for number in range(units)))
    shoppers = [await Shopper(urls[number % len(urls)]).open() for number in range(at_once)]
    for number in range(times):
        keys = (f"{number}-{one}" for one in range(requests))
        found = await asyncio.gather(*(shopper.ask_all(keys) for shopper in shoppers))
        answers = [answer for of_shopper in found for answer in of_shopper]
        assert Counter(status for status, _ in answers) == {201: units, 409: requests - units}
        assert {body["code"] for status, body in answers if status == 409} == {"insufficient-atp"}
        await rig.check()
        for name in (body["id"] for status, body in answers if status == 201):
            assert (await shoppers[number % at_once].post(f"/v1/reservations/{name}:release"))[0] == 200
        await rig.check()
    for shopper in shoppers:
        await shopper.close()
    await database.close()


def two_processes(database_url: str, **more: int) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(api_process(database_url)) for _ in range(2)]
        asyncio.run(rounds(database_url, urls, **more))


def test_one_unit_for_six_hundred(postgres_url: str) -> None:
    two_processes(postgres_url, times=1, requests=600, at_once=100, units=1)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
def test_one_unit_for_ten_thousand_twenty_times(postgres_url: str) -> None:
    two_processes(postgres_url, times=20, requests=10_000, at_once=500, units=1)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
def test_a_hundred_units_for_ten_thousand(postgres_url: str) -> None:
    two_processes(postgres_url, times=2, requests=10_000, at_once=500, units=100)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
def test_one_and_a_hundred_units_for_ten_thousand_in_one_process_on_sqlite(sqlite_url: str) -> None:
    for units in (1, 100):
        with api_process(sqlite_url) as url:
            asyncio.run(rounds(sqlite_url, [url], times=1, requests=10_000, at_once=500, units=units))
