"""The two written forms of a change: a server-sent event (WHATWG HTML, section 9.2.6) and a line of NDJSON.

Pure: rows in, bytes out. What a reader may see of a change is a matter of its key: which sites, single units that moved
(for staff only, and never their serials), and how many units its channel may sell (`gateway.push.rendering`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.availability import Policy
from gateway.http.ports import ChangeRow
from gateway.push.rendering import Rendered, Renderings, hears, view_of
from gateway.push.thresholds import Crossings

SSE: Final = "text/event-stream"
NDJSON: Final = "application/x-ndjson"

DEFAULT: Final = Policy()


class Event(msgspec.Struct, frozen=True):
    """One change as a reader gets it."""

    seq: int
    site: str
    sse: bytes
    line: bytes


@dataclass(frozen=True, slots=True)
class Reader:
    """What a reader may see: these sites (None: all), with moves or without, its channel's figures and `orders`.

    Who sees moves is staff, and sees the orders of all channels. `still`: whether its key is still good. `crossings`:
    which events pass its thresholds; it remembers what it let through, so each reader has its own. `renderings` are
    shared.
    """

    sites: frozenset[str] | None = None
    moves: bool = True
    still: Callable[[], bool] = lambda: True
    policy: Policy = DEFAULT
    crossings: Crossings = field(default_factory=Crossings)
    renderings: Renderings = field(default_factory=Renderings)
    orders: bool = False

    def sees(self, site: str) -> bool:
        """Whether changes of this site are for this reader."""
        return self.sites is None or site in self.sites

    @property
    def passes_over(self) -> bool:
        """Whether some changes are not for this reader."""
        return self.sites is not None or bool(self.crossings.thresholds) or not self.moves

    def take(self, row: ChangeRow) -> Event | None:
        """Return a change as this reader gets it; None when it is not for it."""
        if not self.sees(row.site):
            return None
        found = self.renderings.of(row, view_of(self.policy, moves=self.moves))
        if not hears(found, self.policy, orders=self.orders, staff=self.moves):
            return None
        return event_of(found) if self.crossings.passes(row.site, row.gtin, found.atp) else None


def event_of(rendered: Rendered) -> Event:
    """Write a rendered change in both forms."""
    sse = b"id: %d\nevent: %b\ndata: %b\n\n" % (rendered.seq, rendered.kind.encode(), rendered.body)
    return Event(rendered.seq, rendered.site, sse, rendered.body + b"\n")


def opening(retry_ms: int, cursor: int) -> bytes:
    """First bytes of a stream: where it begins. A reader that breaks off before its first event resumes there."""
    return b"retry: %d\nid: %d\n: open\n\n" % (retry_ms, cursor)


def heartbeat(cursor: int) -> bytes:
    """Return a comment that keeps proxies awake, with the cursor.

    A reader of one site so resumes past the others' changes. An event without data is not dispatched, but its id
    becomes the last event id.
    """
    return b"id: %d\n: beat\n\n" % cursor
