"""A replay from files: the convenience that the command and the benches share."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from gateway.presence.tracker import Tracker
from gateway.replay.events import EventFile, read_events
from gateway.replay.files import blocks_of
from gateway.replay.instant import TimeForm, written
from gateway.replay.reads import Reads, ReadsParser
from gateway.replay.run import Change, Replay, Step
from gateway.replay.tags import Antennas, Tags
from wire.site import Site


class FileRun:
    """One reads file, and perhaps an events file, played to a tracker.

    Read `replay.figures`, `parser` (rows, bad ones, unknown antennas) and `events` at any time.
    """

    def __init__(self, site: Site, tracker: Tracker, reads: Path, events: Path | None = None) -> None:
        self.tags = Tags(site)
        self.parser = ReadsParser(self.tags, Antennas(site))
        self.replay = Replay(site, tracker, self.tags)
        self.events = EventFile()
        self._reads = reads
        self._events = events

    def steps(self) -> Iterator[Step]:
        """Yield after each second of the replay's clock. Raises `ReplayError` and `OSError`, naming the file."""
        reads = self.parser.parse(blocks_of(self._reads), str(self._reads))
        begun: list[Reads] = []
        for block in reads:
            begun.append(block)
            if self.parser.form is not None:  # events are read in the form of the reads
                break
        if self._events is not None:
            self.events = read_events(blocks_of(self._events), self.tags, self.form, str(self._events))
        yield from self.replay.steps(chain(begun, reads), self.events.events)

    def changes(self) -> Iterator[tuple[float, str, str]]:
        """Yield (seconds from the start, EPC, zone) for each change of place; `OUT` when it is gone."""
        for step in self.steps():
            for change in step.changes:
                yield float(written(change.at_us, TimeForm.SECONDS)), self.replay.epc(change.item), change.zone

    @property
    def form(self) -> TimeForm:
        """How the reads file writes its times."""
        return self.parser.form or TimeForm.SECONDS

    def row(self, change: Change) -> str:
        """Return a change as a row of an estimates file."""
        return f"{self.written(change.at_us)},{self.replay.epc(change.item)},{change.zone}\n"

    def written(self, at_us: int) -> str:
        """Return an instant in the form of the reads file."""
        return written(at_us, self.form)
