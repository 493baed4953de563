"""Checkpoints: the fold's state at an entry, so that a restart need not begin at entry 1.

A checkpoint of entry n is taken only after the outputs up to n are committed. As the fold is deterministic, whoever
takes it writes the same bytes, so a process that lost its lease a moment ago does no harm. A SHA-256 stands beside the
state; a checkpoint that does not match, or of another version, is passed over for the one before it.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fold.state import STATE_VERSION, FoldState, Presence
from gateway.limits import CHECKPOINTS_KEPT, PRUNE_MAX_ROWS
from gateway.presence.tracker import SnapshotError
from gateway.storage.schema import checkpoint, site_input
from gateway.storage.statement import insert_into

_log: Final = structlog.get_logger("gateway.fold")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A state to go on from, and how many checkpoints could not be used."""

    state: FoldState
    unusable: int


async def load(connection: AsyncConnection, site: str, upto_n: int, presence: Presence | None = None) -> Loaded:
    """Return the newest usable state at or before entry `upto_n`; an empty one when there is none."""
    query = (
        select(checkpoint.c.n, checkpoint.c.sha256, checkpoint.c.state)
        .where(checkpoint.c.site == site, checkpoint.c.n <= upto_n)
        .order_by(checkpoint.c.n.desc())
    )
    unusable = 0
    for row in await connection.execute(query):
        if hashlib.sha256(row.state).digest() == bytes(row.sha256):
            try:
                return Loaded(FoldState.restore(bytes(row.state), presence), unusable)
            except SnapshotError as error:
                _log.warning("checkpoint_unreadable", site=site, n=row.n, error=str(error))
        else:
            _log.error("checkpoint_damaged", site=site, n=row.n)
        unusable += 1
    return Loaded(FoldState(presence), unusable)


async def save(connection: AsyncConnection, site: str, n: int, state: bytes, now_us: int) -> None:
    """Write a checkpoint of entry `n` and forget all but the newest few."""
    row = {
        "site": site,
        "n": n,
        "taken_us": now_us,
        "version": STATE_VERSION,
        "sha256": hashlib.sha256(state).digest(),
        "state": state,
    }
    await connection.execute(insert_into(connection, checkpoint).on_conflict_do_nothing(), row)
    kept = (
        select(checkpoint.c.n).where(checkpoint.c.site == site).order_by(checkpoint.c.n.desc()).limit(CHECKPOINTS_KEPT)
    )
    numbers = list(await connection.scalars(kept))
    await connection.execute(delete(checkpoint).where(checkpoint.c.site == site, checkpoint.c.n < min(numbers)))


async def prune_log(connection: AsyncConnection, site: str, limit: int = PRUNE_MAX_ROWS) -> int:
    """Delete up to `limit` of the oldest entries that no kept checkpoint needs; return how many went.

    With fewer than `CHECKPOINTS_KEPT` checkpoints nothing goes: were the only one damaged, nothing could be folded.
    """
    kept = list(await connection.scalars(select(checkpoint.c.n).where(checkpoint.c.site == site)))
    if len(kept) < CHECKPOINTS_KEPT:
        return 0
    oldest = await connection.scalar(select(func.min(site_input.c.n)).where(site_input.c.site == site))
    if oldest is None:
        return 0
    upto = min(*kept, oldest + limit - 1)
    result = await connection.execute(delete(site_input).where(site_input.c.site == site, site_input.c.n <= upto))
    return int(result.rowcount)
