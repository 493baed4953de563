"""How right the stock truth is: a tracker on simulated stores, seeds and levels, beside another one or the prototype.

    python -m bench.presence --sites yardstick,main-street,outlet --levels realistic,hostile --seeds 21-23 --hours 1
    python -m bench.presence --against a.module.of.yours:make_tracker
    python -m bench.presence --storesim FOLDER --seeds 21-30 --hours 3

--storesim takes the cases from a `store_sim.py` and runs the prototype `frontier.py` beside on the same reads.

Prints a markdown table: mean over the seeds with its 95 % interval, and paired differences (`*`: the interval leaves 0
out). `--survey` is what the tracker is told of the site: the whole plan, positions of antennas, or zones only.
`--told`: what edges say of sessions and targets. `--sales sku` lets the point of sale name the GTIN only. `--opening`
gives the opening stock as receipts.
`--without all` also runs the engine less each of its parts: the difference is what the part is worth.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from bench._presence_ablation import ABLATIONS, PREFIX, ablated
from bench._presence_case import STORESIM_SITE, Case, settings_of, simulated, site_of, surveyed, yardstick
from bench._presence_prototype import VARIANTS, prototype
from bench._presence_run import MakeTracker, run_case
from bench._presence_table import difference_row, header, mean_row
from lastunit.scoring.figures import Figures

PRODUCT: Final = "gateway.presence:make_tracker"
SITES: Final = ("yardstick", "main-street", "outlet")
LEVELS: Final = ("easy", "realistic", "hostile")
STORESIM: Final = "storesim"


@dataclass(frozen=True, slots=True)
class Task:
    """One tracker on one case. `tracker` is `module:name`, a variant of the prototype, or `without-` and a part."""

    site: str
    level: str
    seed: int
    hours: float
    tracker: str
    survey: str = "plan"
    events: bool = False
    sales: str = "epc"
    opening: bool = False
    by_replay: bool = False
    told: bool = False
    items: int | None = None
    storesim: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of a task, its processor seconds and its observations (0 for the prototype)."""

    figures: Figures
    spent_s: float
    observations: int


def work(task: Task) -> Result:
    """Make or load the case, run the tracker, score it."""
    case = case_of(task)
    if task.tracker in VARIANTS:
        assert task.storesim is not None
        figures, spent_s = prototype(
            task.storesim, case, task.tracker, events=task.events, opening=task.opening, cache=task.cache
        )
        return Result(figures, spent_s, 0)
    site = surveyed(site_of(STORESIM_SITE if task.site == STORESIM else task.site), task.survey)
    run = run_case(
        site,
        case,
        tracker_of(task.tracker),
        events=task.events,
        by_sku=task.sales == "sku",
        opening=task.opening,
        by_replay=task.by_replay,
        settings=settings_of(site, case, task.level) if task.told else (),
    )
    return Result(run.figures, run.spent_s, run.observations)


def case_of(task: Task) -> Case:
    """The case of a task."""
    if task.site == STORESIM:
        assert task.storesim is not None
        return yardstick(task.storesim, task.level, task.seed, task.hours, cache=task.cache)
    return simulated(task.site, task.level, task.seed, task.hours, items=task.items, cache=task.cache)


def tracker_of(name: str) -> MakeTracker:
    """A tracker by `module:name`, or the engine less a part."""
    if name.startswith(PREFIX):
        return ablated(name.removeprefix(PREFIX))
    module, _, attribute = name.partition(":")
    made: MakeTracker = getattr(importlib.import_module(module), attribute)
    return made


def run() -> dict[str, float | None]:
    """Half an hour of the small store, as `make bench` shows it."""
    figures: dict[str, float | None] = {}
    for level in LEVELS:
        result = work(Task("main-street", level, 21, 0.5, PRODUCT))
        for name in ("cell_exact", "item_zone", "recall", "precision"):
            figures[f"{level}_{name}"] = asdict(result.figures)[name]
        figures[f"{level}_observations_per_s"] = result.observations / max(result.spent_s, 1e-9)
    return figures


