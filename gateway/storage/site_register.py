"""The sites that this gateway serves, as their site files say, and their sensor models.

A new description or model enters the site's input log. They are part of the log because the fold depends on them:
whoever folds the same log again must meet the same zones, antennas and survey at the same place in it.
"""

import hashlib
from typing import Final

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage import input_log
from gateway.storage.input_log import Kind, NewEntry
from gateway.storage.schema import site as site_table
from gateway.storage.schema import site_fold, site_log, site_model
from gateway.storage.statement import insert_into, upsert_into
from wire.site import Site


def encode_site(site: Site) -> bytes:
    """Return a site as JSON; equal sites give equal bytes."""
    return msgspec.json.encode(site, order="deterministic")


_NO_PURPOSE: Final = b'"purpose":""', b'"purpose":null'
"""How a device without a purpose was written before purposes were names of their own, and is now."""


def decode_site(body: bytes) -> Site:
    """Return the site that `encode_site` wrote, this version's or an earlier one's: logs keep them for years."""
    return msgspec.json.decode(body.replace(*_NO_PURPOSE), type=Site)


async def register_site(connection: AsyncConnection, site: Site, now_us: int) -> bool:
    """Make `site` known in this transaction; return whether its description is new (and was logged)."""
    await connection.execute(insert_into(connection, site_log).on_conflict_do_nothing(), {"site": site.id, "last_n": 0})
    fold = {"site": site.id, "applied_n": 0, "fence": 0, "now_us": 0, "figures": b"{}"}
    await connection.execute(insert_into(connection, site_fold).on_conflict_do_nothing(), fold)
    body = encode_site(site)
    digest = hashlib.sha256(body).hexdigest()
    known = select(site_table.c.config_hash).where(site_table.c.site == site.id).with_for_update()
    if (await connection.execute(known)).scalar_one_or_none() == digest:
        return False
    row = {
        "site": site.id,
        "name": site.name,
        "timezone": site.timezone,
        "gln": site.gln,
        "config": body,
        "config_hash": digest,
        "updated_us": now_us,
    }
    await connection.execute(upsert_into(connection, site_table), row)
    await input_log.append(connection, site.id, [NewEntry(now_us, Kind.SITE, body)])
    return True


async def register_model(connection: AsyncConnection, site: str, body: bytes, now_us: int) -> bool:
    """Make `body` the sensor model of a site that was registered in this transaction; empty: it has none.

    Returns whether that is new (and was logged).
    """
    digest = hashlib.sha256(body).hexdigest() if body else None
    known = select(site_model.c.config_hash).where(site_model.c.site == site)
    if (await connection.execute(known)).scalar_one_or_none() == digest:
        return False
    if body:
        row = {"site": site, "config": body, "config_hash": digest, "updated_us": now_us}
        await connection.execute(upsert_into(connection, site_model), row)
    else:
        await connection.execute(delete(site_model).where(site_model.c.site == site))
    await input_log.append(connection, site, [NewEntry(now_us, Kind.MODEL, body)])
    return True
