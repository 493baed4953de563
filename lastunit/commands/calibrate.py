"""`lastunit calibrate`: from a labelled survey to the site's sensor model, and what it is worth."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastunit.commands.mend import complain, mendable, read_model_file, read_site_file

if TYPE_CHECKING:
    from gateway.presence.model import Model
    from gateway.replay.bad_rows import BadRows
    from lastunit.calibration.files import Walk
    from wire.site import Site

PROGRESS_EVERY_S = 0.5


def calibrate(
    reads: Annotated[
        list[Path] | None,
        typer.Argument(metavar="READS...", help="Reads of the survey: t, reader, antenna, epc, rssi_dbm; also .gz."),
    ] = None,
    truth: Annotated[
        list[Path] | None,
        typer.Option(help="Where the items were: t,epc,zone, a row for each change. One for each READS, in order."),
    ] = None,
    site: Annotated[
        Path | None, typer.Option(help="The site file: zones, readers, antennas (docs/site-file.md).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the model here, as JSON.")] = None,
    show: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Print the figures of a model that was made before.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out when it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Fit the sensor model of a site from a survey: items whose places are known, read by the site's own antennas.

    It prints how well each zone is read, which zones are taken for each other (each item judged by a model without
    it), weak antennas, and what is doubtful. docs/calibrate.md tells how to make a survey, and what the model is for.

    Exit code 1 when rows were bad, late, or of antennas that the site file does not have; 2 when nothing was written.

        lastunit calibrate reads.csv --truth truth.csv --site store-001.yaml --out model.json

        lastunit calibrate a.csv b.csv --truth a-truth.csv --truth b-truth.csv --site store-001.yaml --out model.json

        lastunit calibrate --show model.json --site store-001.yaml
    """
    if site is None:
        raise complain("--site is missing: a model belongs to the zones and antennas of a site file")
    if show is not None:
        if reads or truth or out:
            raise complain("--show prints a model that was made before: it goes with --site and --json only")
        with mendable():
            described = read_site_file(site)
            shown = read_model_file(show, described)
        _print(shown, described, [], as_json=as_json)
        return
    walks = _walks(reads or [], truth or [])
    if out is None:
        raise complain("--out is missing: name the file to write the model to, such as model.json")
    _check_out(out, [site, *(path for walk in walks for path in (walk.reads, walk.truth))], force=force)
    with mendable():
        described = read_site_file(site)
        model = _fit(described, walks)
        _write(out, model)
    _tell_what_is_wrong(walks)
    _print(model, described, walks, as_json=as_json)
    if not as_json:
        print(f"\n{out}: written; name it to the gateway and to `lastunit replay --model`")
    if any(walk.is_wrong() for walk in walks):
        raise typer.Exit(1)


def _walks(reads: list[Path], truth: list[Path]) -> "list[Walk]":
    from gateway.presence.model import SOURCES_MAX
    from lastunit.calibration.files import Walk

    if not reads:
        raise complain("no READS: name the reads file of the survey, or a model with --show")
    if len(reads) != len(truth):
        raise complain(
            f"{len(reads)} reads files, {len(truth)} truth files: give a --truth for each of READS, in the same order"
        )
    if len(reads) > SOURCES_MAX:
        raise complain(f"{len(reads)} reads files: a survey has at most {SOURCES_MAX}; join some of them")
    return [Walk(*pair) for pair in zip(reads, truth, strict=True)]


def _check_out(out: Path, inputs: list[Path], *, force: bool) -> None:
    if any(out.resolve() == path.resolve() for path in inputs):
        raise complain(f"--out {out} is read as well: choose another file to write to")
    if out.is_dir():
        raise complain(f"--out {out} is a folder: name the file to write in it, such as {out / 'model.json'}")
    if not out.parent.is_dir():
        raise complain(f"{out.parent} is not there: make the folder, or choose another one for {out.name}")
    if out.exists() and not force:
        raise complain(f"{out} is there already: choose another file, or say --force to overwrite it")


