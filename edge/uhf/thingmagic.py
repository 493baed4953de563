"""ThingMagic M6e modules (M6e, Micro, Nano, M7e): one conversation.

Theory of operation. A module streams: after one start command it tells each tag as it reads it, and once in each cycle
that it is alive. It knows no region until it is told one, and transmits nothing before. Set-up: end a stream of an
earlier life, start the application (a module with power just on waits in its bootloader), region, protocol, session,
power, antennas. Then one stream over all antennas, which the module takes in turn.

A fault of an antenna comes without its number. So each antenna of the stream is then tried alone for a little more than
a cycle; those that fail are left out and tried again each minute. A module that is too hot stops transmitting by
itself: no inventory time is credited until it reads again. Nor is the time before a complaint, or before a word that
was damaged: its tags may be lost.

The stream is begun anew every few minutes, because a module answers for its temperature only between streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.uhf import thingmagic_frames as wire
from edge.uhf.conversation import LISTEN_ON, FrameError, ModuleError, Turn
from edge.uhf.limits import (
    ANSWER_S,
    ANTENNA_RETRY_S,
    ASKED_TIMES,
    BOOT_S,
    DETAIL_MAX_CHARS,
    REST_CHECK_S,
    STREAM_S,
    WATCH_CYCLES,
    WATCH_MIN_S,
)
from edge.uhf.news import AntennaState, Bad, Complaint, Looked, Overflow, Seen, Settings, Temperature, Works
from edge.uhf.plan import having_ports, limited
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from edge.uhf.conversation import Talk
    from edge.uhf.framer import Framing
    from edge.uhf.news import News
    from edge.uhf.plan import ModulePlan, PortAsk

REGIONS: Final = {
    "EU": (0x08, 0x02, 0x07),
    "NA": (0x01, 0x0D, 0x0E),
    "KR": (0x09, 0x03),
    "CN": (0x06, 0x0A),
    "IN": (0x04,),
    "JP": (0x05,),
    "AU": (0x0B,),
    "NZ": (0x0C,),
    "OPEN": (0xFF,),
}
"""The module's numbers for a region, the one to prefer first: a Nano has North America as 0x0D only."""

_ANTENNA_LIST, _ANTENNA_POWERS, _ANTENNA_DETECT = 0x02, 0x03, 0x05
_SESSION, _TARGET = 0x00, 0x01
_TARGET_A, _TARGET_AB = b"\x01\x00", b"\x00\x00"
_LONG_EPCS, _READ_FILTER = b"\x01\x02\x01", b"\x01\x0c\x00"
"""EPCs above 96 bits; every read is told, not each tag once."""
_FAULTS: Final = frozenset({wire.ANTENNA_NOT_CONNECTED, wire.HIGH_RETURN_LOSS})