def compare(base: Task, trackers: list[str], seeds: list[int], results: Iterator[Result]) -> None:
    """Print the rows of one site and level; the first tracker is the one that is judged."""
    label = f"{base.site} {base.level}"
    found = {tracker: [next(results) for _ in seeds] for tracker in trackers}
    figures = {tracker: [result.figures for result in rows] for tracker, rows in found.items()}
    for tracker, rows in found.items():
        spent_s = sum(row.spent_s for row in rows) / len(rows)
        print(mean_row(label, tracker.rpartition(":")[2], figures[tracker], spent_s), flush=True)
    judged = trackers[0]
    for other in trackers[1:]:
        name = f"{judged.rpartition(':')[2]} less {other.rpartition(':')[2]}"
        print(difference_row(label, name, figures[judged], figures[other]), flush=True)


def main(arguments: list[str] | None = None) -> int:
    a = _parser().parse_args(arguments)
    sites = [STORESIM] if a.storesim and not a.sites else (a.sites or ",".join(SITES)).split(",")
    if STORESIM in sites and not a.storesim:
        print("the site storesim needs --storesim FOLDER with store_sim.py and frontier.py", file=sys.stderr)
        return 2
    parts = list(ABLATIONS) if a.without == "all" else [part for part in a.without.split(",") if part]
    if unknown := sorted(set(parts) - set(ABLATIONS)):
        print(f"--without {unknown[0]}: no part of the engine; there are {', '.join(ABLATIONS)}", file=sys.stderr)
        return 2
    seeds = seeds_of(a.seeds)
    plan: list[tuple[Task, list[str]]] = []
    for site in sites:
        trackers = [a.tracker, *([a.against] if a.against else []), *(PREFIX + part for part in parts)]
        if site == STORESIM and a.prototype:
            trackers += a.prototype.split(",")
        for level in a.levels.split(","):
            base = Task(
                site,
                level,
                0,
                a.hours,
                a.tracker,
                survey=a.survey,
                events=a.events,
                sales=a.sales,
                opening=a.opening,
                by_replay=a.replay,
                told=a.told,
                items=a.items,
                storesim=a.storesim,
                cache=a.cache,
            )
            plan.append((base, trackers))
    tasks = [
        replace(base, tracker=tracker, seed=seed) for base, trackers in plan for tracker in trackers for seed in seeds
    ]
    print(f"{len(seeds)} seeds ({a.seeds}), {a.hours:g} h, survey: {a.survey}, events: {_events(a)}\n\n{header()}")
    with _mapped(tasks, a.jobs) as results:
        for base, trackers in plan:
            compare(base, trackers, seeds, results)
    return 0


class _mapped:  # noqa: N801 - used like a function
    """Results of tasks in their order, by some processes of one thread each."""

    def __init__(self, tasks: list[Task], jobs: int) -> None:
        self._tasks, self._jobs = tasks, jobs

    def __enter__(self) -> Iterator[Result]:
        # Processes of their own, also for one job: NumPy's pool of threads would fight for the cores.
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        self._pool = ProcessPoolExecutor(self._jobs, mp_context=get_context("spawn"))
        return self._pool.map(work, self._tasks)

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _events(a: Any) -> str:
    if not a.events:
        return "none"
    return f"sales by {a.sales}, receipts, returns" + (", opening stock" if a.opening else "")


def seeds_of(text: str) -> list[int]:
    """`21-23,30` as numbers."""
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m bench.presence", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sites", help=f"names of the simulator's sites, site files, or {STORESIM}, with commas between")
    add("--levels", default=",".join(LEVELS), help="also steady, brief, dual: see simulator/levels.py")
    add("--seeds", default="21-23", help="such as 21-23,30")
    add("--hours", type=float, default=1.0)
    add("--items", type=int, help="pieces of stock; by floor area if not given")
    add("--events", action="store_true", help="sales, receipts and returns are told")
    add("--sales", choices=("epc", "sku"), default="epc", help="what the point of sale names")
    add("--opening", action="store_true", help="with --events: the opening stock is told, too")
    add("--replay", action="store_true", help="by way of gateway.replay, which infers what was looked at")
    add("--told", action="store_true", help="the first window tells session and target of each antenna")
    add("--survey", choices=("plan", "positions", "zones"), default="plan")
    add("--tracker", default=PRODUCT, help="module:name of what makes a tracker from a site")
    add("--against", help="a second tracker, module:name")
    add("--without", default="", help=f"parts to leave out, one at a time: {', '.join(ABLATIONS)}, or all")
    add("--storesim", type=Path, help="folder with store_sim.py, frontier.py and trackers.py")
    add("--prototype", default="F", help="variants of frontier.py to run beside: F, FH, F,FH or an empty text")
    add("--cache", type=Path, help="folder for generated cases")
    add("--jobs", type=int, default=1, help="processes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
