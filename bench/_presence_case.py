"""Cases for the accuracy bench: reads, looks, events and truth as columns, simulated once and kept."""

import hashlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.tracker import Inventory
from lastunit.scoring.timeline import Changes, changes_of_grid
from simulator.levels import level_of
from simulator.store import Store
from wire.epc import Sgtin, decode_epc
from wire.site import OUT, Antenna, Site, Zone, ZoneKind
from wire.site_file import parse_site

REPOSITORY: Final = Path(__file__).resolve().parent.parent
STORESIM_SITE: Final = "yardstick"
KINDS: Final = ("sale", "receipt", "return")
FORM: Final = 2
"""Of the cached files; raise it when the columns change."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One run of a store. Items are numbered from 0, `epcs` is [items, 12]; foreign tags are left out.

    Per read (sorted by time): `t_us` from the start, `item`, `antenna` (index into `antennas`), `rssi_cdbm`. Per look:
    `look_s` (second), `look_antenna`, `look_ms`. Truth: `moves` (item, t_s, zone), zone numbers into `zones`. Per
    event: `event_us`, `event_kind` (index into `KINDS`), `event_item`.
    """

    seconds: int
    antennas: tuple[tuple[str, int], ...]
    zones: tuple[str, ...]
    gtins: tuple[str, ...]
    epcs: NDArray[np.uint8]
    t_us: Ints
    item: NDArray[np.int32]
    antenna: NDArray[np.int16]
    rssi_cdbm: NDArray[np.int16]
    look_s: NDArray[np.int32]
    look_antenna: NDArray[np.int16]
    look_ms: NDArray[np.int16]
    move_item: NDArray[np.int32]
    move_s: NDArray[np.int32]
    move_zone: NDArray[np.int16]
    event_us: Ints
    event_kind: NDArray[np.int8]
    event_item: NDArray[np.int32]

    @property
    def items(self) -> int:
        return len(self.gtins)

    def truth(self, zones: tuple[str, ...]) -> Changes:
        """The truth as changes, zone numbers into `zones` and `OUT` last."""
        number = np.array([(*zones, OUT).index(name) if name in (*zones, OUT) else -1 for name in self.zones])
        zone = number[self.move_zone]
        if (zone < 0).any():
            raise ValueError(f"truth in a zone that the tracker does not have: {set(self.zones) - {*zones, OUT}}")
        return Changes(self.move_item.astype(np.int64), self.move_s.astype(np.float64), zone)

    def opening_stock(self) -> Ints:
        """Items that are in the store in second 0."""
        there = (self.move_s == 0) & (self.move_zone != self.zones.index(OUT))
        items: Ints = self.move_item[there].astype(np.int64)
        return items

    def sku(self) -> Ints:
        """Number of each item's GTIN, from 0."""
        return np.asarray(np.unique(np.array(self.gtins), return_inverse=True)[1], np.int64)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        columns: dict[str, Any] = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        part = path.with_name(path.name + ".part.npz")
        np.savez(part, **columns)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Case":
        with np.load(path) as kept:
            columns: dict[str, Any] = {field.name: kept[field.name] for field in fields(cls)}
        columns["seconds"] = int(columns["seconds"])
        columns["antennas"] = tuple((str(device), int(port)) for device, port in columns["antennas"].tolist())
        for name in ("zones", "gtins"):
            columns[name] = tuple(columns[name].tolist())
        return cls(**columns)


# -- sites


def site_of(name: str) -> Site:
    """A site of the simulator by its name, or a site file."""
    if name.endswith((".yaml", ".yml")):
        return parse_site(Path(name).read_text(encoding="utf-8"), name)
    path = REPOSITORY / "simulator" / "sites" / f"{name}.yaml"
    return parse_site(path.read_text(encoding="utf-8"), path.name)


