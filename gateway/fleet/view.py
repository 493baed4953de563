"""Every device of the fleet as it is shown: what is asked of it, what it reports, how it does. Out of the database."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from firmware_config.difference import Row, differences
from gateway.fleet.asking import Held, Wanted, body_of, held, wanted
from gateway.fleet.device import SITE_FILE, DeviceName
from gateway.fleet.heard import Report
from gateway.fleet.reading import reports_of, states_of
from gateway.fleet.twin import Standing, Twin, twin_of
from gateway.ingest.births import EdgeName
from gateway.storage.fleet import fleet_desired, fleet_device, fleet_reported
from gateway.storage.schema import edge_state
from wire.configuration import DesiredConfig, ReportedConfig, ReportedDevice, decode_desired
from wire.messages import DeviceHealth, EdgeState


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One device. `online`: its edge is connected. `wanted`: the newest configuration of its edge.

    `rows`: what is not as asked, piece by piece.
    """

    name: DeviceName
    online: bool
    health: DeviceHealth | None
    held: Held | None
    wanted: Wanted | None
    report: Report | None
    said: ReportedDevice | None
    twin: Twin
    rows: tuple[Row, ...] = ()


@dataclass(slots=True)
class _Edge:
    """All that is known of an edge."""

    state: EdgeState | None = None
    reported: ReportedConfig | None = None
    asked: dict[str, Held] | None = None
    wanted: Wanted | None = None
    desired: DesiredConfig | None = None


async def edges_of(
    connection: AsyncConnection, sites: frozenset[str] | None, *, after: EdgeName | None = None, limit: int
) -> list[EdgeName]:
    """Return a page of the edges that were ever heard of, or asked for something, in their order."""
    found: set[EdgeName] = set()
    for table in (edge_state, fleet_reported, fleet_device, fleet_desired):
        columns = table.c
        query = select(columns.site, columns.edge).distinct().order_by(columns.site, columns.edge).limit(limit)
        if after is not None:
            later = (columns.site == after.site) & (columns.edge > after.edge)
            query = query.where((columns.site > after.site) | later)
        if sites is not None:
            query = query.where(columns.site.in_(sorted(sites)))
        found |= {EdgeName(row.site, row.edge) for row in await connection.execute(query)}
    return sorted(found)[:limit]


async def devices_of(connection: AsyncConnection, edges: Iterable[EdgeName], now_us: int) -> list[DeviceView]:
    """Return every device of these edges, in their order."""
    known = {edge: _Edge() for edge in edges}
    newest = await wanted(connection)
    for site in sorted({edge.site for edge in known}):
        async for state, _ in states_of(connection, site):
            if (found := known.get(EdgeName(state.site, state.edge))) is not None:
                found.state = state
        async for reported in reports_of(connection, site):
            if (found := known.get(EdgeName(reported.site, reported.edge))) is not None:
                found.reported = reported
        for name, one in (await held(connection, {site})).items():
            if (found := known.get(EdgeName(name.site, name.edge))) is not None:
                found.asked = (found.asked or {}) | {name.device: one}
    views: list[DeviceView] = []
    for edge, found in sorted(known.items()):
        found.wanted = newest.get(edge)
        body = None if found.wanted is None else await body_of(connection, edge)
        found.desired = None if body is None else decode_desired(body)
        views += _views(edge, found, now_us)
    return views


def _views(edge: EdgeName, known: _Edge, now_us: int) -> Iterable[DeviceView]:
    said = {one.device: one for one in known.reported.devices} if known.reported else {}
    healths = {one.device: one for one in known.state.devices} if known.state else {}
    asked = known.asked or {}
    report = None
    if known.reported is not None:
        report = Report(known.reported.version, known.reported.hash, known.reported.error, said)
    rows = differences(known.desired, known.reported) if known.desired else ()
    for device in sorted({*said, *healths, *asked}):
        own = asked.get(device)
        mine = tuple(row for row in rows if row.device == device)
        twin = twin_of(own.now if own else SITE_FILE, known.wanted, report, said.get(device), now_us)
        yield DeviceView(
            name=DeviceName(edge.site, edge.edge, device),
            online=known.state is not None and known.state.what != "death",
            health=healths.get(device),
            held=own,
            wanted=known.wanted,
            report=report,
            said=said.get(device),
            twin=_looked_into(twin, mine),
            rows=mine,
        )


def _looked_into(twin: Twin, rows: tuple[Row, ...]) -> Twin:
    """Return how a device stands that says it is as asked, and reports a power that is not."""
    wrong = [f"{row.what}: {row.found}, asked is {row.asked}" for row in rows if row.drift]
    if wrong and twin.standing in {Standing.AS_ASKED, Standing.ADAPTED, Standing.SITE_FILE}:
        return Twin(Standing.DRIFT, "; ".join(wrong))
    return twin
