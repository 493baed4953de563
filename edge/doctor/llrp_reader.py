"""An LLRP reader: does it greet us, or who holds it? Nothing is configured, and a reader at work is not disturbed."""

import asyncio
from contextlib import suppress
from typing import Final

from edge.doctor.finding import Finding, bad, doubtful, well
from edge.doctor.network import reach
from edge.llrp.approach import LLRP_PORT, LLRP_TLS_PORT
from edge.llrp.notification import Notification, attempt_text, read_notification
from edge.llrp.rospec import ROSPEC_ID
from edge.tls import TlsError, tls_problem, tls_settings
from wire.llrp.codec import decode, encode
from wire.llrp.errors import LlrpError
from wire.llrp.framer import Framer
from wire.llrp.message import message
from wire.llrp.tables import MESSAGES
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType
from wire.site import Device

GREETING_S: Final = 10.0
"""A reader under load takes seconds; the driver waits as long."""
LEAVE_S: Final = 2.0
_NOTIFICATION: Final = MESSAGES["READER_EVENT_NOTIFICATION"].number
_HELD: Final = frozenset(
    {
        ConnectionAttemptStatusType.Failed_A_Reader_Initiated_Connection_Already_Exists,
        ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists,
    }
)


async def check_reader(device: Device, *, daemon_runs: bool) -> list[Finding]:
    """Connect, hear the greeting, leave. `daemon_runs`: a daemon of this box may be who holds the reader.

    One connection for all of it: a reader takes some time to forget the one before, and would refuse a second.
    """
    host, port = device.host_port(LLRP_TLS_PORT if device.options.get("tls") else LLRP_PORT)
    findings, streams = await reach(device.id, host, port, "LLRP")
    if streams is None:
        return findings
    reader, writer = streams
    try:
        return [*findings, await _hear(device, host, reader, writer, daemon_runs=daemon_runs)]
    finally:
        writer.transport.abort()


async def _hear(
    device: Device, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, daemon_runs: bool
) -> Finding:
    try:
        settings = tls_settings(device)
        async with asyncio.timeout(GREETING_S):
            if settings is not None:
                await writer.start_tls(settings.client_context(), server_hostname=settings.name(host))
            greeting, version = await _greeting(reader)
        if greeting.attempt == ConnectionAttemptStatusType.Success:
            await _leave(reader, writer)
        return _judged(device.id, greeting, version, daemon_runs=daemon_runs)
    except TlsError as error:
        return bad(device.id, "tls", str(error), "mend the site file or the file that it names")
    except TimeoutError:
        do = "is it an LLRP port (5084, with TLS 5085)? Else restart the reader's LLRP service"
        return bad(device.id, "llrp", f"it accepts the connection and says nothing for {GREETING_S:g} s", do)
    except (EOFError, OSError) as error:
        if said := tls_problem(error):
            return bad(device.id, "tls", said, "mend the TLS settings of the site file, or those of the reader")
        do = "its LLRP service is not well, or it does not let this address in: look at its web page"
        return bad(device.id, "llrp", "it closes the connection without a greeting", do)
    except LlrpError as error:
        return bad(device.id, "llrp", f"it does not speak LLRP: {error}", "is the port right?")


async def _leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say goodbye, so that the reader is free for the next client at once."""
    writer.write(encode(message("CLOSE_CONNECTION", 1)))
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(LEAVE_S):
            await writer.drain()
            while await reader.read(4_096):  # its answer, then its end
                pass


async def _greeting(reader: asyncio.StreamReader) -> tuple[Notification, int]:
    """Return the first notification that speaks of the connection. Raises `EOFError`, `LlrpError`."""
    framer = Framer()
    while True:
        data = await reader.read(4_096)
        if not data:
            raise EOFError
        for raw in framer.feed(data):
            if raw.type == _NOTIFICATION:
                notification = read_notification(decode(raw), ROSPEC_ID)
                if notification.attempt is not None:
                    return notification, raw.version


def _judged(device: str, greeting: Notification, version: int, *, daemon_runs: bool) -> Finding:
    status = greeting.attempt or 0
    if status == ConnectionAttemptStatusType.Success:
        spoken = {1: "1.0.1", 2: "1.1"}.get(version, f"version {version}")
        return well(device, "llrp", f"it greets us and is free (LLRP {spoken})")
    text = attempt_text(status)
    if status in _HELD and daemon_runs:
        do = "a daemon of this box runs: most likely it is the holder, and all is well (docs/edge.md, health)"
        return doubtful(device, "llrp", text, do)
    do = "stop the other program; a reader keeps the place of a client that died for a while, or until its restart"
    return bad(device, "llrp", text, do)