def surveyed(site: Site, survey: str) -> Site:
    """What a tracker is told of a site: the plan, positions of antennas only, or zones only."""
    if survey == "plan":
        return site
    zones: tuple[Zone, ...] = tuple(replace(zone, outline=()) for zone in site.zones)
    devices = site.devices
    if survey == "zones":
        devices = tuple(
            replace(device, antennas=tuple(_unplaced(antenna) for antenna in device.antennas)) for device in devices
        )
    return replace(site, zones=zones, walls=(), devices=devices)


def settings_of(site: Site, case: "Case", level: str) -> tuple[Inventory, ...]:
    """What edges would say of the case's antennas: session 0 at exits, else 1; which target, by the level."""
    exits = {zone.id for zone in site.zones if zone.kind is ZoneKind.EXIT}
    zone = site.zone_of_antenna()
    single = not level_of(level).dual_target
    return tuple(Inventory(number, 0 if zone[key] in exits else 1, single) for number, key in enumerate(case.antennas))


def _unplaced(antenna: Antenna) -> Antenna:
    return replace(antenna, x=None, y=None, z=None, aim=None, tilt=None)


# -- our simulator


def simulated(
    site: str, level: str, seed: int, hours: float, *, items: int | None = None, cache: Path | None = None
) -> Case:
    """A case of the product's simulator."""
    code = b"".join(path.read_bytes() for path in sorted((REPOSITORY / "simulator").glob("*.py")))
    described = site_of(site)
    key = _key(described, level, seed, hours, items, code)
    name = f"{Path(site).stem}-{level}-{seed}-{hours:g}h-{key}"
    return _kept(cache, name, lambda: _simulate(described, level, seed, hours, items))


def _simulate(site: Site, level: str, seed: int, hours: float, items: int | None) -> Case:
    store = Store(site, level, seed, items=items, hours=hours)
    seconds = max(1, round(hours * 3_600))
    columns: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("t_us", "item", "antenna", "rssi_cdbm", "look_s", "look_antenna", "look_ms")
    }
    moves: list[tuple[int, int, int]] = []
    events: list[tuple[int, int, int]] = []
    for t_s in range(seconds):
        reads = store.step(t_s)
        mine = reads.item < store.items
        columns["t_us"].append(reads.offset_us[mine].astype(np.int64) + t_s * 1_000_000)
        columns["item"].append(reads.item[mine])
        columns["antenna"].append(reads.antenna[mine])
        columns["rssi_cdbm"].append(reads.rssi_cdbm[mine].astype(np.int16))
        columns["look_s"].append(np.full(len(reads.look_antenna), t_s, np.int32))
        columns["look_antenna"].append(reads.look_antenna)
        columns["look_ms"].append(reads.look_ms.astype(np.int16))
        if t_s == 0:
            moves = [(item, 0, zone) for item, zone in enumerate(store.truth().tolist())]
        else:
            moves += [(move.item, t_s, move.to_zone) for move in store.moves]
        events += [(t_s, KINDS.index(event.kind), event.item) for event in store.events if event.kind in KINDS]
    return Case(
        seconds=seconds,
        antennas=tuple((antenna.device, antenna.port) for antenna in store.antennas),
        zones=store.zones,
        gtins=tuple(store.gtin(item) for item in range(store.items)),
        epcs=store.epcs[: store.items],
        **{name: np.concatenate(parts) for name, parts in columns.items()},
        **_table(moves, ("move_item", "move_s", "move_zone"), (np.int32, np.int32, np.int16)),
        **_events(events),
    )


def _table(rows: list[tuple[int, int, int]], names: tuple[str, ...], types: tuple[Any, ...]) -> dict[str, Any]:
    table = np.array(rows, np.int64).reshape(-1, 3)
    return {name: table[:, k].astype(types[k]) for k, name in enumerate(names)}


