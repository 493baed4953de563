"""The edge's half of the delivery protocol, as a pure state machine: events and `now` in, orders out.

Theory of operation
-------------------
A *stream* is a random 128-bit id and a sequence 1, 2, 3 ... without holes. Rows come from the outbox, which has made
them durable before this machine hears of them. The machine keeps no bodies, only three marks for each stream:

    first_held          next                last
        |  in flight    |  not sent yet     |
    ----+---------------+-------------------+---->  seq
    acked and deleted

- **A row leaves the outbox only when an `Ack` of the gateway covers it** (or the outbox's cap evicts it). What the
  broker says (PUBACK) means nothing here: a broker forgets.
- **Ack**: `upto` moves `first_held`; a row in `rejected` is in the gateway's quarantine and as settled as any other. An
  Ack beyond what was sent is ignored. What an *earlier run* of the daemon sent is not known any more: all rows of its
  streams may have been, so an Ack settles those up to `last`, also one beyond it, which shows an outbox that was
  restored from a copy. An Ack behind `first_held` (a gateway restored from a backup) deletes nothing and, by
  `resend_from`, makes us send again what is still held; each message says `first_held`, so the gateway can
  name what is gone.
- **Resend**: rows in flight go out again after `RESEND_S` without progress, after a reconnect, and on `resend_from`
  (once in `REWIND_HOLD_S`, because a gateway answers each message behind a hole).
- **Streams**: a new one begins with each outbox file and each start (the constructor is given its id), and with each
  connect that finds a live backlog older than `LIVE_BACKLOG_S`. The newest stream is *live*, the others *drain*.
- **Live first**: the live stream has `LIVE_WINDOW_ROWS` to itself. All older streams share `DRAIN_WINDOW_ROWS`, oldest
  first, at most `DRAIN_STREAMS` at a time with equal parts; one that stalls goes to the end of the queue. Orders for
  the live stream stand first in every answer.
- **Eviction** moves `first_held` as an Ack would; the outbox itself writes the Gap row.

States: not connected (no orders to send are given) and connected. The clock is monotonic, in seconds.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from edge.limits import (
    DRAIN_STREAMS,
    DRAIN_WINDOW_ROWS,
    LIVE_BACKLOG_S,
    LIVE_WINDOW_ROWS,
    RESEND_S,
    REWIND_HOLD_S,
    STREAM_MEMORY,
)
from wire.limits import STREAM_BYTES
from wire.messages import Ack

_NEVER: Final = float("-inf")


class HeldRows(NamedTuple):
    """The rows of one stream that an outbox holds: `first` to `last`, without holes."""

    stream: bytes
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Send:
    """Publish the rows `first` to `last` of a stream; replaces what was ordered for this stream before."""

    stream: bytes
    first: int
    last: int
    first_held: int
    live: bool


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the rows of a stream up to and including `upto`: the gateway has them."""

    stream: bytes
    upto: int


@dataclass(frozen=True, slots=True)
class NewStream:
    """Rows stored from now on belong to this stream."""

    stream: bytes


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The gateway refused this row's content and keeps it in quarantine."""

    stream: bytes
    seq: int
    code: str


Order: TypeAlias = Send | Delete | NewStream | Quarantined


@dataclass(slots=True)
class Figures:
    """What happened since the start, for health and boards."""

    sent_rows: int = 0
    acked_rows: int = 0
    quarantined_rows: int = 0
    resends: int = 0
    rewinds: int = 0
    acks_beyond_sent: int = 0
    acks_unknown_stream: int = 0
    new_streams: int = 0


@dataclass(slots=True)
class _Stream:
    id: bytes
    first_held: int
    last: int
    next: int
    sent: int
    """The highest row that may have been sent: only rows up to here can be acked."""
    inherited: bool
    progress_s: float = _NEVER
    rewound_to: int = 0
    rewound_s: float = _NEVER

    @property
    def in_flight(self) -> int:
        return self.next - self.first_held

    @property
    def unsent(self) -> int:
        return self.last - self.next + 1

    @property
    def empty(self) -> bool:
        return self.first_held > self.last

    def settle(self, upto: int) -> None:
        """Rows up to `upto` are held no more."""
        self.first_held = max(self.first_held, upto + 1)
        self.next = max(self.next, self.first_held)

    def rewind(self, seq: int, now_s: float) -> None:
        self.next = max(self.first_held, seq)
        self.progress_s = now_s


