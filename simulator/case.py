"""Writes a simulated store as files: reads, truth, items, events, catalogue and antennas, faster than real time.

reads.csv      t,reader,antenna,epc,rssi_dbm      seconds from the start, sorted
truth.csv      t,epc,zone                         every item at 0, then one row per change
items.csv      epc,sku_size                       sku_size is the GTIN-14
events.csv     t,kind,epc,gtin                    what a point of sale, goods-in and the shoppers did
catalogue.csv  gtin,style,colour,size,...
antennas.csv   reader,antenna,x,y,z,zone
"""

import csv
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from simulator.air import Reads
from simulator.catalogue import write_catalogue
from simulator.errors import StoreError
from simulator.events import EventKind
from simulator.store import Store

PROGRESS_EVERY_S: Final = 60

Progress = Callable[[int, int], None]
"""Called with the seconds done and all seconds."""


@dataclass(slots=True)
class CaseFigures:
    """What came out. Shares are of reads of our own items; strays are reads by another zone's antenna, exits aside."""

    seconds: int = 0
    items: int = 0
    reads: int = 0
    foreign_reads: int = 0
    reads_per_tag_min: float = 0.0
    stray_share: float = 0.0
    never_read_share: float = 0.0
    rssi_mean_dbm: float = 0.0
    rssi_sd_db: float = 0.0
    moves: int = 0
    sales: int = 0
    thefts: int = 0


class Tally:
    """Counts reads of a store as they come."""

    def __init__(self, store: Store) -> None:
        self._store = store
        plan = store.plan
        self._zone = np.array([plan.counts_as[plan.names.index(a.zone)] for a in store.antennas], np.int64)
        self._exit = np.array([a.kind == "exit" for a in store.antennas], bool)
        self._stray = self._present = 0
        self._rssi = np.zeros(3)
        self._seen = np.zeros(store.items, bool)
        self._inside = np.zeros(store.items, bool)
        self.figures = CaseFigures(items=store.items)

    def second(self, reads: Reads) -> None:
        """Count one second, right after `Store.step` gave it."""
        store, figures = self._store, self.figures
        truth = store.truth()
        mine = reads.item < store.items
        item, antenna = reads.item[mine], reads.antenna[mine]
        self._stray += int(((self._zone[antenna] != truth[item]) & ~self._exit[antenna]).sum())
        rssi = reads.rssi_cdbm[mine] / 100
        self._rssi += (len(rssi), rssi.sum(), (rssi * rssi).sum())
        self._seen[item] = True
        inside = truth != len(store.zones) - 1
        self._inside |= inside
        self._present += int(inside.sum())
        figures.seconds += 1
        figures.reads += len(item)
        figures.foreign_reads += int((~mine).sum())
        figures.moves += len(store.moves)
        figures.sales += sum(event.kind is EventKind.SALE for event in store.events)
        figures.thefts += sum(event.kind is EventKind.THEFT for event in store.events)

    def done(self) -> CaseFigures:
        """Work out the shares."""
        figures = self.figures
        count = max(1.0, float(self._rssi[0]))
        mean = float(self._rssi[1]) / count
        figures.reads_per_tag_min = figures.reads / max(1, self._present) * 60
        figures.stray_share = self._stray / count
        figures.never_read_share = float((self._inside & ~self._seen).sum() / max(1, self._inside.sum()))
        figures.rssi_mean_dbm = mean
        figures.rssi_sd_db = float(np.sqrt(max(0.0, float(self._rssi[2]) / count - mean * mean)))
        return figures


def write_case(store: Store, folder: Path, seconds: int, progress: Progress | None = None) -> CaseFigures:
    """Run a fresh store for `seconds` and write its files into `folder` (made if missing).

    Raises:
        StoreError: the store has run already, or `seconds` is not positive.
        OSError: the folder cannot be written.
    """
    if store.next_s:
        raise StoreError(f"store at second {store.next_s}: expected a fresh one, a case begins at 0")
    if seconds < 1:
        raise StoreError(f"seconds {seconds}: expected at least 1")
    folder.mkdir(parents=True, exist_ok=True)
    epcs = [store.epc_hex(tag) for tag in range(store.tags)]
    _write_tables(store, folder, epcs)
    tally = Tally(store)
    with ExitStack() as files:
        reads_csv = _open(files, folder / "reads.csv", "t,reader,antenna,epc,rssi_dbm")
        truth_csv = _open(files, folder / "truth.csv", "t,epc,zone")
        events_csv = _open(files, folder / "events.csv", "t,kind,epc,gtin")
        ports = [f"{antenna.device},{antenna.port}" for antenna in store.antennas]
        for t_s in range(seconds):
            reads = store.step(t_s)
            reads_csv.write(_read_rows(reads, ports, epcs))
            if t_s == 0:
                truth_csv.writelines(
                    f"0,{epc},{store.zones[zone]}\n" for epc, zone in zip(epcs, store.truth().tolist(), strict=False)
                )
            else:
                truth_csv.writelines(f"{t_s},{epcs[m.item]},{store.zones[m.to_zone]}\n" for m in store.moves)
            events_csv.writelines(f"{t_s},{e.kind},{epcs[e.item]},{store.gtin(e.item)}\n" for e in store.events)
            tally.second(reads)
            if progress is not None and ((t_s + 1) % PROGRESS_EVERY_S == 0 or t_s + 1 == seconds):
                progress(t_s + 1, seconds)
    return tally.done()


def _open(files: ExitStack, path: Path, header: str) -> Any:
    stream = files.enter_context(path.open("w", encoding="ascii", newline="\n"))
    stream.write(header + "\n")
    return stream


def _read_rows(reads: Reads, ports: list[str], epcs: list[str]) -> str:
    columns = (reads.offset_us.tolist(), reads.antenna.tolist(), reads.item.tolist(), reads.rssi_cdbm.tolist())
    return "".join(
        f"{reads.t_s}.{offset // 1000:03d},{ports[antenna]},{epcs[item]},{rssi / 100:.1f}\n"
        for offset, antenna, item, rssi in zip(*columns, strict=True)
    )


def _write_tables(store: Store, folder: Path, epcs: list[str]) -> None:
    with (folder / "catalogue.csv").open("w", encoding="utf-8", newline="\n") as stream:
        write_catalogue(store.catalogue, stream)
    with (folder / "items.csv").open("w", encoding="ascii", newline="\n") as stream:
        stream.write("epc,sku_size\n")
        stream.writelines(f"{epcs[item]},{store.gtin(item)}\n" for item in range(store.items))
    with (folder / "antennas.csv").open("w", encoding="utf-8", newline="\n") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(("reader", "antenna", "x", "y", "z", "zone"))
        rows.writerows((a.device, a.port, f"{a.x:.2f}", f"{a.y:.2f}", f"{a.z:.2f}", a.zone) for a in store.antennas)
