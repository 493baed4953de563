"""The alarms of sites that somebody watches, kept in memory for all streams of this process, as tasks are."""

from typing import TYPE_CHECKING, cast

from sqlalchemy import func, select

from gateway.clock import Clock
from gateway.exceptions.alarm import LIVE
from gateway.exceptions.desk import Alarms
from gateway.storage.alarms import alarm
from gateway.storage.engine import Database
from gateway.storage.statement import MANY
from gateway.tasks.boards import Boards, _Mark
from gateway.tasks.limits import POLL_S

if TYPE_CHECKING:
    from gateway.tasks.boards import Rows

_LIVE = sorted(state.value for state in LIVE)


class AlarmBoards(Boards):
    """Boards of alarms. `wake` after a commit saves a second."""

    def __init__(self, database: Database, clock: Clock, alarms: Alarms, *, poll_s: float = POLL_S) -> None:
        super().__init__(database, clock, cast("Rows", alarms.waiting), poll_s=poll_s)

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return {
            "alarm_streams": self.watchers,
            "alarm_streams_refused": self.refused,
            "alarm_board_read_errors": self.read_errors,
        }

    async def _marks(self, sites: list[str]) -> dict[str, _Mark]:
        """Return the mark of each site that has alarms. It is older than rows that are read after it."""
        found: dict[str, _Mark] = {}
        async with self._database.read() as connection:
            for low in range(0, len(sites), MANY):
                query = (
                    select(alarm.c.site, func.count(), func.sum(alarm.c.version), func.max(alarm.c.last_us))
                    .where(alarm.c.site.in_(sites[low : low + MANY]), alarm.c.state.in_(_LIVE))
                    .group_by(alarm.c.site)
                )
                for site, alarms, versions, newest_us in await connection.execute(query):
                    found[site] = _Mark(int(alarms), int(versions), int(newest_us))
        return found
