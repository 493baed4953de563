"""A gateway in memory: the two ports of the HTTP side over plain dicts, with the words and errors of the real ones.

The contract tests run against this one and against `gateway.queries`; everything else uses whichever is nearer.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.availability import Policy, encode_ladder, ladder_of
from gateway.http.ports import (
    Availability,
    ChangePage,
    ChangeRow,
    CursorAhead,
    CursorGone,
    DifferencePage,
    EdgeRow,
    FeedHealth,
    Health,
    MovementRow,
    SiteAccuracy,
    SiteAvailability,
    SiteHealth,
    SiteRow,
    Snapshot,
    StockRow,
    ZoneRow,
)
from gateway.http.survey_rows import SiteModel
from wire.site import OUT, SELLABLE_KINDS, ZoneKind

START_US = 1_795_326_300_000_000
"""2026-11-22T05:45:00Z."""


def iso(at_us: int) -> str:
    text = datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass
class Sku:
    gtin: str
    style: str
    colour: str
    size: str
    description: str = ""
    department: str = ""


@dataclass
class MemorySite:
    site: str
    name: str
    zones: dict[str, ZoneKind]
    units: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    versions: Counter[str] = field(default_factory=Counter)
    movements: list[MovementRow] = field(default_factory=list)
    blind: dict[str, int] = field(default_factory=dict)  # zone -> its last look
    untagged: Counter[str] = field(default_factory=Counter)  # units without tags, by GTIN
    holds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # GTIN -> units by hold
    chance: float | None = None  # how sure each unit is; None: the tracker says no probabilities
    location: tuple[float, float] | None = None

    def sellable(self, zone: str) -> bool:
        return self.zones[zone] in SELLABLE_KINDS


class MemoryFeed:
    """News of new sequences inside one process."""

    def __init__(self) -> None:
        self._last_seq = 0
        self._news = asyncio.Event()

    @property
    def last_seq(self) -> int:
        return self._last_seq

    def announce(self, seq: int) -> None:
        self._last_seq = seq
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def wait(self, after_seq: int, timeout_s: float) -> int:
        if self._last_seq <= after_seq:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return self._last_seq
        return self._last_seq


class MemoryGateway:
    """Sites, a catalogue, counts, a ledger and relayed changes. `now_us` stands still unless a test moves it."""

    def __init__(self, skus: Sequence[Sku], sites: Sequence[MemorySite]) -> None:
        self.skus = {sku.gtin: sku for sku in skus}
        self.by_id = {site.site: site for site in sites}
        self.feed = MemoryFeed()
        self.now_us = START_US
        self.edge_rows: list[EdgeRow] = []
        self.broken: Exception | None = None
        self._changes: list[ChangeRow] = []
        self._pruned = 0

    # -- what happens

    def clock(self) -> int:
        return self.now_us

    def move(self, site_id: str, gtin: str, from_zone: str, to_zone: str, serial: str = "1") -> int:
        """Move one unit; return the change's sequence."""
        site = self.by_id[site_id]
        units = site.units[gtin]
        if from_zone != OUT:
            assert units[from_zone] > 0, (gtin, from_zone)
            units[from_zone] -= 1
        if to_zone != OUT:
            units[to_zone] += 1
        site.versions[gtin] += 1
        at = iso(self.now_us)
        m = len(site.movements) + 1
        cause = "arrived" if from_zone == OUT else "left" if to_zone == OUT else "moved"
        site.movements.append(MovementRow(site_id, m, m, gtin, serial, from_zone, to_zone, at, at, at, cause, 0.9))
        moves = [
            {"serial": serial, "from": from_zone, "to": to_zone, "happened_at": at, "first_read_at": at}
            | {"decided_at": at, "cause": cause, "probability": 0.9}
        ]
        return self._tell(site, gtin, cause, moves)

    def hold(self, site_id: str, gtin: str, name: str, units: int) -> int:
        """Let a hold bind so many units; return the change's sequence."""
        site = self.by_id[site_id]
        site.holds[gtin][name] = units
        site.versions[gtin] += 1
        return self._tell(site, gtin, "held", [])

    def _tell(self, site: MemorySite, gtin: str, reason: str, moves: list[dict[str, Any]]) -> int:
        row = self._row(site, gtin)
        offered = row.offer(Policy())
        change = (
            {"kind": "stock", "gtin": gtin, "site": site.site, "atp": offered.atp, "on_hand": row.on_hand}
            | {"held": row.held, "confidence": offered.confidence, "status": row.status, "version": row.version}
            | {"as_of": row.as_of, "reason": reason, "zones": row.zones, "moves": moves, "moves_left_out": 0}
        )
        return self._relay(site.site, gtin, change, row.ladder)

    def stock(self, site_id: str, gtin: str, zones: Mapping[str, int]) -> None:
        """Put units where they are, without a change: how a store looks when the test begins."""
        site = self.by_id[site_id]
        site.units[gtin].update(zones)
        site.versions[gtin] += 1

    def look(self, site_id: str, zone: str, *, live: bool) -> int:
        """Let a zone go blind, or be looked at again."""
        site = self.by_id[site_id]
        if live:
            site.blind.pop(zone, None)
        else:
            site.blind[zone] = self.now_us
        status = "live" if live else "blind"
        change = {"kind": "zone", "site": site_id, "zone": zone, "status": status, "as_of": iso(self.now_us)}
        return self._relay(site_id, "", change)

    def prune(self, upto: int) -> None:
        self._changes = [row for row in self._changes if row.seq > upto]
        self._pruned = upto

    def _relay(self, site: str, gtin: str, change: dict[str, Any], ladder: bytes | None = None) -> int:
        seq = self.feed.last_seq + 1
        self._changes.append(ChangeRow(seq, site, gtin, msgspec.json.encode({"seq": seq, **change}), ladder))
        self.feed.announce(seq)
        return seq

    def _row(self, site: MemorySite, gtin: str) -> SiteAvailability:
        zones = {zone: units for zone, units in site.units[gtin].items() if units}
        blind = [site.blind[zone] for zone in zones if zone in site.blind]
        untagged = site.untagged[gtin]
        return SiteAvailability(
            site=site.site,
            gtin=gtin,
            on_hand=sum(zones.values()) + untagged,
            status="stale" if blind else "live",
            as_of=iso(min(blind, default=self.now_us)),
            version=site.versions[gtin],
            zones=zones,
            ladder=self._ladder(site, gtin),
            known=site.chance is not None,
            held=site.holds[gtin].total(),
            untagged=untagged,
            truth="rfid" if not untagged else "mixed" if zones else "book",
        )

    def _ladder(self, site: MemorySite, gtin: str, without: str = "") -> bytes:
        """Holds bind items first: what is left of them is for the next buyer, and all units without tags."""
        items = sum(units for zone, units in site.units[gtin].items() if site.sellable(zone))
        held = site.holds[gtin].total() - site.holds[gtin][without]
        chance = 1.0 if site.chance is None else site.chance
        free = max(0, items - held)
        return encode_ladder(ladder_of([chance] * free, site.untagged[gtin] - max(0, held - items)))

    # -- the port

    async def availability(self, gtin: str, site: str | None = None) -> Availability | None:
        self._check()
        if gtin not in self.skus:
            return None
        rows = [self._row(found, gtin) for name, found in self.by_id.items() if site in (None, name)]
        return Availability(gtin, rows if site is not None else [row for row in rows if row.version])

    async def availability_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[SiteAvailability | None]:
        self._check()
        return [
            self._row(self.by_id[site], gtin) if gtin in self.skus and site in self.by_id else None
            for gtin, site in pairs
        ]

    async def ladder_without(self, site: str, gtin: str, hold: str, key: str) -> bytes:
        self._check()
        mine = "" if key else hold  # there are no keys here: every hold is nobody's
        return self._ladder(self.by_id[site], gtin, mine) if site in self.by_id else b""

    async def stock_page(self, site: str, after_gtin: str, limit: int) -> tuple[int, list[StockRow]]:
        self._check()
        if site not in self.by_id:
            return self.feed.last_seq, []
        rows = [row for row in self._stock(self.by_id[site]) if row.gtin > after_gtin]
        return self.feed.last_seq, rows[:limit]

    async def snapshot(self, site: str) -> Snapshot:
        self._check()
        rows = self._stock(self.by_id[site])
        return Snapshot(self.feed.last_seq, site, rows, list(await self.zones(site)))

    def _stock(self, site: MemorySite) -> list[StockRow]:
        rows: list[StockRow] = []
        for gtin in sorted(gtin for gtin, version in site.versions.items() if version):
            sku, row = self.skus[gtin], self._row(site, gtin)
            rows.append(
                StockRow(
                    gtin=gtin,
                    style=sku.style,
                    colour=sku.colour,
                    size=sku.size,
                    description=sku.description,
                    department=sku.department,
                    min_floor=None,
                    max_floor=None,
                    price=None,
                    on_hand=row.on_hand,
                    status=row.status,
                    as_of=row.as_of,
                    version=row.version,
                    zones=row.zones,
                    ladder=row.ladder,
                    known=row.known,
                    held=row.held,
                    untagged=row.untagged,
                    truth=row.truth,
                )
            )
        return rows

    async def sites(self) -> list[SiteRow]:
        self._check()
        now = iso(self.now_us)
        return [
            SiteRow(site.site, site.name, "Europe/Berlin", "", list(site.zones), 1, 0, now, site.location)
            for site in self.by_id.values()
        ]

    async def zones(self, site: str) -> list[ZoneRow]:
        found = self.by_id[site]
        return [
            ZoneRow(
                site=site,
                zone=zone,
                kind=kind,
                sellable=found.sellable(zone),
                counts_as=zone,
                status="blind" if zone in found.blind else "live",
                as_of=iso(found.blind.get(zone, self.now_us)),
                since=iso(START_US),
                units=sum(units[zone] for units in found.units.values()),
            )
            for zone, kind in found.zones.items()
        ]

    async def movements(
        self, site: str | None = None, *, limit: int = 100, gtin: str | None = None, before_m: int | None = None
    ) -> list[MovementRow]:
        found = [
            row
            for of_site in self.by_id.values()
            if site in (None, of_site.site)
            for row in reversed(of_site.movements)
            if gtin in (None, row.gtin) and (before_m is None or row.m < before_m)
        ]
        return found[:limit]

    async def changes(self, after_seq: int, limit: int = 500, site: str | None = None) -> ChangePage:
        self._check()
        last = self.feed.last_seq
        if after_seq > last:
            raise CursorAhead(last)
        if after_seq < self._pruned:
            raise CursorGone(self._pruned + 1)
        start = after_seq - self._pruned
        rows = [row for row in self._changes[start:] if site in (None, row.site)]
        return ChangePage(rows[:limit], last, self._pruned + 1)

    @property
    def desk(self) -> "NoDesk":
        return NoDesk()

    async def newest_figures(self) -> dict[str, dict[str, float]]:
        return {}

    async def accuracy(self, site: str, since_us: int) -> SiteAccuracy:
        return SiteAccuracy(site, {}, iso(since_us), {})

    async def model(self, site: str) -> SiteModel:
        return SiteModel(site, None)

    async def differences(
        self,
        site: str,
        *,
        after_gtin: str = "",  # noqa: ARG002 - nothing differs here
        limit: int = 100,  # noqa: ARG002
        gtin: str | None = None,  # noqa: ARG002
    ) -> DifferencePage:
        return DifferencePage(site, [], None)

    async def edges(self, site: str | None = None) -> list[EdgeRow]:
        return [row for row in self.edge_rows if site in (None, row.site)]

    async def health(self) -> Health:
        self._check()
        sites = [
            SiteHealth(
                site=site.site,
                behind=0,
                lag_ms=0,
                fold_age_ms=0,
                items_present=sum(units.total() for units in site.units.values()),
                blind_zones=len(site.blind),
                quarantined=0,
                gaps=0,
                figures={},
            )
            for site in self.by_id.values()
        ]
        return Health(iso(self.now_us), sites, FeedHealth(self.feed.last_seq, 0), {})

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken


class NoDesk:
    """The gateway in memory only answers: what the desk does is tested with databases (`test_desk.py`)."""

    async def record(self, site: str, entry: Any) -> Any:
        raise AssertionError(f"no desk for {entry} at {site}")

    async def put_book(self, site: str, name: str, rows: Any) -> Any:
        raise AssertionError(f"no desk for {name} at {site}: {rows}")

    async def approve(self, site: str, name: str, who: str, decision: Any, **more: Any) -> Any:
        raise AssertionError(f"no desk for {decision} of {who} about {name} at {site}: {more}")
