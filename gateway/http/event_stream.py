"""The two written forms of a change: a server-sent event (WHATWG HTML, section 9.2.6) and a line of NDJSON.

Pure: rows in, bytes out. A serial number names one item; without a staff scope its place is nobody's business, so it
is taken out of the moves here, once for all readers.
"""

from typing import Any, Final

import msgspec

from gateway.http.ports import ChangeRow

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


def without_serials(body: bytes) -> tuple[str, bytes]:
    """Return the change's kind, and its JSON in one line with the serials of its moves left out."""
    change = _decoder.decode(body)
    for move in change.get("moves", ()):
        move.pop("serial", None)
    return str(change.get("kind", "stock")), _encoder.encode(change)


def event_of(row: ChangeRow) -> Event:
    """Encode a relayed change."""
    kind, body = without_serials(row.body)
    sse = b"id: %d\nevent: %b\ndata: %b\n\n" % (row.seq, kind.encode(), body)
    return Event(row.seq, row.site, sse, body + b"\n")


def opening(retry_ms: int, cursor: int) -> bytes:
    """First bytes of a stream: where it begins. A reader that breaks off before its first event resumes there."""
    return b"retry: %d\nid: %d\n: open\n\n" % (retry_ms, cursor)


def heartbeat(cursor: int) -> bytes:
    """Return a comment that keeps proxies awake, with the cursor.

    A reader of one site so resumes past the others' changes. An event without data is not dispatched, but its id
    becomes the last event id.
    """
    return b"id: %d\n: beat\n\n" % cursor
