"""Server-sent events from bytes (WHATWG HTML, section 9.2). Pure, and indifferent to where the chunks break."""

from collections.abc import Iterator
from typing import Final

from lastunit.client.errors import ProtocolError

LINE_MAX_BYTES: Final = 1024 * 1024
"""An event has a few kilobytes; a peer that never ends a line is none of ours."""


class EventParser:
    """Server-sent events, bytes in, (id, event, data) out; `last_id` is where to resume (WHATWG HTML, 9.2.6)."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry_s: float | None = None
        self._id = ""
        self._rest = b""
        self._event = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, str, bytes]]:
        """Yield the events that `chunk` completes.

        Raises:
            ProtocolError: a line above `LINE_MAX_BYTES`.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_MAX_BYTES:
            raise ProtocolError(f"a line of the event stream is longer than {LINE_MAX_BYTES} bytes")
        for line in lines:
            text = line.removesuffix(b"\r")
            if text:
                self._field(text)
                continue
            # Only now: an id whose event was cut off must not count as seen. One without data counts.
            self.last_id = self._id or self.last_id
            event, data = self._event or "message", self._data
            self._event, self._data = "", []
            if data:
                yield self.last_id, event, b"\n".join(data)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id":
            self._id = value.decode()
        elif name == b"event":
            self._event = value.decode()
        elif name == b"retry" and value.isdigit():
            self.retry_s = int(value) / 1_000
