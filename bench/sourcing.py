"""How long does a quote take? Five lines over 1,000 sites with 300,000 rows of stock, on SQLite and on PostgreSQL.

`python -m bench.sourcing [--json] [--sqlite]`. Quotes come one after the other, each for other SKUs and another place,
and beside them what is known of the sites is read anew, as in a gateway. Asked for: 50 ms at the 99th percentile.
Beside the time on the clock stands the processor time of the process: on a machine with others the clock says more of
them than of us. The choice alone is measured too, from rows that are there already, with pairs and triples of sites.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import insert, update

from gateway.availability import Policy, encode_ladder, ladder_of
from gateway.holds.asked import Who
from gateway.pauses import fewer_pauses
from gateway.sourcing.offers import offers_of, rungs_needed
from gateway.sourcing.plan import Candidates, Need, quote
from gateway.sourcing.quotes import Order, Quotes
from gateway.sourcing.rules import SourcingRules
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from gateway.storage.schema import site_fold, stock, zone_state
from gateway.storage.site_register import register_site
from tests.gateway.small_store import SITE, T0_US
from tests.servers.postgres import Postgres
from wire.site import Fulfilment
from wire.site_hours import Span

SITES = 1_000
SKUS = 300
LINES = 5
QUOTES = 200
WARM = 20
PAUSE_S = 0.01
CHOICES = 200
HOURS = (*((Span(600, 1_200),),) * 6, ())
WEB = Who("web", Policy("web"))


def gtin(number: int) -> str:
    return f"{9_506_000_000_000 + number:014d}"


def ladders(rng: random.Random) -> list[bytes]:
    """Rows of no to eleven units, as a fashion shop has them: half of them have at most two."""
    sizes = [0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 11]
    return [encode_ladder(ladder_of([rng.choice([1, rng.uniform(0.5, 1)]) for _ in range(n)])) for n in sizes * 40]


async def fill(database: Database) -> None:
    """Put a thousand stores on the map, each with 300 SKUs; their people handle 200 orders a day."""
    rng = random.Random(5)
    rungs = ladders(rng)
    for low in range(0, SITES, 50):
        async with database.write() as connection:
            for number in range(low, low + 50):
                does = Fulfilment(capacity_per_day=200, cut_off=960, pick_cost=rng.choice([None, 0.5, 2.0]))
                place = (rng.uniform(47.5, 55.0), rng.uniform(6.0, 15.0))
                name = f"store-{number:04d}"
                one = replace(SITE, id=name, location=place, hours=HOURS, fulfilment=does)
                await register_site(connection, one, T0_US)
                zones = [
                    {"site": name, "zone": zone, "status": "live", "as_of_us": T0_US, "since_us": T0_US}
                    for zone in ("BACK", "FLOOR", "FIT")
                ]
                await connection.execute(insert(zone_state), zones)
                rows = [
                    {"site": name, "gtin": gtin(sku), "version": 1, "on_hand": 2, "sellable": 2, "changed_us": T0_US}
                    | {"promised": 1, "ladder": rng.choice(rungs)}
                    for sku in range(SKUS)
                ]
                await connection.execute(insert(stock), rows)
            await connection.execute(update(site_fold).values(now_us=T0_US))


def orders(rng: random.Random) -> Iterator[Order]:
    while True:
        needs = tuple(Need(gtin(sku), rng.choice([1, 1, 1, 2, 3])) for sku in rng.sample(range(SKUS), LINES))
        yield Order(needs, "ship", ship_to=(rng.uniform(47.5, 55.0), rng.uniform(6.0, 15.0)))


async def measured(url: str, name: str) -> dict[str, float]:
    migrate(url)
    database = Database(url)
    await fill(database)
    began = time.monotonic()
    quotes = Quotes(database, lambda: T0_US + int((time.monotonic() - began) * 1e6))
    wall, cpu, split = [], [], 0
    fewer_pauses()  # as a gateway does
    asked = orders(random.Random(9))
    for number in range(WARM + QUOTES):
        order = next(asked)
        before = time.perf_counter(), time.process_time()
        found = await quotes.quote(WEB, order)
        if number >= WARM:
            wall.append(time.perf_counter() - before[0])
            cpu.append(time.process_time() - before[1])
            split += len(found.quote.plans[0].parts) > 1
        await asyncio.sleep(PAUSE_S)  # quotes come apart from each other: the sites are read anew some times meanwhile
    reads = quotes.counters()["quote_site_reads"]
    await quotes.close()
    await database.close()
    print(f"# {name}: {QUOTES} quotes, {split} of them split, sites read {reads} times", file=sys.stderr)
    return {
        f"{name}, p50 ms": percentile(wall, 0.5),
        f"{name}, p99 ms (asked < 50)": percentile(wall, 0.99),
        f"{name}, processor p50 ms": percentile(cpu, 0.5),
        f"{name}, processor p99 ms": percentile(cpu, 0.99),
    }


def percentile(seconds: list[float], share: float) -> float:
    return sorted(seconds)[int(share * (len(seconds) - 1))] * 1e3


def choices() -> dict[str, float]:
    """How long the choice alone takes."""
    rng = random.Random(5)
    rungs = ladders(rng)
    found = {}
    for name, lines, units, parcels in (
        ("5 lines, pairs", 5, 2, 2),
        ("5 lines, triples", 5, 2, 3),
        ("10 lines of 20, triples", 10, 20, 3),
    ):
        rules, policy = SourcingRules(parcels=parcels), Policy()
        needs = [Need(gtin(sku), units) for sku in range(lines)]
        candidates = Candidates(
            [f"store-{number:04d}" for number in range(SITES)],
            np.array([T0_US + number % 200 * 60_000_000 for number in range(SITES)]),
            np.zeros(SITES, np.int64),
            np.array([rng.uniform(1, 900) for _ in range(SITES)]),
            np.full(SITES, rules.pick),
            np.full(SITES, -1, np.int8),
        )
        deep = rungs_needed(units, rules, policy)
        stale = np.zeros(SITES, bool)
        offers = [
            offers_of([rng.choice(rungs) for _ in range(SITES)], policy, deep, known=~stale, stale=stale) for _ in needs
        ]
        found[f"choice alone, {name}, p50 ms"] = timed(lambda: quote(needs, candidates, offers, rules, T0_US))  # noqa: B023
    return found


def timed(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(CHOICES):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return percentile(seconds, 0.5)


@contextmanager
def servers(*, only_sqlite: bool) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": f"sqlite:///{Path(folder) / 'sourcing.db'}"}
        if only_sqlite:
            yield found
            return
        with Postgres() as server:
            yield found | {"PostgreSQL": server.new_database()}


def run(*, only_sqlite: bool = False) -> dict[str, float]:
    found = choices()
    with servers(only_sqlite=only_sqlite) as urls:
        for name, url in urls.items():
            found |= asyncio.run(measured(url, name))
    return found


if __name__ == "__main__":
    figures = run(only_sqlite="--sqlite" in sys.argv)
    if "--json" in sys.argv:
        print(json.dumps(figures, indent=2))
    else:
        for key, value in figures.items():
            print(f"{key:<44} {value:10.2f}")