class Delivery:
    """The delivery state of one edge. `held` are the streams of earlier runs, oldest first; `live` is a fresh id."""

    def __init__(self, live: bytes, held: Iterable[HeldRows] = ()) -> None:
        self.figures = Figures(new_streams=1)
        self.connected = False
        self._streams: dict[bytes, _Stream] = {}
        self._active: list[_Stream] = []
        self._waiting: deque[_Stream] = deque()
        self._ended: OrderedDict[bytes, int] = OrderedDict()
        for rows in held:
            assert 1 <= rows.first <= rows.last, rows
            old = _Stream(rows.stream, rows.first, rows.last, rows.first, sent=rows.last, inherited=True)
            self._streams[rows.stream] = old
            self._waiting.append(old)
        self._live = self._begin(live)

    @property
    def live(self) -> bytes:
        """The id of the stream that new rows belong to."""
        return self._live.id

    @property
    def streams(self) -> tuple[bytes, ...]:
        """All streams that hold rows, and the live one."""
        return tuple(self._streams)

    def held_rows(self) -> int:
        """Rows that wait for an Ack."""
        return sum(stream.last - stream.first_held + 1 for stream in self._streams.values())

    def first_held(self, stream: bytes) -> int | None:
        """Return the lowest sequence that a stream still holds; None for a stream that holds nothing any more."""
        found = self._streams.get(stream)
        return None if found is None or found.empty else found.first_held

    # -- events

    def stored(self, stream: bytes, first: int, last: int, now_s: float) -> list[Order]:
        """Rows `first` to `last` are durable now."""
        found = self._streams.get(stream)
        if found is None:  # they were on their way to the disk when their stream ended
            done = self._ended.pop(stream, 0)
            assert done == first - 1, f"stream {stream.hex()}: row {first} follows {done}"
            found = _Stream(stream, first, first - 1, first, sent=first - 1, inherited=False)
            self._streams[stream] = found
            self._waiting.append(found)
        assert first == found.last + 1, f"stream {stream.hex()}: row {first} follows {found.last}"
        found.last = last
        return self._pump(now_s)

    def evicted(self, stream: bytes, upto: int) -> None:
        """The outbox's cap removed the rows of a stream up to and including `upto`."""
        found = self._streams.get(stream)
        if found is not None:
            found.settle(upto)
            self._retire(found)

    def connect(self, now_s: float, fresh: bytes, live_backlog_s: float) -> list[Order]:
        """The uplink is up. `fresh` is the id of a new stream, used when the oldest live row is too old."""
        orders: list[Order] = []
        self.connected = True
        if live_backlog_s > LIVE_BACKLOG_S and not self._live.empty:
            self._waiting.append(self._live)
            self._live = self._begin(fresh)
            self.figures.new_streams += 1
            orders.append(NewStream(fresh))
        for stream in self._streams.values():
            stream.rewind(stream.first_held, now_s)
            stream.rewound_s = _NEVER
        return orders + self._pump(now_s)

    def disconnect(self) -> None:
        """The uplink is down: nothing is sent until `connect`."""
        self.connected = False

    def acked(self, ack: Ack, now_s: float) -> list[Order]:
        """The gateway answered."""
        found = self._streams.get(bytes.fromhex(ack.stream))
        if found is None:
            self.figures.acks_unknown_stream += 1
            return []
        upto = ack.upto
        if upto > found.sent:
            if not found.inherited:
                self.figures.acks_beyond_sent += 1
                return []
            upto = found.last
        orders: list[Order] = []
        if upto >= found.first_held:
            orders += self._quarantined(found, ack, upto)
            self.figures.acked_rows += upto - found.first_held + 1
            found.settle(upto)
            found.progress_s = now_s
            orders.append(Delete(found.id, upto))
            self._retire(found)
        if ack.resend_from is not None and not found.empty:
            self._resend_from(found, ack.resend_from, now_s)
        return orders + self._pump(now_s)

    def tick(self, now_s: float) -> list[Order]:
        """Look at the clock: about once a second."""
        if not self.connected:
            return []
        for stream in (self._live, *self._active):
            if stream.in_flight and now_s - stream.progress_s >= RESEND_S:
                self.figures.resends += 1
                stream.rewind(stream.first_held, now_s)
                if stream is not self._live:
                    self._active.remove(stream)
                    self._waiting.append(stream)
        return self._pump(now_s)

    # -- inside

    def _begin(self, stream: bytes) -> _Stream:
        assert len(stream) == STREAM_BYTES, f"stream id of {len(stream)} bytes"
        assert stream not in self._streams, f"stream id {stream.hex()} is in use: it must be random"
        fresh = self._streams[stream] = _Stream(stream, 1, 0, 1, sent=0, inherited=False)
        return fresh

    def _retire(self, stream: _Stream) -> None:
        """Forget a drained stream."""
        if not stream.empty or stream is self._live:
            return
        del self._streams[stream.id]
        if stream in self._active:
            self._active.remove(stream)
        else:
            self._waiting.remove(stream)
        self._ended[stream.id] = stream.last
        if len(self._ended) > STREAM_MEMORY:
            self._ended.popitem(last=False)

    def _quarantined(self, stream: _Stream, ack: Ack, upto: int) -> list[Order]:
        news = [one for one in ack.rejected if stream.first_held <= one.seq <= upto]
        self.figures.quarantined_rows += len(news)
        return [Quarantined(stream.id, one.seq, one.code) for one in news]

    def _resend_from(self, stream: _Stream, seq: int, now_s: float) -> None:
        target = max(seq, stream.first_held)
        if target >= stream.next:
            return  # will be sent anyway
        if target == stream.rewound_to and now_s - stream.rewound_s < REWIND_HOLD_S:
            return
        self.figures.rewinds += 1
        stream.rewind(target, now_s)
        stream.rewound_to, stream.rewound_s = target, now_s

    def _pump(self, now_s: float) -> list[Order]:
        """Fill the windows: the live one first."""
        if not self.connected:
            return []
        orders = self._take(self._live, LIVE_WINDOW_ROWS, now_s)
        while self._waiting and len(self._active) < DRAIN_STREAMS:
            self._active.append(self._waiting.popleft())
        for stream in self._active:
            orders += self._take(stream, DRAIN_WINDOW_ROWS // len(self._active), now_s)
        return orders

    def _take(self, stream: _Stream, window: int, now_s: float) -> list[Order]:
        rows = min(window - stream.in_flight, stream.unsent)
        if rows <= 0:
            return []
        if not stream.in_flight:
            stream.progress_s = now_s
        first, stream.next = stream.next, stream.next + rows
        stream.sent = max(stream.sent, stream.next - 1)
        self.figures.sent_rows += rows
        return [Send(stream.id, first, stream.next - 1, stream.first_held, stream is self._live)]
