"""Chafon UHFReader modules: one conversation.

Theory of operation. A module is polled: one command inventories one antenna for a time of our choice, the answer brings
the tags that it saw in one or more frames, and then it waits for the next command. A command that comes meanwhile is
thrown away, so nothing is asked before an answer has come or its time is over. In sessions above 0 the inventories of
an antenna take turns between tags in state A and tags in state B, so that a present tag answers again and again; in
session 0 the pause between two inventories brings all tags back by itself.

Set-up writes into the module's memory only what is different there, because that memory wears out. The module checks
an antenna before it transmits and names the fault; such an antenna is left out and tried again each minute.
"""

from __future__ import annotations

from math import ceil, log2
from typing import TYPE_CHECKING, Final

from edge.uhf import chafon_frames as wire
from edge.uhf.conversation import LISTEN_ON, FrameError, ModuleError, Turn
from edge.uhf.limits import (
    ANSWER_S,
    ANTENNA_RETRY_S,
    ASKED_TIMES,
    LATE_S,
    MISSES_MAX,
    POLL_MIN_S,
    REST_CHECK_S,
    SETTLE_S,
    TEMPERATURE_S,
)
from edge.uhf.news import AntennaState, Bad, Complaint, Looked, Overflow, Seen, Settings, Tag, Temperature, Works
from edge.uhf.plan import having_ports, limited
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.uhf.conversation import Talk
    from edge.uhf.framer import Framing
    from edge.uhf.news import News
    from edge.uhf.plan import ModulePlan, PortAsk

REGIONS: Final = {"CN": (1, 19), "NA": (2, 49), "KR": (3, 31), "EU": (4, 14), "TW": (10, 11)}
"""The module's number for a band, and the band's last channel."""

_POWER_MIN_CDBM, _POWER_MAX_CDBM = 0, 3_000
_NOT_STORED: Final = 0x80
"""A power with this bit holds until the module is switched off, and wears nothing out."""
_POWER_LISTS: Final = (4, 8, 16)
"""Powers by port come in lists of these lengths."""
_Q_MAX: Final = 15
_FINAL: Final = frozenset({wire.COMPLETE, wire.TIMEOUT, wire.MEMORY_FULL, wire.NO_TAG, wire.POOR_COMMUNICATION})
_ANTENNA_FAULTS: Final = frozenset({wire.ANTENNA_ERROR, wire.WRONG_PARAMETER})
"""The second one is what a port gets that the module has not."""


