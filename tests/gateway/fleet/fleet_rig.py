"""The fleet's process and desk on a real database, with edges that are played and a broker that can be away."""

from dataclasses import dataclass, field

from gateway.fleet.board import FleetBoard
from gateway.fleet.desk import Asked, Asker, FleetDesk, Shown, digest_of
from gateway.fleet.device import DeviceName
from gateway.fleet.plan import Plan, Targets
from gateway.fleet.process import FleetProcess
from gateway.fleet.profiles import Given, given_profile
from gateway.fleet.rollout_values import Pace
from gateway.ingest.admit import admit
from gateway.ingest.arrival import Arrival, Reported, State
from gateway.ingest.port import Delivery, SourceFigures
from gateway.storage.engine import Database
from tests.gateway.small_store import ManualClock
from wire.configuration import (
    DesiredConfig,
    DeviceInventory,
    ReportedConfig,
    ReportedDevice,
    decode_desired,
    encode_reported,
)
from wire.messages import DeviceHealth, EdgeState, encode_json
from wire.topics import EdgeTopic, Leaf, edge_topic, parse

PACE = Pace(canaries=1, apply_s=60, watch_s=100, settle_s=5, measure_s=150)
STOCK = given_profile("generic-llrp-stock")
PORTAL = given_profile("generic-llrp-portal")


class Wire:
    """What the gateway publishes, as a broker retains it."""

    def __init__(self) -> None:
        self.figures = SourceFigures(connects=1)
        self.connected = True
        self.takes = True
        self.retained: dict[str, bytes] = {}
        self.published: list[tuple[str, int]] = []

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if not self.takes:
            return False
        assert retain
        self.retained[topic] = payload
        self.published.append((topic, decode_desired(payload).version))
        return True

    def desired(self, site: str, edge: str = "edge") -> DesiredConfig | None:
        payload = self.retained.get(edge_topic(site, edge, Leaf.CONFIG_DESIRED))
        return None if payload is None else decode_desired(payload)


@dataclass(slots=True)
class PlayedDevice:
    """A reader as its edge knows it. `per_min_of`: what it reads by a profile's hash."""

    device: str
    driver: str = "llrp"
    state: str = "up"
    per_min: float = 600.0
    per_min_of: dict[str, float] = field(default_factory=dict)
    answers: str = "applied"
    problems: tuple[str, ...] = ()
    hash: str = ""
    profile: str = ""
    reads: float = 0.0
    inventory: DeviceInventory = DeviceInventory(vendor="Impinj", model="Speedway R420", firmware="5.14.0")  # noqa: RUF009


@dataclass(slots=True)
class PlayedEdge:
    """An edge that takes what is retained for it, and says how its devices are."""

    site: str
    edge: str = "edge"
    devices: list[PlayedDevice] = field(default_factory=lambda: [PlayedDevice("reader")])
    version: int = 0
    hash: str = ""
    error: str = ""
    takes: bool = True
    named: set[str] = field(default_factory=set)

    def take(self, desired: DesiredConfig | None) -> None:
        """Take a configuration as an edge does: newer ones only."""
        if desired is None or not self.takes or desired.version <= self.version:
            return
        self.version, self.hash, self.error = desired.version, desired.hash, ""
        asked = {one.device: one for one in desired.devices}
        self.named = set(asked)
        for device in self.devices:
            one = asked.get(device.device)
            if one is None:
                device.profile = device.hash = ""
            elif device.answers in {"applied", "adapted"}:
                device.profile, device.hash = one.profile, one.profile_hash

    def report(self, now_us: int) -> ReportedConfig:
        rows = tuple(
            ReportedDevice(
                device=one.device,
                driver=one.driver,
                state=one.answers if one.device in self.named or one.answers == "unable" else "applied",  # type: ignore[arg-type]
                at_us=now_us,
                profile=one.profile,
                profile_hash=one.hash,
                source="desired" if one.hash else "site_file",
                problems=one.problems,
                inventory=one.inventory,
            )
            for one in self.devices
        )
        return ReportedConfig(
            site=self.site,
            edge=self.edge,
            version=self.version,
            hash=self.hash,
            at_us=now_us,
            error=self.error,
            devices=rows,
        )

    def state(self, what: str, now_us: int) -> EdgeState:
        healths = tuple(
            DeviceHealth(
                device=one.device,
                driver=one.driver,
                state=one.state,  # type: ignore[arg-type]
                since_us=0,
                reads=round(one.reads),
                reads_per_min=one.per_min,
            )
            for one in self.devices
        )
        return EdgeState(what=what, site=self.site, edge=self.edge, at_us=now_us, devices=healths)  # type: ignore[arg-type]


