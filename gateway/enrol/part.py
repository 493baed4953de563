"""Identity in a gateway: enrolment and the broker's files, put together for the composition root (`gateway.app`)."""

import asyncio
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock, iso
from gateway.enrol import register
from gateway.enrol.authority import span_us
from gateway.enrol.broker_writer import BrokerWriter, listed
from gateway.enrol.ca_files import ROOT_KEY, Issuer, own_certificates, read_issuer
from gateway.enrol.desk import Enrolment
from gateway.enrol.errors import AuthorityError
from gateway.enrol.limits import DAY_S, EXPIRES_SOON_S, LEAF_DAYS
from gateway.storage.engine import Database

_log = structlog.get_logger("gateway.enrol")


class IdentityPart:
    """What a gateway with a `ca_dir` does more; without one it refuses to enrol, and writes nothing.

    Raises `AuthorityError` for files that cannot be used.
    """

    def __init__(
        self, database: Database, clock: Clock, *, ca_dir: Path | None, files_dir: Path | None, broker: str
    ) -> None:
        if files_dir is not None and ca_dir is None:
            raise AuthorityError("broker_files_dir: the list of revoked certificates needs a `ca_dir` that signs it")
        if files_dir is not None and not files_dir.is_dir():
            raise AuthorityError(f"broker_files_dir: {files_dir} is no directory: `lastunit ca broker` makes it")
        self._database = database
        self._clock = clock
        self._ca_dir = ca_dir
        self._files_dir = files_dir
        self._issuer = issuer = None if ca_dir is None else read_issuer(ca_dir)
        self.writer: BrokerWriter | None = None
        if issuer is not None and files_dir is not None:
            self.writer = BrokerWriter(database, clock, issuer, files_dir)
        self.enrolment = Enrolment(database, clock, issuer, broker=broker, changed=self._changed)
        self._stop = asyncio.Event()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return self.enrolment.counters() | ({} if self.writer is None else self.writer.counters())

    def _changed(self) -> None:
        if self.writer is not None:
            self.writer.wake()

    async def begin(self) -> None:
        """Make the certificates known that lie in the authority's directory. Raises `AuthorityError`."""
        if self._ca_dir is None:
            return
        own = list(own_certificates(self._ca_dir))
        now_us = self._clock()
        async with self._database.write() as connection:
            await register.record_own(connection, own, now_us)
            for entry in await register.keep_revoked(connection, self._listed(), now_us):
                why = "the broker's list has it, the register had not: was the database restored?"
                _log.warning("certificate_stays_revoked", of=str(entry.principal), serial=entry.serial, why=why)
        if (self._ca_dir / ROOT_KEY).exists():
            mend = "take the directory `root` off this machine: it is needed again for a new issuing authority only"
            _log.warning("root_key_is_here", file=str(self._ca_dir / ROOT_KEY), mend=mend)

    def _listed(self) -> frozenset[int]:
        if self._issuer is None or self._files_dir is None:
            return frozenset()
        return listed(self._files_dir, self._issuer) or frozenset()

    async def run(self) -> None:
        """Keep the broker's files true, and say once a day which certificates end soon, until `stop`."""
        if self._issuer is None:
            await self._stop.wait()
            return
        async with asyncio.TaskGroup() as both:
            both.create_task(self._watch(self._issuer))
            if self.writer is not None:
                both.create_task(self.writer.run())

    async def _watch(self, issuer: Issuer) -> None:
        while not self._stop.is_set():
            await self.look(issuer)
            try:
                async with asyncio.timeout(DAY_S):
                    await self._stop.wait()
            except TimeoutError:
                pass

    async def look(self, issuer: Issuer) -> None:
        """Say which certificates end soon: no alarm knows of the broker's, a channel's or the authority's own."""
        now_us = self._clock()
        try:
            async with self._database.read() as connection:
                found = await register.ending(connection, now_us, EXPIRES_SOON_S * 1_000_000)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("certificates_unseen", error=str(error)[:500])
            return
        for entry in found:
            ends = iso(entry.not_after_us)
            _log.warning("certificate_ends_soon", of=str(entry.principal), ends=ends, mend="docs/identity.md: Renew")
        ends_us = span_us(issuer.authority.certificate)[1]
        if ends_us < now_us + LEAF_DAYS * DAY_S * 1_000_000:
            mend = "docs/identity.md: When the authority ends"
            _log.warning("certificate_ends_soon", of="the issuing authority", ends=iso(ends_us), mend=mend)

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()
        if self.writer is not None:
            self.writer.stop()
