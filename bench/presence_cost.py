"""What the presence engine costs on one core: time, memory, checkpoints, a million items.

    OPENBLAS_NUM_THREADS=1 python -m bench.presence_cost
    OPENBLAS_NUM_THREADS=1 python -m bench.presence_cost --items 2000 --warm 300 --million 100000 --json

A simulated store is lived through for --warm seconds, until most goods rest; then each figure is measured on the same
engine. Processor seconds of this process, not those of the clock; an otherwise idle machine gives the least.

* `real_time`: --seconds further seconds of the store, as its readers read it: shares of a core.
* `full_rate`: windows in which every item that lies still is read about once, as it sounds: observations a second.
* `memory`: bytes of all tables for each item that is active or rests, free rows and room for growth included.
* `checkpoint`: size and time; whether a restored engine and this one go on to the same bytes.
* `million`: a checkpoint of --million items, 95 % at rest (those of the store, repeated), restored.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench._presence_case import site_of
from gateway.presence import Window, make_tracker, restore_tracker
from gateway.presence.columns import Columns
from gateway.presence.item_state import item_columns
from gateway.presence.resting import SHAPES as RESTING_SHAPES
from gateway.presence.saved_engine import SavedEngine
from gateway.presence.snapshot import Saved, decode, encode
from simulator.store import Store
from wire.site import Device, Site

EPOCH_US: Final = 1_800_000_000_000_000
TARGETS: Final = {
    "real_time.share_of_core": "< .06",
    "full_rate.observations_per_s": ">= 250,000",
    "memory.bytes_per_active": "<= 3,000",
    "memory.bytes_per_resting": "<= 300",
    "checkpoint.same_bytes": "True",
    "million.restore_s": "< 30",
}
DENSE: Final = 0.35
"""Of the antennas that know an item so many hear it in a second of the full rate."""

SPREAD_DB: Final = 2.0

Figures = dict[str, float | bool]
SEED: Final = 14


class Life:
    """A simulated store and an engine that hears it; `spent_s` has the processor time of each second."""

    def __init__(self, site: Site, items: int, level: str) -> None:
        self.site = site
        self.store = Store(site, level, SEED, items=items, hours=3.0)
        made = make_tracker(site)
        assert isinstance(made, SavedEngine)
        self.engine = made
        self.engine.meet([self.store.gtin(item) for item in range(self.store.items)])
        self.second = 0
        self.spent_s: list[float] = []
        self.observations = 0

    def live(self, seconds: int) -> NDArray[np.float64]:
        """Live through seconds; return the processor time of each."""
        first = len(self.spent_s)
        for _ in range(seconds):
            one = self.next_window()
            begin = time.process_time()
            self.engine.observe(one)
            self.engine.tick(one.end_us)
            self.spent_s.append(time.process_time() - begin)
            self.observations += len(one.item)
        return np.array(self.spent_s[first:])

    def next_window(self) -> Window:
        """Return the next second: one observation for each item and antenna."""
        reads = self.store.step(self.second)
        keys = tuple((antenna.device, antenna.port) for antenna in self.store.antennas)
        start_us = EPOCH_US + self.second * 1_000_000
        self.second += 1
        looks = np.zeros(len(keys), np.int32)
        looks[reads.look_antenna] = reads.look_ms
        mine = np.flatnonzero(reads.item < self.store.items)
        pair, first, count = np.unique(
            reads.item[mine].astype(np.int64) * len(keys) + reads.antenna[mine], return_index=True, return_counts=True
        )
        level = reads.rssi_cdbm[mine[first]].astype(np.int32)
        at_us = start_us + reads.offset_us[mine[first]].astype(np.int64)
        return Window(
            start_us=start_us,
            end_us=start_us + 1_000_000,
            antennas=keys,
            inventory_ms=looks,
            item=(pair // len(keys)).astype(np.int32),
            antenna=(pair % len(keys)).astype(np.int32),
            count=count.astype(np.int32),
            rssi_peak_cdbm=level,
            rssi_mean_cdbm=level,
            first_us=at_us,
            last_us=at_us,
        )

    def dense_window(self) -> Window:
        """Return a second in which goods that lie still are read by a third of the antennas that know them."""
        one, engine = self.next_window(), self.engine
        quiet, state = engine.resting.state, engine.state
        level = state["seg_sum"] / np.maximum(state["seg_reads"], 1)
        found = []
        for table, reads, dbm in (
            (state, state["seg_reads"], level),
            (quiet, quiet["reads"], quiet["level_cdbm"] / 100),
        ):
            row, slot = np.nonzero((reads >= 3) & (table["slot"] >= 0) & (table["zone"] >= 0)[:, None])
            found.append((table["item"][row], table["slot"][row, slot], dbm[row, slot]))
        item, antenna, dbm = (np.concatenate(part) for part in zip(*found, strict=True))
        rng = np.random.default_rng(self.second)
        mine = rng.random(len(item)) < DENSE
        dbm = dbm[mine] + engine.air.crowd_db[antenna[mine]] + rng.normal(0, SPREAD_DB, int(mine.sum()))
        rssi = np.rint(dbm * 100).astype(np.int32)
        at_us = np.full(len(rssi), one.start_us + 500_000, np.int64)
        return Window(
            start_us=one.start_us,
            end_us=one.end_us,
            antennas=one.antennas,
            inventory_ms=one.inventory_ms,
            item=item[mine].astype(np.int32),
            antenna=antenna[mine].astype(np.int32),
            count=np.ones(len(rssi), np.int32),
            rssi_peak_cdbm=rssi,
            rssi_mean_cdbm=rssi,
            first_us=at_us,
            last_us=at_us,
        )


def real_time(life: Life, seconds: int) -> Figures:
    """The store as it is."""
    before = life.observations
    spent_s = life.live(seconds)
    return {
        "share_of_core": float(spent_s.mean()),
        "ms_mean": float(spent_s.mean() * 1e3),
        "ms_p99": float(np.quantile(spent_s, 0.99) * 1e3),
        "ms_most": float(spent_s.max() * 1e3),
        "observations_per_store_second": (life.observations - before) / seconds,
        "observations_per_s": (life.observations - before) / float(spent_s.sum()),
    }


def full_rate(life: Life, windows: int) -> Figures:
    """Windows as full as they can be."""
    observations, spent_s = 0, 0.0
    for _ in range(windows):
        one = life.dense_window()
        begin = time.process_time()
        life.engine.observe(one)
        life.engine.tick(one.end_us)
        spent_s += time.process_time() - begin
        observations += len(one.item)
    return {"observations_per_window": observations / windows, "observations_per_s": observations / spent_s}


def memory(engine: SavedEngine) -> Figures:
    """Bytes of tables by item."""
    active = int((engine.state["item"] >= 0).sum())
    resting = int((engine.resting.state["item"] >= 0).sum())
    watched = engine.quick.table.size_bytes() if hasattr(engine.quick, "table") else 0
    own = engine.tiers.items.size_bytes() / max(engine.tiers.items.rows, 1)
    return {
        "active": active,
        "resting": resting,
        "watched": len(engine.quick.rows),
        "bytes_per_active": (engine.state.size_bytes() + watched) / max(active, 1) + own,
        "bytes_per_resting": engine.resting.state.size_bytes() / max(resting, 1) + own,
        "bytes_per_resting_row": engine.resting.state.row_bytes() + own,
    }


def checkpoint(life: Life, windows: int) -> Figures:
    """Size and time of a checkpoint, and whether life goes on the same from it."""
    begin = time.process_time()
    body = life.engine.snapshot()
    written_s = time.process_time() - begin
    begin = time.process_time()
    again = restore_tracker(life.site, body)
    restored_s = time.process_time() - begin
    same = again.snapshot() == body
    for _ in range(windows):
        one = life.next_window()
        same &= again.observe(one) == life.engine.observe(one)
        same &= again.tick(one.end_us) == life.engine.tick(one.end_us)
    same &= again.snapshot() == life.engine.snapshot()
    return {"megabytes": len(body) / 1e6, "write_s": written_s, "restore_s": restored_s, "same_bytes": same}


def million(life: Life, items: int) -> Figures:
    """Restore many items, 95 % of them at rest: the store's rows again and again, each with an item of its own."""
    saved = decode(life.engine.snapshot())
    body = encode(_repeated(saved, items, round(0.95 * items), len(life.engine.zones)))
    body = restore_tracker(life.site, body).snapshot()  # which nobody repeated by hand
    begin = time.process_time()
    made = restore_tracker(life.site, body)
    restored_s = time.process_time() - begin
    assert isinstance(made, SavedEngine)
    held = made.state.size_bytes() + made.resting.state.size_bytes() + made.tiers.items.size_bytes()
    return {
        "items": items,
        "megabytes": len(body) / 1e6,
        "restore_s": restored_s,
        "bytes_per_item": held / items,
        "same_bytes": made.snapshot() == body,
    }


