"""One LLRP reader, as a state machine: bytes, sightings and time in; bytes to send out. No socket, no clock.

Theory of operation. A reader outlives its connections. `connect` greets a client, `receive` takes its bytes, `tick`
lets time pass (call it when `deadline_us` is reached), `observe` is what the antennas see, `disconnected` says that
the client is gone; ROSpecs go on running then, and reports wait in the buffer. Each of them returns effects in order:
bytes to send, or that the connection is to be closed. `now_us` is UTC in microseconds and never runs backwards.

A request is held against the standard (`wire.llrp.check`), then against this model (`simulator.reader.verbs`); both
kinds of refusal are an LLRPStatus in the response, the connection lives on. A message that a reader does not know
gets an ERROR_MESSAGE. Only a length that cannot be ends the connection, since what follows cannot be read any more.

Events and reports are sent in the order in which they happen, unless they have to wait: while no client is there,
while the client wants them held after its reconnect (until ENABLE_EVENTS_AND_REPORTS), or while it does not take our
bytes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulator.reader import notification as notes
from simulator.reader.air_filter import takes_part
from simulator.reader.counters import Counters
from simulator.reader.engine import Happening
from simulator.reader.inventory import looking_of
from simulator.reader.limits import MAX_COMMAND_BYTES, MAX_HEARD, MAX_HELD_EVENTS, UNANSWERED_KEEPALIVES_MAX
from simulator.reader.outgoing import FIRST_VERSION, Close, Effect, Outgoing, Send
from simulator.reader.report import Reporter, read_rule
from simulator.reader.status import RefusedError, of_fault, status
from simulator.reader.verbs import Verbs
from wire.llrp.check import check
from wire.llrp.codec import decode, encode
from wire.llrp.errors import DecodeError, FramingError
from wire.llrp.framer import Framer
from wire.llrp.message import message
from wire.llrp.tables import MESSAGES, MESSAGES_BY_TYPE
from wire.llrp.tables.enumerations import (
    ConnectionAttemptStatusType,
    NotificationEventType,
    ROSpecEventType,
    StatusCode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.reader.engine import RoEvent
    from simulator.reader.persona import Persona
    from simulator.reader.report import ReportRule
    from simulator.reader.rospec import RoPlan
    from simulator.reader.sighting import Looking, Sighting
    from wire.llrp.framer import RawMessage
    from wire.llrp.message import Message, Parameter

_MS_US = 1_000
_ENDING = {"STOP_ROSPEC", "DISABLE_ROSPEC", "DELETE_ROSPEC", "SET_READER_CONFIG"}
"""Requests that end ROSpecs: what was gathered is reported before the answer, so that a client which leaves at the
answer has it (sllurp does, and gets it from real readers)."""
_VERSION_MESSAGES = {MESSAGES["GET_SUPPORTED_VERSION"].number, MESSAGES["SET_PROTOCOL_VERSION"].number}


__all__ = ["Close", "Effect", "ReaderMachine", "Send"]


class ReaderMachine:
    """One reader.

    Args:
        persona: the model.
        reader_id: its EUI-64, eight bytes.
        now_us: when it boots.
        version: the highest LLRP version that it speaks; the persona's own if None.
    """

    def __init__(self, persona: Persona, reader_id: bytes, now_us: int, version: int | None = None) -> None:
        self.persona = persona
        self.verbs = Verbs(persona, reader_id)
        self.counters = Counters()
        self.heard: deque[str] = deque(maxlen=MAX_HEARD)
        self.connected = False
        self.looking: Looking | None = None
        self.boot_us = now_us
        self._max_version = persona.llrp_version if version is None else version
        self._stamp_from = None if persona.has_utc_clock else now_us
        self._reporter = Reporter(persona.max_buffered_tags, self._stamp_from)
        self._rule: ReportRule | None = None
        self._framer = Framer(MAX_COMMAND_BYTES)
        self._out = Outgoing(self.counters, self._stamp_from)
        self._waiting: deque[Message] = deque(maxlen=MAX_HELD_EVENTS)
        self._held = False
        self._writable = True
        self._keepalive_us: int | None = None
        self._unanswered = 0

    # -- the connection

    def connect(self, now_us: int) -> list[Effect]:
        """Greet the client; there must be no other."""
        if self.connected:
            raise RuntimeError("a client is connected: call `refuse` for a second one")
        self.connected, self._writable = True, True
        self._held = self.verbs.configuration.hold
        self._out.version = FIRST_VERSION
        self._unanswered = 0
        self._framer.reset()
        self.counters.connections += 1
        self._schedule_keepalive(now_us)
        self._out.greet(ConnectionAttemptStatusType.Success, now_us)
        return self._done(now_us)

    def refuse(self, status_type: ConnectionAttemptStatusType, now_us: int) -> list[Effect]:
        """Return what a client hears that is not let in. The one that is connected is not concerned."""
        self.counters.refused += 1
        event = notes.connection_attempt(status_type)
        refusal = notes.notification(event, now_us, self._stamp_from)
        return [Send(refusal.name, encode(refusal)), Close(f"refused: {status_type.name}")]

    def another_attempt(self, now_us: int) -> list[Effect]:
        """Tell the connected client that another one tried."""
        self._out.greet(ConnectionAttemptStatusType.Another_Connection_Attempted, now_us)
        return self._done(now_us)

    def disconnected(self, now_us: int) -> None:
        """The client is gone. ROSpecs go on, reports are kept."""
        self.connected = False
        self.verbs.extensions = False
        self._keepalive_us = None
        self._done(now_us)
        self._out.taken()

    def close(self, now_us: int) -> list[Effect]:
        """Say that the reader closes the connection, and close it."""
        self._say_goodbye(now_us)
        return self._out.taken()

    def _say_goodbye(self, now_us: int) -> None:
        self._out.send(self._out.notification(notes.connection_close(), now_us))
        self._out.close("closed by the reader")

    def writable(self, can_write: bool, now_us: int) -> list[Effect]:
        """The connection takes no more bytes for now, or takes them again."""
        self._writable = can_write
        return self._done(now_us)

    # -- bytes from the client

    def receive(self, data: bytes, now_us: int) -> list[Effect]:
        """Take bytes from the client, as many or few as came."""
        broken: FramingError | None = None
        try:
            raws = self._framer.feed(data)
        except FramingError as fault:
            raws, broken = fault.messages, fault
        for raw in raws:
            self._hear(raw, now_us)
        if broken is not None:
            self._out.error(0, StatusCode.M_ParameterError, str(broken))
            self._say_goodbye(now_us)
        return self._done(now_us)

    def _hear(self, raw: RawMessage, now_us: int) -> None:
        self.counters.messages_in += 1
        definition = MESSAGES_BY_TYPE.get(raw.type)
        name = definition.name if definition is not None else f"type {raw.type}"
        if not self._version_fits(raw):
            self.heard.append(name)
            problem = f"version {raw.version} of {name}, expected {self._out.version}"
            self._out.error(raw.message_id, StatusCode.M_UnsupportedVersion, problem)
            return
        try:
            request = decode(raw)
        except DecodeError as fault:
            self.heard.append(name)
            self._out.refuse(name, raw.message_id, RefusedError(StatusCode.M_ParameterError, str(fault)))
            return
        self.heard.append(name if request.name == "Unknown" else request.name)
        try:
            self._serve(request, now_us)
        except RefusedError as refused:
            self._out.refuse(request.name, request.message_id, refused)

    def _version_fits(self, raw: RawMessage) -> bool:
        if raw.type in _VERSION_MESSAGES:
            return self._max_version >= raw.version > FIRST_VERSION
        return raw.version == self._out.version

    def _serve(self, request: Message, now_us: int) -> None:
        handlers: dict[str, Callable[[Message, int], None]] = {
            "KEEPALIVE_ACK": self._keepalive_ack,
            "GET_REPORT": self._get_report,
            "ENABLE_EVENTS_AND_REPORTS": self._enable_events,
            "CLOSE_CONNECTION": self._close_connection,
            "GET_SUPPORTED_VERSION": self._get_supported_version,
            "SET_PROTOCOL_VERSION": self._set_protocol_version,
        }
        handler = handlers.get(request.name)
        if handler is None and not self.verbs.knows(request.name):
            problem = f"{request.name}: this reader has no such request"
            self._out.error(request.message_id, StatusCode.M_UnsupportedMessage, problem)
            return
        faults = check(request)
        if faults:
            raise of_fault(faults[0])
        if handler is not None:
            handler(request, now_us)
            return
        answer = self.verbs.answer(request, now_us)
        if request.name == "SET_READER_CONFIG" and (
            request.first("KeepaliveSpec") is not None or request.number("ResetToFactoryDefault")
        ):
            self._schedule_keepalive(now_us)
        success = status(StatusCode.M_Success)
        if request.name in _ENDING:
            self._tell(answer.events)
            self._out.answer(request.name, request.message_id, success, *answer.parameters)
        else:
            self._out.answer(request.name, request.message_id, success, *answer.parameters)
            self._tell(answer.events)

    # -- requests about the connection

    def _keepalive_ack(self, _request: Message, _now_us: int) -> None:
        self.counters.keepalive_acks += 1
        self._unanswered = 0

    def _get_report(self, request: Message, _now_us: int) -> None:
        if self._rule is not None:
            self._reporter.complete(self._rule)
        sent = False
        while (queued := self._reporter.next()) is not None:
            self._out.report(request.message_id, queued.body, queued.tags, answer=True)
            sent = True
        if not sent:
            self._out.report(request.message_id, b"", 0, answer=True)

    def _enable_events(self, _request: Message, _now_us: int) -> None:
        self._held = False

    def _close_connection(self, request: Message, _now_us: int) -> None:
        self._out.answer(request.name, request.message_id, status(StatusCode.M_Success))
        self._out.close("CLOSE_CONNECTION")

    def _get_supported_version(self, request: Message, _now_us: int) -> None:
        response = message(
            "GET_SUPPORTED_VERSION_RESPONSE",
            request.message_id,
            status(StatusCode.M_Success),
            version=request.version,
            CurrentVersion=self._out.version,
            SupportedVersion=self._max_version,
        )
        self._out.send(response, answer=True)

    def _set_protocol_version(self, request: Message, _now_us: int) -> None:
        wanted = request.number("ProtocolVersion")
        outcome = status(StatusCode.M_Success)
        if not FIRST_VERSION <= wanted <= self._max_version:
            problem = f"protocol version {wanted}, expected 1 to {self._max_version}"
            outcome = status(StatusCode.M_UnsupportedVersion, problem)
        else:
            self._out.version = wanted
        response = message("SET_PROTOCOL_VERSION_RESPONSE", request.message_id, outcome, version=request.version)
        self._out.send(response, answer=True)

    # -- time

    def deadline_us(self) -> int | None:
        """Return when `tick` has something to do; None if time alone changes nothing."""
        dues = (self._keepalive_us, self.verbs.engine.deadline_us(), self._reporter.deadline_us(self._rule))
        return min((due for due in dues if due is not None), default=None)

    def tick(self, now_us: int) -> list[Effect]:
        """Let time pass: triggers fire, keepalives go out, reports become due."""
        self._pass_time(now_us)
        return self._done(now_us)

    def _pass_time(self, now_us: int) -> None:
        self._tell(self.verbs.engine.tick(now_us))
        due = self._reporter.deadline_us(self._rule)
        if due is not None and due <= now_us and self._rule is not None:
            self._reporter.complete(self._rule)
        if self._keepalive_us is not None and self._keepalive_us <= now_us:
            self._keep_alive(now_us)

    def _schedule_keepalive(self, now_us: int) -> None:
        period_us = self.verbs.configuration.keepalive_ms * _MS_US
        self._keepalive_us = now_us + period_us if period_us else None

    def _keep_alive(self, now_us: int) -> None:
        self._schedule_keepalive(now_us)
        limit = self.verbs.configuration.link_down_after
        if limit and self._unanswered >= limit:
            self._say_goodbye(now_us)
            return
        self._unanswered = min(self._unanswered + 1, UNANSWERED_KEEPALIVES_MAX)
        if self._writable:
            self.counters.keepalives_out += 1
            self._out.send(message("KEEPALIVE", self._out.take_id(), version=self._out.version))

    # -- the air, and what is plugged in

    def observe(self, sightings: Sequence[Sighting], now_us: int) -> list[Effect]:
        """Take what the antennas saw. Tags that the running AISpec does not ask for are counted and ignored."""
        self._pass_time(now_us)
        self._look()
        self.counters.sightings_in += len(sightings)
        for sighting in sightings:
            self._see(sighting, now_us)
        return self._done(now_us)

    def _see(self, sighting: Sighting, now_us: int) -> None:
        looking, run = self.looking, self.verbs.engine.running
        if (
            looking is None
            or run is None
            or self._rule is None
            or sighting.antenna not in looking.ports
            or not takes_part(run.plan.filters_of(sighting.antenna), sighting.epc, sighting.epc_bits)
        ):
            self.counters.sightings_ignored += 1
            return
        self._reporter.add(sighting, looking, self._rule)
        if run.plan.stop.tags is not None:
            self._tell(self.verbs.engine.saw((sighting,), now_us))
            self._look()

    def set_antenna(self, port: int, connected: bool, now_us: int) -> list[Effect]:
        """Plug an antenna in or out. Raises `KeyError` for a port that the reader has not."""
        known = self.verbs.configuration.connected
        if known[port] != connected:
            known[port] = connected
            event = notes.antenna_event(port, connected=connected)
            self._note(NotificationEventType.Antenna_Event, event, now_us)
        return self._done(now_us)

    def set_gpi(self, port: int, high: bool, now_us: int) -> list[Effect]:
        """Change an input's level; ignored by an input that the client has not enabled. Raises `KeyError`."""
        configuration = self.verbs.configuration
        changed = configuration.gpi_high[port] != high
        configuration.gpi_high[port] = high
        if changed and configuration.gpi_enabled[port]:
            self._note(NotificationEventType.GPI_Event, notes.gpi_event(port, high=high), now_us)
            self._tell(self.verbs.engine.gpi(port, high, now_us))
        return self._done(now_us)

    def report_exception(self, text: str, now_us: int) -> list[Effect]:
        """Let the reader complain."""
        self._note(NotificationEventType.Reader_Exception_Event, notes.exception(text), now_us)
        return self._done(now_us)

    # -- what becomes of it

    def _tell(self, events: Iterable[RoEvent]) -> None:
        """Turn what happened to ROSpecs into reports and notifications, in order."""
        for event in events:
            rospec_id = event.plan.rospec_id
            if event.what is Happening.STARTED:
                self._rule = self._rule_of(event.plan)
                note = notes.rospec_event(ROSpecEventType.Start_Of_ROSpec, rospec_id)
                self._note(NotificationEventType.ROSpec_Event, note, event.at_us)
                continue
            rule = self._rule
            if rule is not None and (
                rule.at_end_of_aispec if event.what is Happening.AI_ENDED else rule.at_end_of_rospec
            ):
                self._reporter.complete(rule)
                self._flush()
            if event.what is Happening.AI_ENDED:
                note = notes.aispec_end(rospec_id, event.spec_index)
                self._note(NotificationEventType.AISpec_Event, note, event.at_us)
            else:
                preempted = event.what is Happening.PREEMPTED
                kind = ROSpecEventType.Preemption_Of_ROSpec if preempted else ROSpecEventType.End_Of_ROSpec
                self._note(
                    NotificationEventType.ROSpec_Event, notes.rospec_event(kind, rospec_id, event.by), event.at_us
                )

    def _rule_of(self, plan: RoPlan) -> ReportRule:
        return read_rule(plan.report if plan.report is not None else self.verbs.configuration.report)

    def _look(self) -> None:
        self.looking = looking_of(self.verbs.engine.active, self.verbs.configuration)

    def _done(self, now_us: int) -> list[Effect]:
        """End every input: look again, send what may be sent, hand the effects out."""
        self._look()
        reporter = self._reporter
        if reporter.fill_due:
            reporter.fill_told = True
            event = notes.fill_warning(reporter.fill_percent)
            self._note(NotificationEventType.Report_Buffer_Fill_Warning, event, now_us)
        if reporter.overflowed and not reporter.overflow_told:
            reporter.overflow_told = True
            self._note(None, notes.overflow(), now_us)
        self.counters.tags_dropped = reporter.dropped
        self._flush()
        return self._out.taken()

    @property
    def _may_report(self) -> bool:
        return self.connected and self._writable and not self._held

    def _flush(self) -> None:
        """Send the events and reports that wait, as far as they may go out."""
        if not self._may_report:
            return
        while self._waiting:
            self._out.send(self._waiting.popleft())
        while (queued := self._reporter.next()) is not None:
            self._out.report(self._out.take_id(), queued.body, queued.tags)

    def _note(self, kind: NotificationEventType | None, event: Parameter, at_us: int) -> None:
        """Send an event that the client has enabled (`kind` None: one that is always sent), or let it wait."""
        if kind is not None and not self.verbs.configuration.enabled(kind):
            return
        self._waiting.append(self._out.notification(event, at_us))
        if self._may_report:
            while self._waiting:
                self._out.send(self._waiting.popleft())
