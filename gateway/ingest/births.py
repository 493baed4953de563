"""Which edges have said who they are, and which must be asked to say it again. Pure.

An edge says its birth with each connect, and its health every half minute, retained. The gateway may miss that: a
broker that was killed forgets what it retained, a state can be refused. And how an antenna inventories is said only
when it changes: where rows are lost for ever (an unfillable gap: the gateway went back to a backup, or the edge's disk
was replaced; or a message that is refused), that may be among them. In both cases the edge is asked by a `Rebirth`,
which it answers with its birth and with its settings in the next window. Rows that are lost are asked about until that
birth comes: a question can be lost like anything.

An edge that sends data and has said nothing yet is given `BIRTH_GRACE_US`, because a retained state may come after the
data when the gateway has just subscribed. Nobody is asked more often than once in `REBIRTH_PAUSE_US`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.ingest.arrival import Arrival, Message, State

BIRTH_GRACE_US: Final = 5_000_000
REBIRTH_PAUSE_US: Final = 60_000_000
"""Two healths: who has not answered a rebirth by then has said its state by itself."""
EDGES_MAX: Final = 10_000
"""Edges that are remembered: topics can name any. Beyond it, the one that is longest in memory is forgotten."""


class EdgeName(NamedTuple):
    """Which edge."""

    site: str
    edge: str


@dataclass(slots=True)
class _Edge:
    born: bool = False
    lossy: bool = False
    """Rows of it are lost for ever, and it has not answered a question since."""
    asked: bool = False
    """It was asked since it became lossy."""
    first_us: int | None = None
    """When it first sent data without having said who it is."""
    asked_us: int | None = None


class Births:
    """What one process has heard of each edge. Times are UTC microseconds."""

    def __init__(self) -> None:
        self._edges: dict[EdgeName, _Edge] = {}

    def heard(self, arrivals: Iterable[Arrival], lossy: Iterable[EdgeName], now_us: int) -> list[EdgeName]:
        """Take what was committed together; return the edges to ask for a rebirth. `lossy`: rows are lost for ever."""
        speakers: dict[EdgeName, None] = {}
        for arrival in arrivals:
            if isinstance(arrival, State):
                said = self._edge(EdgeName(arrival.state.site, arrival.state.edge))
                said.born = arrival.state.what != "death"
                said.first_us = None
                if arrival.state.what == "birth" and said.asked:
                    said.lossy = False
            elif isinstance(arrival, Message):
                name = EdgeName(arrival.site, arrival.edge)
                speakers[name] = None
                if arrival.code is not None:
                    self._lost(name)
        for name in lossy:
            speakers[name] = None
            self._lost(name)
        asking = [name for name in speakers if self._is_overdue(self._edge(name), now_us)]
        return [name for name in asking if self._may_ask(self._edge(name), now_us)]

    def _lost(self, name: EdgeName) -> None:
        edge = self._edge(name)
        edge.lossy, edge.asked = True, False

    def _edge(self, name: EdgeName) -> _Edge:
        found = self._edges.get(name)
        if found is None:
            if len(self._edges) >= EDGES_MAX:
                del self._edges[next(iter(self._edges))]
            found = self._edges[name] = _Edge()
        return found

    @staticmethod
    def _is_overdue(edge: _Edge, now_us: int) -> bool:
        if edge.lossy:
            return True
        if edge.born:
            return False
        if edge.first_us is None or edge.first_us > now_us:  # the clock went back
            edge.first_us = now_us
        return now_us - edge.first_us >= BIRTH_GRACE_US

    @staticmethod
    def _may_ask(edge: _Edge, now_us: int) -> bool:
        if edge.asked_us is not None and 0 <= now_us - edge.asked_us < REBIRTH_PAUSE_US:
            return False
        edge.asked_us, edge.asked = now_us, True
        return True
