"""Counting with a barcode scanner: from the first scan to the end, item by item.

A session opens with the first scan. It ends when somebody scans the barcode `LU:END`, when nobody scanned for
`idle_s` (it then ended with its last scan), when it holds `SESSION_MAX_ITEMS`, or when the daemon stops. That the
scanner is unplugged does not end it.

Each item goes out at once, as a part of the count (`CountBatch`), so that a power cut costs none that were scanned; an
item that is scanned again is no second one. The part that ends the session says so and holds no items. `coverage` is
said in each part: 0, the default, means that a person scanned some goods and looked for no others. A session in which
no item was named gives no count at all.

After a kill the open session is not known any more: its parts are at the gateway, their end never comes, and the
gateway forgets them after some hours.

Pure: times in, parts out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from edge.scanner.limits import SESSION_IDLE_S, SESSION_MAX_ITEMS
from wire.limits import ID_MAX_CHARS
from wire.messages import CountBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_COVERAGE: Final = 0.0


class CountRules(NamedTuple):
    """Who counts where, and how."""

    site: str
    edge: str
    device: str
    zone: str
    idle_s: float = SESSION_IDLE_S
    coverage: float = DEFAULT_COVERAGE


class SessionFigures(NamedTuple):
    """What a session that is over held, for the log."""

    items: int
    again: int
    """Scans of items that were counted before."""
    without_serial: int
    foreign: int


@dataclass(slots=True)
class _Session:
    id: str
    started_us: int
    last_us: int
    last_s: float
    items: set[tuple[str, str]] = field(default_factory=set)
    again: int = 0
    without_serial: int = 0
    foreign: int = 0


class CountSessions:
    """The sessions of one scanner, one after the other."""

    def __init__(self, rules: CountRules) -> None:
        self._rules = rules
        self._session: _Session | None = None
        self._named_us = 0
        self.ended: list[SessionFigures] = []
        """Sessions that ended since the last look; the owner takes them out."""

    def items(self, named: Sequence[tuple[tuple[str, str], bytes]], now_us: int, now_s: float) -> list[CountBatch]:
        """Count items: (identity, EPC) of each. Return the parts that follow."""
        session = self._open(now_us, now_s)
        fresh: dict[tuple[str, str], bytes] = {}
        for identity, epc in named:
            if identity in session.items or identity in fresh:
                session.again += 1
            else:
                fresh[identity] = epc
        if not fresh:
            return []
        session.items.update(fresh)
        parts = [self._part(session, tuple(fresh.values()))]
        if len(session.items) >= SESSION_MAX_ITEMS:
            parts += self.end(now_us)
        return parts

    def other(self, now_us: int, now_s: float, *, foreign: bool = False) -> None:
        """Note a code that names no item of ours: somebody is counting."""
        session = self._open(now_us, now_s)
        if foreign:
            session.foreign += 1
        else:
            session.without_serial += 1

    def end(self, now_us: int | None = None) -> list[CountBatch]:
        """End the session at `now_us`, or with its last scan; return its last part."""
        session, self._session = self._session, None
        if session is None:
            return []
        self.ended.append(SessionFigures(len(session.items), session.again, session.without_serial, session.foreign))
        if not session.items:
            return []
        return [self._part(session, (), max(session.last_us, now_us or 0))]

    def deadline(self) -> float | None:
        """Return when the open session ends by itself."""
        return None if self._session is None else self._session.last_s + self._rules.idle_s

    def tick(self, now_s: float) -> list[CountBatch]:
        """Look at the time; return the last part of a session that nobody went on with."""
        deadline_s = self.deadline()
        return self.end() if deadline_s is not None and now_s >= deadline_s else []

    # -- inside

    def _open(self, now_us: int, now_s: float) -> _Session:
        """Return the open session, begun now if there is none; it was just used."""
        session = self._session
        if session is None:
            self._named_us = max(now_us, self._named_us + 1)  # no name twice, whatever the clock does
            name = f"{self._named_us}-{self._rules.device}"[:ID_MAX_CHARS]
            session = self._session = _Session(name, now_us, now_us, now_s)
        session.last_us, session.last_s = max(session.last_us, now_us), now_s
        return session

    def _part(self, session: _Session, epcs: tuple[bytes, ...], ended_us: int | None = None) -> CountBatch:
        rules = self._rules
        return CountBatch(
            site=rules.site,
            edge=rules.edge,
            session=session.id,
            zone=rules.zone,
            started_us=session.started_us,
            ended_us=ended_us,
            epcs=epcs,
            coverage=rules.coverage,
        )
