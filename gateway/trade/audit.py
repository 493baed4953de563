"""The audit: who did what, written in the transaction of what was done. It holds no reference and no person."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.commerce import audit
from gateway.storage.statement import storable


async def write_audit(
    connection: AsyncConnection,
    *,
    at_us: int,
    actor: str,
    action: str,
    site: str | None,
    subject: str,
    detail: Mapping[str, Any],
) -> None:
    """Append a row: `actor` is a key's id (empty: there are no keys), `subject` the event or shipment."""
    row = {"at_us": at_us, "actor": actor, "action": action, "site": site, "subject": storable(subject, 140)}
    await connection.execute(insert(audit), row | {"detail": msgspec.json.encode(detail)})
