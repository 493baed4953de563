"""READER_EVENT_NOTIFICATION: what a reader tells about itself (LLRP 1.1 section 14.2.6), as typed news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge.drivers.port import What
from edge.llrp.events import AntennaState, ReaderEvent, ReaderTime
from edge.llrp.limits import DETAIL_MAX_CHARS
from wire.llrp.tables.enumerations import AntennaEventType, ConnectionAttemptStatusType, ROSpecEventType

if TYPE_CHECKING:
    from wire.llrp.message import Message, Parameter

_ATTEMPT_TEXT: Final = {
    ConnectionAttemptStatusType.Failed_A_Reader_Initiated_Connection_Already_Exists: (
        "held by a client that the reader itself called"
    ),
    ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists: "held by another client",
    ConnectionAttemptStatusType.Failed_Reason_Other_Than_A_Connection_Already_Exists: "refused without a reason",
    ConnectionAttemptStatusType.Another_Connection_Attempted: "another client tried to connect",
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification. `attempt` is the status of a ConnectionAttemptEvent, None when there was none."""

    time: ReaderTime
    news: tuple[ReaderEvent | AntennaState, ...]
    attempt: int | None
    closing: bool
    started: bool
    """Our ROSpec began."""
    ended: str
    """Why our ROSpec ended; empty when it did not."""
    preempted: bool
    """It ended because another one took the reader."""


def attempt_text(status: int) -> str:
    """Return what a ConnectionAttemptEvent's status means, for people."""
    known = _ATTEMPT_TEXT.get(ConnectionAttemptStatusType(status)) if 0 < status <= len(_ATTEMPT_TEXT) else None
    return known or f"refused with status {status}"


def read_notification(message: Message, rospec_id: int) -> Notification:
    """Return what a READER_EVENT_NOTIFICATION says. Raises `MissingParameter` when it lacks what it must hold."""
    data = message.one("ReaderEventNotificationData")
    attempt = data.first("ConnectionAttemptEvent")
    status = attempt.number("Status") if attempt is not None else None
    utc = data.first("UTCTimestamp")
    stamp = utc if utc is not None else data.one("Uptime")
    event = data.first("ROSpecEvent")
    ours = event is not None and event.number("ROSpecID") == rospec_id
    kind = event.number("EventType") if event is not None and ours else None
    return Notification(
        time=ReaderTime(stamp.number("Microseconds"), uptime=utc is None, fresh=status is not None),
        news=tuple(_news(data)),
        attempt=status,
        closing=data.first("ConnectionCloseEvent") is not None,
        started=kind == ROSpecEventType.Start_Of_ROSpec,
        ended=_ended(event) if event is not None and ours else "",
        preempted=kind == ROSpecEventType.Preemption_Of_ROSpec,
    )


def _ended(event: Parameter) -> str:
    if event.number("EventType") == ROSpecEventType.Preemption_Of_ROSpec:
        return f"our ROSpec was preempted by ROSpec {event.number('PreemptingROSpecID')}"
    return "our ROSpec was ended" if event.number("EventType") == ROSpecEventType.End_Of_ROSpec else ""


def _news(data: Parameter) -> list[ReaderEvent | AntennaState]:
    news: list[ReaderEvent | AntennaState] = []
    antenna = data.first("AntennaEvent")
    if antenna is not None:
        connected = antenna.number("EventType") == AntennaEventType.Antenna_Connected
        news.append(AntennaState(antenna.number("AntennaID"), connected))
    if data.first("ReportBufferOverflowErrorEvent") is not None:
        news.append(ReaderEvent(What.READER_OVERFLOW))
    buffer = data.first("ReportBufferLevelWarningEvent")
    if buffer is not None:
        news.append(ReaderEvent(What.READER_BUFFER, detail=f"{buffer.number('ReportBufferPercentageFull')} %"))
    exception = data.first("ReaderExceptionEvent")
    if exception is not None:
        port = exception.first("AntennaID")
        news.append(
            ReaderEvent(
                What.READER_EXCEPTION,
                port=port.number("AntennaID") if port is not None else None,
                detail=exception.text("Message")[:DETAIL_MAX_CHARS],
            )
        )
    gpi = data.first("GPIEvent")
    if gpi is not None:
        level = "high" if gpi.number("GPIEvent") else "low"
        news.append(ReaderEvent(What.GPI, port=gpi.number("GPIPortNumber"), detail=level))
    attempt = data.first("ConnectionAttemptEvent")
    if attempt is not None and attempt.number("Status") == ConnectionAttemptStatusType.Another_Connection_Attempted:
        news.append(ReaderEvent(What.RIVAL, detail=attempt_text(attempt.number("Status"))))
    return news
