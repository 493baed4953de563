"""The driver of UHF modules on a serial port: ThingMagic M6e, Chafon UHFReader18/288.

Theory of operation. `edge.serial_line` keeps the port open and says how the device stands while it is away; each
opening begins a new session with the module (`edge.uhf.session`), whose family holds the conversation. Here its news
become reads, events and inventory time. A module has no clock that is worth anything: reads carry the host's time of
their arrival, which is later than the reading by the line's few milliseconds, and by up to one inventory with a module
that is polled. Tags are never logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from edge.drivers.port import Readback, What
from edge.drivers.profiles import antenna_asks, configured, named_profile
from edge.drivers.readback import reported_antennas
from edge.drivers.standing import Standing
from edge.llrp.reads import RSSI_UNKNOWN_CDBM
from edge.look_ledger import LookLedger
from edge.serial_line.opening import LineSettings
from edge.serial_line.supervisor import SerialSupervisor
from edge.uhf import news
from edge.uhf.families import FAMILIES
from edge.uhf.limits import PORT_MAX
from edge.uhf.plan import ModulePlan, PortAsk, UhfError
from edge.uhf.session import ModuleSession
from firmware_config.profile import Search
from firmware_config.vendors import FALLBACK_PROFILE
from wire.configuration import DeviceInventory
from wire.messages import DeviceClock
from wire.window import TagRead

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.drivers.port import Host, Sink
    from edge.serial_line.line import SerialLine
    from edge.uhf.conversation import Family
    from edge.uhf.families import FamilyFacts
    from firmware_config.profile import Profile
    from firmware_config.render import AntennaAsk
    from wire.messages import AntennaLook, DeviceHealth
    from wire.site import Device, Site

SAME_EVENT_PAUSE_S: Final = 60.0
"""A module repeats its complaint with each inventory; the same one is told once a minute."""

OVERFLOW_PAUSE_S: Final = 1.0
"""As often as what was undecodable: each becomes a gap record."""


def build_uhf_serial(device: Device, site: Site, host: Host, given: Profile | None = None) -> UhfSerialDriver:
    """Return the driver of a module. Raises `UhfError` or `ProfileError` for settings that cannot be used.

    `given`: a profile by value, in place of the one that the site file names.
    """
    name = device.options.get("family")
    if name is None:
        raise UhfError(f"device {device.id}: family: which modules are these? one of {', '.join(sorted(FAMILIES))}")
    facts = FAMILIES[str(name)]
    profile = given or named_profile(device, FALLBACK_PROFILE)
    device = configured(device, site, profile)
    plan = plan_of(device, site, facts, profile)
    baud = int(device.options.get("baud", facts.baud))
    asked = Asked(profile, antenna_asks(device, site, profile), str(name))
    return UhfSerialDriver(device.id, LineSettings(device.address, baud), plan, facts.build, host, asked=asked)


def plan_of(device: Device, site: Site, facts: FamilyFacts, profile: Profile) -> ModulePlan:
    """Return what the site wants of a module. Raises `UhfError` or `ProfileError`."""
    options, least_s, most_s = device.options, *facts.cycle_range_s
    cycle_s = float(options.get("keepalive_s", facts.cycle_s))
    if not least_s <= cycle_s <= most_s:
        raise UhfError(f"device {device.id}: keepalive_s: {cycle_s:g}, expected {least_s:g} to {most_s:g}")
    region = str(options["region"]) if "region" in options else None
    if region is None and facts.needs_region:
        raise UhfError(
            f"device {device.id}: region: the module does not transmit before it is told one of "
            f"{', '.join(sorted(facts.regions))}"
        )
    if region is not None and region not in facts.regions:
        raise UhfError(f"device {device.id}: region: {region!r}, expected one of {', '.join(sorted(facts.regions))}")
    if ("on_s" in options) != ("off_s" in options):
        raise UhfError(f"device {device.id}: on_s and off_s: a duty cycle needs both")
    return ModulePlan(
        ports=_port_asks(device, site, profile),
        cycle_s=cycle_s,
        region=region,
        on_s=float(options.get("on_s", 0.0)),
        off_s=float(options.get("off_s", 0.0)),
    )


class Asked(NamedTuple):
    """What is reported of a module beside what it answers. `family`: which protocol it speaks."""

    profile: Profile
    antennas: tuple[AntennaAsk, ...]
    family: str


def _port_asks(device: Device, site: Site, profile: Profile) -> tuple[PortAsk, ...]:
    """Return what each antenna is there for, as its profile says."""
    if not device.antennas:
        raise UhfError(f"device {device.id}: antennas: a UHF module needs at least one")
    asks = []
    for antenna in device.antennas:
        if not 1 <= antenna.port <= PORT_MAX:
            raise UhfError(f"device {device.id}: antennas: port {antenna.port}, expected 1 to {PORT_MAX}")
        intent = profile.intents[profile.purpose_for(site.zone(antenna.zone).kind, device.purpose)]
        power_dbm = intent.power_dbm if antenna.power_dbm is None else antenna.power_dbm
        power_cdbm = None if power_dbm is None else round(power_dbm * 100)
        single = intent.search is Search.SINGLE
        asks.append(PortAsk(antenna.port, power_cdbm, intent.session, single, intent.population))
    return tuple(asks)


class UhfSerialDriver:
    """One module (implements `edge.drivers.port.Driver` and `edge.serial_line.supervisor.Talk`)."""

    def __init__(
        self,
        device: str,
        settings: LineSettings,
        plan: ModulePlan,
        build: Callable[[ModulePlan, frozenset[int]], Family],
        host: Host,
        *,
        asked: Asked,
    ) -> None:
        self._device = device
        self._plan = plan
        self._build = build
        self._host = host
        self._ports = frozenset(ask.port for ask in plan.ports)
        self._ledger = LookLedger(device, [ask.port for ask in plan.ports])
        self._standing = Standing(device, "uhf_serial", host)
        self._supervisor = SerialSupervisor(settings, host, self._standing, self)
        self._family: Family | None = None
        self._session: ModuleSession | None = None
        self._line: SerialLine | None = None
        self._failing: set[int] = set()
        self._asked = asked
        self._verified: Readback | None = None
        self._readback: Readback | None = None
        self._complaint = ("", 0.0)
        self._overflow = ""
        self._overflow_told_s = float("-inf")
        self._awake_until_s = 0.0
        self._sink: Sink

    # -- the port

    def start(self, sink: Sink) -> None:
        """Begin. Raises `RuntimeError` when called twice."""
        self._supervisor.start()
        self._sink = sink
        self._standing.tell_to(sink.on_event)

    async def stop(self) -> None:
        """Stop the inventory and give the port back; bounded by the serial line."""
        await self._supervisor.stop()

    def health(self) -> DeviceHealth:
        """Return the module as it is now."""
        return self._standing.health()

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:  # noqa: ARG002 - the port's word; credit needs answers
        """Return what each port inventoried since the last call, as far as the module vouched for it."""
        return self._ledger.take()

    def clock(self) -> DeviceClock:
        """Return the host's own clock: it stamps the reads."""
        return DeviceClock(self._device, "synced", 0)

    def configuration(self) -> Readback | None:
        """Return what the module said that it does when it came up last."""
        return self._readback

    def look_harder(self, seconds: float) -> bool:
        """Do not rest for so long from now on; False for a module that never rests."""
        if not self._plan.off_s:
            return False
        self._awake_until_s = self._host.monotonic_s() + seconds
        if self._family is not None:
            self._family.awake_until_s = self._awake_until_s
        return True

    # -- what the serial line calls

    def opened(self, line: SerialLine, now_s: float) -> None:
        """Begin a session with the module."""
        self._line = line
        self._family = self._build(self._plan, frozenset(self._failing))
        self._family.awake_until_s = self._awake_until_s
        self._session = ModuleSession(self._family)
        self._session.begin(now_s)
        self._after(self._session, now_s)

    def received(self, data: bytes, now_s: float) -> None:
        """Feed the session."""
        if self._session is not None:
            self._session.receive(data, now_s)
            self._after(self._session, now_s)

    def tick(self, now_s: float) -> None:
        """Let the session look at the time, and tell what waits to be told."""
        if self._session is not None:
            self._session.tick(now_s)
            self._after(self._session, now_s)

    def deadline(self) -> float | None:
        """Return when the session needs a tick."""
        return None if self._session is None else self._session.deadline()

    def lost(self, reason: str, now_s: float) -> None:  # noqa: ARG002 - the supervisor tells it
        """Forget the session: the line is gone."""
        self._tell_overflow(now_s, at_once=True)
        self._session = self._family = self._line = None

    def leaving(self) -> None:
        """Let the module be still."""
        if self._line is not None and self._family is not None:
            self._line.write(self._family.farewell())

    # -- what the session tells

    def _after(self, session: ModuleSession, now_s: float) -> None:
        if self._line is not None:
            self._line.write(session.take())
        for told in session.news():
            self._take(told, now_s)
        self._tell_overflow(now_s)
        self._standing.tell_bad_in_time(now_s)

    def _take(self, told: news.News, now_s: float) -> None:
        match told:
            case news.Seen():
                self._take_tags(told.tags)
            case news.Looked():
                self._ledger.credit(told.ports, told.for_s)
            case news.Works():
                self._readback = self._verified
                self._supervisor.worked()
            case news.Bad():
                self._standing.count_bad(told.problem)
            case news.Overflow():
                self._overflow = told.detail
            case news.Complaint():
                self._complain(told.detail, now_s)
            case _:
                self._take_state(told)

    def _take_state(self, told: news.Settings | news.AntennaState | news.Temperature | news.Failed) -> None:
        match told:
            case news.Settings():
                self._ledger.settings(told.by_port)
                for problem in told.problems:
                    self._standing.tell(What.CONFIG_DIFFERS, problem)
                antennas = reported_antennas(self._asked.profile, self._asked.antennas, told.by_port)
                inventory = DeviceInventory(vendor=FAMILIES[self._asked.family].vendor, firmware=told.firmware)
                self._verified = Readback(self._asked.profile, antennas, told.problems, (), inventory)
            case news.AntennaState():
                self._take_antenna(told)
            case news.Temperature():
                self._standing.temperature_c = told.celsius
            case news.Failed():
                self._supervisor.give_up(told.reason)

    def _take_tags(self, tags: tuple[news.Tag, ...]) -> None:
        now_us = self._host.wall_us()
        reads = [
            TagRead(
                port,
                epc,
                8 * len(epc),
                RSSI_UNKNOWN_CDBM if rssi_cdbm is None else rssi_cdbm,
                now_us,
                now_us,
                reads,
            )
            for port, epc, rssi_cdbm, reads in tags
            if port in self._ports
        ]
        if len(reads) < len(tags):
            self._standing.count_bad("reads of an antenna that is not in the site file", len(tags) - len(reads))
        if reads:
            self._standing.reads += len(reads)
            self._sink.on_reads(reads)

    def _take_antenna(self, told: news.AntennaState) -> None:
        """Tell a change; the family of the next session is told what fails, so that it tells no more than changes."""
        (self._failing.discard if told.works else self._failing.add)(told.port)
        self._standing.tell(What.ANTENNA_UP if told.works else What.ANTENNA_DOWN, told.detail, told.port)

    def _complain(self, detail: str, now_s: float) -> None:
        last, told_s = self._complaint
        if detail != last or now_s >= told_s + SAME_EVENT_PAUSE_S:
            self._complaint = (detail, now_s)
            self._standing.tell(What.READER_EXCEPTION, detail)

    def _tell_overflow(self, now_s: float, *, at_once: bool = False) -> None:
        if self._overflow and (at_once or now_s >= self._overflow_told_s + OVERFLOW_PAUSE_S):
            self._standing.tell(What.READER_OVERFLOW, self._overflow)
            self._overflow, self._overflow_told_s = "", now_s