def _events(rows: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Rows are second, kind, item; an event is known at the end of its second."""
    table = _table(rows, ("event_us", "event_kind", "event_item"), (np.int64, np.int8, np.int32))
    table["event_us"] = table["event_us"] * 1_000_000 + 999_999
    return table


# -- the yardstick


def yardstick(folder: Path, level: str, seed: int, hours: float, *, cache: Path | None = None) -> Case:
    """A case of the `store_sim.py` in a folder; its site is `STORESIM_SITE`."""
    key = _key(level, seed, hours, (folder / "store_sim.py").read_bytes())
    name = f"storesim-{level}-{seed}-{hours:g}h-{key}"
    return _kept(cache, name, lambda: _storesim(module_in(folder, "store_sim"), level, seed, hours))


def module_in(folder: Path, name: str) -> Any:
    """Import a module of a folder outside of the repository."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def _storesim(sim: Any, level: str, seed: int, hours: float) -> Case:
    store = sim.Store(level, seed, hours)
    reads, truth = store.run()
    offset = np.random.default_rng(seed).random(len(reads))
    t_us = reads[:, 0].astype(np.int64) * 1_000_000 + (offset * 1_000_000).astype(np.int64)
    order = np.argsort(t_us, kind="stable")
    moves = changes_of_grid(truth, sim.OUT)
    moved = np.stack([moves.item, moves.t_s.astype(np.int64), moves.zone], axis=1)
    look_s, look_antenna, look_ms = _storesim_looks(sim, store)
    decoded = [decode_epc(bytes.fromhex(epc), 4 * len(epc)) for epc in store.epc]
    return Case(
        seconds=store.T,
        antennas=tuple((antenna[0], antenna[1]) for antenna in sim.ANT),
        zones=tuple(sim.ZONES),
        gtins=tuple(epc.gtin if isinstance(epc, Sgtin) else "" for epc in decoded),
        epcs=np.frombuffer(bytes.fromhex("".join(store.epc)), np.uint8).reshape(store.n, -1),
        t_us=t_us[order],
        item=reads[order, 1].astype(np.int32),
        antenna=reads[order, 2].astype(np.int16),
        rssi_cdbm=np.round(reads[order, 3] * 100).astype(np.int16),
        look_s=look_s,
        look_antenna=look_antenna,
        look_ms=look_ms,
        **_table(moved.tolist(), ("move_item", "move_s", "move_zone"), (np.int32, np.int32, np.int16)),
        **_events(_storesim_events(sim, store, truth)),
    )


def _storesim_looks(sim: Any, store: Any) -> tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.int16]]:
    """Who looked when: readers in turn, both portal antennas every second, nobody in an outage."""
    rows = []
    for t in range(store.T):
        for reader in sim.READERS:
            if any(reader == o[0] and o[1] * 3_600 <= t < o[1] * 3_600 + o[2] * 60 for o in store.L.outages):
                continue
            ports = sim.PORTS[reader]
            live = ports if reader == "R5" else ports[[t % len(ports)]]
            rows += [(t, int(port), 1_000 // len(live)) for port in live]
    table = np.array(rows, np.int64)
    return table[:, 0].astype(np.int32), table[:, 1].astype(np.int16), table[:, 2].astype(np.int16)


def _storesim_events(sim: Any, store: Any, truth: NDArray[np.int8]) -> list[tuple[int, int, int]]:
    """Sales when the goods leave the counter, receipts with the delivery."""
    rows = []
    for t, item, how in store.sales:
        if how == "sold":
            at_counter = np.flatnonzero(truth[: int(t) + 1, item] == sim.POS)
            rows.append((int(at_counter[-1]) if len(at_counter) else int(t), KINDS.index("sale"), int(item)))
    came = (truth != sim.OUT).argmax(axis=0)
    rows += [
        (int(came[item]), KINDS.index("receipt"), item) for item in np.flatnonzero(store.late).tolist() if came[item]
    ]
    return sorted(rows)


# -- cache


def _key(*parts: object) -> str:
    digest = hashlib.sha256(repr((FORM, parts)).encode())
    return digest.hexdigest()[:10]


def _kept(cache: Path | None, name: str, make: Callable[[], Case]) -> Case:
    if cache is None:
        return make()
    path = cache / f"{name}.npz"
    if path.exists():
        return Case.load(path)
    case = make()
    case.save(path)
    return case