class Chafon:
    """One module on one line (implements `edge.uhf.conversation.Family`)."""

    framing: Framing = wire.Answers()

    def __init__(self, plan: ModulePlan, failing: frozenset[int] = frozenset()) -> None:
        self.news: list[News] = []
        self._plan = plan
        self._scan_time = round(plan.cycle_s * 10)
        self._address = wire.BROADCAST
        self._plain = False
        self._now_s = 0.0
        self._retry_s = dict.fromkeys(failing, 0.0)
        self._misses = 0
        self._damaged = False
        """Something of the inventory that runs is lost: it earns no looks."""
        self._target: dict[int, int] = {}
        self._talks_by_itself = False
        self._temperature_s: float | None = None
        self.awake_until_s = 0.0

    def farewell(self) -> bytes:
        """Return the command that ends an inventory; the older dialect has none."""
        return b"" if self._plain else wire.command(self._address, wire.STOP_INVENTORY)

    def damaged(self, now_s: float) -> None:  # noqa: ARG002 - the whole inventory is meant
        """Credit nothing for the inventory that runs: what was lost may have been its tags."""
        self._damaged = True

    def converse(self) -> Talk[None]:
        """Set the module up and inventory, for ever. Raises `ModuleError`."""
        asks = yield from self._set_up()
        on_until_s = self._now_s + self._plan.on_s
        while True:
            began_s = self._now_s
            for ask in asks:
                if self._talks_by_itself:
                    yield from self._silence()
                if self._now_s >= self._retry_s.get(ask.port, self._now_s):
                    yield from self._inventory(ask)
            if self._temperature_s is not None and self._now_s >= self._temperature_s:
                yield from self._ask_temperature()
            if self._plan.off_s and self._now_s >= on_until_s:
                yield from self._rest(self._plan.off_s, wakes=True)
                on_until_s = self._now_s + self._plan.on_s
            elif len(self._retry_s) == len(asks):
                yield from self._rest(min(self._retry_s.values()) - self._now_s)
            elif self._now_s < began_s + POLL_MIN_S:
                yield from self._pause(began_s + POLL_MIN_S - self._now_s)

    # -- set-up

    def _set_up(self) -> Talk[tuple[PortAsk, ...]]:
        info = yield from self._ask_info()
        self._plain = info.plain
        problems: list[str] = []
        yield from self._set_region(info)
        asks = having_ports(self._plan, frozenset({1}), problems) if info.plain else self._plan.ports
        if not asks:
            raise ModuleError(f"no antenna can be used: {'; '.join(problems)}")
        self._retry_s = {ask.port: 0.0 for ask in asks if ask.port in self._retry_s}
        powers = yield from self._set_power(asks, info, problems)
        if info.plain:
            if info.scan_time != self._scan_time:
                yield from self._ask(wire.SET_SCAN_TIME, bytes((self._scan_time,)))
        else:
            if not info.checks_antenna:
                yield from self._ask(wire.CHECK_ANTENNA, b"\x01", needed=False)
            yield from self._ask_temperature()
        settings = {ask.port: self._settings(ask, powers[ask.port]) for ask in asks}
        self.news.append(Settings(settings, tuple(problems), info.firmware))
        return asks

    def _settings(self, ask: PortAsk, power_cdbm: int) -> AntennaSettings:
        if self._plain:
            return AntennaSettings(power_cdbm)  # what session it uses is its own secret
        dual = ask.session > 0 and not ask.single
        return AntennaSettings(power_cdbm, session=ask.session, target="dual" if dual else "single")

    def _ask_info(self) -> Talk[wire.ReaderInfo]:
        told = yield from self._ask(wire.READER_INFO)
        try:
            info = wire.info_of(told.data if told else b"")
        except FrameError as fault:
            raise ModuleError(str(fault)) from fault
        assert told is not None
        self._address = told.address
        return info

    def _set_region(self, info: wire.ReaderInfo) -> Talk[None]:
        """Set the band if another one is asked for, and see that it is set."""
        if self._plan.region is None or REGIONS[self._plan.region][0] == info.band:
            return
        band, channels = REGIONS[self._plan.region]
        yield from self._ask(wire.SET_BAND, wire.band_limits(band, channels))
        info = yield from self._ask_info()
        if info.band != band:
            raise ModuleError(f"region {self._plan.region}: the module stays in band {info.band}")

    def _set_power(self, asks: Sequence[PortAsk], info: wire.ReaderInfo, problems: list[str]) -> Talk[dict[int, int]]:
        """Set the power of each port in whole dBm; return what is set, in 0.01 dBm."""
        wanted = {ask.port: limited(ask, _POWER_MIN_CDBM, _POWER_MAX_CDBM, problems) // 100 for ask in asks}
        least = min(wanted.values())
        if not info.plain:
            told = yield from self._ask(wire.SET_POWER, _power_list(wanted), needed=False)
            if told is not None:
                return {port: power * 100 for port, power in wanted.items()}
        if least != info.power_dbm:
            yield from self._ask(wire.SET_POWER, bytes((least,)))
        problems += [
            f"port {port}: {power} dBm asked, {least} dBm set: the module has one power for all"
            for port, power in wanted.items()
            if power != least
        ]
        return dict.fromkeys(wanted, least * 100)

    def _silence(self) -> Talk[None]:
        """End a mode in which the module inventories by itself: there it answers no inventory of ours."""
        if not self._plain:
            yield from self._ask(wire.SET_MODE, b"\x00")
        else:
            told = yield from self._ask(wire.GET_MODE_PLAIN)
            if told is None or len(told.data) < 10:
                raise ModuleError("the module inventories by itself and does not say how: set it to answer mode")
            yield from self._ask(wire.SET_MODE_PLAIN, b"\x00" + told.data[5:10])
        self._talks_by_itself = False

    def _ask_temperature(self) -> Talk[None]:
        told = yield from self._ask(wire.TEMPERATURE, needed=False)
        if told is None or len(told.data) < 2:
            self._temperature_s = None  # it has no sensor
            return
        above, degrees = told.data[:2]
        self.news.append(Temperature(degrees if above else -degrees))
        self._temperature_s = self._now_s + TEMPERATURE_S

    # -- inventory

    def _inventory(self, ask: PortAsk) -> Talk[None]:
        """Inventory one port. Raises `ModuleError` when too many in a row stay without an answer."""
        asked_s, self._damaged = self._now_s, False
        heard = yield Turn(wire.command(self._address, wire.INVENTORY, self._inventory_data(ask)), self._answer_s())
        while heard.frame is not None:
            self._now_s = heard.now_s
            told = wire.answer(heard.frame)
            if told.command == wire.INVENTORY:
                if told.status == wire.MORE:
                    self._take(told, ask)
                    heard = yield Turn(b"", self._answer_s())
                    continue
                if told.status != wire.STATISTICS:
                    self._finish(told, ask, asked_s)
                    return
            elif told.command == wire.UNASKED:
                self._talks_by_itself = True
            elif told.status == wire.ILLEGAL_COMMAND:
                break  # our command came damaged
            heard = yield LISTEN_ON
        self._now_s = heard.now_s
        yield from self._missed(ask)

    def _inventory_data(self, ask: PortAsk) -> bytes:
        if self._plain:
            return b""
        target = self._target.get(ask.port, 0)
        if ask.session and not ask.single:
            self._target[ask.port] = 1 - target
        q = min(_Q_MAX, ceil(log2(max(1, ask.population))))
        return wire.inventory(ask.port, q, ask.session, target, self._scan_time)

    def _answer_s(self) -> float:
        return self._plan.cycle_s + ANSWER_S

    def _finish(self, told: wire.Answer, ask: PortAsk, asked_s: float) -> None:
        """Take the last answer to an inventory."""
        self._misses = 0
        self.news.append(Works())
        if told.status in _ANTENNA_FAULTS:
            if ask.port not in self._retry_s:
                self.news.append(AntennaState(ask.port, works=False, detail=told.words()))
            self._retry_s[ask.port] = self._now_s + ANTENNA_RETRY_S
            return
        if told.status not in _FINAL:
            self.news.append(Complaint(told.words()))
            return
        if self._retry_s.pop(ask.port, None) is not None:
            self.news.append(AntennaState(ask.port, works=True, detail="the module transmits on it again"))
        self._take(told, ask)
        if told.status == wire.MEMORY_FULL:
            self.news.append(Overflow("more tags than the module has room for"))
        elif not self._damaged:
            self.news.append(Looked((ask.port,), min(self._now_s - asked_s, self._plan.cycle_s + LATE_S)))

    def _take(self, told: wire.Answer, ask: PortAsk) -> None:
        try:
            tags = wire.tags_of(told.data, plain=self._plain)
        except FrameError as fault:
            self.news.append(Bad(str(fault)))
            self._damaged = True
            return
        named = None if self._plain or not told.data else wire.port_of(told.data[0])
        port = named if named in {known.port for known in self._plan.ports} else ask.port
        assert port is not None
        if tags:
            self.news.append(Seen(tuple(Tag(port, epc, rssi) for epc, rssi in tags)))

    def _missed(self, ask: PortAsk) -> Talk[None]:
        """Count an inventory without an answer, and wait for the end of what comes too late. Raises `ModuleError`."""
        self._misses += 1
        if self._misses > MISSES_MAX:
            raise ModuleError(f"no answer to {self._misses} inventories in a row")
        heard = yield Turn(b"", SETTLE_S)
        while heard.frame is not None:
            told = wire.answer(heard.frame)
            if told.command != wire.INVENTORY:
                self._talks_by_itself |= told.command == wire.UNASKED
                heard = yield LISTEN_ON
                continue
            if told.status in _FINAL | {wire.MORE}:
                self._take(told, ask)
            heard = yield Turn(b"", SETTLE_S)
        self._now_s = heard.now_s

    def _pause(self, for_s: float) -> Talk[None]:
        heard = yield Turn(b"", for_s)
        while heard.frame is not None:
            heard = yield LISTEN_ON
        self._now_s = heard.now_s

    def _rest(self, for_s: float, *, wakes: bool = False) -> Talk[None]:
        """Let the module be still; now and then see whether it is there. Raises `ModuleError`.

        `wakes`: not while it is to look harder.
        """
        until_s = self._now_s + for_s
        while self._now_s < until_s and not (wakes and self._now_s < self.awake_until_s):
            yield from self._pause(min(REST_CHECK_S, until_s - self._now_s))
            yield from self._ask_info()

    # -- questions and answers

    def _ask(self, code: int, data: bytes = b"", *, needed: bool = True) -> Talk[wire.Answer | None]:
        """Say a command and return its answer; None where it was refused and is not `needed`. Raises `ModuleError`."""
        for _ in range(ASKED_TIMES):
            heard = yield Turn(wire.command(self._address, code, data), ANSWER_S)
            while heard.frame is not None:
                self._now_s = heard.now_s
                told = wire.answer(heard.frame)
                if told.command == wire.UNASKED:
                    self._talks_by_itself = True
                elif told.command == code or (told.status == wire.ILLEGAL_COMMAND and not told.command):
                    if told.status == wire.OK:
                        return told
                    if not needed:
                        return None
                    raise ModuleError(f"command 0x{code:02X} {data.hex()} was refused: {told.words()}")
                heard = yield LISTEN_ON
            self._now_s = heard.now_s
        raise ModuleError(f"no answer to command 0x{code:02X} within {ASKED_TIMES} times {ANSWER_S:g} s")


def _power_list(wanted: dict[int, int]) -> bytes:
    """Return the data of `SET_POWER`: one power for all, or one for each port (the least where none is asked)."""
    least = min(wanted.values())
    if set(wanted.values()) == {least}:
        return bytes((least | _NOT_STORED,))
    ports = next(length for length in _POWER_LISTS if length >= max(wanted))
    return bytes(wanted.get(port, least) | _NOT_STORED for port in range(1, ports + 1))
