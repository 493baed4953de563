"""Store and forward: joins the outbox, the delivery machine and the uplink.

Theory of operation
-------------------
The delivery machine decides (`edge.delivery`); this is its hands. Orders to send become one *wanted range* for each
stream: a new order extends the range or, when it begins inside or before it, replaces it. One task reads wanted rows
from the outbox and publishes them, the live stream's first. Rows of older streams wait while the transport holds more
than `DRAIN_BYTES`, so that a live row never stands behind a queue of old ones on a slow line.

Deletes gather and are done in one transaction. Nothing here is needed after a crash: the outbox and the gateway's acks
hold all that matters.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.delivery import Delete, Delivery, NewStream, Order, Quarantined, Send
from edge.drivers.port import Host
from edge.errors import OutboxUnavailable
from edge.limits import DRAIN_BYTES, INTAKE_RETRY_S, READ_MAX_ROWS
from edge.outage import Outage
from edge.outbox import Appended, StoredRow
from edge.outbox_thread import OutboxThread
from edge.uplink.port import Uplink
from wire.frame import Header, encode_frame
from wire.messages import Ack, Command

_TICK_S = 0.5


@dataclass(slots=True)
class _Wanted:
    """Rows of one stream that are to be published next."""

    first: int
    last: int
    live: bool


class Forwarder:
    """The delivery of one edge. `on_link` hears of each (re)connect, after its stream is settled, and of each loss."""

    def __init__(
        self,
        delivery: Delivery,
        outbox: OutboxThread,
        uplink: Uplink,
        host: Host,
        *,
        draw_stream: Callable[[], bytes],
        on_link: Callable[[bool], None],
        on_command: Callable[[Command], None],
        on_desired: Callable[[bytes], None] = lambda _payload: None,
        log: Any,
    ) -> None:
        self.delivery = delivery
        self._outbox = outbox
        self._uplink = uplink
        self._host = host
        self._draw_stream = draw_stream
        self._on_link = on_link
        self._command = on_command
        self._desired = on_desired
        self._log = log
        self._disk = Outage(log, "outbox_read")
        self._wanted: dict[bytes, _Wanted] = {}
        self._deletes: dict[bytes, int] = {}
        self._link_news = 0
        self._link_seen = 0
        self._kick = asyncio.Event()
        self._drained = asyncio.Event()

    # -- what the outbox tells

    def on_appended(self, appended: Appended) -> None:
        """Rows became durable, others were evicted."""
        for gone in appended.evicted:
            self._log.warning("outbox_evicted", stream=gone.stream.hex(), upto=gone.upto, rows=gone.rows)
            self.delivery.evicted(gone.stream, gone.upto)
        now_s = self._host.monotonic_s()
        self._drained.clear()
        self._obey(self.delivery.stored(appended.stream, appended.first, appended.last, now_s))

    # -- what the uplink tells

    def on_connected(self) -> None:
        """Settle the streams first: that asks the outbox, so the task does it."""
        self._link_news += 1
        self._kick.set()

    def on_disconnected(self, reason: str) -> None:  # noqa: ARG002 - the uplink has logged it
        """Stop sending."""
        self._link_news += 1
        self._link_seen = self._link_news
        self._wanted.clear()
        self.delivery.disconnect()
        self._on_link(False)

    def on_ack(self, ack: Ack) -> None:
        """Take the gateway's answer."""
        self._obey(self.delivery.acked(ack, self._host.monotonic_s()))

    def on_command(self, command: Command) -> None:
        """Pass it on."""
        self._command(command)

    def on_desired(self, payload: bytes) -> None:
        """Pass it on."""
        self._desired(payload)

    def on_room(self) -> None:
        """Go on with older streams."""
        self._kick.set()

    # -- the task

    async def run(self) -> None:
        """Forward until cancelled. What ends one half (sending, or the clock of resending) ends the other too.

        Raises that half's error itself, not a group: whoever started the daemon tells errors apart by their type.
        """
        try:
            async with asyncio.TaskGroup() as halves:
                halves.create_task(self._tick(), name="delivery tick")
                await self._send()
        except ExceptionGroup as both:
            raise both.exceptions[0] from None

    async def _send(self) -> None:
        while True:
            await self._kick.wait()
            self._kick.clear()
            try:
                await self._step()
                self._disk.back()
            except OutboxUnavailable as error:
                self._disk.broke(str(error))
                await asyncio.sleep(INTAKE_RETRY_S)
                self._kick.set()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until the gateway has everything; False when it does not in time."""
        if not self.delivery.held_rows():
            return True
        self._drained.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._drained.wait()
        return not self.delivery.held_rows()

    async def flush_deletes(self) -> None:
        """Do the deletes that gathered. Raises `OutboxUnavailable`; they are then done later, or again."""
        while self._deletes:
            deletes, self._deletes = self._deletes, {}
            try:
                await self._outbox.delete(deletes)
            except BaseException:  # also a cancellation: it may come before the thread began
                self._deletes = deletes | self._deletes
                raise

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._obey(self.delivery.tick(self._host.monotonic_s()))

    async def _step(self) -> None:
        if self._link_seen != self._link_news:
            await self._settle_link()
        while (choice := self._choose()) is not None:
            stream, wanted = choice
            first, last = wanted.first, min(wanted.last, wanted.first + READ_MAX_ROWS - 1)
            if not wanted.live:
                last = first  # one at a time: a live row may have come meanwhile
            rows = await self._outbox.read(stream, first, last)
            if self._wanted.get(stream) is not wanted or wanted.first != first:
                continue  # an answer came meanwhile and changed what is wanted
            self._publish(stream, wanted, rows, last)
        await self.flush_deletes()

    async def _settle_link(self) -> None:
        """A connect: find out how old the live backlog is, let the machine decide about streams, say who we are."""
        news = self._link_news
        oldest_us = await self._outbox.oldest_us(self.delivery.live)
        if news != self._link_news or not self._uplink.connected:
            return
        self._link_seen = news
        # Also a clock that was set back since must not hide a backlog.
        backlog_s = 0.0 if oldest_us is None else abs(self._host.wall_us() - oldest_us) / 1e6
        orders = self.delivery.connect(self._host.monotonic_s(), self._draw_stream(), backlog_s)
        self._on_link(True)
        self._obey(orders)

    def _choose(self) -> tuple[bytes, _Wanted] | None:
        """The live stream's rows, else the oldest other stream's while the transport has room."""
        if not self._uplink.connected:
            return None
        live = self._wanted.get(self.delivery.live)
        if live is not None:
            return self.delivery.live, live
        if self._uplink.held_bytes >= DRAIN_BYTES:
            return None
        return next(iter(self._wanted.items()), None)

    def _publish(self, stream: bytes, wanted: _Wanted, rows: list[StoredRow], last: int) -> None:
        for row in rows:
            first_held = self.delivery.first_held(stream)
            if first_held is None or row.seq < first_held:
                continue
            self._uplink.publish_data(encode_frame(Header(stream, row.seq, first_held), row.body))
        wanted.first = last + 1
        if wanted.first > wanted.last:
            del self._wanted[stream]
        elif not wanted.live:  # the next older stream has its turn
            self._wanted[stream] = self._wanted.pop(stream)

    def _obey(self, orders: list[Order]) -> None:
        for order in orders:
            if isinstance(order, Send):
                self._want(order)
            elif isinstance(order, Delete):
                self._deletes[order.stream] = max(order.upto, self._deletes.get(order.stream, 0))
            elif isinstance(order, NewStream):
                self._log.info("stream_begins", stream=order.stream.hex())
            else:
                self._say_quarantined(order)
        if not self.delivery.held_rows():
            self._drained.set()
        if orders:
            self._kick.set()

    def _want(self, order: Send) -> None:
        wanted = self._wanted.get(order.stream)
        if wanted is not None and order.first == wanted.last + 1:
            wanted.last = order.last
            wanted.live = order.live
        else:
            self._wanted[order.stream] = _Wanted(order.first, order.last, order.live)

    def _say_quarantined(self, order: Quarantined) -> None:
        self._log.error("row_quarantined", stream=order.stream.hex(), seq=order.seq, code=order.code)
