"""Two stores behind a served gateway that has keys: whose key may do what."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from sqlalchemy import insert

from gateway.catalogue import import_catalogue
from gateway.channels import Channels
from gateway.fleet.board import FleetBoard
from gateway.fleet.desk import FleetDesk
from gateway.fleet.heard import Heard
from gateway.holds.ids import random_ids
from gateway.http.app import create_app
from gateway.http.gate import Access
from gateway.http.limits import StreamLimits
from gateway.http.serve import listen, serving
from gateway.keys.key import Key
from gateway.keys.ring import KeyRing, Known
from gateway.keys.store import ChannelChange, NewKey, create_key, list_keys, read_keys, revoke_key, upsert_channel
from gateway.keys.token import ENTROPY_BYTES, mint
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay, last_seq, relay, take_feed
from gateway.replenishment.board import RefillBoard
from gateway.replenishment.process import Replenishment
from gateway.storage.engine import Database
from gateway.storage.schema import edge_state
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.plain_tracker import plain
from tests.gateway.small_store import EDGE, FLOOR, SECOND_US, SHIRT_S, SITE, T0_US, ManualClock, epc, other_site, reads
from tests.gateway.test_catalogue import GOOD
from wire.messages import EdgeState, encode_json

if TYPE_CHECKING:
    from fastapi import FastAPI

OWN: Final = SITE.id
OTHER: Final = "store-002"
FAST: Final = 100_000.0


class Keyed:
    """A gateway's database, its HTTP side, and the clock of its keys."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.seconds = 0.0
        self.access = Access(KeyRing(self._read, clock, lambda: self.seconds), lambda: self.seconds)
        self.feed = ChangeFeed()
        self.heard = Heard()
        self.broken = False
        self.app: FastAPI
        self.url = ""
        self.http: httpx.AsyncClient

    async def _read(self) -> Known:
        if self.broken:
            raise OSError("no database")
        return await read_keys(self.database, self.clock())

    async def key(
        self,
        *scopes: str,
        sites: Sequence[str] | None = None,
        expires_us: int | None = None,
        rate_per_s: float = FAST,
        burst: int = 100_000,
        channel: str = "web",
        change: ChannelChange | None = None,
        told: bool = True,
    ) -> str:
        """Make a key; return its text. `told`: the gateway has read of it."""
        minted = mint(secrets.token_bytes(ENTROPY_BYTES))
        new = NewKey(
            channel=channel,
            scopes=frozenset(scopes),
            sites=None if sites is None else frozenset(sites),
            rate_per_s=rate_per_s,
            burst=burst,
            expires_us=expires_us,
        )
        async with self.database.write() as connection:
            await upsert_channel(connection, channel, change or ChannelChange(), self.clock())
            await create_key(connection, minted, new, self.clock())
        if told:
            await self.access.ring.reload()
        return minted.token

    async def revoke(self, token: str, *, told: bool = True) -> None:
        """Revoke a key; `told`: the gateway has read of it."""
        async with self.database.write() as connection:
            await revoke_key(connection, id_of(token), self.clock())
        if told:
            await self.access.ring.reload()

    async def keys(self) -> list[Key]:
        async with self.database.read() as connection:
            return await list_keys(connection)

    @asynccontextmanager
    async def asking(self, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client that shows a key."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with _client(self.url, headers) as http:
            yield http


def id_of(token: str) -> str:
    return token.split("_")[1]


async def fill(database: Database) -> None:
    """Put three shirts on the floor of `OWN`, two on that of `OTHER`; a catalogue, and every change relayed."""
    clock = ManualClock()
    for site, units in ((OWN, 3), (OTHER, 2)):
        rig = LogRig(database, other_site(site), presence=plain())
        rig.clock = clock
        await rig.open()
        seen = [(FLOOR, epc(SHIRT_S, serial + (0 if site == OWN else 100))) for serial in range(units)]
        await rig.log([reads(second, seen, site=site) for second in range(4)])
        await fold_all(await rig.fold())
        born = EdgeState(what="birth", site=site, edge=EDGE, at_us=T0_US)
        row = {"site": site, "edge": EDGE, "what": "birth", "at_us": T0_US, "received_us": T0_US}
        async with database.write() as connection:
            await connection.execute(insert(edge_state), row | {"body": encode_json(born)})
    await import_catalogue(database, GOOD, T0_US)
    async with database.write() as connection:
        fence = await take_feed(connection, "test", clock(), 1)
        assert fence is not None
        await relay(connection, fence)


def filled_file(migrated: Path, folder: Path) -> Path:
    """A SQLite file with what `fill` puts there, to be copied: it is made once for many tests."""
    file = folder / "filled.db"
    shutil.copy(migrated, file)

    async def make() -> None:
        database = Database(f"sqlite:///{file}")
        await fill(database)
        await database.close()

    asyncio.run(make())
    return file


@asynccontextmanager
async def open_keyed(filled: Path, folder: Path, limits: StreamLimits | None = None) -> AsyncIterator[Keyed]:
    """A gateway on a copy of a filled database, without any key yet."""
    shutil.copy(filled, folder / "gateway.db")
    database = Database(f"sqlite:///{folder}/gateway.db")
    clock = ManualClock(T0_US + 5 * SECOND_US)
    keyed = Keyed(database, clock)
    async with database.read() as connection:
        keyed.feed.announce(await last_seq(connection))
    channels = Channels(database, clock, Relay(database, keyed.feed, "test", clock))
    refill = RefillBoard(database, clock, Replenishment(database, (), "test", clock, keyed.feed))
    desk = FleetDesk(database, clock, keyed.heard, random_ids(clock))
    board = FleetBoard(database, clock)
    services = replace(channels.services, access=keyed.access, refill=refill, fleet=desk, fleet_board=board)
    keyed.app = create_app(Queries(database, clock), keyed.feed, services=services, clock=clock, stream_limits=limits)
    try:
        async with serving(keyed.app, listen()) as url, _client(url) as http:
            keyed.url, keyed.http = url, http
            yield keyed
    finally:
        await channels.close()
        await database.close()


def _client(url: str, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """Plain HTTP only: without `verify` it need not read the system's certificates each time."""
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20, verify=False)
