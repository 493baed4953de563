"""READER_EVENT_NOTIFICATION: what a reader says of itself (LLRP 1.1 section 14.2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.llrp.message import message, param
from wire.llrp.tables.enumerations import AISpecEventType, AntennaEventType, ROSpecEventType

if TYPE_CHECKING:
    from wire.llrp.message import Message, Parameter
    from wire.llrp.tables.enumerations import ConnectionAttemptStatusType


def notification(event: Parameter, at_us: int, boot_us: int | None, version: int = 1) -> Message:
    """Return the message that carries an event; `boot_us` for a reader that has no UTC clock. Its id is 0."""
    if boot_us is None:
        stamp = param("UTCTimestamp", Microseconds=at_us)
    else:
        stamp = param("Uptime", Microseconds=at_us - boot_us)
    data = param("ReaderEventNotificationData", stamp, event)
    return message("READER_EVENT_NOTIFICATION", 0, data, version=version)


def connection_attempt(status: ConnectionAttemptStatusType) -> Parameter:
    """Return how a connection attempt went."""
    return param("ConnectionAttemptEvent", Status=status)


def connection_close() -> Parameter:
    """Return that the reader is about to close the connection."""
    return param("ConnectionCloseEvent")


def rospec_event(kind: ROSpecEventType, rospec_id: int, preempting: int = 0) -> Parameter:
    """Return that a ROSpec began, ended or was preempted."""
    return param("ROSpecEvent", EventType=kind, ROSpecID=rospec_id, PreemptingROSpecID=preempting)


def aispec_end(rospec_id: int, spec_index: int) -> Parameter:
    """Return that an AISpec ended."""
    return param("AISpecEvent", EventType=AISpecEventType.End_Of_AISpec, ROSpecID=rospec_id, SpecIndex=spec_index)


def antenna_event(port: int, *, connected: bool) -> Parameter:
    """Return that an antenna was plugged in or lost."""
    kind = AntennaEventType.Antenna_Connected if connected else AntennaEventType.Antenna_Disconnected
    return param("AntennaEvent", EventType=kind, AntennaID=port)


def gpi_event(port: int, *, high: bool) -> Parameter:
    """Return that an input changed its level."""
    return param("GPIEvent", GPIPortNumber=port, GPIEvent=high)


def fill_warning(percent: int) -> Parameter:
    """Return how full the report buffer is."""
    return param("ReportBufferLevelWarningEvent", ReportBufferPercentageFull=percent)


def overflow() -> Parameter:
    """Return that reports were lost because the buffer was full."""
    return param("ReportBufferOverflowErrorEvent")


def exception(text: str) -> Parameter:
    """Return that something in the reader went wrong."""
    return param("ReaderExceptionEvent", Message=text)
