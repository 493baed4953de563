"""One LLRP connection to one reader, as a pure state machine: bytes and times in, bytes and news out.

Theory of operation. The owner feeds what it received (`receive`), the passing of time (`tick`, at `deadline`) and the
end of the link (`link_closed`); it sends what `take` holds and acts on the events returned. The states and what leads
from one to the next stand in `edge.llrp.transitions`; this file says which request each state sends, what is read out
of its answer, and what becomes of everything that comes unasked:

- tag reports are handed out as they come, in every state: those that a reader held back while nobody listened are as
  true as fresh ones. Parameters that a reader leaves out because they did not change are filled in from the one before.
- a KEEPALIVE is acknowledged at once, and shows that the reader lives.
- a message that cannot be decoded costs itself only; what the tables do not know is stepped over. Both are counted. A
  length that cannot be costs the connection, because nothing after it can be trusted.
- an answer counts by its message id and its name: a late one of an abandoned request means nothing.

*Up* means that the ROSpec was read back, was started, and that a report or keepalive came after. Where the reader
starts it by a schedule of its own (`edge.llrp.schedule`), enabled is enough; ports inventory then only from the event
of its start to that of its end. A reader from which nothing came for 2.5 keepalive periods is lost, even if its socket
is open; before keepalives are agreed, each request has its own time limit.

We speak version 1 (LLRP 1.0.1), which a 1.1 reader must accept from a client that does not negotiate: what stock needs
is the same in both. Version 2 (LLRP 1.1) is agreed on (LLRP 1.1 section 9.1) where the owner wants it, or where the
reader greets with it. A reader that has no such version denies the question, and nothing is lost.

A session serves one connection; the next one begins with a new session. Pure: monotonic seconds are passed in, nothing
is awaited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge.drivers.port import What
from edge.llrp.dialogue import NEWEST_VERSION, NO_WISHES, Dialogue
from edge.llrp.events import AntennaState, BadMessage, Left, Lost, ReaderEvent, Refused, Reports, Up
from edge.llrp.limits import DETAIL_MAX_CHARS, LEAVE_TIMEOUT_S, REQUEST_TIMEOUT_S, WATCHDOG_KEEPALIVES
from edge.llrp.notification import attempt_text, read_notification
from edge.llrp.rospec import ROSPEC_ID
from edge.llrp.transitions import ENDS, Signal, State, after
from wire.llrp.codec import decode, encode
from wire.llrp.errors import DecodeError, EncodeError, FramingError
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.message import Message, message
from wire.llrp.tables import MESSAGES, response_to
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType, StatusCode
from wire.llrp.tag_report import ReportMemory, decode_tag_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.llrp.capabilities import Capabilities
    from edge.llrp.dialogue import Wishes
    from edge.llrp.events import Event
    from firmware_config.profile import Profile
    from firmware_config.render import AntennaAsk
    from wire.llrp.tag_report import TagReport

_REPORT: Final = MESSAGES["RO_ACCESS_REPORT"].number
_KEEPALIVE: Final = MESSAGES["KEEPALIVE"].number
_KEEPALIVE_ACK: Final = MESSAGES["KEEPALIVE_ACK"].number
_LEAVING: Final = frozenset({State.STOPPING, State.DELETING, State.LEAVING})
_RUNNING: Final = frozenset({State.PROVING, State.UP})
_NO_START: Final = "tags are read and the reader never told that the ROSpec began: nothing counts as looked at"
_PASSED_OVER: Final = frozenset({State.READING_INPUTS, State.STARTING})
"""States that some schedules have nothing to ask in."""
_NEGOTIATING: Final = frozenset({State.ASKING_VERSION, State.SETTING_VERSION})
_PROVING_KEEPALIVES: Final = 3
"""A reader that runs our ROSpec gives its first keepalive after one period."""


@dataclass(slots=True)
class Counters:
    """What went through one session."""

    messages: int = 0
    reports: int = 0
    tags: int = 0
    keepalives: int = 0
    bad: int = 0
    unknown: int = 0
    """Parameters and messages that the tables do not know."""
    unasked: int = 0
    """Answers to nothing that was asked."""


class Session:
    """One connection.

    Args:
        profile_for: gives what a reader of a vendor (IANA private enterprise number) should be made to do.
        asks: the antennas, in the order in which they take turns.
        keepalive_ms: how often the reader shall say that it lives.
        negotiate: whether LLRP 1.1 shall be agreed on; None: where the reader greets with it.
        wishes: when to inventory, and which tags at all.
    """

    def __init__(
        self,
        profile_for: Callable[[int], Profile],
        asks: Sequence[AntennaAsk],
        keepalive_ms: int,
        *,
        negotiate: bool | None = None,
        wishes: Wishes = NO_WISHES,
    ) -> None:
        self.state = State.CLOSED
        self.counters = Counters()
        self.inventorying: tuple[int, ...] = ()
        """Ports that take turns right now. A new tuple whenever that changes."""
        self.failed_negotiating = False
        """The connection was lost over the question of its version: better not to ask the next time."""
        self._negotiate = negotiate
        self._dialogue = Dialogue(profile_for, asks, keepalive_ms, wishes)
        self._proving_s = _PROVING_KEEPALIVES * keepalive_ms / 1_000
        self._watchdog_s = WATCHDOG_KEEPALIVES * keepalive_ms / 1_000
        self._framer = Framer()
        self._memory = ReportMemory()
        self._out = bytearray()
        self._unplugged: set[int] = set()
        self._last_id = 0
        self._asked = ""
        self._asked_id = 0
        self._answer_by_s: float | None = None
        self._guarded = False
        self.heard_s = 0.0
        """When the newest whole message came."""

    @property
    def able(self) -> Capabilities | None:
        """What the reader can do, once it said so."""
        return self._dialogue.able

    @property
    def version(self) -> int:
        """The protocol version that the connection speaks: 1 is LLRP 1.0.1, 2 is LLRP 1.1."""
        return self._dialogue.version

    # -- what the owner calls

    def connected(self, now_s: float) -> None:
        """Say that the transport is open: the reader speaks first."""
        self.heard_s = now_s
        self._signal(Signal.CONNECTED, "", now_s, [])

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take bytes that arrived at `now_s`, return what they mean."""
        events: list[Event] = []
        if self.state in ENDS:
            return events
        broken = ""
        try:
            messages = self._framer.feed(data)
        except FramingError as fault:
            messages, broken = fault.messages, str(fault)
        if messages:
            self.heard_s = now_s
            self._messages(messages, now_s, events)
        if broken:
            self.counters.bad += 1
            events.append(BadMessage(broken))
            self._signal(Signal.BROKEN, broken, now_s, events)
        return events

    def tick(self, now_s: float) -> list[Event]:
        """Look at the clock: call it at `deadline` or later (earlier does no harm)."""
        events: list[Event] = []
        if self._answer_by_s is not None and now_s >= self._answer_by_s:
            reason = f"no answer to {self._asked} in time" if self._asked else "no sign of life"
            self._signal(Signal.TIMED_OUT, reason, now_s, events)
        elif self._guarded and self.state not in ENDS and now_s >= self.heard_s + self._watchdog_s:
            self._signal(Signal.TIMED_OUT, f"silent for {now_s - self.heard_s:.1f} s", now_s, events)
        return events

    def deadline(self) -> float | None:
        """Return when `tick` must be called at the latest; None at an end."""
        if self.state in ENDS:
            return None
        watch_s = self.heard_s + self._watchdog_s if self._guarded else None
        known = [at_s for at_s in (self._answer_by_s, watch_s) if at_s is not None]
        return min(known, default=None)

    def link_closed(self, reason: str, now_s: float) -> list[Event]:
        """Say that the transport is gone."""
        events: list[Event] = []
        self._signal(Signal.LINK_CLOSED, reason, now_s, events)
        return events

    def leave(self, now_s: float) -> list[Event]:
        """Begin to say goodbye: stop and delete the ROSpec, close. `Left` follows, here or later."""
        events: list[Event] = []
        self._signal(Signal.LEAVE, "", now_s, events)
        return events

    def antenna_works(self, port: int) -> None:
        """Say that a port reads tags, whatever the reader says about its plug."""
        self._plugged(AntennaState(port, connected=True))

    def take(self) -> bytes:
        """Return the bytes that wait to be sent, and forget them."""
        out = bytes(self._out)
        self._out.clear()
        return out

    # -- messages

    def _messages(self, messages: list[RawMessage], now_s: float, events: list[Event]) -> None:
        tags: list[TagReport] = []
        for raw in messages:
            if self.state in ENDS:
                break
            self.counters.messages += 1
            if raw.type == _REPORT:
                tags += self._reports(raw, events)
                if self.state is State.PROVING:
                    self._signal(Signal.ALIVE, "", now_s, events)
            elif raw.type == _KEEPALIVE:
                self.counters.keepalives += 1
                self._out += RawMessage(raw.version, _KEEPALIVE_ACK, raw.message_id, b"").to_bytes()
                self._signal(Signal.ALIVE, "", now_s, events)
            else:
                tags = self._hand_out(tags, events)
                self._other(raw, now_s, events)
        self._hand_out(tags, events)

    def _hand_out(self, tags: list[TagReport], events: list[Event]) -> list[TagReport]:
        """Put the tags collected so far before what comes next: events stand in the order of the wire."""
        if not tags:
            return tags
        self.counters.tags += len(tags)
        events.append(Reports(tags))
        if self.state is State.UP and self._dialogue.start_is_missed():
            events.append(ReaderEvent(What.CONFIG_DIFFERS, detail=_NO_START))
        return []

    def _reports(self, raw: RawMessage, events: list[Event]) -> list[TagReport]:
        decoded = decode_tag_reports(raw.body, self._memory)
        self.counters.reports += 1
        self.counters.unknown += decoded.other_count
        if decoded.fault_count:
            self.counters.bad += decoded.fault_count
            events.append(BadMessage(f"RO_ACCESS_REPORT: {decoded.faults[0]}", decoded.fault_count))
        return decoded.reports

    def _other(self, raw: RawMessage, now_s: float, events: list[Event]) -> None:
        try:
            msg = decode(raw)
            self.counters.unknown += msg.unknown_count() + (msg.name == "Unknown")
            if msg.name == "READER_EVENT_NOTIFICATION":
                self._notification(msg, now_s, events)
            elif (
                self._asked
                and msg.message_id == self._asked_id
                and msg.name
                in {
                    response_to(self._asked),
                    "ERROR_MESSAGE",
                }
            ):
                self._answer(msg, now_s, events)
            else:
                self.counters.unasked += 1
        except DecodeError as fault:
            self.counters.bad += 1
            events.append(BadMessage(str(fault)))

    def _notification(self, msg: Message, now_s: float, events: list[Event]) -> None:
        told = read_notification(msg, ROSPEC_ID)
        events.append(told.time)
        for news in told.news:
            if isinstance(news, AntennaState):
                self._plugged(news)
            events.append(news)
        if told.attempt == ConnectionAttemptStatusType.Success:
            self._signal(self._greeting(msg.version), "", now_s, events)
        elif told.attempt is not None and self.state is State.GREETING:
            events.append(Refused(told.attempt, attempt_text(told.attempt)))
            self._signal(Signal.TURNED_AWAY, "", now_s, events)
        if told.started or told.ended:
            self._dialogue.rospec_event(started=told.started)
            self._look()
        if told.preempted or (told.ended and self._dialogue.by_command):
            self._signal(Signal.ENDED, told.ended, now_s, events)
        if told.closing:
            self._signal(Signal.LINK_CLOSED, "the reader closed the connection", now_s, events)

    def _greeting(self, version: int) -> Signal:
        """Return what a greeting under this version leads to."""
        if self._negotiate is False or self.state is not State.GREETING:
            return Signal.GREETED
        newer = version >= NEWEST_VERSION
        if newer:  # it began with it by itself: it stands even if the reader does not know how to agree on it
            self._dialogue.version = NEWEST_VERSION
        return Signal.GREETED_TO_NEGOTIATE if newer or self._negotiate else Signal.GREETED

    def _answer(self, msg: Message, now_s: float, events: list[Event]) -> None:
        status = msg.one("LLRPStatus")
        code = status.number("StatusCode")
        if code != StatusCode.M_Success or msg.name == "ERROR_MESSAGE":
            text = status.text("ErrorDescription")[:DETAIL_MAX_CHARS]
            name = code.name if isinstance(code, StatusCode) else str(int(code))
            self._signal(Signal.DENIED, f"{self._asked} was denied: {name} {text!r}", now_s, events)
            return
        signal, reason, news = self._dialogue.accept(self.state, msg)
        for event in news:
            if isinstance(event, AntennaState):
                self._plugged(event)
            events.append(event)
        self._before_leaving(self.state)
        self._signal(signal, reason, now_s, events)

    def _before_leaving(self, answered: State) -> None:
        """Do what an answer allows, before the next request goes out."""
        if answered is State.CONFIGURING:
            self._guarded = True
        elif answered is State.VERIFYING:  # from here on reports are our ROSpec's
            self._memory.reset()
            self._dialogue.rospec_event(started=False)
        if self._dialogue.releases_held(answered):
            self._out += encode(self._dialogue.stamped(message("ENABLE_EVENTS_AND_REPORTS", self._new_id())))

    # -- state

    def _signal(self, signal: Signal, reason: str, now_s: float, events: list[Event]) -> None:
        new = after(self.state, signal)
        if new is self.state:
            return
        was, self.state = self.state, new
        self.failed_negotiating = new is State.FAILED and was in _NEGOTIATING
        self._asked, self._answer_by_s = "", None
        self._look()
        request = self._dialogue.request(new, self._new_id())
        if request is not None:
            self._ask(request, now_s, events)
        elif new in _PASSED_OVER:
            self._signal(Signal.ANSWERED, "", now_s, events)
        elif new is State.GREETING:
            self._answer_by_s = now_s + REQUEST_TIMEOUT_S
        elif new is State.PROVING:
            self._answer_by_s = now_s + self._proving_s
        elif new is State.UP:
            events.append(Up())
        elif new is State.LEFT:
            events.append(Left())
        elif new is State.FAILED:
            events.append(Lost(f"{reason} (while {_doing(was)})"))

    def _ask(self, request: Message, now_s: float, events: list[Event]) -> None:
        try:
            self._out += encode(request)
        except EncodeError as error:
            self._signal(Signal.IMPOSSIBLE, f"{request.name} cannot be said: {error}", now_s, events)
            return
        self._asked, self._asked_id = request.name, request.message_id
        self._answer_by_s = now_s + (LEAVE_TIMEOUT_S if self.state in _LEAVING else REQUEST_TIMEOUT_S)

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _plugged(self, antenna: AntennaState) -> None:
        (self._unplugged.discard if antenna.connected else self._unplugged.add)(antenna.port)
        self._look()

    def _look(self) -> None:
        runs = self.state in _RUNNING and (self._dialogue.by_command or self._dialogue.running)
        ports = self._dialogue.ports() if runs else ()
        looking = tuple(port for port in ports if port not in self._unplugged)
        if looking != self.inventorying:
            self.inventorying = looking


def _doing(state: State) -> str:
    return state.name.lower().replace("_", " ")
