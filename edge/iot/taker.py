"""From a reader's events to what the edge daemon wants: reads on the host's clock, looks, antennas, remarks.

Theory of operation. One taker serves one device over all its sessions. What it is told is in the order of the wire.

*Time.* The reader's clock is estimated from the time that each event was made (`edge.clock`). A read keeps the time
that the tag was seen; where the reader does not say it, the time that the event was made, and the clock is then at
best `estimated`; where it says neither, the time of arrival, and the clock is `unknown`.

*Looks.* While the inventory runs, its ports share the time, credited up to the newest sign of life
(`edge.llrp.looking`). What runs is what the reader said: its inventory's status, or its heartbeat. A sign of life
alone does not say that it looks. Where a heartbeat or an answer finds that something ended, nobody knows when: nothing
is credited since the sign of life before. Nor is it where reads were lost: they may be of what seems to be gone.

*Places.* A read without a port is taken for the only port, where the site file names one only; else it is bad. A read
of a port that the site file does not name belongs to no zone: it is dropped, counted and told.

*Remarks* on the reader's configuration are told as `config_differs`, each at most once in `REMARK_S`, with the number
of reads that it concerns by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.clock import DeviceTime
from edge.drivers.port import What
from edge.iot.events import AntennaState, Complaint, Heartbeat, Input, Inventory, Overflow, Tag
from edge.iot.limits import REMARK_S, REMARKS_MAX, TEXT_MAX_CHARS
from edge.iot.numbering import EventNumbers
from edge.llrp.limits import PLUG_GRACE_US
from edge.llrp.looking import LookAccount
from edge.llrp.reads import RSSI_UNKNOWN_CDBM
from wire.messages import DeviceClock
from wire.window import TagRead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from edge.drivers.port import Host, Sink
    from edge.drivers.standing import Standing
    from edge.iot.events import Event
    from wire.messages import AntennaLook, AntennaSettings


class EventTaker:
    """The accounts of one reader. `ports` are those of the site file, in its order."""

    def __init__(self, device: str, ports: Sequence[int], host: Host, standing: Standing) -> None:
        self._device = device
        self._ports = tuple(ports)
        self._sole_port = self._ports[0] if len(self._ports) == 1 else None
        self._host = host
        self._standing = standing
        self._sink: Sink
        self._look = LookAccount(device, self._ports)
        self._time = DeviceTime()
        self._times_told = True
        self._seen_told = True
        self._numbers = EventNumbers()
        self._dropped: int | None = None
        self._asked: tuple[int, ...] = ()
        self._unplugged_us: dict[int, int] = {}
        self._running = False
        self._active: tuple[int, ...] = ()
        self._remarks: dict[str, _Remark] = {}

    # -- what the driver says

    def hand_to(self, sink: Sink) -> None:
        """Say who gets the reads, before the first one."""
        self._sink = sink

    def asked(self, by_port: Mapping[int, AntennaSettings]) -> None:
        """Say which ports the reader inventories when it runs, and how."""
        self._asked = tuple(port for port in self._ports if port in by_port)
        self._look.settings({port: by_port[port] for port in self._asked})
        for port in self._ports:
            if port not in by_port:
                self.remark(f"port {port}", f"port {port}: the reader is not told to inventory it")
        self._rest()

    def its_time(self, made_us: int | None) -> None:
        """Say what the reader's clock shows now; before what it held back while we were away, which would look new."""
        if made_us is not None:
            self._sample(made_us, self._host.wall_us())

    def runs(self, *, running: bool) -> None:
        """Say whether the inventory runs."""
        if running != self._running:
            self._running = running
            self._rest()

    def found(self, *, running: bool) -> None:
        """Say what a question found: whether the inventory runs, and if not, that it ended nobody knows when."""
        before = self._active
        self.runs(running=running)
        self._count_back(before)

    def heard(self, now_s: float) -> None:
        """Say that the reader gave a sign of life: the time up to now is vouched for."""
        self._look.vouch(now_s, self._active)
        self._standing.tell_bad_in_time(now_s)

    def ended(self) -> None:
        """Say that the session is over: nothing more is vouched for."""
        self._look.lost()
        self._running, self._active = False, ()
        self._standing.tell_bad(self._host.monotonic_s())

    def bad(self, problem: str, count: int = 1) -> None:
        """Count something that could not be understood."""
        if count:
            self._standing.count_bad(problem, count)
            self._look.lost()

    def remark(self, key: str, text: str, count: int = 0) -> None:
        """Tell what is wrong with the reader's configuration, once in a while; `count` reads are concerned."""
        key, text = key[:TEXT_MAX_CHARS], text[:TEXT_MAX_CHARS]
        if key not in self._remarks and len(self._remarks) >= REMARKS_MAX:
            return
        remark = self._remarks.setdefault(key, _Remark())
        remark.count += count
        now_s = self._host.monotonic_s()
        if now_s < remark.told_s + REMARK_S:
            return
        remark.told_s = now_s
        self._standing.tell(What.CONFIG_DIFFERS, f"{text} ({remark.count} reads)" if remark.count else text)
        remark.count = 0

    # -- what the daemon asks

    def looked(self) -> tuple[AntennaLook, ...]:
        """Return what each port inventoried since the last call."""
        return self._look.take()

    def clock(self) -> DeviceClock:
        """Return how far the reader's clock can be trusted, and the shift that its reads carry."""
        quality = self._time.quality(self._host.wall_us())
        if not self._times_told:
            quality = "unknown"
        elif not self._seen_told and quality == "synced":
            quality = "estimated"
        return DeviceClock(self._device, quality, round(self._time.shift_us() / 1_000))

    # -- events

    def take(self, events: Iterable[Event]) -> None:
        """Take events in their order; reads that stand together go on together."""
        reads: list[TagRead] = []
        for event in events:
            if isinstance(event, Tag):
                read = self._read(event)
                if read is not None:
                    reads.append(read)
                continue
            self._flush(reads)
            self._take_other(event)
        self._flush(reads)

    def _flush(self, reads: list[TagRead]) -> None:
        if reads:
            self._standing.reads += len(reads)
            self._sink.on_reads(reads.copy())
            reads.clear()

    def _take_other(self, event: Event) -> None:
        match event:
            case Heartbeat():
                self._take_heartbeat(event)
            case AntennaState():
                self._take_antenna(event.port, connected=event.connected)
            case Inventory():
                self.runs(running=event.state == "running")
            case Overflow():
                self._lose(event.text)
            case Input():
                self._standing.tell(What.GPI, "high" if event.high else "low", event.pin)
            case Complaint():
                self._standing.tell(What.READER_EXCEPTION, event.text)

    def _take_heartbeat(self, event: Heartbeat) -> None:
        looking = self._active
        self.its_time(event.made_us)
        if event.temperature_c is not None:
            self._standing.temperature_c = event.temperature_c
        for port, connected in event.antennas.items():
            self._take_antenna(port, connected=connected)
        self.runs(running=event.active is True)
        self._count_back(looking)
        before, self._dropped = self._dropped, event.dropped
        if before is not None and event.dropped is not None and event.dropped > before:
            self._lose(f"the reader dropped {event.dropped - before} events")

    def _lose(self, text: str) -> None:
        self._standing.tell(What.READER_OVERFLOW, text)
        self._look.lost()

    def _count_back(self, looking: tuple[int, ...]) -> None:
        """Credit nothing since the last sign of life if one of these ports looks no longer."""
        if not {*looking} <= {*self._active}:
            self._look.lost()

    def _take_antenna(self, port: int, *, connected: bool, why: str = "") -> None:
        if port not in self._ports:
            return
        if connected and port in self._unplugged_us:
            del self._unplugged_us[port]
            self._standing.tell(What.ANTENNA_UP, why, port)
        elif not connected and port not in self._unplugged_us:
            self._unplugged_us[port] = self._host.wall_us()
            self._standing.tell(What.ANTENNA_DOWN, "the reader sees nothing plugged in", port)
        else:
            return
        self._rest()

    def _rest(self) -> None:
        """Work out which ports look now. The same tuple stays while they do: the account tells changes by it."""
        active = tuple(port for port in self._asked if port not in self._unplugged_us) if self._running else ()
        if active != self._active:
            self._active = active

    # -- reads

    def _read(self, tag: Tag) -> TagRead | None:
        now_us = self._host.wall_us()
        if tag.number is not None:
            missing = self._numbers.missing_before(tag.number)
            if missing:
                self._lose(f"{missing} events before number {tag.number} never came")
        made_us = tag.made_us if tag.made_us is not None else tag.seen_us
        if made_us is not None:
            self._sample(made_us, now_us)
        port = self._place(tag)
        if port is None:
            return None
        self._note_times(tag)
        if tag.rssi_cdbm is None:
            self.remark("rssi", "tag events carry no signal strength: places are told apart by it", 1)
        at_us = self._at_us(tag, now_us)
        since_us = self._unplugged_us.get(port)
        if since_us is not None and at_us > since_us + PLUG_GRACE_US:
            self._take_antenna(port, connected=True, why="it reads tags")
        rssi_cdbm = RSSI_UNKNOWN_CDBM if tag.rssi_cdbm is None else tag.rssi_cdbm
        return TagRead(port, tag.epc, 8 * len(tag.epc), rssi_cdbm, at_us, at_us, tag.reads)

    def _place(self, tag: Tag) -> int | None:
        """Return the port of the site file that a tag was read at."""
        if tag.port is None:
            if self._sole_port is None:
                self.bad("reads that name no antenna")
                self.remark("antenna", "tag events carry no antenna: their place is unknown", 1)
            return self._sole_port
        if tag.port not in self._ports:
            self.remark(f"port {tag.port}", f"port {tag.port} reads tags, and the site file has no such antenna", 1)
            return None
        return tag.port

    def _note_times(self, tag: Tag) -> None:
        self._times_told = tag.made_us is not None or tag.seen_us is not None
        self._seen_told = tag.seen_us is not None
        if not self._times_told:
            self.remark("time", "tag events carry no time: they count as read when they arrive", 1)
        elif not self._seen_told:
            self.remark("seen", "tag events do not say when a tag was seen, only when they were made", 1)

    def _at_us(self, tag: Tag, now_us: int) -> int:
        seen_us = tag.seen_us if tag.seen_us is not None else tag.made_us
        return now_us if seen_us is None else seen_us + self._time.offset_us(uptime=False)

    def _sample(self, made_us: int, now_us: int) -> None:
        jump_us = self._time.sample(made_us, now_us, uptime=False)
        if jump_us is not None:
            self._standing.tell(What.CLOCK_STEP, f"{-round(jump_us / 1_000)} ms")


class _Remark:
    __slots__ = ("count", "told_s")

    def __init__(self) -> None:
        self.count = 0
        self.told_s = float("-inf")
