"""How many reservations a second on one hot SKU, and how soon does a stream say so? On PostgreSQL, over HTTP.

`python -m bench.reservations [--json]`. Two API processes share the database; the load comes from this process. Each
part has a hot SKU of its own, with as many units as it takes and some more. Beside it stands the database alone: one
row locked, one hold inserted, one commit, by as many connections as an API process has.
"""

import asyncio
import json
import sys
import threading
import time
import uuid

import psycopg

from bench._channel_site import Goods, fill, gtins, server
from bench._http_load import Answers, closed_loop, connect, open_loop, request
from tests.gateway.small_store import SITE
from tests.servers.postgres import Postgres

REQUESTS = 2_500
WARM = 300
OPEN = 64
RATE = 600
SECONDS = 6
SPARE = 500
SQL_SECONDS = 4
SQL_CONNECTIONS = 8
VISIBLE = 100


def _reserve(token: str, gtin: str) -> bytes:
    body = {"lines": [{"gtin": gtin, "quantity": 1, "site": SITE.id}], "mode": "pickup"}
    headers = {"authorization": f"Bearer {token}", "idempotency-key": uuid.uuid4().hex}
    return request("POST", "/v1/reservations", headers, json.dumps(body).encode())


def _buyers(token: str, gtin: str, number: int) -> list[bytes]:
    return [_reserve(token, gtin) for _ in range(number)]


async def _visible(url: str, token: str, gtin: str) -> list[float]:
    """Return how long after a reservation was sent each event of it stood in a stream (seconds)."""
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    key = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    writer.write(request("GET", "/v1/changes", key))
    await reader.readuntil(b": open\n\n")
    line = await connect(url)
    delays = []
    for _ in range(VISIBLE):
        began = time.perf_counter()
        status, body = await line.ask(_reserve(token, gtin))
        if status != 201:
            raise SystemExit(f"{status}: {body.decode()[:300]}")
        while gtin.encode() not in await reader.readuntil(b"\n\n"):
            pass
        delays.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)
    writer.close()
    return sorted(delays)


def _sql_rate(dsn: str) -> float:
    """Return how often a second the database alone locks one row, inserts one hold and commits."""
    done = [0] * SQL_CONNECTIONS
    until = time.monotonic() + SQL_SECONDS

    def work(number: int) -> None:
        with psycopg.connect(dsn, autocommit=False) as connection:
            while time.monotonic() < until:
                connection.execute("SELECT n FROM bench_counter WHERE id = 1 FOR UPDATE")
                connection.execute("UPDATE bench_counter SET n = n - 1 WHERE id = 1")
                connection.execute("INSERT INTO bench_hold (n) VALUES (1)")
                connection.commit()
                done[number] += 1

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_counter (id int PRIMARY KEY, n bigint)")
        connection.execute("CREATE TABLE bench_hold (id bigserial PRIMARY KEY, n int)")
        connection.execute("INSERT INTO bench_counter VALUES (1, 1000000000)")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(SQL_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SQL_SECONDS


def _good(answers: Answers) -> Answers:
    if set(answers.statuses) != {201}:
        raise SystemExit(f"answers: {answers.statuses}")
    return answers


async def _measure(url: str, tokens: dict[str, str], dsn: str) -> dict[str, float]:
    first, second, third, fourth, seen = gtins(5)
    with server(url) as one, server(url) as two:
        urls = [one["app"], two["app"]]
        for gtin in (third, fourth, seen):  # a hot SKU has been asked for before
            _good(await closed_loop(urls, _buyers(tokens["web"], gtin, WARM), OPEN))
        burst = _good(await closed_loop(urls, _buyers(tokens["web"], first, REQUESTS), OPEN))
        alone = _good(await closed_loop(urls[:1], _buyers(tokens["web"], second, REQUESTS), OPEN))
        steady = _good(await open_loop(urls, _buyers(tokens["web"], third, RATE * SECONDS), OPEN, float(RATE)))
        calm = _good(await open_loop(urls[:1], _buyers(tokens["web"], fourth, RATE * SECONDS), OPEN, float(RATE)))
        visible = await _visible(two["app"], tokens["web"], seen)
    return {
        "one hot SKU, two processes, /s (asked 600)": burst.rate,
        "one hot SKU, one process, /s": alone.rate,
        "one process at 600/s, p50 ms": calm.percentile(0.5) * 1e3,
        "one process at 600/s, p99 ms (asked < 60)": calm.percentile(0.99) * 1e3,
        "two processes at 600/s, p50 ms": steady.percentile(0.5) * 1e3,
        "two processes at 600/s, p99 ms": steady.percentile(0.99) * 1e3,
        "write to visible on SSE, p50 ms": visible[len(visible) // 2] * 1e3,
        "write to visible on SSE, p99 ms (asked < 250)": visible[int(0.99 * len(visible)) - 1] * 1e3,
        "the database alone, one row, commits/s": _sql_rate(dsn),
    }


def run() -> dict[str, float]:
    """All figures."""
    with Postgres() as postgres:
        url = postgres.new_database()
        steady_units = WARM + RATE * SECONDS
        wanted = (REQUESTS, REQUESTS, steady_units, steady_units, WARM + VISIBLE)
        units = {gtin: number + SPARE for gtin, number in zip(gtins(5), wanted, strict=True)}
        tokens = asyncio.run(fill(url, Goods(50, 5), units))
        dsn = url.replace("postgresql+psycopg", "postgresql")
        return asyncio.run(_measure(url, tokens, dsn))


if __name__ == "__main__":
    figures = run()
    if "--json" in sys.argv:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:<50} {value:>12,.2f}")
