"""Leases with fencing tokens: at most one process does a job, and one that was too slow cannot do harm.

A lease may be lost without its holder's knowledge (a long pause, a clock that jumped). Therefore each change of hands
raises `fence`, and what the job protects is written only under a condition on that number: `site_fold.fence`
and `feed.fence`. The times decide who may try, never what is right.
"""

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.schema import lease
from gateway.storage.statement import insert_into


async def acquire(connection: AsyncConnection, name: str, holder: str, *, now_us: int, ttl_us: int) -> int | None:
    """Take a lease that is free, expired or ours; return its new fence, or None while another holds it."""
    free = {"name": name, "holder": "", "fence": 0, "expires_us": 0}
    await connection.execute(insert_into(connection, lease).on_conflict_do_nothing(), free)
    take = (
        update(lease)
        .where(lease.c.name == name, or_(lease.c.expires_us <= now_us, lease.c.holder == holder))
        .values(holder=holder, fence=lease.c.fence + 1, expires_us=now_us + ttl_us)
        .returning(lease.c.fence)
    )
    fence = (await connection.execute(take)).scalar_one_or_none()
    return None if fence is None else int(fence)


async def renew(connection: AsyncConnection, name: str, holder: str, fence: int, *, now_us: int, ttl_us: int) -> bool:
    """Hold a lease for longer; return False when it is no longer ours."""
    longer = (
        update(lease)
        .where(lease.c.name == name, lease.c.holder == holder, lease.c.fence == fence)
        .values(expires_us=now_us + ttl_us)
    )
    return (await connection.execute(longer)).rowcount == 1


async def release(connection: AsyncConnection, name: str, holder: str, fence: int) -> None:
    """Give a lease back at once, so that nobody waits for it to expire."""
    await connection.execute(
        update(lease).where(lease.c.name == name, lease.c.holder == holder, lease.c.fence == fence).values(expires_us=0)
    )
