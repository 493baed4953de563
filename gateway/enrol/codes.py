"""One-time codes in the database. What is done here is in the audit by the name of a code, never by its secret.

A code is spent under the lock of its row: of two boxes that show it at once one gets a certificate, the other finds it
used. What is kept is a key that is derived from the secret (`wire.enrolment.Code.key`): whoever reads the database in
the quarter of an hour that a code is open could use it; whoever reads it later could not.
"""

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.enrol.errors import TooManyOpenCodesError, UnknownEnrolSiteError
from gateway.enrol.limits import CODE_S, CODES_KEPT_S, OPEN_MAX
from gateway.storage.enrol import enrol_code as table
from gateway.storage.schema import site as site_table
from gateway.trade.audit import write_audit
from wire.enrolment import Code
from wire.topics import check_id

_SPENT_KEY = bytes(32)
"""In place of the key of a code that is void: nothing is authenticated by it, the state is looked at first."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A code as the database has it."""

    id: str
    site: str
    edge: str
    key: bytes
    state: str
    expires_us: int
    used_mac: str
    serial: str


async def open_code(connection: AsyncConnection, code: Code, site: str, edge: str, actor: str, now_us: int) -> int:  # noqa: PLR0917
    """Keep a new code for one edge; return until when it is good. Open ones of the same edge are void from now on.

    Raises `TopicError` for an edge that cannot be one, `UnknownEnrolSiteError`, `TooManyOpenCodesError`.
    """
    check_id("site", site)
    check_id("edge", edge)
    locked = select(site_table.c.site).where(site_table.c.site == site).with_for_update()
    if await connection.scalar(locked) is None:
        sites = await connection.scalars(select(site_table.c.site).order_by(site_table.c.site))
        raise UnknownEnrolSiteError(site, list(sites))
    await connection.execute(delete(table).where(table.c.expires_us < now_us - CODES_KEPT_S * 1_000_000))
    before = table.c.site == site, table.c.edge == edge, table.c.state == "open"
    await connection.execute(update(table).where(*before).values(state="void", key=_SPENT_KEY))
    is_open = table.c.state == "open", table.c.expires_us > now_us
    count = await connection.scalar(select(func.count()).select_from(table).where(*is_open)) or 0
    if count >= OPEN_MAX:
        raise TooManyOpenCodesError(f"{count} codes are open, the most there may be: use them, or wait {CODE_S} s")
    expires_us = now_us + CODE_S * 1_000_000
    whose = {"id": code.name, "site": site, "edge": edge, "key": code.key(), "actor": actor}
    life = {"state": "open", "created_us": now_us, "expires_us": expires_us, "used_mac": "", "serial": ""}
    await connection.execute(insert(table), whose | life)
    await write_audit(
        connection,
        at_us=now_us,
        actor=actor,
        action="enrol.open",
        site=site,
        subject=code.name,
        detail={"edge": edge},
    )
    return expires_us


async def locked_code(connection: AsyncConnection, name: str, now_us: int) -> Kept | None:
    """Return the code of this name and lock it; None when it is void, was never made, or is over."""
    wanted = select(table).where(table.c.id == name, table.c.expires_us > now_us, table.c.state != "void")
    row = (await connection.execute(wanted.with_for_update())).one_or_none()
    if row is None:
        return None
    return Kept(row.id, row.site, row.edge, bytes(row.key), row.state, row.expires_us, row.used_mac, row.serial)


async def spend(connection: AsyncConnection, code: Kept, mac: str, serial: str, now_us: int) -> None:
    """Spend a code for the request with this `mac`, which got the certificate with this serial number."""
    used = update(table).where(table.c.id == code.id).values(state="used", used_mac=mac, serial=serial)
    await connection.execute(used)
    await write_audit(
        connection,
        at_us=now_us,
        actor="",
        action="enrol.use",
        site=code.site,
        subject=code.id,
        detail={"edge": code.edge, "serial": serial},
    )
