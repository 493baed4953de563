"""A week of a ten-store chain: what the gateway's rules are worth beside hiding the last units, over the same demand.

    python -m bench.chain_week --seed 1            the whole report: 8 weeks under each rule, five minutes of a core
    python -m bench.chain_week --quick             three stores, two days: whether it works, in seconds
    python -m bench.chain_week --calibrate DIR     measure the sight model anew on the real engine (half an hour)

Shoppers, orders, deliveries and thefts of a seed are the same under each rule. Sourcing, promises, holds and refills
are decided by the gateway's own cores; what readers see is a model that is measured on the real engine, and is held
against it in each report over a store's hours by real reads. `docs/chain-week.md` says what is real, what is a model,
and what the figures cannot say.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.chain.agreement import Sighting, agreement
from bench.chain.in_database import Asked, ask_database
from bench.chain.read_day import LEVEL, SITE, read_day
from bench.chain.run import RULES, Outcome, Rule, run_week
from bench.chain.table import plain, table
from bench.chain.web import Planned
from gateway.availability import Policy
from simulator.chain.demand import Week, week_of
from simulator.chain.parameters import QUICK, Chain
from simulator.chain.sight import known_figures
from simulator.chain.sighted import measured
from simulator.chain.watch import Watch

JUDGED: Final = "ours"
SEEDS: Final = 8
DEEP: Final = 2.5
DEEP_SEEDS: Final = 3
READ_SEED: Final = 1_000
"""Added to the first seed: the store's hours by real reads are none that the model was measured on."""
READ_HOURS: Final = 6.0
CALIBRATED: Final = {"realistic": (51, 52, 53), "hostile": (51, 52)}
CALIBRATED_H: Final = 6.0

Outcomes = dict[str, list[Outcome]]


def weeks(chain: Chain, seeds: Sequence[int], rules: Sequence[Rule]) -> Outcomes:
    """Run every rule over the weeks of all seeds."""
    found: Outcomes = {rule.name: [] for rule in rules}
    for seed in seeds:
        week = week_of(chain, seed)
        for rule in rules:
            began = time.process_time()
            outcome = run_week(week, rule)
            found[rule.name].append(outcome)
            _say(f"seed {seed}, {rule.name}: {outcome.counts['events']} events, {time.process_time() - began:.1f} s")
    return found


def in_database(chain: Chain, seed: int) -> Asked:
    """Ask the real database what was planned in the week of a seed by our rules."""
    week, planned = week_of(chain, seed), list[Planned]()
    run_week(week, RULES[0], listen=planned.append)
    return ask_database(chain, week.skus, planned, Policy("web"))


def last_units(week: Week) -> float:
    """Return the share of all units that are the last one of their size in their store."""
    last = total = 0
    for opening in week.openings:
        units: dict[int, int] = {}
        for piece in (*opening.back, *opening.floor):
            units[piece.sku] = units.get(piece.sku, 0) + 1
        last += sum(number == 1 for number in units.values())
        total += sum(units.values())
    return last / max(1, total)