def _repeated(saved: Saved, items: int, resting: int, zones: int) -> Saved:
    """A snapshot of so many items, made of the rows of another; no item is watched."""
    skus = np.frombuffer(saved.items["sku"], np.int32)
    counts = items - resting, resting
    first = 0
    tables = []
    sku = np.zeros(items, np.int32)
    for columns, shapes, count in (
        (saved.columns, item_columns(zones), counts[0]),
        (saved.resting, Columns(RESTING_SHAPES), counts[1]),
    ):
        rows = saved.rows if columns is saved.columns else saved.quiet
        shapes.load(rows, columns)
        used = np.flatnonzero(shapes["item"] >= 0)
        if not len(used):
            raise SystemExit("no item rests yet: give --warm more seconds")
        shapes.keep(np.resize(used, count))
        sku[first : first + count] = skus[shapes["item"]]
        shapes["item"][:] = np.arange(first, first + count)
        tables.append(shapes.dump())
        first += count
    return msgspec.structs.replace(
        saved,
        met=items,
        items={"sku": sku.tobytes()},
        rows=counts[0],
        columns=tables[0],
        quiet=counts[1],
        resting=tables[1],
        quick={},
    )


def split_readers(site: Site, readers: int) -> Site:
    """The site with more readers: the antennas of the largest are shared out, until there are so many."""
    devices = list(site.devices)
    while len(devices) < readers:
        place = max(range(len(devices)), key=lambda number: len(devices[number].antennas))
        whole: Device = devices[place]
        if len(whole.antennas) < 2:
            break
        half = len(whole.antennas) // 2
        devices[place] = replace(whole, antennas=whole.antennas[:half])
        devices.append(replace(whole, id=f"{whole.id}-{len(devices)}", antennas=whole.antennas[half:]))
    return replace(site, devices=tuple(devices))


