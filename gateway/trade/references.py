"""What events are called elsewhere: opaque, in a table of their own, and erasable for ever."""

from sqlalchemy import and_, delete, exists
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.commerce import reference
from gateway.storage.statement import upsert_into
from gateway.trade.audit import write_audit
from gateway.trade.said import References, Said

CUSTOMER = "customer_ref"


async def write_references(
    connection: AsyncConnection, kind: str, said: Said, references: References, now_us: int
) -> None:
    """Keep what an event (`sale` or `return`) is called elsewhere."""
    rows = [
        {"kind": kind, "id": said.event, "site": said.site, "name": name, "value": value, "recorded_us": now_us}
        for name, value in references
        if value
    ]
    if rows:
        await connection.execute(upsert_into(connection, reference), rows)


async def erase_customer(connection: AsyncConnection, customer_ref: str, actor: str, now_us: int) -> int:
    """Remove all references of every event that names this customer; return how many. The audit says only that."""
    named = reference.alias()
    of_customer = exists().where(
        and_(
            named.c.kind == reference.c.kind,
            named.c.id == reference.c.id,
            named.c.site == reference.c.site,
            named.c.name == CUSTOMER,
            named.c.value == customer_ref,
        )
    )
    count = int((await connection.execute(delete(reference).where(of_customer))).rowcount)
    await write_audit(
        connection,
        at_us=now_us,
        actor=actor,
        action="references.erase",
        site=None,
        subject=CUSTOMER,
        detail={"erased": count},
    )
    return count
