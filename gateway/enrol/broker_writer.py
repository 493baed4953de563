"""Writes the ACL and the list of revoked certificates for the broker, whenever the register says something else.

The broker reads them again at SIGHUP, which is for whoever runs it (`deploy/`): the list is written before the ACL, so
whoever watches the ACL finds both. What is there is replaced as a whole, and only when it would be another: a gateway
that starts wakes no broker.
"""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.enrol import authority as ca
from gateway.enrol import register
from gateway.enrol.broker_files import ACL, CRL, acl_text
from gateway.enrol.ca_files import Issuer, write_whole
from gateway.enrol.errors import AuthorityError
from gateway.enrol.limits import FILES_EVERY_S
from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway.enrol")

_MODE: Final = 0o644
"""Names and serial numbers are no secrets, and the broker is another user."""


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Who may come in: the text of the ACL, and the list of revoked certificates with the serials in it."""

    acl: str
    crl: bytes
    revoked: frozenset[int]


async def read_access(connection: AsyncConnection, issuer: Issuer, now_us: int) -> BrokerAccess:
    """Return what the register says now. Raises `AuthorityError` when the authority is over."""
    good = await register.good_ones(connection, now_us)
    revoked = await register.revoked_ones(connection, now_us)
    acl = acl_text((entry.name, entry.principal) for entry in good if entry.principal.acl())
    crl = ca.revocation_list(issuer.authority, revoked, now_us // 1_000_000, now_us)
    return BrokerAccess(acl, crl, frozenset(one.serial for one in revoked))


def write_access(folder: Path, access: BrokerAccess, issuer: Issuer) -> bool:
    """Write what is not there yet; return whether anything was written. Raises `OSError`."""
    crl, acl = folder / CRL, folder / ACL
    written = False
    if listed(folder, issuer) != access.revoked:
        write_whole(crl, access.crl, _MODE)
        written = True
    if written or not acl.is_file() or acl.read_bytes() != access.acl.encode("ascii"):
        write_whole(acl, access.acl.encode("ascii"), _MODE)
        written = True
    return written


def listed(folder: Path, issuer: Issuer) -> frozenset[int] | None:
    """Return the serials in the list of a directory, if the authority signed it; None when there is none such."""
    try:
        found = x509.load_pem_x509_crl((folder / CRL).read_bytes())
    except (OSError, ValueError):
        return None
    public = issuer.authority.key.public_key()
    if not found.is_signature_valid(public):
        return None
    return frozenset(one.serial_number for one in found)


@dataclass(slots=True)
class WriterFigures:
    """What the writer counted in this process."""

    broker_files_written: int = 0
    broker_file_failures: int = 0


class BrokerWriter:
    """Keeps the two files of a directory true; `run` until `stop`."""

    def __init__(
        self, database: Database, clock: Clock, issuer: Issuer, folder: Path, *, every_s: float = FILES_EVERY_S
    ) -> None:
        self.figures = WriterFigures()
        self._database = database
        self._clock = clock
        self._issuer = issuer
        self._folder = folder
        self._every_s = every_s
        self._seen: register.Mark | None = None
        self._wake = asyncio.Event()
        self._stopped = False
        self._failing = False

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    def wake(self) -> None:
        """Look at once: the register changed."""
        self._wake.set()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopped = True
        self._wake.set()

    async def run(self) -> None:
        """Write whenever the register says something else, until `stop`."""
        while not self._stopped:
            await self.once()
            try:
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def once(self) -> None:
        """Look once. What fails is said, counted, and tried again."""
        try:
            async with self._database.read() as connection:
                now_us = self._clock()
                found = await register.mark(connection, now_us)
                if found == self._seen:
                    return
                access = await read_access(connection, self._issuer, now_us)
            written = await asyncio.to_thread(write_access, self._folder, access, self._issuer)
        except (SQLAlchemyError, OSError, AuthorityError) as error:
            self.figures.broker_file_failures += 1
            self._say(f"{type(error).__name__}: {error}"[:500])
            return
        self._seen = found
        self._failing = False
        if written:
            self.figures.broker_files_written += 1
            _log.info("broker_files_written", folder=str(self._folder), certificates=found.certificates)

    def _say(self, reason: str) -> None:
        """Log once when it begins to fail, not at every try."""
        if not self._failing:
            _log.error("broker_files_unwritten", folder=str(self._folder), error=reason)
            self._failing = True