def measure(life: Life, warm: int, seconds: int, many: int) -> dict[str, Figures]:
    """All figures; progress goes to stderr."""
    begun_s = 0.0
    for start in range(0, warm, 100):
        spent_s = life.live(min(100, warm - start))
        begun_s = begun_s or float(spent_s.mean())
        print(f"store second {life.second}: {spent_s.mean() * 1e3:.1f} ms", file=sys.stderr, flush=True)
    found = {"real_time": real_time(life, seconds), "memory": memory(life.engine)}
    found["real_time"]["ms_of_first_100_s"] = begun_s * 1e3
    found["checkpoint"] = checkpoint(life, 20)
    found["million"] = million(life, many)
    found["full_rate"] = full_rate(life, 20)
    return found


def run() -> dict[str, float | None]:
    """Five minutes of a small store, as `make bench` shows it."""
    life = Life(site_of("main-street"), 900, "realistic")
    life.live(300)
    figures = {"real_time": real_time(life, 60), "checkpoint": checkpoint(life, 20), "full_rate": full_rate(life, 20)}
    return {f"{part}_{name}": float(value) for part, row in figures.items() for name, value in row.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", default="department", help="name of a site of the simulator, or a site file")
    parser.add_argument("--readers", type=int, default=30, help="antennas are shared out to so many")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--level", default="realistic", choices=("easy", "realistic", "hostile"))
    parser.add_argument("--warm", type=int, default=1_500, help="seconds of the store before anything is measured")
    parser.add_argument("--seconds", type=int, default=120, help="of the store, measured")
    parser.add_argument("--million", type=int, default=1_000_000, help="items of the large checkpoint")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args(arguments)
    site = split_readers(site_of(a.site), a.readers)
    found = measure(Life(site, a.items, a.level), a.warm, a.seconds, a.million)
    if a.json:
        print(json.dumps(found, indent=2))
        return 0
    antennas = sum(len(device.antennas) for device in site.devices)
    print(f"{a.items} items, {len(site.devices)} readers, {antennas} antennas\n")
    print("| figure | value | target |\n|---|---|---|")
    for part, figures in found.items():
        for name, value in figures.items():
            shown = str(value) if isinstance(value, bool) else f"{value:,.4g}" if value < 1_000 else f"{value:,.0f}"
            print(f"| {part}.{name} | {shown} | {TARGETS.get(f'{part}.{name}', '')} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
