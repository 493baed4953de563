"""The driver of barcode scanners on a serial port: USB (CDC) or RS-232.

Theory of operation. The port is kept by `edge.serial_line`; a scanner is *up* when its port is open, because it says
nothing until somebody scans. `edge.scanner.splitter` finds the barcodes in the bytes, `edge.scanner.scan_text` reads
them. With the purposes `sale`, `receive` and `lookup` each becomes a scan. With `count` the items among them
become parts of a count session (`edge.scanner.count_session`), and codes that name no item become scans that change
nothing. Without a purpose it is `lookup`. Items of foreign company prefixes are counted and dropped, like foreign tags.

A scanner has no clock: scans carry the host's time of their last byte. Its codes are never logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

from edge.drivers.port import Readback
from edge.drivers.profiles import configured, named_scanner
from edge.drivers.standing import BAD_EVENT_PAUSE_S, Standing
from edge.scanner.count_session import DEFAULT_COVERAGE, CountRules, CountSessions
from edge.scanner.item_code import ItemCodes
from edge.scanner.limits import IDLE_S, SESSION_IDLE_S
from edge.scanner.scan_text import CONTROL, END, ScanText, read_scan
from edge.scanner.splitter import Lost, SplitRules, Splitter
from edge.serial_line.opening import LineSettings
from edge.serial_line.supervisor import SerialSupervisor
from wire.gs1.errors import IdentifierError
from wire.messages import DeviceClock, Scan
from wire.site import DevicePurpose

if TYPE_CHECKING:
    from edge.drivers.port import Host, Sink
    from edge.serial_line.line import SerialLine
    from firmware_config.profile import ScannerProfile
    from wire.epc import Sgtin
    from wire.messages import AntennaLook, CountBatch, DeviceHealth
    from wire.site import Device, Site

DEFAULT_BAUD: Final = 9_600
"""What RS-232 scanners come with; USB scanners ignore it."""

Purpose = Literal["count", "receive", "sale", "lookup"]


def build_barcode_serial(device: Device, site: Site, host: Host, given: ScannerProfile | None = None) -> BarcodeScanner:
    """Return the driver of a barcode scanner. Raises `ValueError` for settings that cannot be used.

    `given`: a profile by value, in place of the one that the site file names.
    """
    profile = given or named_scanner(device)
    if profile is not None:
        device = configured(device, site, profile)
    options: dict[str, Any] = device.options
    if not device.address.startswith("/"):
        raise ValueError(
            f"device {device.id}: address: {device.address!r}, expected a path such as /dev/serial/by-id/..."
        )
    if device.antennas:
        raise ValueError(f"device {device.id}: antennas: a barcode scanner has none; say its zone")
    if not device.zone:
        raise ValueError(f"device {device.id}: zone: missing; say where the scanner stands")
    for name in ("session_idle_s", "coverage"):
        if name in options and device.purpose is not DevicePurpose.COUNT:
            raise ValueError(f"device {device.id}: {name}: only a scanner with the purpose count has sessions")
    idle_s = options["idle_ms"] / 1_000 if "idle_ms" in options else IDLE_S
    rules = SplitRules(options.get("suffix", "auto"), options.get("prefix", "").encode(), idle_s)
    try:
        codes = ItemCodes(site.company_prefixes)
    except IdentifierError as error:
        raise ValueError(f"device {device.id}: company_prefixes: {error}") from error
    counting = CountRules(
        site.id,
        device.edge,
        device.id,
        device.zone,
        options.get("session_idle_s", SESSION_IDLE_S),
        options.get("coverage", DEFAULT_COVERAGE),
    )
    return BarcodeScanner(
        device,
        host,
        line=LineSettings(device.address, options.get("baud", DEFAULT_BAUD)),
        splitter=Splitter(rules),
        sessions=CountSessions(counting),
        codes=codes,
        group_separator=options.get("group_separator", ""),
        profile=profile,
    )


class BarcodeScanner:
    """One scanner (implements `edge.drivers.port.Driver` and, for its line, `edge.serial_line.supervisor.Talk`)."""

    def __init__(
        self,
        device: Device,
        host: Host,
        *,
        line: LineSettings,
        splitter: Splitter,
        sessions: CountSessions,
        codes: ItemCodes,
        group_separator: str,
        profile: ScannerProfile | None = None,
    ) -> None:
        self._device = device.id
        self._zone = device.zone
        self._purpose = cast("Purpose", device.purpose.value if device.purpose else "lookup")
        self._splitter = splitter
        self._sessions = sessions
        self._codes = codes
        self._host = host
        self._group_separator = group_separator
        self._profile = profile
        self._was_open = False
        self._standing = Standing(device.id, "barcode_serial", host)
        self._port = SerialSupervisor(line, host, self._standing, self)
        self._heard_us = 0
        self._bad_due_s: float | None = None
        self._sink: Sink

    # -- the port of drivers

    def start(self, sink: Sink) -> None:
        """Begin. Raises `RuntimeError` when called twice."""
        self._port.start()
        self._sink = sink
        self._standing.tell_to(sink.on_event)

    async def stop(self) -> None:
        """End an open count session and give the port back, within two seconds."""
        await self._port.stop()
        self._count(self._sessions.end())

    def health(self) -> DeviceHealth:
        """Return the scanner as it is now."""
        return self._standing.health()

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:  # noqa: ARG002 - the port's word
        """Return nothing: a scanner has no antennas."""
        return ()

    def clock(self) -> DeviceClock:
        """Return the host's own clock: a scanner has none."""
        return DeviceClock(self._device, "synced", 0)

    def configuration(self) -> Readback | None:
        """Return the profile once the port was open. It is what *we* expect: a scanner cannot be asked what it does."""
        return Readback(self._profile) if self._was_open else None

    # -- what the line tells

    def opened(self, line: SerialLine, now_s: float) -> None:  # noqa: ARG002 - a scanner is only listened to
        """Take the open port for a sign of life: a scanner says nothing until somebody scans."""
        self._was_open = True
        self._port.worked()

    def received(self, data: bytes, now_s: float) -> None:
        """Take bytes."""
        self._heard_us = self._host.wall_us()
        self._take(self._splitter.feed(data, now_s), now_s)

    def lost(self, reason: str, now_s: float) -> None:  # noqa: ARG002 - the supervisor tells it
        """Forget what was half received. An open count session goes on."""
        self._take(list(self._splitter.forget()), now_s)

    def deadline(self) -> float | None:
        """Return when a barcode, a session or the pause between two complaints ends."""
        times = (self._splitter.deadline(), self._sessions.deadline(), self._bad_due_s)
        return min((at_s for at_s in times if at_s is not None), default=None)

    def tick(self, now_s: float) -> None:
        """Look at the time."""
        self._take(self._splitter.tick(now_s), now_s)
        self._count(self._sessions.tick(now_s))

    def leaving(self) -> None:
        """Say nothing: a scanner is only listened to."""

    # -- from pieces to scans and counts

    def _take(self, pieces: list[bytes | Lost], now_s: float) -> None:
        scans: list[ScanText] = []
        for piece in pieces:
            if isinstance(piece, Lost):
                self._bad(piece.problem, now_s)
                continue
            scan = read_scan(piece, self._group_separator)
            if scan is None:
                self._bad("barcodes that are no text (wrong baud rate or parity? expected 8N1)", now_s)
            elif scan.text.startswith(CONTROL):
                self._hand_over(scans, now_s)
                scans = []
                self._control(scan.text, now_s)
            else:
                scans.append(scan)
        self._hand_over(scans, now_s)
        self._standing.tell_bad_in_time(now_s)
        if self._bad_due_s is not None and now_s >= self._bad_due_s:
            self._bad_due_s = None

    def _hand_over(self, scans: list[ScanText], now_s: float) -> None:
        if not scans:
            return
        self._standing.reads += len(scans)
        if self._purpose == "count":
            scans = self._counted(scans, now_s)
        if scans:
            at_us, zone = self._heard_us, self._zone
            self._sink.on_scans([Scan(self._device, at_us, self._purpose, *scan, zone) for scan in scans])

    def _counted(self, scans: list[ScanText], now_s: float) -> list[ScanText]:
        """Count the items among these; return the codes that name none."""
        items: list[tuple[tuple[str, str], bytes]] = []
        others: list[ScanText] = []
        for scan in scans:
            item = self._codes.item(scan)
            epc = None if item is None else self._epc(item)
            if item is None or epc is None:
                others.append(scan)
                self._sessions.other(self._heard_us, now_s)
            elif self._codes.is_ours(item):
                items.append((item.identity, epc))
            else:
                self._sessions.other(self._heard_us, now_s, foreign=True)
        if items:
            self._count(self._sessions.items(items, self._heard_us, now_s))
        return others

    def _epc(self, item: Sgtin) -> bytes | None:
        try:
            return self._codes.epc(item)
        except IdentifierError:  # a serial that no EPC can hold
            return None

    def _control(self, text: str, now_s: float) -> None:
        if text != END:
            self._bad(f"control barcodes that are not known here (known: {END})", now_s)
        elif self._purpose == "count":
            self._count(self._sessions.end(self._heard_us))
        else:
            self._standing.log.info("end of a count scanned, but this scanner counts nothing", purpose=self._purpose)

    def _count(self, parts: list[CountBatch]) -> None:
        for part in parts:
            self._sink.on_count(part)
        for figures in self._sessions.ended:
            self._standing.log.info("count session ended", **figures._asdict())
        self._sessions.ended.clear()

    def _bad(self, problem: str, now_s: float) -> None:
        self._standing.count_bad(problem)
        if self._bad_due_s is None:
            self._bad_due_s = now_s + BAD_EVENT_PAUSE_S
