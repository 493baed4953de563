"""The two written forms of a change: a server-sent event (WHATWG HTML, section 9.2.6) and a line of NDJSON.

Pure: rows in, bytes out. A serial number names one item, whose place is nobody's business here: it is taken out of the
moves, once for all readers. Where single units went is for staff only: other readers get the event without its moves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.http.ports import ChangeRow
from gateway.stock_event import public_body

SSE: Final = "text/event-stream"
NDJSON: Final = "application/x-ndjson"

_decoder: Final = msgspec.json.Decoder(dict[str, Any])
_encoder: Final = msgspec.json.Encoder()


class Event(msgspec.Struct, frozen=True):
    """One change, encoded once for all its readers."""

    seq: int
    site: str
    sse: bytes
    line: bytes
    bare_sse: bytes  # without moves
    bare_line: bytes


@dataclass(frozen=True, slots=True)
class Reader:
    """What a reader may see: these sites (None: all), with moves or without; `still`: whether its key is still good."""

    sites: frozenset[str] | None = None
    moves: bool = True
    still: Callable[[], bool] = lambda: True

    def sees(self, site: str) -> bool:
        """Whether changes of this site are for this reader."""
        return self.sites is None or site in self.sites

    def sse(self, event: Event) -> bytes:
        """Return a server-sent event as this reader may have it."""
        return event.sse if self.moves else event.bare_sse

    def line(self, event: Event) -> bytes:
        """Return a line of NDJSON as this reader may have it."""
        return event.line if self.moves else event.bare_line


def without_serials(body: bytes) -> tuple[str, bytes]:
    """Return the change's kind, and its JSON in one line with the serials of its moves left out."""
    change = _decoder.decode(body)
    for move in change.get("moves", ()):
        move.pop("serial", None)
    return str(change.get("kind", "stock")), _encoder.encode(change)


def event_of(row: ChangeRow) -> Event:
    """Encode a relayed change."""
    kind, body = without_serials(row.body)
    bare = public_body(body)
    sse, line = _written(row.seq, kind, body)
    if bare is body:  # most changes of a busy day have moves; those that have none are held once
        return Event(row.seq, row.site, sse, line, sse, line)
    return Event(row.seq, row.site, sse, line, *_written(row.seq, kind, bare))


def _written(seq: int, kind: str, body: bytes) -> tuple[bytes, bytes]:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, kind.encode(), body), body + b"\n"


def opening(retry_ms: int, cursor: int) -> bytes:
    """First bytes of a stream: where it begins. A reader that breaks off before its first event resumes there."""
    return b"retry: %d\nid: %d\n: open\n\n" % (retry_ms, cursor)


def heartbeat(cursor: int) -> bytes:
    """Return a comment that keeps proxies awake, with the cursor.

    A reader of one site so resumes past the others' changes. An event without data is not dispatched, but its id
    becomes the last event id.
    """
    return b"id: %d\n: beat\n\n" % cursor
