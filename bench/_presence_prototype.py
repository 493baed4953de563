"""The prototype of `frontier.py` on a yardstick case, for paired comparisons. Lives outside of the repository.

F: fingerprint only. FH: the same with its rule 7c (40 expected reads), and for 120 s after a break the quick Bayes
filter of `trackers.py` instead, unless one of them says OUT.
"""

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench._presence_case import KINDS, Case, module_in
from lastunit.scoring.figures import Figures, score
from lastunit.scoring.timeline import Timeline, changes_of_grid
from wire.site import OUT

VARIANTS: Final = ("F", "FH")
HYBRID_S: Final = 120
BREAK: Final = 6.0
LATE_READS: Final = 40.0
SIZES: Final = 5
MODULES: Final = ("store_sim", "frontier", "trackers")


def prototype(
    folder: Path, case: Case, variant: str, *, events: bool = False, opening: bool = False, cache: Path | None = None
) -> tuple[Figures, float]:
    """Score a variant of the prototype on a case that `yardstick` made; its processor seconds too.

    With `events` it is told of sales and receipts, with `opening` also of the opening stock.
    """
    kept = None if cache is None else cache / f"prototype-{_key(folder, case, variant, events, opening)}.json"
    if kept is not None and kept.exists():
        known = json.loads(kept.read_text(encoding="ascii"))
        return Figures(**known["figures"]), known["spent_s"]
    begin = time.process_time()
    est = _track(folder, case, variant, _info(case, opening=opening) if events else None)
    spent_s = time.process_time() - begin
    inside = tuple(zone for zone in case.zones if zone != OUT)
    floor = np.array([zone.startswith("FLOOR") for zone in inside])
    size = (case.items, case.seconds, len(inside))
    figures = score(
        Timeline(changes_of_grid(est, len(inside)), *size), Timeline(case.truth(inside), *size), case.sku(), floor
    )
    if kept is not None:
        kept.write_text(json.dumps({"figures": asdict(figures), "spent_s": spent_s}), encoding="ascii")
    return figures, spent_s


def _key(folder: Path, case: Case, *options: object) -> str:
    digest = hashlib.sha256(repr((options, case.seconds, case.gtins)).encode())
    for column in (case.t_us, case.item, case.rssi_cdbm, case.event_us, case.event_item):
        digest.update(np.ascontiguousarray(column).tobytes())
    for name in MODULES:
        digest.update((folder / f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


def _info(case: Case, *, opening: bool) -> dict[str, list[Any]]:
    """Hard evidence as `frontier.track` takes it."""
    told = list(
        zip((case.event_us // 1_000_000).tolist(), case.event_item.tolist(), case.event_kind.tolist(), strict=True)
    )
    return {
        "pos": [(t, item) for t, item, kind in told if KINDS[kind] == "sale"],
        "receive": [(t, item) for t, item, kind in told if KINDS[kind] == "receipt"],
        "stock": case.opening_stock().tolist() if opening else [],
    }


def _track(folder: Path, case: Case, variant: str, info: dict[str, list[Any]] | None) -> NDArray[np.int8]:
    sim, frontier, trackers = (module_in(folder, name) for name in MODULES)
    columns = (case.t_us // 1_000_000, case.item, case.antenna, case.rssi_cdbm / 100)
    reads = np.stack([column.astype(np.float32) for column in columns], axis=1)
    size = (case.items, case.seconds)
    style = case.sku() // SIZES
    if variant == "F":
        est: NDArray[np.int8] = frontier.track(reads, *size, style, info, h=BREAK)
        return est
    stats: dict[str, Any] = {"rest": True}
    est = frontier.track(reads, *size, style, info, stats, h=BREAK, late=LATE_READS)
    quick = trackers.hmm(reads, *size, trackers.planogram(), exit_delta=1e-2, exit_peak=-66.0)
    young = (stats["rest_"] < HYBRID_S) & (est != sim.OUT) & (quick != sim.OUT)
    return np.where(young, quick, est).astype(np.int8)