class ThingMagic:
    """One module on one line (implements `edge.uhf.conversation.Family`)."""

    framing: Framing = wire.Responses()

    def __init__(self, plan: ModulePlan, failing: frozenset[int] = frozenset()) -> None:
        self.news: list[News] = []
        self._plan = plan
        self._watch_s = max(WATCH_CYCLES * plan.cycle_s, WATCH_MIN_S)
        self._now_s = 0.0
        self._alive_s = 0.0
        self._down = set(failing)
        self._retry_s = 0.0
        self._hot = False
        self.awake_until_s = 0.0

    def farewell(self) -> bytes:
        """Return the command that ends the stream."""
        return wire.stop_reading()

    def damaged(self, now_s: float) -> None:
        """Credit nothing up to now: what was lost may have been tags."""
        self._alive_s = now_s

    def converse(self) -> Talk[None]:
        """Set the module up and inventory, for ever. Raises `ModuleError`."""
        yield from self._calm()
        yield from self._ask(wire.BOOT_FIRMWARE, within_s=BOOT_S, accepted=(wire.INVALID_OPCODE,))
        ports = yield from self._set_up()
        while True:
            yield from self._ask_temperature()
            if self._down and self._now_s >= self._retry_s:
                yield from self._try([port for port in ports if port in self._down])
            good = tuple(port for port in ports if port not in self._down)
            if not good:
                yield from self._rest(self._retry_s - self._now_s)
            elif (yield from self._stream(good, self._on_s())):
                yield from self._try(good)
            elif self._plan.off_s:
                yield from self._rest(self._plan.off_s, wakes=True)

    # -- set-up

    def _set_up(self) -> Talk[tuple[int, ...]]:
        problems: list[str] = []
        yield from self._set_region()
        yield from self._ask(wire.SET_PROTOCOL, data=bytes((0, wire.GEN2)))
        yield from self._ask(wire.SET_CONFIGURATION, data=_READ_FILTER)
        yield from self._ask(wire.SET_CONFIGURATION, data=_LONG_EPCS, needed=False)
        asks = yield from self._find_ports(problems)
        session, single = self._agreed(asks, problems)
        yield from self._ask(wire.SET_PROTOCOL_CONFIGURATION, data=bytes((wire.GEN2, _SESSION, session)))
        target = _TARGET_A if single else _TARGET_AB
        yield from self._ask(wire.SET_PROTOCOL_CONFIGURATION, data=bytes((wire.GEN2, _TARGET)) + target)
        powers = yield from self._set_power(asks, problems)
        self.news.append(
            Settings(
                {
                    port: AntennaSettings(power, session=session, target="single" if single else "dual")
                    for port, power in powers.items()
                },
                tuple(problems),
            )
        )
        return tuple(powers)

    def _set_region(self) -> Talk[None]:
        asked = self._plan.region or ""
        numbers = REGIONS[asked]
        there = yield from self._ask(wire.GET_REGIONS, needed=False)
        offered = [number for number in numbers if there is None or number in there.data]
        if not offered:
            known = ", ".join(name for name, codes in REGIONS.items() if there and {*codes} & {*there.data})
            raise ModuleError(f"region {asked}: this module has {known or 'none of the regions that we know'}")
        yield from self._ask(wire.SET_REGION, data=bytes((offered[0],)))

    def _find_ports(self, problems: list[str]) -> Talk[tuple[PortAsk, ...]]:
        told = yield from self._ask(wire.GET_ANTENNA_PORT, data=bytes((_ANTENNA_DETECT,)), needed=False)
        if told is None:
            return self._plan.ports
        asks = having_ports(self._plan, wire.ports_there(told.data), problems)
        if not asks:
            raise ModuleError(f"no antenna can be used: {'; '.join(problems)}"[:DETAIL_MAX_CHARS])
        return asks

    def _agreed(self, asks: tuple[PortAsk, ...], problems: list[str]) -> tuple[int, bool]:
        """Return session and target of the whole module: those of its first antenna."""
        session, single = asks[0].session, asks[0].single
        problems += [
            f"port {ask.port}: session {ask.session} asked, {session} set: the module has one for all"
            for ask in asks[1:]
            if (ask.session, ask.single) != (session, single)
        ]
        return session, single

    def _set_power(self, asks: tuple[PortAsk, ...], problems: list[str]) -> Talk[dict[int, int]]:
        told = yield from self._ask(wire.GET_READ_POWER, data=b"\x01")
        try:
            least, most = wire.power_limits(told.data if told else b"")
        except FrameError as fault:
            raise ModuleError(str(fault)) from fault
        powers = {ask.port: limited(ask, least, most, problems) for ask in asks}
        if len(powers) == 1:
            yield from self._ask(wire.SET_READ_POWER, data=next(iter(powers.values())).to_bytes(2, signed=True))
        else:
            rows = b"".join(bytes((port,)) + 2 * power.to_bytes(2, signed=True) for port, power in powers.items())
            yield from self._ask(wire.SET_ANTENNA_PORT, data=bytes((_ANTENNA_POWERS,)) + rows)
        return powers

    def _ask_temperature(self) -> Talk[None]:
        told = yield from self._ask(wire.GET_TEMPERATURE, needed=False)
        if told is not None and told.data:
            self.news.append(Temperature(int.from_bytes(told.data[:1], signed=True)))

    # -- inventory

    def _on_s(self) -> float:
        """Return how long the next stream runs."""
        return STREAM_S if self._now_s < self.awake_until_s else self._plan.on_s or STREAM_S

    def _stream(self, ports: tuple[int, ...], for_s: float) -> Talk[bool]:
        """Inventory these ports; return whether an antenna failed. Raises `ModuleError` when nothing comes any more."""
        pairs = b"".join(bytes((port % 16, port % 16)) for port in ports)
        yield from self._ask(wire.SET_ANTENNA_PORT, data=bytes((_ANTENNA_LIST,)) + pairs)
        yield from self._ask(
            wire.MULTI_PROTOCOL, wire.start_reading(round(self._plan.cycle_s * 1_000)), during=ports, proof=True
        )
        self._alive_s, until_s = self._now_s, self._now_s + for_s
        if self._down:
            until_s = min(until_s, max(self._retry_s, self._now_s + 2 * self._plan.cycle_s))
        heard_s = self._now_s
        while True:
            heard = yield Turn(b"", max(0.0, min(until_s, heard_s + self._watch_s) - self._now_s))
            self._now_s = heard.now_s
            if heard.frame is not None:
                heard_s = heard.now_s
                if self._take(wire.response(heard.frame), ports):
                    yield from self._ask(wire.MULTI_PROTOCOL, wire.stop_reading(), needed=False, during=ports)
                    return True
            elif heard.now_s >= heard_s + self._watch_s:
                raise ModuleError(f"silent for {heard.now_s - heard_s:.1f} s amid a stream")
            if heard.now_s >= until_s:
                yield from self._ask(wire.MULTI_PROTOCOL, wire.stop_reading(), needed=False, during=ports)
                if not self._hot:
                    self._vouch(ports)
                return False

    def _take(self, told: wire.Response, ports: tuple[int, ...]) -> bool:
        """Take what a stream told; return whether an antenna failed."""
        if told.opcode != wire.READ_TAG_MULTIPLE:
            return False
        if told.status in (wire.OK, wire.NO_TAGS):
            self._record(told.data, ports)
            return False
        self._alive_s = self._now_s  # whatever it complains of: the time up to here was no inventory for certain
        if told.status in _FAULTS:
            self.news.append(Works())
            return True
        if told.status == wire.TOO_HOT:
            self._too_hot()
        elif told.status == wire.BUFFER_FULL:
            self.news.append(Overflow("the module's tag buffer is full"))
        elif told.status >= wire.ASSERTS:
            raise ModuleError(f"the module's firmware failed: {told.words()}")
        else:
            self.news.append(Complaint(told.words()))
        return False

    def _too_hot(self) -> None:
        self.news.append(Works())
        if not self._hot:
            self._hot = True
            self.news.append(Complaint("too hot: the module stops transmitting until it has cooled"))

    def _record(self, data: bytes, ports: tuple[int, ...]) -> None:
        kind = wire.record_type(data)
        if kind == wire.RECORD_TAG:
            try:
                tag = wire.tag_of(data)
            except FrameError as fault:
                self.news.append(Bad(str(fault)))
                self._alive_s = self._now_s
                return
            self.news.append(Seen((tag,)))
        elif kind == wire.RECORD_STATUS:
            celsius = wire.status_temperature(data)
            if celsius is not None:
                self.news.append(Temperature(celsius))
        self._hot = False
        self.news.append(Works())
        self._vouch(ports)

    def _vouch(self, ports: tuple[int, ...]) -> None:
        """Credit the time up to now: what the module just said shows that it inventoried all along."""
        self.news.append(Looked(ports, self._now_s - self._alive_s))
        self._alive_s = self._now_s

    def _try(self, ports: list[int] | tuple[int, ...]) -> Talk[None]:
        """Find out which of these antennas fail, each alone."""
        for port in ports:
            failed = yield from self._stream((port,), 1.5 * self._plan.cycle_s)
            if failed and port not in self._down:
                self._down.add(port)
                self.news.append(AntennaState(port, works=False, detail="the module will not transmit on it"))
            elif not failed and port in self._down:
                self._down.discard(port)
                self.news.append(AntennaState(port, works=True, detail="the module transmits on it again"))
        self._retry_s = self._now_s + ANTENNA_RETRY_S

    def _rest(self, for_s: float, *, wakes: bool = False) -> Talk[None]:
        """Let the module be still; now and then see whether it is there. Raises `ModuleError`.

        `wakes`: not while it is to look harder.
        """
        until_s = self._now_s + for_s
        while self._now_s < until_s and not (wakes and self._now_s < self.awake_until_s):
            heard = yield Turn(b"", min(REST_CHECK_S, until_s - self._now_s))
            while heard.frame is not None:  # the last words of the stream
                heard = yield LISTEN_ON
            self._now_s = heard.now_s
            yield from self._ask_temperature()

    # -- questions and answers

    def _calm(self) -> Talk[None]:
        """End a stream of an earlier life, and let its words pass. A module in its bootloader may say nothing."""
        heard = yield Turn(wire.stop_reading(), ANSWER_S)
        while heard.frame is not None and wire.response(heard.frame).opcode != wire.MULTI_PROTOCOL:
            heard = yield LISTEN_ON
        self._now_s = heard.now_s

    def _ask(
        self,
        opcode: int,
        frame: bytes = b"",
        *,
        data: bytes = b"",
        within_s: float = ANSWER_S,
        accepted: tuple[int, ...] = (),
        needed: bool = True,
        during: tuple[int, ...] = (),
        proof: bool = False,
    ) -> Talk[wire.Response | None]:
        """Say a command and return its answer; None where it was refused and is not `needed`.

        `during`: a stream over these ports may tell its tags meanwhile; `proof`: and such a word is as good as the
        answer. Raises `ModuleError`.
        """
        for _ in range(ASKED_TIMES):
            heard = yield Turn(frame or wire.command(opcode, data), within_s)
            while heard.frame is not None:
                self._now_s = heard.now_s
                told = wire.response(heard.frame)
                if told.opcode == opcode:
                    if told.status == wire.OK or told.status in accepted:
                        return told
                    if not needed:
                        return None
                    raise ModuleError(f"command 0x{opcode:02X} {data.hex()} was refused: {told.words()}")
                if during:
                    if proof:
                        self._alive_s = self._now_s  # the stream begins with this word at the earliest
                    self._take(told, during)
                    if proof and told.opcode == wire.READ_TAG_MULTIPLE:
                        return told
                heard = yield LISTEN_ON
            self._now_s = heard.now_s
        raise ModuleError(f"no answer to command 0x{opcode:02X} within {ASKED_TIMES} times {within_s:g} s")
