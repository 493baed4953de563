"""An API process of its own for tests: serves reservations of the database at the URL given, until its input ends.

python -m tests.gateway.holds.serve_child URL      prints the address that it serves
"""

import asyncio
import sys

from gateway.clock import system_clock
from gateway.holds.desk import Holds
from gateway.holds.ids import random_ids
from gateway.http.app import create_app
from gateway.http.serve import listen, serving
from gateway.http.services import Services
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.storage.engine import Database


async def serve(database_url: str) -> None:
    database = Database(database_url)
    services = Services(holds=Holds(database, system_clock, random_ids(system_clock)))
    async with serving(create_app(Queries(database, system_clock), ChangeFeed(), services=services), listen()) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
    await database.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
