"""One connection under one session: bytes in, bytes out, and the session's deadlines. Nothing is decided here.

Theory of operation. An asyncio protocol: every chunk goes to the session as it comes and what the session wants to say
goes out at once; one timer stands at the session's deadline. Everything runs in callbacks on the loop's thread, so
there is no task to leak and no lock. `closed` is resolved once, when the socket is gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from edge.llrp.limits import CONNECT_TIMEOUT_S, LEAVE_TIMEOUT_S, SEND_BUFFER_MAX_BYTES
from edge.llrp.transitions import ENDS, State
from edge.tls import HANDSHAKE_TIMEOUT_S, tls_problem

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from edge.llrp.events import Event
    from edge.llrp.session import Session
    from edge.tls import TlsSettings


class Connection(asyncio.Protocol):
    """Carries a session over TCP.

    Args:
        session: a new one.
        on_events: gets what the session tells, in order; also called with an empty list when only bytes came.
        monotonic_s: the clock of the session.
    """

    def __init__(
        self,
        session: Session,
        on_events: Callable[[Sequence[Event]], None],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.session = session
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._on_events = on_events
        self._monotonic_s = monotonic_s
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over_tls = False

    # -- what the owner calls

    def leave(self) -> None:
        """Begin to say goodbye; `closed` follows."""
        if self._transport is not None:
            self._after(self.session.leave(self._monotonic_s()))

    def abort(self) -> None:
        """Drop the connection now."""
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._over_tls = transport.get_extra_info("ssl_object") is not None
        self.session.connected(self._monotonic_s())
        self._after([])

    def data_received(self, data: bytes) -> None:
        """Feed the session."""
        self._after(self.session.receive(data, self._monotonic_s()))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session: whatever state it was in."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        try:
            self._on_events(self.session.link_closed(self._why(exc), self._monotonic_s()))
        finally:
            self.closed.set_result(None)

    def _why(self, exc: Exception | None) -> str:
        """Return why the connection was lost. With TLS 1.3 a server turns a client down after our handshake is done."""
        if exc is not None:
            return f"connection lost: {tls_problem(exc) or exc}"
        if self._over_tls and self.session.state is State.GREETING:
            return "the reader hung up after the handshake (cert_file, key_file: does it want our certificate?)"
        return "the reader hung up"

    # -- after every input

    def _after(self, events: Sequence[Event]) -> None:
        transport = self._transport
        assert transport is not None
        out = self.session.take()
        if out:
            transport.write(out)
        self._on_events(events)
        if transport.is_closing():
            return
        if self.session.state in ENDS:
            self._close(transport)
        elif transport.get_write_buffer_size() > SEND_BUFFER_MAX_BYTES:
            self._on_events(self.session.link_closed("the reader does not read what we say", self._monotonic_s()))
            transport.abort()
        else:
            self._set_timer()

    def _close(self, transport: asyncio.Transport) -> None:
        """Let the last words go out, but not wait for a peer that does not take them."""
        if self._timer is not None:
            self._timer.cancel()
        transport.close()
        self._timer = self._loop.call_later(LEAVE_TIMEOUT_S, transport.abort)

    def _set_timer(self) -> None:
        """Let one timer stand at or before the deadline; one that rings early finds out and is set again."""
        deadline_s = self.session.deadline()
        if deadline_s is None:
            return
        in_s = max(0.0, deadline_s - self._monotonic_s())
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + in_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(in_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._transport is None or self._transport.is_closing():
            return
        try:
            self._after(self.session.tick(self._monotonic_s()))
        except BaseException:
            # asyncio drops a connection whose `data_received` raises; a timer's callback must do so itself.
            self._transport.abort()
            raise


async def connect(host: str, port: int, make: Callable[[], Connection], tls: TlsSettings | None = None) -> Connection:
    """Open a connection to a reader.

    Raises:
        OSError: nobody answers (`TimeoutError` is one), or TLS does not come about (`ssl.SSLError` is one).
        TlsError: a file of `tls` cannot be used.
    """
    loop = asyncio.get_running_loop()
    if tls is None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(make, host, port)
        return connection
    async with asyncio.timeout(CONNECT_TIMEOUT_S + HANDSHAKE_TIMEOUT_S):
        _, connection = await loop.create_connection(
            make,
            host,
            port,
            ssl=tls.client_context(),
            server_hostname=tls.name(host),
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
        )
    return connection


async def accept(caller: socket.socket, make: Callable[[], Connection], tls: TlsSettings | None = None) -> Connection:
    """Carry on a connection that a reader opened. Raises what `connect` raises; the socket is closed then."""
    loop = asyncio.get_running_loop()
    try:
        if tls is None:
            _, connection = await loop.connect_accepted_socket(make, caller)
        else:
            _, connection = await loop.connect_accepted_socket(
                make, caller, ssl=tls.server_context(), ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S
            )
    except BaseException:
        caller.close()
        raise
    return connection
