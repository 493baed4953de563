"""Which edges are there, and which must be told the whole list of what their site sold. Pure.

An edge that was started anew has forgotten everything; one that lost its connection may have missed something, and so
may all of them when this process lost its own. Each is told the whole list then, and after that only what changes.
An edge is known by the states that it publishes: a birth is a start or a new connection; a health with another
`started_us` is a start whose birth was missed; a death ends it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.ingest.births import EdgeName
from gateway.sold.limits import AGAIN_US, EDGES_MAX, RETRY_US
from wire.messages import EdgeState


@dataclass(slots=True)
class _Edge:
    started_us: int
    birth: int
    told_us: int | None = None
    not_before_us: int = 0


class Listeners:
    """The edges that one process has heard of. Times are UTC microseconds."""

    def __init__(self) -> None:
        self._edges: dict[EdgeName, _Edge] = {}
        self._births = 0

    def heard(self, state: EdgeState) -> bool:
        """Take what an edge said of itself; return whether it has to be told the whole list."""
        name = EdgeName(state.site, state.edge)
        if state.what == "death":
            self._edges.pop(name, None)
            return False
        known = self._edges.get(name)
        if known is not None and state.what != "birth" and known.started_us == state.started_us:
            return False
        if known is None and len(self._edges) >= EDGES_MAX:
            del self._edges[next(iter(self._edges))]
        self._births += 1
        self._edges[name] = _Edge(state.started_us, self._births)
        return True

    def forget_told(self, site: str | None = None) -> None:
        """Nobody, or nobody of a site, can be taken to know what was told."""
        for name, edge in self._edges.items():
            if site in {None, name.site}:
                edge.told_us = None
                edge.not_before_us = 0

    def birth(self, name: EdgeName) -> int:
        """Return which birth of an edge this is; 0 when it is not there."""
        edge = self._edges.get(name)
        return 0 if edge is None else edge.birth

    def told(self, name: EdgeName, birth: int, now_us: int) -> None:
        """An edge was told the whole list, unless it began anew meanwhile."""
        edge = self._edges.get(name)
        if edge is not None and edge.birth == birth:
            edge.told_us = now_us

    def missed(self, name: EdgeName, now_us: int) -> None:
        """The broker did not take what was for an edge: it gets the whole list, in a while."""
        if name in self._edges:
            self._edges[name].told_us = None
            self._edges[name].not_before_us = now_us + RETRY_US

    def ready(self, site: str) -> list[EdgeName]:
        """Return the edges of a site that have the whole list, and want what changes."""
        return sorted(name for name, edge in self._edges.items() if name.site == site and edge.told_us is not None)

    def due(self, sites: Collection[str], now_us: int) -> list[EdgeName]:
        """Return the edges of these sites that must be told the whole list now."""
        return sorted(name for name, edge in self._edges.items() if name.site in sites and _is_due(edge, now_us))


def _is_due(edge: _Edge, now_us: int) -> bool:
    if edge.told_us is None:
        return not 0 < edge.not_before_us - now_us <= RETRY_US  # a clock that went back makes nobody wait
    return not 0 <= now_us - edge.told_us < AGAIN_US
