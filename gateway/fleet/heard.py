"""What one process has heard of the fleet: the health of devices, and what edges report of their configuration.

In memory only, without antennas: it is there to decide by, not to show. All of it can be found again: reports from the
database, healths from the next state of each edge, half a minute later.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from gateway.fleet.device import DeviceName, Seen
from gateway.fleet.limits import EDGES_MAX
from gateway.fleet.rates import Rates
from gateway.ingest.births import EdgeName
from wire.configuration import ReportedConfig, ReportedDevice
from wire.messages import EdgeState


@dataclass(frozen=True, slots=True)
class Report:
    """What an edge last reported."""

    version: int
    hash: str
    error: str
    devices: dict[str, ReportedDevice]


class Heard:
    """What this process has heard. Instants are UTC microseconds of the gateway's clock."""

    def __init__(self) -> None:
        self.rates = Rates()
        self.reports: dict[EdgeName, Report] = {}
        self.left_out = 0
        """Reports of edges that found no room."""
        self._born: set[EdgeName] = set()
        self._gone: set[EdgeName] = set()

    def state(self, state: EdgeState, now_us: int) -> bool:
        """Take what an edge said of itself; return whether it has begun, or connected anew."""
        self.rates.heard(state, now_us)
        edge = EdgeName(state.site, state.edge)
        if state.what == "death":
            self._gone.add(edge)
            return False
        self._gone.discard(edge)
        if state.what == "birth":
            self._born.add(edge)
        return state.what == "birth"

    def report(self, said: ReportedConfig) -> None:
        """Take an edge's report."""
        edge = EdgeName(said.site, said.edge)
        if edge not in self.reports and len(self.reports) >= EDGES_MAX:
            self.left_out += 1
            return
        devices = {one.device: msgspec.structs.replace(one, antennas=()) for one in said.devices}
        self.reports[edge] = Report(said.version, said.hash, said.error, devices)

    def born(self) -> set[EdgeName]:
        """Return the edges that began since this was asked last."""
        born, self._born = self._born, set()
        return born

    def is_there(self, edge: EdgeName) -> bool:
        """Whether an edge is connected, as far as is known."""
        return edge in self.reports and edge not in self._gone

    def devices(self) -> Iterable[tuple[DeviceName, Report, ReportedDevice]]:
        """Yield every device that an edge reports."""
        for edge, report in sorted(self.reports.items()):
            for device, said in sorted(report.devices.items()):
                yield DeviceName(edge.site, edge.edge, device), report, said

    def seen(self, name: DeviceName) -> Seen:
        """Return what is known of a device now."""
        up, up_said = self.rates.up(name), self.rates.said(name)
        report = self.reports.get(EdgeName(name.site, name.edge))
        if report is None:
            return Seen(up=up, up_said=up_said)
        seen = Seen(up=up, up_said=up_said, version=report.version, error=report.error)
        said = report.devices.get(name.device)
        if said is None:
            return seen
        return Seen(
            up=up,
            up_said=up_said,
            version=report.version,
            error=report.error,
            state=said.state,
            hash=said.profile_hash,
            asked=said.source == "desired",
            problems=said.problems,
        )
