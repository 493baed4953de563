"""The walks of a survey as pairs of files, played as often as it takes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from gateway.replay import Antennas, Reads, ReplayFigures, Tags
from gateway.replay.bad_rows import BadRows
from gateway.replay.files import blocks_of
from gateway.replay.instant import TimeForm
from gateway.replay.reads import ReadsParser
from lastunit.calibration.truth import read_truth
from lastunit.calibration.walk import Taker, play
from wire.site import Site


@dataclass(slots=True)
class Walk:
    """A pair of files, and what reading them found."""

    reads: Path
    truth: Path
    figures: ReplayFigures = field(default_factory=ReplayFigures)
    bad_reads: BadRows = field(default_factory=BadRows)
    bad_truth: BadRows = field(default_factory=BadRows)
    truth_rows: int = 0
    foreign_truth: int = 0
    unknown_antennas: dict[str, int] = field(default_factory=dict)

    def is_wrong(self) -> bool:
        """Whether something of the files could not be used."""
        figures = self.figures
        return bool(
            self.bad_reads.count
            or self.bad_truth.count
            or figures.late
            or figures.unknown_antenna
            or figures.over_item_limit
        )


def play_files(site: Site, walks: Sequence[Walk], taker: Taker, shown: Callable[[int, int], None]) -> None:
    """Play all walks to `taker`; `shown` is told the walk's number and its rows so far, now and then.

    Raises `ReplayError` and `OSError`, naming the file.
    """
    for number, walk in enumerate(walks):
        tags = Tags(site)
        parser = ReadsParser(tags, Antennas(site))
        blocks = parser.parse(blocks_of(walk.reads), str(walk.reads))
        begun: list[Reads] = []
        for block in blocks:
            begun.append(block)
            if parser.form is not None:  # the truth is read in the form of the reads
                break
        zones = tuple(zone.id for zone in site.zones)
        form = parser.form or TimeForm.SECONDS
        truth = read_truth(blocks_of(walk.truth), str(walk.truth), tags, form, zones)
        counted = _counted(chain(begun, blocks), parser, lambda rows, number=number: shown(number, rows))  # type: ignore[misc]
        walk.figures = play(site, tags, counted, truth.truth, taker)
        walk.bad_reads, walk.bad_truth = parser.bad, truth.bad
        walk.truth_rows, walk.foreign_truth = truth.rows, truth.foreign
        walk.unknown_antennas = {f"{reader}:{port}": n for (reader, port), n in parser.unknown.most_common()}


def _counted(blocks: Iterator[Reads], parser: ReadsParser, shown: Callable[[int], None]) -> Iterator[Reads]:
    for block in blocks:
        yield block
        shown(parser.rows)
