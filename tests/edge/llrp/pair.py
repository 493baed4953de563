"""A session and a simulated reader without a socket between them: one clock, moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.llrp.events import Reports
from edge.llrp.session import Session
from edge.llrp.transitions import ENDS, State
from firmware_config.profile import Purpose, load_profile
from firmware_config.render import AntennaAsk
from simulator.reader.faults import Faults
from simulator.reader.machine import Close, ReaderMachine, Send
from simulator.reader.persona import load_persona
from simulator.reader.sighting import Sighting
from wire.llrp.message import Message, Parameter, message, param

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge.llrp.events import Event
    from simulator.reader.machine import Effect
    from simulator.reader.persona import Persona
    from wire.llrp.tag_report import TagReport

START_US = 1_800_000_000_000_000
KEEPALIVE_MS = 1_000
EPC = bytes.fromhex("3034257bf7194e4000001a85")


def sighting(port: int = 1, epc: bytes = EPC, bits: int = 96, time_us: int = START_US) -> Sighting:
    return Sighting(epc, bits, port, -5550, time_us)


def success() -> Parameter:
    return param("LLRPStatus", StatusCode=0, ErrorDescription="")


def notification(child: Parameter) -> Message:
    data = param("ReaderEventNotificationData", param("UTCTimestamp", Microseconds=START_US), child)
    return message("READER_EVENT_NOTIFICATION", 0, data)


def session_for(
    profile: str = "impinj-r420-stock",
    ports: Sequence[int] = (1, 2),
    keepalive_ms: int = KEEPALIVE_MS,
    *,
    negotiate: bool | None = None,
) -> Session:
    chosen = load_profile(profile)
    return Session(
        lambda _: chosen, [AntennaAsk(port, Purpose.STOCK) for port in ports], keepalive_ms, negotiate=negotiate
    )


class Pair:
    """`chunk` 0: messages go over whole; n: in pieces of n bytes. `version`: the reader's newest."""

    def __init__(
        self,
        persona: str | Persona = "impinj-r420-like",
        profile: str = "impinj-r420-stock",
        ports: Sequence[int] = (1, 2),
        chunk: int = 0,
        *,
        version: int | None = None,
        negotiate: bool | None = None,
    ) -> None:
        self.now_us = START_US
        model = load_persona(persona) if isinstance(persona, str) else persona
        self.machine = ReaderMachine(model, bytes(8), self.now_us, version=version)
        self.faults = Faults()
        self.session = session_for(profile, ports, negotiate=negotiate)
        self.events: list[Event] = []
        self.received = bytearray()
        self.chunk = chunk
        self._profile, self._ports = profile, ports

    @property
    def now_s(self) -> float:
        return self.now_us / 1_000_000

    def connect(self) -> None:
        self.session.connected(self.now_s)
        self._carry(self.machine.connect(self.now_us))

    def reconnect(self) -> None:
        """A new connection with a new session, as the driver does it."""
        self.machine.disconnected(self.now_us)
        self.session = session_for(self._profile, self._ports)
        self.events.clear()
        self.connect()

    def up(self) -> None:
        self.connect()
        self.advance(KEEPALIVE_MS / 1_000)

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline of either side."""
        until_us = self.now_us + round(seconds * 1_000_000)
        while True:
            dues = [until_us]
            machine_us = self.machine.deadline_us()
            session_s = self.session.deadline()
            if machine_us is not None:
                dues.append(machine_us)
            if session_s is not None:
                dues.append(round(session_s * 1_000_000) + 1)
            self.now_us = max(self.now_us, min(dues))
            if self.machine.connected:
                self._carry(self.machine.tick(self.now_us))
            self.events += self.session.tick(self.now_s)
            self._carry(())
            if self.now_us >= until_us:
                return

    def see(self, sightings: Sequence[Sighting]) -> None:
        self._carry(self.machine.observe(sightings, self.now_us))

    def do(self, effects: Iterable[Effect]) -> None:
        self._carry(effects)

    def leave(self) -> None:
        self.events += self.session.leave(self.now_s)
        self._carry(())

    def feed(self, data: bytes) -> None:
        self.received += data
        step = self.chunk or max(1, len(data))
        for at in range(0, len(data), step):
            self.events += self.session.receive(data[at : at + step], self.now_s)

    def _carry(self, effects: Iterable[Effect]) -> None:
        """Deliver in both directions until neither has anything more to say."""
        waiting = list(effects)
        while True:
            for effect in waiting:
                if isinstance(effect, Send):
                    sent = self.faults.outgoing(effect)
                    self.feed(sent.data)
                    if sent.reset:
                        self.events += self.session.link_closed("reset", self.now_s)
                elif isinstance(effect, Close):
                    self.events += self.session.link_closed("closed", self.now_s)
            out = self.session.take()
            if not out or (self.faults.silent and self.session.state not in ENDS):
                return
            if not self.machine.connected:
                return
            waiting = list(self.machine.receive(out, self.now_us))

    # -- what came of it

    def state(self) -> State:
        return self.session.state

    def looking(self) -> tuple[int, ...]:
        return self.session.inventorying

    def told(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def tags(self) -> list[TagReport]:
        return [tag for event in self.events if isinstance(event, Reports) for tag in event.reports]