def _fit(site: "Site", walks: "list[Walk]") -> "Model":
    """Play the survey twice: to count it, and to judge what was made of it."""
    from datetime import UTC, datetime

    from gateway.presence.calibrate import Survey, with_confusion
    from gateway.presence.calibrate_check import Check
    from lastunit.calibration.files import play_files

    survey = Survey(site)
    play_files(site, walks, survey, _Progress("counted", len(walks)))
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    model = survey.model(made_at=made_at, made_from=[walk.reads.name for walk in walks])
    check = Check(survey, site)
    play_files(site, walks, check, _Progress("judged", len(walks)))
    print(file=sys.stderr)
    return with_confusion(model, check.confusion())


class _Progress:
    """Shows on standard error how far it is, twice a second."""

    def __init__(self, what: str, walks: int) -> None:
        self._what = what
        self._walks = walks
        self._shown_s = 0.0

    def __call__(self, walk: int, rows: int) -> None:
        now_s = time.perf_counter()
        if now_s - self._shown_s >= PROGRESS_EVERY_S:
            self._shown_s = now_s
            print(
                f"\r{self._what} {rows:,} reads of walk {walk + 1}/{self._walks} ", end="", file=sys.stderr, flush=True
            )


def _write(out: Path, model: "Model") -> None:
    from gateway.presence.model import encode_model

    part = out.with_name(f"{out.name}.part")
    try:
        part.write_bytes(encode_model(model))
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _print(model: "Model", site: "Site", walks: "list[Walk]", *, as_json: bool) -> None:
    from lastunit.calibration import report

    figures = report.as_json(model, site)
    if as_json:
        import msgspec

        figures["walks"] = [_walk_figures(walk) for walk in walks]
        print(msgspec.json.encode(figures).decode())
        return
    print(report.as_text(model, site))
    for text in figures["warnings"]:
        print(f"warning: {text}", file=sys.stderr)


def _walk_figures(walk: "Walk") -> dict[str, Any]:
    figures = walk.figures
    return {
        "reads_file": walk.reads.name,
        "truth_file": walk.truth.name,
        "seconds": figures.seconds,
        "reads": figures.reads,
        "bad_rows": walk.bad_reads.count,
        "late": figures.late,
        "foreign": figures.foreign,
        "over_item_limit": figures.over_item_limit,
        "unknown_antenna_reads": figures.unknown_antenna,
        "unknown_antennas": walk.unknown_antennas,
        "truth_rows": walk.truth_rows,
        "bad_truth_rows": walk.bad_truth.count,
        "foreign_truth_rows": walk.foreign_truth,
    }


def _tell_what_is_wrong(walks: "list[Walk]") -> None:
    from gateway.replay.limits import OUT_OF_ORDER_S, UNKNOWN_ANTENNAS_SHOWN

    for walk in walks:
        _tell_bad_rows(walk.reads, walk.bad_reads)
        _tell_bad_rows(walk.truth, walk.bad_truth)
        for name, count in list(walk.unknown_antennas.items())[:UNKNOWN_ANTENNAS_SHOWN]:
            print(
                f"{walk.reads}: {count:,} reads of antenna {name}, which the site file does not have", file=sys.stderr
            )
        if walk.figures.late:
            text = f"{walk.figures.late:,} reads over {OUT_OF_ORDER_S} s late, left out: sort the file by t"
            print(f"{walk.reads}: {text}", file=sys.stderr)
        if walk.foreign_truth:
            text = f"{walk.foreign_truth:,} rows of tags that are no items of this site (its company_prefixes)"
            print(f"{walk.truth}: {text}", file=sys.stderr)


def _tell_bad_rows(file: Path, bad: "BadRows") -> None:
    for row in bad.first:
        print(f"{file}: {row}", file=sys.stderr)
    if bad.count > len(bad.first):
        print(f"{file}: and {bad.count - len(bad.first):,} more bad rows", file=sys.stderr)
