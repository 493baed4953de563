"""Looks at edges, devices and antennas, as the edges say; and the events that follow: outage, recovery."""

from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.enrol.limits import EXPIRES_SOON_S
from gateway.series.limits import LIVE_EVERY_S, SILENT_S
from gateway.series.look import Draft, Memory
from gateway.site_view import SiteView, SiteViews
from gateway.storage.schema import edge_state
from wire import measurements as m
from wire.messages import AntennaHealth, DeviceHealth, EdgeState, decode_state

OFFLINE, SILENT, ONLINE = range(3)
_DISK: Final = {word: number for number, word in m.EDGE.field("disk").words.items()}
_UP: Final = {word: number for number, word in m.DEVICE.field("up").words.items()}
_CLOCK: Final = {word: number for number, word in m.DEVICE.field("clock").words.items()}
_WORKS: Final = {word: number for number, word in m.ANTENNA.field("works").words.items()}
SILENT_US: Final = int(SILENT_S * 1e6)


class EdgeLook:
    """Edges every time; devices and antennas when their edge said something new."""

    every_s = LIVE_EVERY_S
    alone = True

    def __init__(self, clock: Clock) -> None:
        self._views = SiteViews(clock)

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `edge`, `device`, `antenna`, the edges and devices of `site`, and events."""
        views = await self._views.load(connection)
        memory = Memory(connection, draft)
        rows: dict[str, list[Any]] = {}
        for row in await connection.execute(select(edge_state).order_by(edge_state.c.site, edge_state.c.edge)):
            rows.setdefault(row.site, []).append(row)
        for site, mine in rows.items():
            seen = await memory.read(f"edges/{site}")
            body: dict[str, Any] = {}
            known = 0 if site not in views else len(views[site].site.devices)
            count = {"edges_online": 0, "devices_up": 0, "devices": known}
            for row in mine:
                one = _Edge(row, decode_state(row.body), _online(row, draft.now_us), seen.body.get(row.edge, {}))
                body[row.edge] = one.remembered()
                _edge(draft, memory, one)
                if one.before.get("received_us") != row.received_us:
                    _devices(draft, memory, one, views.get(site))
                if one.online == ONLINE:
                    count["edges_online"] += 1
                    count["devices_up"] += sum(device.state == "up" for device in one.state.devices)
                    count["devices"] -= sum(device.state == "disabled" for device in one.state.devices)
            draft.add(m.SITE, count, site)
            if body != seen.body:
                memory.move(f"edges/{site}", seen, seen.position + 1, body)


def _online(row: Any, now_us: int) -> int:
    if row.what == "death":
        return OFFLINE
    return SILENT if now_us - row.received_us > SILENT_US else ONLINE


def _counts(state: EdgeState) -> dict[str, int]:
    return {
        "evicted": state.evicted,
        "dropped": state.dropped_rows,
        "observations": state.observations,
        "foreign_reads": state.foreign_reads,
        "sold_reads": state.sold_reads,
        "gaps": state.gaps,
    }


class _Edge(NamedTuple):
    """An edge's row, what it says, whether it is there, and what was remembered of it."""

    row: Any
    state: EdgeState
    online: int
    before: dict[str, Any]

    @property
    def is_anew(self) -> bool:
        """Whether it is another run of its program: what a run counts began at 0."""
        was = self.before.get("started_us", 0)
        return bool(was and self.state.started_us and was != self.state.started_us)

    @property
    def counts_before(self) -> dict[str, int]:
        """What it had counted. Its outbox counts since the outbox's file began."""
        counts: dict[str, int] = self.before.get("counts", {})
        return {name: 0 if self.is_anew and name != "evicted" else value for name, value in counts.items()}

    def device_before(self, device: str) -> dict[str, int]:
        """Return what a device had counted."""
        if self.is_anew:
            return {"reads": 0, "errors": 0}
        found: dict[str, int] = self.before.get("devices", {}).get(device, {})
        return found

    def remembered(self) -> dict[str, Any]:
        """Return what to remember. A last will was written when the connection began: its counts say nothing."""
        now = {"received_us": self.row.received_us, "online": self.online}
        if self.row.what == "death":
            return self.before | now
        devices = {one.device: {"reads": one.reads, "errors": one.errors} for one in self.state.devices}
        return now | {"counts": _counts(self.state), "devices": devices, "started_us": self.state.started_us}


def _edge(draft: Draft, memory: Memory, edge: _Edge) -> None:
    row, state, online, before = edge
    values: dict[str, Any] = {"online": online, "said_age_s": max(0, draft.now_us - row.received_us) / 1e6}
    if row.what != "death":
        values |= memory.deltas(edge.counts_before, _counts(state))
        values |= {
            "outbox_rows": state.outbox_rows,
            "outbox_bytes": state.outbox_bytes,
            "outbox_oldest_s": float(state.outbox_oldest_s),
            "disk": _DISK[state.disk],
            "uptime_s": max(0, draft.now_us - state.started_us) / 1e6 if state.started_us else None,
            **certificate_figures(state, draft.now_us),
        }
    draft.add(m.EDGE, values, row.site, row.edge)
    was = before.get("online")
    if was is not None and (was == ONLINE) != (online == ONLINE):
        kind = "recovery" if online == ONLINE else "outage"
        title = f"Edge {row.edge} is {m.EDGE.field('online').words[online]}"
        detail = f"it was {m.EDGE.field('online').words[was]}"
        draft.event(m.EVENT, {"title": title, "detail": detail, "events": 1}, row.site, kind)


def certificate_figures(state: EdgeState, now_us: int) -> dict[str, float | None]:
    """Return how long an edge's certificate lasts, and since when it should have been renewed; None without one."""
    if state.certificate_not_after_us is None:
        return {"certificate_left_s": None, "certificate_late_s": None}
    left_s = (state.certificate_not_after_us - now_us) / 1e6
    return {"certificate_left_s": max(0.0, left_s), "certificate_late_s": max(0.0, EXPIRES_SOON_S - left_s)}


def _devices(draft: Draft, memory: Memory, edge: _Edge, view: SiteView | None) -> None:
    zones: dict[tuple[str, int], str] = {}
    if view is not None:
        zones = {(device.id, own.port): own.zone for device in view.site.devices for own in device.antennas}
    for one in edge.state.devices:
        _device(draft, memory, edge.row, one, edge.device_before(one.device))
        for own in one.antennas:
            _antenna(draft, edge.row, one, own, zones.get((one.device, own.port), ""))


def _device(draft: Draft, memory: Memory, row: Any, one: DeviceHealth, before: dict[str, int]) -> None:
    values: dict[str, Any] = {
        "up": _UP[one.state],
        "since_s": max(0, draft.now_us - one.since_us) / 1e6,
        "reads_per_min": float(one.reads_per_min),
        "temperature_c": one.temperature_c,
        "clock": _CLOCK[one.clock or "unknown"],
        "clock_offset_s": None if one.clock_offset_ms is None else one.clock_offset_ms / 1e3,
    }
    values |= memory.deltas(before, {"reads": one.reads, "errors": one.errors})
    draft.add(m.DEVICE, values, row.site, row.edge, one.device, one.driver)


def _antenna(draft: Draft, row: Any, device: DeviceHealth, own: AntennaHealth, zone: str) -> None:
    values = {
        "works": _WORKS[own.state],
        "reads_per_min": float(own.reads_per_min),
        "usual_per_min": own.usual_per_min,
    }
    draft.add(m.ANTENNA, values, row.site, row.edge, device.device, str(own.port), zone)
