"""The fleet for whoever looks: pages of devices."""

from collections.abc import Sequence

from firmware_config.inventory import KnownBad
from gateway.clock import Clock
from gateway.fleet.view import DeviceView, devices_of, edges_of
from gateway.ingest.births import EdgeName
from gateway.storage.engine import Database


class FleetBoard:
    """Shows devices, out of the database: any gateway shows all of them."""

    def __init__(self, database: Database, clock: Clock, findings: Sequence[KnownBad] = ()) -> None:
        self.findings = findings
        """Of bad firmware, beside those that come with the package."""
        self._database = database
        self._clock = clock

    async def page(
        self, sites: frozenset[str] | None, *, after: EdgeName | None = None, limit: int
    ) -> tuple[list[DeviceView], EdgeName | None]:
        """Return the devices of a page of edges, and after which edge the next page begins; None: it was the last."""
        async with self._database.read() as connection:
            edges = await edges_of(connection, sites, after=after, limit=limit + 1)
            views = await devices_of(connection, edges[:limit], self._clock())
        return views, edges[limit - 1] if len(edges) > limit else None
