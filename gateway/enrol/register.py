"""The register of certificates: who was let in, until when, and who was thrown out. Every change is in the audit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Column, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.enrol import authority as ca
from gateway.enrol.authority import Revoked
from gateway.enrol.ca_files import Own
from gateway.enrol.errors import EnrolError, UnknownCertificateError
from gateway.enrol.limits import CERTIFICATES_MAX, LIST_PAGE
from gateway.storage.enrol import certificate as table
from gateway.trade.audit import write_audit
from wire.identity import Kind, Principal, serial_text


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate of the register; instants are UTC microseconds."""

    serial: str
    name: str
    principal: Principal
    not_before_us: int
    not_after_us: int
    created_us: int
    created_by: str
    revoked_us: int | None
    pem: str

    def is_good(self, now_us: int) -> bool:
        """Whether it is neither over nor revoked."""
        return self.revoked_us is None and now_us < self.not_after_us


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells that the register changed: it only ever grows, and what is revoked stays so."""

    certificates: int
    revoked: int
    next_end_us: int
    """When the next certificate is over by itself; 0: none will be."""


_COLUMNS: Final[tuple[Column[Any], ...]] = (
    table.c.serial,
    table.c.name,
    table.c.kind,
    table.c.label,
    table.c.site,
    table.c.edge,
    table.c.not_before_us,
    table.c.not_after_us,
    table.c.created_us,
    table.c.created_by,
    table.c.revoked_us,
    table.c.pem,
)


async def record(
    connection: AsyncConnection, certificate: x509.Certificate, principal: Principal, created_by: str, now_us: int
) -> Entry:
    """Keep a certificate that was issued now. Raises `EnrolError` when there are too many."""
    good = await connection.scalar(
        select(func.count()).select_from(table).where(table.c.revoked_us.is_(None), table.c.not_after_us > now_us)
    )
    if (good or 0) >= CERTIFICATES_MAX:
        raise EnrolError(f"{good} certificates are good, the most there may be: revoke those of boxes that are gone")
    serial = serial_text(certificate.serial_number)
    not_before_us, not_after_us = ca.span_us(certificate)
    public = certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    row = {
        "serial": serial,
        "name": ca.common_name(certificate),
        "kind": principal.kind.value,
        "label": principal.name,
        "site": principal.site,
        "edge": principal.edge,
        "key_digest": ca.key_digest(public),
        "not_before_us": not_before_us,
        "not_after_us": not_after_us,
        "created_us": now_us,
        "created_by": created_by,
        "revoked_us": None,
        "revoked_by": "",
        "pem": ca.certificate_pem(certificate),
    }
    await connection.execute(insert(table), row)
    await write_audit(
        connection,
        at_us=now_us,
        actor="",
        action="certificate.issue",
        site=principal.site or None,
        subject=serial,
        detail={"for": str(principal), "by": created_by, "until_us": not_after_us},
    )
    found = await find(connection, serial)
    assert found is not None
    return found


async def record_own(connection: AsyncConnection, own: Iterable[Own], now_us: int) -> int:
    """Keep the certificates that lie in the authority's directory, unless they are known; return how many were new."""
    new = 0
    for one in own:
        if await find(connection, serial_text(one.certificate.serial_number)) is None:
            await record(connection, one.certificate, one.principal, "", now_us)
            new += 1
    return new


async def find(connection: AsyncConnection, serial: str) -> Entry | None:
    """Return the certificate with this serial number."""
    row = (await connection.execute(select(*_COLUMNS).where(table.c.serial == serial))).one_or_none()
    return None if row is None else _entry(row)


async def find_key(connection: AsyncConnection, key_digest: str) -> Entry | None:
    """Return the certificate of a public key."""
    row = (await connection.execute(select(*_COLUMNS).where(table.c.key_digest == key_digest))).one_or_none()
    return None if row is None else _entry(row)


async def good_ones(connection: AsyncConnection, now_us: int) -> list[Entry]:
    """Return all certificates that are neither over nor revoked."""
    wanted = select(*_COLUMNS).where(table.c.revoked_us.is_(None), table.c.not_after_us > now_us)
    return [_entry(row) for row in await connection.execute(wanted.order_by(table.c.name))]


