"""The fleet of one gateway, put together: the process, and the doors for people."""

from collections.abc import Sequence

from firmware_config.inventory import KnownBad
from gateway.clock import Clock
from gateway.fleet.board import FleetBoard
from gateway.fleet.desk import FleetDesk
from gateway.fleet.limits import LEASE_S
from gateway.fleet.process import FleetProcess
from gateway.holds.ids import random_ids
from gateway.limits import LEASE_TTL_S
from gateway.push.publisher import Publisher
from gateway.storage.engine import Database


class FleetPart:
    """`process` is to be run; `desk` and `board` are for the HTTP side.

    `ttl_s`: of the gateway's leases; `findings`: a chain's own, of bad firmware.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        holder: str,
        clock: Clock,
        *,
        ttl_s: float = LEASE_TTL_S,
        findings: Sequence[KnownBad] = (),
    ) -> None:
        self.process = FleetProcess(database, publisher, holder, clock, ttl_s=LEASE_S * ttl_s / LEASE_TTL_S)
        self.desk = FleetDesk(database, clock, self.process.heard, random_ids(clock), wake=self.process.wake)
        self.board = FleetBoard(database, clock, findings)

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return self.process.counters() | self.desk.counters()
