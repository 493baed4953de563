"""`lastunit score`: how right an estimate of zones is, against the truth of a case."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.mend import complain, mendable, read_site_file

if TYPE_CHECKING:
    from lastunit.scoring.report import Scored
    from lastunit.scoring.rows import Rows
    from lastunit.scoring.zones import ScoredZones
    from wire.site import Site

CASE_FILES = ("reads.csv", "truth.csv", "items.csv")
BLOCK_BYTES = 1 << 22
PROGRESS_FROM_BYTES = 64 << 20
"""Smaller files are read in the blink of an eye."""


def score(
    case: Annotated[
        Path, typer.Argument(metavar="CASE_DIR", help="A folder with reads.csv, truth.csv and items.csv of one run.")
    ],
    estimates: Annotated[
        Path, typer.Argument(metavar="ESTIMATES", help="CSV with t, epc, zone: a row each time an item's zone changes.")
    ],
    site: Annotated[
        Path | None,
        typer.Option(help="The site file; CASE_DIR/site.yaml if there is one. It says which zones are what."),
    ] = None,
    promises: Annotated[
        Path | None, typer.Option(help="CSV with t, gtin, zone, q, settled, as `lastunit replay --promises` writes it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Compare estimated zones with the truth: counts by size and zone, items, moves, departures, promises.

    Every 10 s after 600 s of warm-up counts are compared; docs/score.md explains each figure. An item is OUT until its
    first row. Zones count as the site file's `counts_as` says; sales floors and windows are the floor. Without a site
    file zones whose names begin with FLOOR are the floor.

        lastunit simulate --site store-001.yaml --hours 1 --out case

        lastunit replay case/reads.csv --site store-001.yaml --out estimates.csv --promises promises.csv

        lastunit score case estimates.csv --promises promises.csv
    """
    from lastunit.scoring.errors import ScoreError
    from lastunit.scoring.report import as_object, as_text

    if not case.is_dir():
        raise complain(f"{case} is no folder: name the folder of a case, with reads.csv, truth.csv and items.csv")
    missing = [name for name in CASE_FILES if not (case / name).exists()]
    if missing:
        raise complain(
            f"{case} has no {' and no '.join(missing)}: a case has {', '.join(CASE_FILES)}, "
            "as `lastunit simulate --out` writes them"
        )
    with mendable(ScoreError):
        scored = _scored(case, estimates, _site(case, site), promises)
    if scored.left_out:
        print(
            f"{estimates}: {scored.left_out:,} rows left out: their EPCs are not in {case / 'items.csv'}",
            file=sys.stderr,
        )
    print(json.dumps(as_object(scored)) if as_json else as_text(scored))


def _site(case: Path, named: Path | None) -> "Site | None":
    found = named if named is not None else case / "site.yaml"
    return read_site_file(found) if named is not None or found.exists() else None


def _scored(case: Path, estimates: Path, site: "Site | None", promises: Path | None) -> "Scored":
    import numpy as np

    from lastunit.scoring.figures import score as compare
    from lastunit.scoring.promises import check_promises
    from lastunit.scoring.report import Scored
    from lastunit.scoring.rows import read_items, read_promises, read_rows
    from lastunit.scoring.timeline import Timeline

    with _lines(case / "items.csv") as lines:
        items = read_items(lines, str(case / "items.csv"))
    with _lines(case / "truth.csv") as lines:
        real = read_rows(lines, str(case / "truth.csv"), items)
    with _lines(estimates) as lines:
        guessed = read_rows(lines, str(estimates), items)
    zones = _zones(site, real, guessed)
    seconds = _seconds(case / "reads.csv")
    truth = Timeline(real.changes(zones), len(items), seconds, zones.out)
    estimate = Timeline(guessed.changes(zones), len(items), seconds, zones.out)
    figures = compare(estimate, truth, items.sku, zones.floor)
    checked = None
    if promises is not None:
        with _lines(promises) as lines:
            checked = check_promises(read_promises(lines, str(promises), zones), truth, items, zones)
    return Scored(seconds, len(items), int(np.max(items.sku)) + 1, guessed.left_out, figures, checked)


def _zones(site: "Site | None", real: "Rows", guessed: "Rows") -> "ScoredZones":
    from lastunit.scoring.zones import zones_of_site, zones_of_truth

    return zones_of_truth(real.zones, guessed.zones) if site is None else zones_of_site(site)


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a text file; bytes that are no UTF-8 become marks, which show in the message about their row."""
    with path.open("r", encoding="utf-8-sig", errors="replace", newline="") as stream:
        yield stream


def _seconds(path: Path) -> int:
    """Length of the case by its reads; shows how far it is where that takes long."""
    from lastunit.scoring.rows import LastSecond

    size, done, shown = path.stat().st_size, 0, 0
    with path.open("rb") as stream:
        last = LastSecond(stream.readline(BLOCK_BYTES), str(path))
        while block := stream.read(BLOCK_BYTES):
            block += stream.readline(BLOCK_BYTES)
            last.add(block)
            done += len(block)
            if size >= PROGRESS_FROM_BYTES and done - shown >= PROGRESS_FROM_BYTES:
                shown = done
                print(f"\r{path.name} {done / size:4.0%} ", end="", file=sys.stderr, flush=True)
    if size >= PROGRESS_FROM_BYTES:
        print(file=sys.stderr)
    return last.seconds()
