"""How fast is one availability? Beside the same server answering the same bytes from a bare handler, in one run.

`python -m bench.availability [--json]`: key, scope, rate limit, site and ETag are checked on each request. The bare
handler sends the same head and body. Rounds of both are interleaved; the best of each counts.
"""

import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path

from bench._channel_site import Goods, fill, gtins, server
from bench._http_load import ask_once, closed_loop, open_loop, request
from tests.gateway.small_store import SITE

GOODS = Goods()
REQUESTS = 8_000
BATCHES = 200
CONNECTIONS = 32
ROUNDS = 4
PAIRS = 100


async def _measure(url: str, tokens: dict[str, str]) -> dict[str, float]:
    names = gtins(GOODS.skus)
    key = {"authorization": f"Bearer {tokens['read']}"}
    asks = [request("GET", f"/v1/availability?gtin={gtin}&site={SITE.id}", key) for gtin in names]
    rng = random.Random(5)
    mixed = [rng.choice(asks) for _ in range(REQUESTS)]
    pairs = json.dumps({"pairs": [{"gtin": gtin, "site": SITE.id} for gtin in names[:PAIRS]]}).encode()
    batch = request("POST", "/v1/availability:batch", key, pairs)
    found: dict[str, float] = {}
    with server(url) as first:
        status, headers, body = await ask_once(first["app"], asks[0])
        if status != 200:
            raise SystemExit(f"the server answers {status}: {body.decode()[:300]}")
    with server(url, bare=body.decode(), headers=json.dumps(headers)) as urls:
        bare = [request("GET", f"/v1/availability?gtin={names[0]}&site={SITE.id}", key)] * REQUESTS
        await closed_loop([urls["app"]], asks, CONNECTIONS)
        rates: dict[str, list[float]] = {"app": [], "bare": []}
        for _ in range(ROUNDS):
            for name, messages in (("bare", bare), ("app", mixed)):
                answers = await closed_loop([urls[name]], messages, CONNECTIONS)
                if set(answers.statuses) != {200}:
                    raise SystemExit(f"{name} answers {answers.statuses}")
                rates[name].append(answers.rate)
        found["single, requests/s"] = max(rates["app"])
        found["bare handler, requests/s"] = max(rates["bare"])
        found["single, share of bare (asked .60)"] = max(rates["app"]) / max(rates["bare"])
        half = await open_loop([urls["app"]], mixed, CONNECTIONS, max(rates["app"]) / 2)
        found["single at half load, p99 ms (asked < 10)"] = half.percentile(0.99) * 1e3
        many = await closed_loop([urls["app"]], [batch] * BATCHES, 4)
        found["batch of 100 pairs, pairs/s"] = many.rate * PAIRS
        found["batch of 100 pairs, batches/s"] = many.rate
    return found


def run() -> dict[str, float]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        tokens = asyncio.run(fill(url, GOODS))
        return asyncio.run(_measure(url, tokens))


if __name__ == "__main__":
    figures = run()
    if "--json" in sys.argv:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:<50} {value:>12,.2f}")