def sureness(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Return how sure the plans of accepted orders were on average, and the share of them without a pick in vain."""
    said = [one for outcome in outcomes for one in outcome.said]
    number = max(1, len(said))
    return sum(chance for chance, _ in said) / number, sum(kept for _, kept in said) / number


def calibrate(folder: Path) -> None:
    """Run the real engine over hours of reads at both levels, and keep what the model needs of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for level, seeds in CALIBRATED.items():
        watches = []
        for seed in seeds:
            path = folder / f"{level}-{seed}-{CALIBRATED_H:g}h.npz"
            if not path.exists():
                _say(f"{level}, seed {seed}: {CALIBRATED_H:g} h of reads")
                read_day(seed, CALIBRATED_H, level).save(path)
            watches.append(Watch.load(path))
        says = f"{SITE}, {level}, seeds {', '.join(map(str, seeds))}, {CALIBRATED_H:g} h each"
        body = msgspec.json.encode(measured(watches, says)).replace(b"},", b"},\n").replace(b"],", b"],\n")
        target = Path(__file__).parent.parent / "simulator" / "chain" / f"sight_{level}.json"
        target.write_bytes(body + b"\n")
        _say(f"{target.name}: {says}")


def run() -> dict[str, float]:
    """The small chain, as `make bench` shows it: that it works, and how long a week takes."""
    began = time.process_time()
    found = weeks(QUICK, [1, 2], RULES[:3])
    figures = {
        f"{rule}, {name}": values["mean"]
        for rule, rows in plain(found, JUDGED).items()
        for name, values in rows.items()
        if name in ("fill rate, %", "orders cancelled, %", "floor availability, %")
    }
    return figures | {"small weeks, processor s": time.process_time() - began}


def report(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run everything that was asked for; return it as values, with the tables as text."""
    chain = QUICK if arguments.quick else Chain()
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    rules = RULES[:4] if arguments.quick else RULES
    found = weeks(chain, seeds, rules)
    said: dict[str, Any] = {
        "seeds": list(seeds),
        "last_units": last_units(week_of(chain, arguments.seed)),
        "sureness": sureness(found[JUDGED]),
        "table": table(found, JUDGED),
        "figures": plain(found, JUDGED),
    }
    if arguments.deep_seeds:
        deep = weeks(replace(chain, depth=chain.depth * DEEP), seeds[: arguments.deep_seeds], RULES[:4])
        said["deep_last_units"] = last_units(week_of(replace(chain, depth=chain.depth * DEEP), arguments.seed))
        said["deep_table"], said["deep_figures"] = table(deep, JUDGED), plain(deep, JUDGED)
    _say("the same questions to the database")
    said["database"] = asdict(in_database(chain, arguments.seed))
    if arguments.read_hours:
        _say(f"{arguments.read_hours:g} h of a store by real reads")
        began = time.process_time()
        watch = read_day(READ_SEED + arguments.seed, arguments.read_hours)
        said["read_s"] = time.process_time() - began
        both = agreement(watch, known_figures(LEVEL), arguments.seed)
        said["engine"], said["model"] = (asdict(one) for one in both)
    return said


def shown(said: dict[str, Any]) -> str:
    """Return a report as markdown."""
    which = f"{len(said['seeds'])} weeks (seeds {said['seeds'][0]} to {said['seeds'][-1]})"
    last = f"{100 * said['last_units']:.0f} % of all units are the last of their size in their store"
    parts = [f"{which}; in the first {last}.", said["table"]]
    sure, kept = said["sureness"]
    parts.append(f"Plans of ours said {sure:.4f}; {kept:.4f} of the orders had no pick in vain.")
    if "deep_table" in said:
        parts.append(
            f"{DEEP:g} times as deep ({100 * said['deep_last_units']:.0f} % last units):\n\n{said['deep_table']}"
        )
    asked = said["database"]
    parts.append(f"Database: {asked['same']} of {asked['quotes']} quotes chose the same. {asked['first']}".rstrip())
    if "engine" in said:
        rows = [f"| {name} | {said['engine'][name]:.4f} | {said['model'][name]:.4f} |" for name in _sighting_names()]
        head = f"| a store by real reads ({said['read_s']:.0f} s of processor) | engine | model |\n|---|---|---|"
        parts.append("\n".join([head, *rows]))
    return "\n\n".join(parts)


def _sighting_names() -> list[str]:
    return list(Sighting.__dataclass_fields__)


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; 0: it ran and the database agreed, 1: it did not agree, 2: it was called wrongly."""
    arguments = _parser().parse_args(given)
    whole_or_quick = {"seeds": (SEEDS, 2), "deep_seeds": (DEEP_SEEDS, 0), "read_hours": (READ_HOURS, 0.0)}
    for name, (whole, quick) in whole_or_quick.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, quick if arguments.quick else whole)
    if arguments.seeds < 1 or arguments.seed < 0:
        print(f"--seed {arguments.seed} --seeds {arguments.seeds}: expected 0 or more, and 1 or more", file=sys.stderr)
        return 2
    if arguments.calibrate:
        calibrate(arguments.calibrate)
        return 0
    said = report(arguments)
    print(json.dumps(said, indent=2) if arguments.json else shown(said))
    return 0 if said["database"]["same"] == said["database"]["quotes"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m bench.chain_week", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--seed", type=int, default=1, help="the first seed; the others follow on (1)")
    add("--quick", action="store_true", help="three stores, two days, no reads")
    add("--seeds", type=int, help=f"weeks under each rule ({SEEDS}; with --quick 2)")
    add("--deep-seeds", type=int, help=f"weeks with {DEEP:g} times the stock ({DEEP_SEEDS}; with --quick 0)")
    add("--read-hours", type=float, help=f"hours of a store by real reads ({READ_HOURS:g}; with --quick 0)")
    add("--calibrate", type=Path, metavar="DIR", help="measure the sight model anew; DIR keeps what was watched")
    add("--json", action="store_true", help="all figures as JSON")
    return parser


def _say(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
