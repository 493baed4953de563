"""The other end of the line for tests of the simulated reader: requests as LLRP messages, answers decoded."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from simulator.reader.machine import Close, ReaderMachine, Send
from simulator.reader.persona import load_persona
from simulator.reader.sighting import Sighting
from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer
from wire.llrp.message import Bits, Message, message, param
from wire.llrp.tables import MESSAGES
from wire.llrp.tag_report import ReportMemory, TagReport, decode_tag_reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.reader.clock import ManualClock
    from simulator.reader.machine import Effect
    from wire.llrp.framer import RawMessage
    from wire.llrp.message import Parameter, Value

REPORT_TYPE = MESSAGES["RO_ACCESS_REPORT"].number
START_US = 1_700_000_000_000_000


def selector(**changes: bool) -> Parameter:
    fields: dict[str, Value] = {
        "EnableROSpecID": True,
        "EnableSpecIndex": False,
        "EnableInventoryParameterSpecID": False,
        "EnableAntennaID": True,
        "EnableChannelIndex": False,
        "EnablePeakRSSI": True,
        "EnableFirstSeenTimestamp": True,
        "EnableLastSeenTimestamp": True,
        "EnableTagSeenCount": True,
        "EnableAccessSpecID": False,
    }
    return param("TagReportContentSelector", **{**fields, **changes})


def report_spec(trigger: int = 2, n: int = 1, *custom: Parameter, **changes: bool) -> Parameter:
    return param("ROReportSpec", selector(**changes), *custom, ROReportTrigger=trigger, N=n)


def aispec(
    antennas: Sequence[int] = (0,), *settings: Parameter, stop: Parameter | None = None, parameter_spec: int = 1
) -> Parameter:
    never = param("AISpecStopTrigger", AISpecStopTriggerType=0, DurationTrigger=0)
    inventory = param("InventoryParameterSpec", *settings, InventoryParameterSpecID=parameter_spec, ProtocolID=1)
    return param("AISpec", stop or never, inventory, AntennaIDs=tuple(antennas))


def ai_duration(duration_ms: int) -> Parameter:
    return param("AISpecStopTrigger", AISpecStopTriggerType=1, DurationTrigger=duration_ms)


def rospec(
    *specs: Parameter,
    rospec_id: int = 1,
    start: Parameter | int = 0,
    stop_ms: int = 0,
    report: Parameter | None = None,
    priority: int = 0,
) -> Parameter:
    begin = param("ROSpecStartTrigger", ROSpecStartTriggerType=start) if isinstance(start, int) else start
    end = param("ROSpecStopTrigger", ROSpecStopTriggerType=int(stop_ms > 0), DurationTriggerValue=stop_ms)
    children = [param("ROBoundarySpec", begin, end), *(specs or (aispec(),))]
    if report is not None:
        children.append(report)
    return param("ROSpec", *children, ROSpecID=rospec_id, Priority=priority, CurrentState=0)


def events_on(*kinds: int) -> Parameter:
    states = [param("EventNotificationState", EventType=kind, NotificationState=True) for kind in kinds]
    return param("ReaderEventNotificationSpec", *states)


def set_config(*parameters: Parameter, reset: bool = False) -> tuple[str, tuple[Parameter, ...], dict[str, Value]]:
    return "SET_READER_CONFIG", parameters, {"ResetToFactoryDefault": reset}


def access_spec(identity: int, state: int = 0) -> Parameter:
    target = param("C1G2TargetTag", MB=1, Match=True, Pointer=32, TagMask=Bits(8, b"\xff"), TagData=Bits(8, b"\x30"))
    read = param("C1G2Read", OpSpecID=1, AccessPassword=0, MB=2, WordPointer=0, WordCount=6)
    return param(
        "AccessSpec",
        param("AccessSpecStopTrigger", AccessSpecStopTrigger=0, OperationCountValue=0),
        param("AccessCommand", param("C1G2TagSpec", target), read),
        AccessSpecID=identity,
        AntennaID=0,
        ProtocolID=1,
        CurrentState=state,
        ROSpecID=0,
    )


def epc(number: int) -> bytes:
    return (0x3034 << 80 | number).to_bytes(12)


def status_code(answer: Message) -> int:
    return answer.one("LLRPStatus").number("StatusCode")


class Bench:
    """A machine and its client without a socket: every call returns the decoded messages that came of it."""

    def __init__(self, clock: ManualClock, persona: str = "impinj-r420-like", version: int | None = None) -> None:
        model = load_persona(persona)
        self.clock = clock
        self.machine = ReaderMachine(model, model.reader_id("R1"), clock.now_us(), version=version)
        self.reports: list[TagReport] = []
        self.closed: str | None = None
        self.version = 1
        self._memory = ReportMemory()
        self._next_id = 100

    def connect(self) -> list[Message]:
        self.closed = None
        self._memory.reset()
        return self.decoded(self.machine.connect(self.clock.now_us()))

    def send(self, name: str, *parameters: Parameter, **fields: Value) -> list[Message]:
        self._next_id += 1
        request = message(name, self._next_id, *parameters, version=self.version, **fields)
        return self.raw(encode(request, strict=False))

    def raw(self, data: bytes) -> list[Message]:
        return self.decoded(self.machine.receive(data, self.clock.now_us()))

    def ask(self, name: str, *parameters: Parameter, **fields: Value) -> Message:
        """Send a request, return its answer, which must bear its id."""
        answers = [answer for answer in self.send(name, *parameters, **fields) if answer.message_id == self._next_id]
        assert len(answers) == 1, answers
        return answers[0]

    def do(self, name: str, *parameters: Parameter, **fields: Value) -> Message:
        """Send a request that must succeed."""
        answer = self.ask(name, *parameters, **fields)
        assert status_code(answer) == 0, answer
        return answer

    def run(self, spec: Parameter) -> None:
        """Add, enable and (where nothing else does) start a ROSpec."""
        identity = spec.number("ROSpecID")
        self.do("ADD_ROSPEC", spec)
        self.do("ENABLE_ROSPEC", ROSpecID=identity)
        trigger = spec.find("ROBoundarySpec/ROSpecStartTrigger")
        assert trigger is not None
        if trigger.number("ROSpecStartTriggerType") == 0:
            self.do("START_ROSPEC", ROSpecID=identity)

    def see(self, number: int, antenna: int = 1, rssi_cdbm: int = -5_500) -> list[Message]:
        sighting = Sighting(epc(number), 96, antenna, rssi_cdbm, self.clock.now_us())
        return self.decoded(self.machine.observe([sighting], self.clock.now_us()))

    def wait(self, seconds: float) -> list[Message]:
        """Let time pass, stopping at every deadline as the server does."""
        end_us = self.clock.now_us() + round(seconds * 1_000_000)
        heard: list[Message] = []
        while (due := self.machine.deadline_us()) is not None and due <= end_us:
            self.clock.advance(max(0, due - self.clock.now_us()) / 1_000_000)
            heard += self.decoded(self.machine.tick(self.clock.now_us()))
        self.clock.advance((end_us - self.clock.now_us()) / 1_000_000)
        return heard

    def decoded(self, effects: Iterable[Effect]) -> list[Message]:
        found: list[Message] = []
        for effect in effects:
            if isinstance(effect, Close):
                self.closed = effect.reason
                continue
            assert isinstance(effect, Send)
            (raw,) = Framer().feed(effect.data)
            if raw.type == REPORT_TYPE:
                batch = decode_tag_reports(raw.body, self._memory)
                assert not batch.faults
                self.reports += batch.reports
            found.append(decode(raw))
            assert found[-1].name == effect.name
        return found

    def seen(self) -> Counter[bytes]:
        """Sum of the seen counts of all reports, by EPC."""
        return seen_counts(self.reports)


def seen_counts(reports: Iterable[TagReport]) -> Counter[bytes]:
    counts: Counter[bytes] = Counter()
    for report in reports:
        counts[report.epc] += report.seen_count or 0
    return counts


def events(messages: Iterable[Message], name: str) -> list[Parameter]:
    """Return the events of that name in READER_EVENT_NOTIFICATIONs."""
    found = [item.find(f"ReaderEventNotificationData/{name}") for item in messages]
    return [event for event in found if event is not None]


class Client:
    """A client on a real socket. `chunk`: bytes for one write; 0 = whole messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunk: int) -> None:
        self._reader, self._writer, self._chunk = reader, writer, chunk
        self._framer = Framer()
        self._memory = ReportMemory()
        self._next_id = 0
        self.kept: list[Message] = []
        self.reports: list[TagReport] = []

    @classmethod
    async def open(cls, host: str, port: int, chunk: int = 0) -> Client:
        reader, writer = await asyncio.open_connection(host, port)
        return cls(reader, writer, chunk)

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), self._chunk or len(data)):
            self._writer.write(data[start : start + (self._chunk or len(data))])
            await self._writer.drain()
            if self._chunk:
                await asyncio.sleep(0)

    async def read(self) -> list[Message]:
        """Return the next messages, reports without their content; an empty list when the reader has closed."""
        while data := await self._reader.read(65_536):
            if raws := self._framer.feed(data):
                return [self._taken(raw) for raw in raws]
        return []

    def _taken(self, raw: RawMessage) -> Message:
        if raw.type != REPORT_TYPE:
            return decode(raw)
        batch = decode_tag_reports(raw.body, self._memory)
        assert not batch.faults
        self.reports += batch.reports
        return Message("RO_ACCESS_REPORT", message_id=raw.message_id)

    async def until(self, name: str) -> Message:
        """Read on until a message of that name comes; what comes before or with it stays in `kept`."""
        async with asyncio.timeout(10):
            while True:
                for index, item in enumerate(self.kept):
                    if item.name == name:
                        del self.kept[: index + 1]
                        return item
                fresh = await self.read()
                if not fresh:
                    raise ConnectionError(f"closed before {name}, after {[item.name for item in self.kept]}")
                self.kept += fresh

    async def ask(self, name: str, *parameters: Parameter, **fields: Value) -> Message:
        self._next_id += 1
        await self.write(encode(Message(name, fields, parameters, self._next_id), strict=False))
        answer = await self.until(f"{name}_RESPONSE")
        assert answer.message_id == self._next_id
        return answer

    async def at_end(self) -> list[Message]:
        """Read until the reader closes the connection, return what came. Raises `TimeoutError` if it does not."""
        return await self.heard_within(10)

    async def heard_within(self, seconds: float) -> list[Message]:
        found: list[Message] = []
        async with asyncio.timeout(seconds):
            while fresh := await self.read():
                found += fresh
        return found

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):  # the reader may have reset it
            await self._writer.wait_closed()
