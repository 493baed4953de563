"""A database with a site and a key, and the desk of pairing over it, with clocks that a test moves."""

import hashlib
import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.ids import random_ids
from gateway.keys.scopes import STOCK_READ
from gateway.keys.store import ChannelChange, NewKey, create_key, list_keys, upsert_channel
from gateway.keys.token import ENTROPY_BYTES, mint
from gateway.pairing.desk import Pairing
from gateway.storage.commerce import audit
from gateway.storage.engine import Database
from gateway.storage.pairing import pairing_code
from gateway.storage.schema import site
from tests.gateway.small_store import SITE, T0_US, ManualClock

OTHER = "store-002"


async def add_key(connection: AsyncConnection) -> None:
    """Make a first key: without any nothing is paired."""
    await upsert_channel(connection, "web", ChannelChange(), T0_US)
    minted = mint(secrets.token_bytes(ENTROPY_BYTES))
    await create_key(connection, minted, NewKey("web", frozenset({STOCK_READ})), T0_US)


async def add_site(connection: AsyncConnection, name: str) -> None:
    row = {"site": name, "name": name, "timezone": "UTC", "gln": "", "config": b"{}", "config_hash": ""}
    await connection.execute(insert(site), row | {"updated_us": T0_US})


@dataclass
class Rig:
    """`desk` as a gateway has it; each try comes from an address of its own unless one is named."""

    database: Database
    clock: ManualClock = field(default_factory=ManualClock)
    seconds: float = 0.0
    hashed: list[tuple[str, str]] = field(default_factory=list)
    _addresses: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.desk = self.another()

    def another(self) -> Pairing:
        """Another gateway's desk on this database."""
        return Pairing(
            self.database, self.clock, random_ids(self.clock), now_s=lambda: self.seconds, digest=self._digest
        )

    def _digest(self, name: str, code: str) -> bytes:
        self.hashed.append((name, code))
        return hashlib.sha256(f"{name} {code}".encode()).digest()  # the real one is slow on purpose

    async def open(self) -> "Rig":
        async with self.database.write() as connection:
            await add_key(connection)
            for name in (SITE.id, OTHER):
                await add_site(connection, name)
        return self

    async def code(self, name: str = "", *, of: str = SITE.id) -> str:
        return (await self.desk.open(of, name, "")).code

    async def pair(self, code: str, name: str = "", *, at: str = SITE.id, desk: Pairing | None = None) -> str:
        """Pair a device and return its key's id."""
        paired = await (desk or self.desk).pair(at, code, name, f"10.0.0.{next(self._addresses)}")
        return paired.screen.key

    async def states(self) -> list[tuple[str, int]]:
        """The state and the wrong codes of each code, the oldest first."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(pairing_code).order_by(pairing_code.c.id))
            return [(row.state, row.wrong) for row in rows]

    async def told(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The audit's actions, their subjects and details."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(audit).order_by(audit.c.id))
            return [(row.action, row.subject, msgspec.json.decode(row.detail)) for row in rows]

    async def screen_keys(self) -> list[str]:
        async with self.database.read() as connection:
            keys = await list_keys(connection)
        return [key.id for key in keys if key.policy.name == "store-screen"]
