"""What edges said before this process began: their newest reports and states, out of the database."""

from collections.abc import AsyncIterator
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.fleet import fleet_reported
from gateway.storage.schema import edge_state
from wire.configuration import ReportedConfig, decode_reported
from wire.errors import WireError
from wire.messages import EdgeState, decode_state

_log: Final = structlog.get_logger("gateway.fleet")

PAGE: Final = 100
"""Reports read at once: a megabyte each at most, some ten kilobytes as a rule."""


async def reports_of(connection: AsyncConnection, site: str | None = None) -> AsyncIterator[ReportedConfig]:
    """Yield the newest report of each edge, in their order. One that cannot be read is logged and left out."""
    columns = fleet_reported.c
    after = ("", "")
    while True:
        query = select(columns.site, columns.edge, columns.body).order_by(columns.site, columns.edge).limit(PAGE)
        query = query.where((columns.site > after[0]) | ((columns.site == after[0]) & (columns.edge > after[1])))
        if site is not None:
            query = query.where(columns.site == site)
        rows = (await connection.execute(query)).all()
        for row in rows:
            try:
                yield decode_reported(bytes(row.body))
            except WireError as error:
                _log.error("report_unreadable", site=row.site, edge=row.edge, error=str(error)[:200])
        if len(rows) < PAGE:
            return
        after = (rows[-1].site, rows[-1].edge)


async def states_of(connection: AsyncConnection, site: str | None = None) -> AsyncIterator[tuple[EdgeState, int]]:
    """Yield the newest state of each edge, and when it came, UTC microseconds."""
    query = select(edge_state.c.body, edge_state.c.received_us, edge_state.c.site, edge_state.c.edge)
    query = query.order_by(edge_state.c.site, edge_state.c.edge)
    if site is not None:
        query = query.where(edge_state.c.site == site)
    for row in await connection.execute(query):
        try:
            yield decode_state(bytes(row.body)), int(row.received_us)
        except WireError as error:
            _log.error("state_unreadable", site=row.site, edge=row.edge, error=str(error)[:200])