class FleetRig:
    """A gateway's fleet part, stepped by hand: `passes` lets edges live and the process look."""

    def __init__(self, database: Database, *edges: PlayedEdge) -> None:
        self.database = database
        self.clock = ManualClock()
        self.wire = Wire()
        self.edges = list(edges)
        self.ids = 0
        self.process = self.another()
        self.desk = self.desk_of(self.process)
        self.board = FleetBoard(database, self.clock)
        self.who = Asker()

    def another(self, holder: str = "one") -> FleetProcess:
        """Another process on the same database."""
        return FleetProcess(self.database, self.wire, holder, self.clock)

    def desk_of(self, process: FleetProcess) -> FleetDesk:
        return FleetDesk(self.database, self.clock, process.heard, self._new_id, wake=process.wake)

    def _new_id(self) -> str:
        self.ids += 1
        return f"00000000-0000-7000-8000-{self.ids:012}"

    async def said(self, *, process: FleetProcess | None = None, what: str = "health") -> None:
        """Every edge says its state and its report: into the database, and to the process."""
        process = process or self.process
        now_us = self.clock()
        arrivals: list[Arrival] = []
        for edge in self.edges:
            state, report = edge.state(what, now_us), edge.report(now_us)
            at, of = (edge_topic(edge.site, edge.edge, leaf) for leaf in (Leaf.STATE, Leaf.CONFIG_REPORTED))
            arrivals.append(State(Delivery(at, encode_json(state), now_us), state))
            arrivals.append(Reported(Delivery(of, encode_reported(report), now_us), report))
            process.state(state)
            process.reported(report)
        async with self.database.write() as connection:
            await admit(connection, arrivals, now_us)

    async def passes(self, seconds: int, *, every: int = 20, process: FleetProcess | None = None) -> None:
        """Let time pass: every twenty seconds edges take what is retained, say how they are, and the process looks."""
        process = process or self.process
        for _ in range(0, seconds, every):
            self.clock.advance(every)
            for edge in self.edges:
                edge.take(self.wire.desired(edge.site, edge.edge))
                for device in edge.devices:
                    per_min = device.per_min_of.get(device.hash, device.per_min)
                    device.reads += per_min * every / 60 if device.state == "up" else 0
            await self.said(process=process)
            await process.look()

    def asked(
        self, profile: Given = STOCK, *, name: str = "k1", pace: Pace = PACE, sites: frozenset[str] = frozenset()
    ) -> Asked:
        return Asked(
            profile=profile,
            targets=Targets(sites=sites),
            pace=pace,
            name=name,
            digest=digest_of([profile.setting, sorted(sites)]),
        )

    async def begin(
        self, profile: Given = STOCK, *, name: str = "k1", sites: frozenset[str] = frozenset()
    ) -> tuple[Shown, Plan | None]:
        return await self.desk.begin(self.who, self.asked(profile, name=name, sites=sites))

    async def over(self, name: str, most_s: int = 3_000) -> Shown:
        """Let time pass until a roll-out is over."""
        for _ in range(0, most_s, 20):
            shown = await self.desk.get(self.who, name)
            if shown.stored.rollout.phase.value == "over" and not shown.stored.wish.what:
                return shown
            await self.passes(20)
        raise AssertionError(f"not over: {shown.stored.rollout}")

    def runs(self) -> dict[str, str]:
        """Which profile each device runs."""
        return {
            str(DeviceName(edge.site, edge.edge, device.device)): device.profile
            for edge in self.edges
            for device in edge.devices
        }


def leaf_of(topic: str) -> Leaf:
    parsed = parse(topic)
    assert isinstance(parsed, EdgeTopic)
    return parsed.leaf
