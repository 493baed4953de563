"""A look at the program itself: an event at every site when another version of it runs."""

from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.series.limits import HOURLY_S
from gateway.series.look import Draft, Memory, Values
from gateway.storage.schema import site as site_table
from wire import measurements as m


def installed() -> str:
    """Return the version of this program; of a source tree that is not installed, `unknown`."""
    try:
        return version("lastunit")
    except PackageNotFoundError:
        return "unknown"


class DeploymentLook:
    """Says when another version began. `program`: the version that runs."""

    every_s = HOURLY_S
    alone = False

    def __init__(self, gateway: str, program: str | None = None) -> None:
        self._gateway = gateway
        self._program = installed() if program is None else program

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `event`."""
        memory = Memory(connection, draft)
        seen = await memory.read(f"deployment/{self._gateway}")
        if seen.body.get("version") == self._program:
            return
        memory.move(f"deployment/{self._gateway}", seen, seen.position + 1, {"version": self._program})
        before = seen.body.get("version")
        detail = (
            f"{self._gateway}: the first of this database" if before is None else f"{self._gateway}: before {before}"
        )
        values: Values = {"title": f"Last Unit {self._program}", "detail": detail, "events": 1}
        for site in list(await connection.scalars(select(site_table.c.site))):
            draft.event(m.EVENT, values, site, "deployment")
