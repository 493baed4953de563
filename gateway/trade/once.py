"""The senders' names for events: each is taken once, in the transaction of what it tells.

The name is taken first: whoever comes at the same moment with the same waits for our commit, and gets our answer. A
name of a transaction that fails was never taken.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.errors import IdReusedError
from gateway.storage.schema import source_event
from gateway.storage.statement import insert_into
from gateway.trade.said import Said

T = TypeVar("T")


def body_of(said: Said) -> bytes:
    """Return what an event says, as bytes: the same again gives the same. References are no part of it."""
    return msgspec.msgpack.encode([type(said).__name__, said])


async def once(
    connection: AsyncConnection, said: Said, now_us: int, write: Callable[[], Awaitable[T]], answer: type[T]
) -> tuple[T, bool]:
    """Do `write` unless this event was told before; then give its answer again.

    Returns the answer, and whether it had been given before. Raises `IdReusedError` for another content.
    """
    digest = hashlib.sha256(body_of(said)).digest()
    row = {"site": said.site, "id": said.event, "sha256": digest, "recorded_us": now_us, "answer": b""}
    take = insert_into(connection, source_event).on_conflict_do_nothing().returning(source_event.c.id)
    key = (source_event.c.site == said.site, source_event.c.id == said.event)
    if (await connection.execute(take, row)).scalar_one_or_none() is None:
        held = (await connection.execute(select(source_event).where(*key))).one()
        if bytes(held.sha256) != digest:
            raise IdReusedError(said.event)
        return msgspec.json.decode(bytes(held.answer), type=answer), True
    done = await write()
    await connection.execute(update(source_event).where(*key).values(answer=msgspec.json.encode(done)))
    return done, False