async def good_of(connection: AsyncConnection, principal: Principal, now_us: int) -> list[Entry]:
    """Return the good certificates of one principal, the newest first."""
    mine = (
        table.c.kind == principal.kind.value,
        table.c.label == principal.name,
        table.c.site == principal.site,
        table.c.edge == principal.edge,
    )
    still = table.c.revoked_us.is_(None), table.c.not_after_us > now_us
    wanted = select(*_COLUMNS).where(*mine, *still).order_by(table.c.created_us.desc(), table.c.serial)
    return [_entry(row) for row in await connection.execute(wanted)]


async def revoked_ones(connection: AsyncConnection, now_us: int) -> list[Revoked]:
    """Return the revoked certificates whose time is not over: what is over is refused anyway."""
    wanted = select(table.c.serial, table.c.revoked_us).where(
        table.c.revoked_us.is_not(None), table.c.not_after_us > now_us
    )
    return [Revoked(int(row.serial, 16), row.revoked_us) for row in await connection.execute(wanted)]


async def mark(connection: AsyncConnection, now_us: int) -> Mark:
    """Return what tells whether the register changed."""
    counts = select(func.count(), func.count(table.c.revoked_us))
    certificates, revoked = (await connection.execute(counts)).one()
    ends = select(func.min(table.c.not_after_us)).where(table.c.not_after_us > now_us)
    return Mark(certificates, revoked, await connection.scalar(ends) or 0)


async def list_page(connection: AsyncConnection, site: str | None = None, *, most: int = LIST_PAGE) -> list[Entry]:
    """Return certificates, the newest first."""
    wanted = select(*_COLUMNS).order_by(table.c.created_us.desc(), table.c.serial).limit(most)
    if site is not None:
        wanted = wanted.where(table.c.site == site)
    return [_entry(row) for row in await connection.execute(wanted)]


async def revoke(connection: AsyncConnection, serials: Iterable[str], actor: str, now_us: int) -> list[Entry]:
    """Revoke these certificates; return them. One that is revoked stays as it is.

    Raises `UnknownCertificateError`: then nothing is revoked.
    """
    found = []
    for serial in serials:
        entry = await find(connection, serial)
        if entry is None:
            raise UnknownCertificateError(serial)
        found.append(entry)
    for entry in found:
        if entry.revoked_us is not None:
            continue
        here = table.c.serial == entry.serial
        await connection.execute(update(table).where(here).values(revoked_us=now_us, revoked_by=actor))
        await write_audit(
            connection,
            at_us=now_us,
            actor="",
            action="certificate.revoke",
            site=entry.principal.site or None,
            subject=entry.serial,
            detail={"of": str(entry.principal), "by": actor},
        )
    return found


async def keep_revoked(connection: AsyncConnection, serials: Iterable[int], now_us: int) -> list[Entry]:
    """Revoke what the broker's list has and the register holds for good; return it.

    A register that was restored from a backup knows nothing of what was revoked since: nobody shall come in again.
    """
    again = []
    for serial in sorted(serials):
        entry = await find(connection, serial_text(serial))
        if entry is not None and entry.revoked_us is None:
            again += await revoke(connection, [entry.serial], "crl", now_us)
    return again


async def ending(connection: AsyncConnection, now_us: int, within_us: int) -> list[Entry]:
    """Return the good certificates that end within this time and that no other of the same principal outlives."""
    newest: dict[Principal, Entry] = {}
    for entry in await good_ones(connection, now_us):
        before = newest.get(entry.principal)
        if before is None or before.not_after_us < entry.not_after_us:
            newest[entry.principal] = entry
    return [entry for entry in newest.values() if entry.not_after_us < now_us + within_us]


async def named(connection: AsyncConnection, text: str) -> str:
    """Return the serial number of the one certificate whose serial begins so, or whose common name it is.

    Raises `UnknownCertificateError` for none or several.
    """
    text = text.strip()
    either = table.c.serial.startswith(text.lower(), autoescape=True) | (table.c.name == text)
    serials = list(await connection.scalars(select(table.c.serial).where(either).limit(2)))
    if not text or len(serials) != 1:
        raise UnknownCertificateError(text)
    return str(serials[0])


def _entry(row: Row[Any]) -> Entry:
    principal = Principal(Kind(row.kind), row.label, row.site, row.edge)
    return Entry(
        serial=row.serial,
        name=row.name,
        principal=principal,
        not_before_us=row.not_before_us,
        not_after_us=row.not_after_us,
        created_us=row.created_us,
        created_by=row.created_by,
        revoked_us=row.revoked_us,
        pem=row.pem,
    )
