"""`lastunit replay`: the gateway's own engine over a reads file, as fast as it goes."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastunit.commands.mend import complain, mendable, read_model_file, read_site_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.replay.bad_rows import BadRows
    from gateway.replay.file_run import FileRun
    from gateway.replay.run import Step

PROGRESS_EVERY_S = 0.5


def replay(
    reads: Annotated[
        Path, typer.Argument(metavar="READS", help="CSV or NDJSON with t, reader, antenna, epc, rssi_dbm; also .gz.")
    ],
    site: Annotated[Path, typer.Option(help="The site file: zones, readers, antennas (docs/site-file.md).")],
    out: Annotated[Path, typer.Option(help="Write the estimates here: t,epc,zone, a row for each change.")],
    events: Annotated[
        Path | None, typer.Option(help="CSV with t,kind,epc,gtin: sales, receipts and returns, told to the engine.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The site's sensor model, as `lastunit calibrate` wrote it (docs/calibrate.md).")
    ] = None,
    promises: Annotated[
        Path | None, typer.Option(help="Write here what channels would have been promised: t,gtin,zone,q,settled.")
    ] = None,
    target: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="How sure a promise has to be (--promises).")
    ] = 0.95,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out and --promises when they are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Play a reads file to the gateway's own engine, as fast as it goes: for surveys, tuning and proof.

    t is seconds from the start, or ISO 8601 with its offset; what is written has the same form. A change stands at
    the time at which it was decided. OUT: not in the site. Rows may be a minute out of order. What cannot be used is
    counted and shown. A model for other antennas than those of the site file is refused. docs/replay.md tells all about
    the files.

    Exit code 1 when rows were bad, late or of antennas that the site file does not have, or no tag was an item; 2 when
    nothing was written.

        lastunit replay reads.csv --site store-001.yaml --out estimates.csv

        lastunit replay reads.csv --site store-001.yaml --model model.json --out estimates.csv

        lastunit replay reads.ndjson.gz --site store-001.yaml --out estimates.csv --events events.csv --json
    """
    from gateway.presence import make_tracker
    from gateway.replay.file_run import FileRun

    inputs = [reads, site, *(path for path in (events, model) if path is not None)]
    outputs = [out] + ([promises] if promises is not None else [])
    _check_outputs(inputs, outputs, force=force)
    with mendable():
        described = read_site_file(site)
        surveyed = read_model_file(model, described) if model is not None else None
        run = FileRun(described, make_tracker(described, surveyed), reads, events)
        began_s = time.perf_counter()
        promised = _play(run, out, promises, target)
        wall_s = time.perf_counter() - began_s
    figures = _figures(run, promised, wall_s)
    _tell_what_is_wrong(run, reads, events)
    if not figures["items"]:
        prefixes = ", ".join(described.company_prefixes)
        print(f"{reads}: no tag is an item of this site; its company_prefixes are {prefixes}", file=sys.stderr)
    if as_json:
        import msgspec

        print(msgspec.json.encode(figures).decode())
    else:
        print(_as_text(out, figures))
    wrong = ("bad_rows", "bad_events", "late", "unknown_antenna_reads", "over_item_limit")
    if not figures["items"] or any(figures[name] for name in wrong):
        raise typer.Exit(1)


def _check_outputs(inputs: list[Path], outputs: list[Path], *, force: bool) -> None:
    """Refuse to write over what is read, over each other, and without --force over anything."""
    for number, path in enumerate(outputs):
        if any(path.resolve() == other.resolve() for other in (*inputs, *outputs[:number])):
            raise complain(f"{path} is named twice: choose another file to write to")
        if path.is_dir():
            raise complain(f"{path} is a folder: name the file to write in it, such as {path / 'estimates.csv'}")
        if not path.parent.is_dir():
            raise complain(f"{path.parent} is not there: make the folder, or choose another one for {path.name}")
        if path.exists() and not force:
            raise complain(f"{path} is there already: choose another file, or say --force to overwrite it")


