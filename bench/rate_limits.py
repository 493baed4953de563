"""Does one key that asks ten times what it may slow the others down? `python -m bench.rate_limits [--json]`.

A quiet key asks at its own pace: single availabilities, and a page of the stock now and then. Beside it, in a process
of its own, a loud one asks ten times its allowed rate (50 a second, the default); then strangers show wrong keys as
often. Rounds alone and rounds beside are interleaved, and p99 is that of all answers of a kind of round together. Asked
(issue 9): beside is below 2 x alone. What the loud key is answered is checked: what it may, and 429 for the rest.
"""

import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from pathlib import Path

from bench._channel_site import Goods, fill, gtins, server
from bench._http_load import Answers, open_loop, request
from gateway.keys.store import NewKey, create_key
from gateway.keys.token import ENTROPY_BYTES, mint
from gateway.storage.engine import Database
from tests.gateway.small_store import SITE

GOODS = Goods(skus=300, units=3)
RATE_PER_S, BURST = 50.0, 100
"""What `lastunit keys create` allows a key without being told."""

TIMES = 10
QUIET_PER_S = 40.0
ROUND_S = 6.0
ROUNDS = 4
CONNECTIONS = 16
STOCK_EVERY = 20
KINDS = ("key", "strangers")


async def _keys(url: str) -> dict[str, str]:
    database = Database(url)
    tokens = {}
    async with database.write() as connection:
        for name in ("quiet", "loud"):
            minted = mint(os.urandom(ENTROPY_BYTES))
            new = NewKey(
                channel="read", name=name, scopes=frozenset({"stock:read"}), rate_per_s=RATE_PER_S, burst=BURST
            )
            await create_key(connection, minted, new, time.time_ns() // 1_000)
            tokens[name] = minted.token
    await database.close()
    return tokens


def _asks(token: str, seconds: float, rate: float) -> list[bytes]:
    head = {"authorization": f"Bearer {token}"}
    single = [request("GET", f"/v1/availability?gtin={gtin}&site={SITE.id}", head) for gtin in gtins(GOODS.skus)]
    stock = request("GET", f"/v1/sites/{SITE.id}/stock", head)
    wanted = range(int(seconds * rate))
    return [stock if number % STOCK_EVERY == 0 else single[number % len(single)] for number in wanted]


async def _beside(url: str, kind: str, token: str) -> dict[int, int]:
    """Ask far too often for one round; return how often each status was answered."""
    rate = TIMES * RATE_PER_S
    if kind == "strangers":
        wrong = [mint(secrets.token_bytes(ENTROPY_BYTES)).token for _ in range(int(rate * ROUND_S))]
        messages = [
            request("GET", f"/v1/sites/{SITE.id}/stock", {"authorization": f"Bearer {token}"}) for token in wrong
        ]
    else:
        messages = _asks(token, ROUND_S, rate)
    return (await open_loop([url], messages, CONNECTIONS, rate)).statuses


async def _quiet(url: str, token: str) -> Answers:
    answers = await open_loop([url], _asks(token, ROUND_S - 0.5, QUIET_PER_S), 4, QUIET_PER_S)
    if set(answers.statuses) != {200}:
        raise SystemExit(f"the quiet key is answered {answers.statuses}")
    return answers


async def _round(url: str, tokens: dict[str, str], kind: str) -> tuple[Answers, dict[int, int]]:
    """One round of the quiet key, alone or beside something loud."""
    if kind == "alone":
        return await _quiet(url, tokens["quiet"]), {}
    program = (sys.executable, "-m", "bench.rate_limits", "--beside", url, kind)
    loud = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parent.parent)
    assert loud.stdout is not None
    assert loud.stdin is not None
    loud.stdin.write(tokens["loud"].encode() + b"\n")
    await loud.stdout.readline()  # it has prepared what it sends
    answers = await _quiet(url, tokens["quiet"])
    said = await loud.stdout.readline()
    await loud.wait()
    return answers, {int(status): number for status, number in json.loads(said).items()}


async def _measure(url: str, tokens: dict[str, str]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"alone": [], **{kind: [] for kind in KINDS}}
    refused: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
    with server(url) as urls:
        await _quiet(urls["app"], tokens["quiet"])
        for _ in range(ROUNDS):
            for kind in seconds:
                answers, statuses = await _round(urls["app"], tokens, kind)
                seconds[kind] += answers.seconds
                for status, number in statuses.items():
                    refused[kind][status] = refused[kind].get(status, 0) + number
    if not set(refused["key"]) == {200, 429} or not set(refused["strangers"]) == {401, 429}:
        raise SystemExit(f"the loud ones were answered {refused}")
    p99 = {kind: Answers(seconds=found).percentile(0.99) * 1e3 for kind, found in seconds.items()}
    median = {kind: Answers(seconds=found).percentile(0.5) * 1e3 for kind, found in seconds.items()}
    figures = {f"quiet key {kind}, p50 ms": value for kind, value in median.items()}
    figures |= {f"quiet key {kind}, p99 ms": value for kind, value in p99.items()}
    figures |= {f"p99 beside {kind} / alone (asked < 2)": p99[kind] / p99["alone"] for kind in KINDS}
    figures["loud key let through, of what it may"] = refused["key"][200] / (
        (BURST + RATE_PER_S * ROUND_S) + (ROUNDS - 1) * (BURST + RATE_PER_S * ROUND_S)
    )
    return figures


def run() -> dict[str, float]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(fill(url, GOODS))
        return asyncio.run(_measure(url, asyncio.run(_keys(url))))


def _loud(url: str, kind: str) -> None:
    token = sys.stdin.readline().strip()
    print("ready", flush=True)
    print(json.dumps(asyncio.run(_beside(url, kind, token))), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--beside"]:
        _loud(*sys.argv[2:4])
    else:
        figures = run()
        if "--json" in sys.argv:
            print(json.dumps(figures))
        else:
            for key, value in figures.items():
                print(f"{key:<50} {value:>12,.2f}")
