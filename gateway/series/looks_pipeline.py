"""Looks at the way of a read: the folds of the sites, and this process: what came in, what was asked, what was told."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.relay import last_seq
from gateway.series.limits import LIVE_EVERY_S
from gateway.series.look import Counters, Draft, Memory, Values
from gateway.series.requests import Requests
from gateway.site_health import site_healths
from gateway.storage.commerce import dead_letter, webhook
from gateway.storage.schema import change, quarantine, site_fold
from wire import measurements as m

if TYPE_CHECKING:
    from gateway.series.outbox import Waiting

_FOREIGN: Final = ("observations_foreign", "observations_other_key")
_REFUSED: Final = ("observations_unknown_antenna", "observations_over_item_limit")


class FoldLook:
    """How far the fold of each site is."""

    every_s = LIVE_EVERY_S
    alone = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `fold`."""
        memory = Memory(connection, draft)
        applied = {row.site: row.applied_n for row in await connection.execute(select(site_fold))}
        for one in await site_healths(connection, self._clock()):
            seen = await memory.read(f"fold/{one.site}")
            now = {
                "entries": applied.get(one.site, 0),
                "observations": one.figures.get("observations", 0),
                "foreign": sum(one.figures.get(name, 0) for name in _FOREIGN),
                "refused": sum(one.figures.get(name, 0) for name in _REFUSED),
                "undecodable": one.figures.get("undecodable", 0),
            }
            newest, bad = await _quarantined(connection, one.site, seen.body.get("quarantine"))
            values: dict[str, Any] = {
                "behind": one.behind,
                "lag_ms": float(one.lag_ms),
                "age_ms": None if one.fold_age_ms is None else float(one.fold_age_ms),
                "quarantined": bad,
            }
            draft.add(m.FOLD, values | memory.deltas(seen.body.get("counts", {}), now), one.site)
            body = {"counts": now, "quarantine": newest}
            if body != seen.body:
                memory.move(f"fold/{one.site}", seen, seen.position + 1, body)


async def _quarantined(connection: AsyncConnection, site: str, after: int | None) -> tuple[int, int]:
    """Return the newest row of a site in quarantine, and how many came after the one before."""
    mine = quarantine.c.site == site
    query = select(func.max(quarantine.c.id), func.count()).where(and_(mine, quarantine.c.id > (after or 0)))
    newest, count = (await connection.execute(query)).one()
    return newest or after or 0, 0 if after is None else int(count)


class AccuracyLook:
    """How right the figures are."""

    every_s = 60.0
    alone = True

    def __init__(self, newest: Callable[[AsyncConnection], Awaitable[Mapping[str, Mapping[str, float]]]]) -> None:
        self._newest = newest

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `accuracy`."""
        for site, values in (await self._newest(connection)).items():
            draft.add(m.ACCURACY, dict(values), site)


class PushLook:
    """Webhooks of the whole gateway."""

    every_s = LIVE_EVERY_S
    alone = True

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `push`."""
        rows = (await connection.execute(select(webhook.c.state, webhook.c.cursor))).all()
        newest = await last_seq(connection)
        dead = int(await connection.scalar(select(func.count()).select_from(dead_letter)) or 0)
        values: Values = {
            "webhooks": len(rows),
            "webhooks_failing": sum(row.state != "live" for row in rows),
            "behind": max((newest - row.cursor for row in rows if row.state != "stopped"), default=0),
            "dead_letters": dead,
        }
        draft.add(m.PUSH, values, self._gateway)


class _Growth:
    """By how much counters of this process grew since the last look; all of it at the first."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}

    def since(self, draft: Draft, now: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
        """Return the growth of counters; `names`: fields and the counters that they come from."""
        before, found = dict(self._before), {}
        draft.undo.append(lambda: self._before.update(before))
        for name, counter in names.items():
            value = now.get(counter, 0)
            found[name] = max(0, value - self._before.get(counter, 0))
            self._before[counter] = value
        return found


_PIPELINE: Final = {
    "appended": "appended",
    "duplicates": "duplicates",
    "holes": "holes",
    "rejected": "rejected",
    "acks": "acks",
    "commits": "commits",
    "ingest_failures": "commit_failures",
    "fold_failures": "fold_failures",
    "relayed": "relayed",
    "relay_failures": "relay_failures",
}
_SERIES: Final = {
    "points": "series_points",
    "failures": "series_failures",
    "over_limit": "series_over_limit",
    "unfit": "series_unfit",
    "sent": "series_sent",
    "send_failures": "series_send_failures",
    "refused": "series_refused",
    "dropped": "series_dropped",
}


class PipelineLook:
    """This process: what came in and what was relayed. `loop_lag_ms` gives the worst since it was asked last."""

    every_s = LIVE_EVERY_S
    alone = False

    def __init__(self, gateway: str, counters: Counters, loop_lag_ms: Callable[[], float]) -> None:
        self._gateway = gateway
        self._counters = counters
        self._loop_lag_ms = loop_lag_ms
        self._growth = _Growth()

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `pipeline`."""
        now = self._counters()
        waiting = select(func.count()).select_from(change).where(change.c.seq.is_(None))
        values: dict[str, Any] = {
            "source_connected": bool(now.get("source_connected", 0)),
            "relay_waiting": int(await connection.scalar(waiting) or 0),
            "loop_lag_ms": self._loop_lag_ms(),
        }
        draft.add(m.PIPELINE, values | self._growth.since(draft, now, _PIPELINE), self._gateway)


class RequestsLook:
    """Requests of this process."""

    every_s = LIVE_EVERY_S
    alone = False

    def __init__(self, gateway: str, requests: Requests) -> None:
        self._gateway = gateway
        self._requests = requests

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `api`."""
        del connection
        taken = self._requests.take()
        draft.undo.append(lambda: self._requests.put_back(taken))
        for (route, method, status), times in sorted(taken.items()):
            values = {
                "requests": times.count,
                "p50_ms": times.quantile_ms(0.5),
                "p95_ms": times.quantile_ms(0.95),
                "p99_ms": times.quantile_ms(0.99),
                "max_ms": times.max_ms,
            }
            draft.add(m.API, values, self._gateway, route, method, status)


class StoreLook:
    """The time series themselves. `waiting`: what waits for a server, None without one."""

    every_s = LIVE_EVERY_S
    alone = False

    def __init__(
        self,
        gateway: str,
        counters: Counters,
        took_ms: Callable[[], float],
        waiting: Callable[[AsyncConnection], Awaitable["Waiting"]] | None,
    ) -> None:
        self._gateway = gateway
        self._counters = counters
        self._took_ms = took_ms
        self._waiting = waiting
        self._growth = _Growth()

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `series_store`."""
        values: dict[str, Any] = {"took_ms": self._took_ms()}
        if self._waiting is not None:
            found = await self._waiting(connection)
            age_us = 0 if found.oldest_us is None else max(0, draft.now_us - found.oldest_us)
            values |= {
                "waiting_points": found.points,
                "waiting_bytes": found.size_bytes,
                "waiting_s": age_us / 1e6,
            }
        draft.add(m.SERIES_STORE, values | self._growth.since(draft, self._counters(), _SERIES), self._gateway)
