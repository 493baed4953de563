"""A database with a site, an authority and the desk of enrolment over it, with clocks that a test moves."""

import itertools
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from sqlalchemy import select

from edge.identity import Identity, ask_to_enrol, ask_to_renew, take_enrolment, take_renewal
from gateway.enrol import authority as ca
from gateway.enrol.ca_files import Issuer
from gateway.enrol.codes import open_code
from gateway.enrol.desk import Enrolment
from gateway.storage.commerce import audit
from gateway.storage.engine import Database
from tests.gateway.pairing.rig import add_site
from tests.gateway.small_store import T0_US, ManualClock
from wire.enrolment import ENTROPY_BYTES, Code, mint_code

SITE, EDGE = "store-001", "box-1"
BROKER = "mqtts://mqtt.example.com"


def new_issuer(now_us: int = T0_US) -> Issuer:
    root = ca.make_root("Test", 1, now_us)
    return Issuer(ca.make_issuing("Test", root, 2, now_us), root.certificate)


@dataclass
class EnrolRig:
    """`desk` as a gateway has it."""

    database: Database
    issuer: Issuer = field(default_factory=new_issuer)
    clock: ManualClock = field(default_factory=ManualClock)
    seconds: float = 0.0
    changes: int = 0

    def __post_init__(self) -> None:
        serials = itertools.count(100)
        self.desk = Enrolment(
            self.database,
            self.clock,
            self.issuer,
            broker=BROKER,
            changed=self._changed,
            now_s=lambda: self.seconds,
            serial=lambda: next(serials),
        )

    def _changed(self) -> None:
        self.changes += 1

    async def begin(self, *sites: str) -> None:
        async with self.database.write() as connection:
            for site in sites or (SITE,):
                await add_site(connection, site)

    async def code(self, site: str = SITE, edge: str = EDGE) -> Code:
        made = mint_code(secrets.token_bytes(ENTROPY_BYTES))
        async with self.database.write() as connection:
            await open_code(connection, made, site, edge, "", self.clock())
        return made

    async def enrol(self, folder: Path, code: Code, address: str = "192.0.2.1") -> Identity:
        """A box enrols, as `lastunit enroll` does it."""
        self.seconds += 60.0
        request = ask_to_enrol(folder, code, secrets.token_hex(16))
        return take_enrolment(folder, code, await self.desk.enrol(request, address))

    async def renew(self, folder: Path) -> None:
        self.seconds += 60.0
        answer = await self.desk.renew(ask_to_renew(folder, secrets.token_hex(16)), "192.0.2.1")
        take_renewal(folder, answer)

    async def audit(self) -> list[tuple[str, str, bytes]]:
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(audit.c.action, audit.c.subject, audit.c.detail).order_by(audit.c.id)
            )
            return [(row.action, row.subject, msgspec.json.encode(row.detail)) for row in rows]
