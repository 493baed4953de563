"""From figures to a verdict: ok or degraded, and why in words. Pure."""

from collections.abc import Sequence

from gateway.http.limits import HealthLimits
from gateway.http.ports import EdgeRow, Health
from gateway.http.rows import Edge, EdgeFigures, HealthAnswer, StreamFigures


def edge_of(row: EdgeRow) -> Edge:
    """Return an edge box's row; its last will (`death`) means offline."""
    state = row.state
    return Edge(
        site=row.site,
        edge=row.edge,
        status="offline" if row.what == "death" else "online",
        at=row.at,
        received_at=row.received_at,
        outbox_rows=state.outbox_rows,
        outbox_oldest_s=state.outbox_oldest_s,
        evicted=state.evicted,
        config_hash=state.config_hash,
        devices=state.devices,
    )


def _reasons(health: Health, edges: Sequence[Edge], streams: StreamFigures, limits: HealthLimits) -> list[str]:
    found: list[str] = []
    for site in health.sites:
        if site.lag_ms > limits.lag_ms:
            found.append(f"site {site.site}: fold is {site.lag_ms} ms behind ({site.behind} entries)")
        if site.blind_zones:
            found.append(f"site {site.site}: {site.blind_zones} blind zones")
    if health.feed.waiting > limits.waiting_rows:
        found.append(f"relay: {health.feed.waiting} changes wait for their sequence")
    found += [f"edge {edge.site}/{edge.edge} is offline since {edge.at}" for edge in edges if edge.status == "offline"]
    if streams.read_errors:
        found.append(f"change feed: {streams.read_errors} failed reads of the database")
    return found


def verdict(health: Health, edges: Sequence[Edge], streams: StreamFigures, limits: HealthLimits) -> HealthAnswer:
    """Judge the figures of one instant."""
    reasons = _reasons(health, edges, streams, limits)
    offline = sum(edge.status == "offline" for edge in edges)
    return HealthAnswer(
        status="degraded" if reasons else "ok",
        reasons=reasons,
        now=health.now,
        fold_lag_ms=max((site.lag_ms for site in health.sites), default=0),
        relay_waiting=health.feed.waiting,
        quarantined=sum(site.quarantined for site in health.sites),
        gaps=sum(site.gaps for site in health.sites),
        edges=EdgeFigures(len(edges) - offline, offline),
        streams=streams,
        relay=health.feed,
        sites=health.sites,
        ingest=health.ingest,
    )
