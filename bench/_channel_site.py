"""A site with goods, a key for each purpose, and gateways in processes of their own: what benches of channels ask."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import update

from gateway.availability import Look
from gateway.catalogue import import_catalogue
from gateway.fold.outputs import Facts
from gateway.keys.store import ChannelChange, NewKey, create_key, upsert_channel
from gateway.keys.token import ENTROPY_BYTES, mint
from gateway.ledger.movement import Movement
from gateway.ledger.post import Posting, post
from gateway.ledger.retell import Shelf
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from gateway.storage.schema import site_fold
from gateway.storage.site_register import register_site
from tests.gateway.small_store import SITE
from wire.gs1.check_digit import check_digit
from wire.site import OUT

SIZES = ("XS", "S", "M", "L", "XL", "XXL")
RATE = 50_000.0
"""Requests a second that the keys may: the limit is checked, and never reached."""


def gtins(number: int) -> list[str]:
    """Valid GTIN-14 under the site's company prefix."""
    bodies = [f"09506000{index:05d}" for index in range(number)]
    return [body + check_digit(body) for body in bodies]


@dataclass(frozen=True, slots=True)
class Goods:
    """How much there is of each SKU, and how many SKUs."""

    skus: int = 1_000
    units: int = 5


async def fill(url: str, goods: Goods, units_of: Mapping[str, int] | None = None) -> dict[str, str]:
    """Fill an empty database; return the text of the keys by their channel."""
    migrate(url)
    database = Database(url)
    now_us = time.time_ns() // 1_000
    site = replace(SITE)
    wanted = dict.fromkeys(gtins(goods.skus), goods.units) | dict(units_of or {})
    rows = "".join(
        f"{gtin},STYLE-{i // 6},navy,{['XS', 'S', 'M', 'L', 'XL', 'XXL'][i % 6]},Shirt\n"
        for i, gtin in enumerate(wanted)
    )
    tokens = {}
    try:
        await import_catalogue(database, "gtin,style,colour,size,description\n" + rows, now_us)
        async with database.write() as connection:
            await register_site(connection, site, now_us)
            await connection.execute(update(site_fold).values(now_us=now_us))
            for name, scopes in (("read", {"stock:read"}), ("web", {"stock:read", "hold:write", "stock:write"})):
                await upsert_channel(connection, name, ChannelChange(holds_max=1_000_000), now_us)
                minted = mint(os.urandom(ENTROPY_BYTES))
                key = NewKey(channel=name, name=name, scopes=frozenset(scopes), rate_per_s=RATE, burst=int(RATE))
                await create_key(connection, minted, key, now_us)
                tokens[name] = minted.token
        m = 0
        items = [(gtin, unit) for gtin, units in sorted(wanted.items()) for unit in range(units)]
        looks = {zone.id: Look(live=True, as_of_us=now_us) for zone in site.zones}
        shelf = Shelf(frozenset({"FLOOR", "BACK"}), looks, now_us)
        for low in range(0, len(items), 2_000):
            moved = []
            for gtin, unit in items[low : low + 2_000]:
                m += 1
                moved.append(Movement(m, 1, gtin, str(unit), OUT, "FLOOR", now_us, now_us, now_us, "appeared", None))
            async with database.write() as connection:
                await post(connection, Posting(site.id, shelf, now_us), Facts(moved))
        async with database.write() as connection:
            await connection.execute(update(site_fold).values(figures=json.dumps({"movements": m}).encode()))
    finally:
        await database.close()
    return tokens


@contextmanager
def server(url: str, **settings: str) -> Iterator[dict[str, str]]:
    """Run `bench._channel_server` in a process of its own; yields the addresses that it says."""
    command = [
        sys.executable,
        "-m",
        "bench._channel_server",
        url,
        *(f"{key}={value}" for key, value in settings.items()),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the server did not start")
            yield json.loads(line)
        finally:
            process.terminate()
            process.wait(timeout=20)
