"""A look at how devices are configured: what is asked of each beside what it reports."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from firmware_config.inventory import known_bad
from gateway.fleet.limits import PAGE
from gateway.fleet.store import under_way
from gateway.fleet.view import DeviceView, devices_of, edges_of
from gateway.series.limits import MINUTE_S
from gateway.series.look import Draft
from wire import measurements as m

_STANDING: Final = {word: number for number, word in m.CONFIG.field("standing").words.items()}


class FleetLook:
    """Every device of every edge, a page of edges at a time."""

    every_s = MINUTE_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `config`."""
        rolling = await under_way(connection)
        edges = await edges_of(connection, None, limit=PAGE)
        while edges:
            for view in await devices_of(connection, edges, draft.now_us):
                name, said = view.name, view.said
                values = {
                    "standing": _STANDING[view.twin.standing.value],
                    "since_s": None if said is None else max(0, draft.now_us - said.at_us) / 1e6,
                    "known_bad": _known_bad(view),
                    "rolling": int(name in rolling),
                }
                draft.add(m.CONFIG, values, name.site, name.edge, name.device)
            edges = await edges_of(connection, None, after=edges[-1], limit=PAGE) if len(edges) == PAGE else []


def _known_bad(view: DeviceView) -> int:
    inventory = view.said.inventory if view.said else None
    return 0 if inventory is None else len(known_bad(inventory.vendor, inventory.model, inventory.firmware))