def _play(run: "FileRun", out: Path, promises: Path | None, target: float) -> int:
    """Write the estimates, and the promises if they are wanted; return how many promises there were."""
    from gateway.replay.files import whole_file
    from gateway.replay.promises import Promises

    promised = 0
    with ExitStack() as files:
        estimates = files.enter_context(whole_file(out))
        estimates.write("t,epc,zone\n")
        asked = Promises(run.replay, target) if promises is not None else None
        told = files.enter_context(whole_file(promises)) if promises is not None else None
        if told is not None:
            told.write("t,gtin,zone,q,settled\n")
        for step in _shown(run):
            estimates.writelines(run.row(change) for change in step.changes)
            if asked is not None and told is not None:
                for promise in asked.after(step):
                    at = run.written(promise.at_us)
                    told.write(f"{at},{promise.gtin},{promise.scope},{promise.q},{promise.settled:d}\n")
                    promised += 1
    return promised


def _shown(run: "FileRun") -> "Iterator[Step]":
    """Yield the steps of a run, and show on standard error how far it is."""
    shown_s = time.perf_counter()
    try:
        for step in run.steps():
            yield step
            if time.perf_counter() - shown_s >= PROGRESS_EVERY_S:
                shown_s = time.perf_counter()
                _progress(run, end="")
    finally:
        if run.replay.figures.seconds:
            _progress(run, end="\n")


def _progress(run: "FileRun", *, end: str) -> None:
    figures = run.replay.figures
    text = f"{figures.seconds // 60:6,} minutes  {figures.reads:,} reads  {figures.movements:,} movements "
    print(f"\r{text}", end=end, file=sys.stderr, flush=True)


def _figures(run: "FileRun", promised: int, wall_s: float) -> dict[str, Any]:
    done, parser, events = run.replay.figures, run.parser, run.events
    return {
        "seconds": done.seconds,
        "rows": parser.rows,
        "bad_rows": parser.bad.count,
        "reads": done.reads,
        "late": done.late,
        "duplicates": done.duplicates,
        "foreign": done.foreign,
        "over_item_limit": done.over_item_limit,
        "unknown_antenna_reads": done.unknown_antenna,
        "unknown_antennas": {f"{reader}:{port}": count for (reader, port), count in parser.unknown.most_common()},
        "windows": done.windows,
        "observations": done.observations,
        "items": done.items,
        "movements": done.movements,
        "events": done.events,
        "bad_events": events.bad.count,
        "foreign_events": events.foreign,
        "other_events": dict(events.other_kinds),
        "promises": promised,
        "wall_s": round(wall_s, 3),
        "reads_per_s": round(done.reads / max(wall_s, 1e-9)),
        "times_real_time": round(done.seconds / max(wall_s, 1e-9)),
    }


def _as_text(out: Path, figures: dict[str, Any]) -> str:
    return (
        f"{out}: {figures['movements']:,} movements of {figures['items']:,} items in {figures['seconds']:,} s; "
        f"{figures['reads']:,} reads, {figures['foreign']:,} foreign, {figures['events']:,} events\n"
        f"played in {figures['wall_s']:.1f} s: {figures['reads_per_s']:,} reads a second, "
        f"{figures['times_real_time']:,} times real time"
    )


def _tell_what_is_wrong(run: "FileRun", reads: Path, events: Path | None) -> None:
    from gateway.replay.limits import OUT_OF_ORDER_S, UNKNOWN_ANTENNAS_SHOWN

    done = run.replay.figures
    _tell_bad_rows(reads, run.parser.bad)
    if events is not None:
        _tell_bad_rows(events, run.events.bad)
    for (reader, port), count in run.parser.unknown.most_common(UNKNOWN_ANTENNAS_SHOWN):
        print(
            f"{reads}: {count:,} reads of {reader} antenna {port}, which the site file does not have", file=sys.stderr
        )
    if len(run.parser.unknown) > UNKNOWN_ANTENNAS_SHOWN:
        print(f"{reads}: and {len(run.parser.unknown) - UNKNOWN_ANTENNAS_SHOWN:,} more such antennas", file=sys.stderr)
    if done.late:
        print(
            f"{reads}: {done.late:,} reads over {OUT_OF_ORDER_S} s late, left out: sort the file by t", file=sys.stderr
        )
    if done.over_item_limit:
        print(f"{reads}: {done.over_item_limit:,} reads of tags beyond what a site may have", file=sys.stderr)


def _tell_bad_rows(file: Path, bad: "BadRows") -> None:
    for row in bad.first:
        print(f"{file}: {row}", file=sys.stderr)
    if bad.count > len(bad.first):
        print(f"{file}: and {bad.count - len(bad.first):,} more bad rows", file=sys.stderr)
