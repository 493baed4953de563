"""A replay as a whole: order, causality, counts; with the gateway's tracker and with one that writes a diary."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.presence import Window, ZoneChange, make_tracker
from gateway.presence.tracker import Evidence, EvidenceKind
from gateway.replay import Antennas, Event, Reads, Replay, Step, Tags, replay
from gateway.replay.file_run import FileRun
from gateway.replay.instant import START_US, US
from gateway.replay.reads import ReadsParser
from simulator.case import write_case
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.gateway.replay.replayed import FOREIGN, GTIN, OTHER_GTIN, epc, file_of, shop
from wire.site import OUT, Site

SITE = read_demo_site("main-street")


class Diary:
    """A tracker that notes what it is told, and says what it is told to say."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.gtins: list[str] = []
        self.windows: list[Window] = []
        self.says: dict[int, list[ZoneChange]] = {}

    @property
    def zones(self) -> tuple[str, ...]:
        return ("BACK", "FLOOR", "FIT")

    def meet(self, gtins: Sequence[str]) -> None:
        self.gtins += gtins
        self.told.append(("meet", len(gtins)))

    def observe(self, window: Window) -> list[ZoneChange]:
        second = window.start_us // US - START_US // US
        self.windows.append(window)
        self.told.append(("window", second, len(window.item)))
        return self.says.get(second, [])

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        at_s = (evidence.at_us - START_US) / US
        self.told.append((str(evidence.kind), at_s, evidence.items.tolist() or (evidence.gtin, evidence.quantity)))
        return []

    def tick(self, now_us: int) -> list[ZoneChange]:
        self.told.append(("tick", (now_us - START_US) // US))
        return []

    def blind_zones(self) -> frozenset[str]:
        return frozenset()

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.tile(np.array([0, 1, 0, 0], np.float32), (len(items), 1))

    def snapshot(self) -> bytes:
        return b""


def change(item: int, to_zone: str, at_s: float, from_zone: str = OUT) -> ZoneChange:
    at_us = START_US + round(at_s * US)
    return ZoneChange(item, from_zone, to_zone, START_US, START_US, at_us, None, "moved")


def play(text: str, events: Sequence[Event] = (), tracker: Diary | None = None) -> tuple[Diary, Replay, list[Step]]:
    site, diary = shop(), tracker or Diary()
    tags = Tags(site)
    for serial in (1, 2, 3):
        tags[epc(serial)]
    run = Replay(site, diary, tags)
    return diary, run, list(run.steps(ReadsParser(tags, Antennas(site)).parse([text.encode()]), events))


def test_each_second_has_its_events_its_window_and_a_tick() -> None:
    text = file_of([(100.2, "R1", 1, epc(1), -50), (102.9, "R1", 2, epc(2), -50)])
    events = [
        Event(START_US + 102 * US, EvidenceKind.SALE, 0, ""),
        Event(START_US + 10 * US, EvidenceKind.RECEIPT, 2, ""),
        Event(START_US + 200 * US, EvidenceKind.RETURN, 0, ""),
    ]
    diary, _, steps = play(text, events)
    assert diary.told == [
        ("meet", 1),
        ("receipt", 10.0, [0]),
        ("meet", 1),
        ("window", 100, 1),
        ("tick", 101),
        ("window", 101, 0),
        ("tick", 102),
        ("sale", 102.0, [1]),
        ("meet", 1),
        ("window", 102, 1),
        ("tick", 103),
        ("return", 200.0, [1]),
    ]
    assert [(step.now_us - START_US) / US for step in steps] == [101, 102, 103, 200]


def test_events_of_one_instant_are_one_piece_of_evidence() -> None:
    at_us = START_US + 500_000
    events = [Event(at_us, EvidenceKind.RECEIPT, tag, "") for tag in (2, 0, 1, 0)]
    events += [Event(at_us, EvidenceKind.SALE, -1, gtin) for gtin in (GTIN, OTHER_GTIN, GTIN)]
    diary, run, _ = play(file_of([(0, "R1", 1, epc(1), -50)]), events)
    assert [told for told in diary.told if told[0] in {"sale", "receipt"}] == [
        ("sale", 0.5, (GTIN, 2)),
        ("sale", 0.5, (OTHER_GTIN, 1)),
        ("receipt", 0.5, [0, 1, 2]),
    ]
    assert run.figures.events == 7


def test_items_are_met_when_they_are_read_and_not_when_the_file_is() -> None:
    rows = [(float(second), "R1", 1, epc(serial), -50.0) for second, serial in ((0, 3), (5, 2), (9, 1))]
    text = file_of([rows[2], rows[0], rows[1]])
    diary, run, _ = play(text)
    assert [told for told in diary.told if told[0] == "meet"] == [("meet", 1)] * 3
    assert [run.epc(item) for item in range(3)] == [epc(3), epc(2), epc(1)]
    assert diary.gtins == [GTIN] * 3


def told(steps: Sequence[Step]) -> list[tuple[float, int, str]]:
    return [((change.at_us - START_US) / US, change.item, change.zone) for step in steps for change in step.changes]


TWO = file_of([(0, "R1", 1, epc(1), -50), (0, "R1", 1, epc(2), -50), (2, "R1", 1, epc(1), -50)])


def test_a_change_stands_when_it_was_decided_and_only_if_it_changes_something() -> None:
    diary = Diary()
    diary.says = {0: [change(0, "BACK", 0.4)], 1: [change(0, "BACK", 1.2)], 2: [change(0, OUT, 3), change(0, "FIT", 3)]}
    _, run, steps = play(TWO, tracker=diary)
    assert told(steps) == [(0.4, 0, "BACK"), (3.0, 0, OUT), (3.0, 0, "FIT")]
    assert run.figures.movements == 3


def test_changes_of_a_second_are_told_by_their_times_and_those_of_an_item_in_the_order_of_decision() -> None:
    diary = Diary()
    diary.says = {0: [change(0, "BACK", 0.8), change(0, "FIT", 0.6), change(1, "FLOOR", 0.2)]}
    _, _, steps = play(TWO, tracker=diary)
    assert told(steps) == [(0.2, 1, "FLOOR"), (0.8, 0, "BACK"), (0.8, 0, "FIT")]


def test_no_change_stands_before_what_was_told_or_after_its_second() -> None:
    diary = Diary()
    diary.says = {0: [change(0, "BACK", 0.9)], 1: [change(1, "FLOOR", 0.3)], 2: [change(0, "FIT", 9.0)]}
    _, _, steps = play(TWO, tracker=diary)
    assert told(steps) == [(0.9, 0, "BACK"), (0.9, 1, "FLOOR"), (3.0, 0, "FIT")]


def test_foreign_tags_show_that_a_reader_looks_and_are_no_items() -> None:
    diary, run, _ = play(file_of([(0, "R1", 1, FOREIGN, -50), (1, "R2", 9, epc(1), -50), (1, "R9", 1, epc(1), -50)]))
    assert [window.antennas for window in diary.windows] == [(("R1", 1), ("R1", 2), ("R1", 3))] * 2
    assert diary.windows[0].inventory_ms.tolist() == [1_000, 0, 0]
    assert [len(window.item) for window in diary.windows] == [0, 0]
    assert (run.figures.foreign, run.figures.unknown_antenna, run.figures.items) == (1, 2, 0)


# -- with the gateway's own tracker and a simulated store


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_case(Store(SITE, "hostile", seed=11, items=100, hours=0.1, busy=6, haste=3), folder, 300)
    return folder


def run_of(case: Path, site: Site = SITE) -> FileRun:
    return FileRun(site, make_tracker(site), case / "reads.csv", case / "events.csv")


def estimates(run: FileRun) -> list[tuple[float, str, str]]:
    return list(run.changes())


@pytest.fixture(scope="module")
def played(case: Path) -> tuple[FileRun, list[tuple[float, str, str]]]:
    """The case, played once."""
    run = run_of(case)
    return run, estimates(run)


@pytest.fixture(scope="module")
def steps(case: Path) -> list[Step]:
    """The steps of the case without its events."""
    run = run_of(case)
    run._events = None
    return list(run.steps())


def test_a_simulated_store_is_played_as_a_whole(
    case: Path, played: tuple[FileRun, list[tuple[float, str, str]]]
) -> None:
    run, found = played
    figures = run.replay.figures
    lines = (case / "reads.csv").read_text().splitlines()[1:]
    kinds = [line.split(",")[1] for line in (case / "events.csv").read_text().splitlines()[1:]]
    assert figures.reads == len(lines)
    assert figures.seconds == figures.windows == 300
    assert figures.events == sum(kind in {"sale", "receipt", "return"} for kind in kinds) > 0
    assert sum(run.events.other_kinds.values()) == len(kinds) - figures.events
    items = {line.split(",")[0] for line in (case / "items.csv").read_text().splitlines()[1:]}
    assert {code for _, code, _ in found} <= items
    assert figures.foreign == sum(line.split(",")[3] not in items for line in lines) > 0
    assert {zone for _, _, zone in found} <= {*run.replay.tracker.zones, OUT}
    assert [t for t, _, _ in found] == sorted(t for t, _, _ in found)
    assert figures.movements == len(found) > 100


@settings(max_examples=3, deadline=None)
@given(st.integers(60, 270))
def test_an_estimate_rests_on_nothing_that_comes_after_its_second(case: Path, steps: list[Step], end_s: int) -> None:
    end_us = START_US + end_s * US

    def until(blocks: Iterator[Reads]) -> Iterator[Reads]:
        for block in blocks:
            yield block.rows(block.at_us < end_us)

    part = run_of(case)
    blocks = part.parser.parse([(case / "reads.csv").read_bytes()])
    cut = list(part.replay.steps(until(blocks)))
    assert cut == [step for step in steps if step.now_us <= end_us]
    assert any(step.changes for step in cut)


def test_the_order_of_rows_within_a_minute_means_nothing(
    case: Path, played: tuple[FileRun, list[tuple[float, str, str]]], tmp_path: Path
) -> None:
    header, *lines = (case / "reads.csv").read_text().splitlines()
    rng = np.random.default_rng(5)
    key = [float(line.partition(",")[0]) + rng.uniform(0, 59) for line in lines]
    shuffled = [lines[i] for i in np.argsort(key)]
    assert shuffled != lines
    (tmp_path / "reads.csv").write_text("\n".join([header, *shuffled]) + "\n")
    (tmp_path / "events.csv").write_bytes((case / "events.csv").read_bytes())
    assert estimates(run_of(tmp_path)) == played[1]


def test_rows_that_came_twice_change_nothing(
    case: Path, played: tuple[FileRun, list[tuple[float, str, str]]], tmp_path: Path
) -> None:
    header, *lines = (case / "reads.csv").read_text().splitlines()
    (tmp_path / "reads.csv").write_text("\n".join([header, *(line for line in lines for _ in range(2))]) + "\n")
    (tmp_path / "events.csv").write_bytes((case / "events.csv").read_bytes())
    twice, (once, found) = run_of(tmp_path), played
    assert estimates(twice) == found
    assert twice.replay.figures.observations == once.replay.figures.observations
    ours = len(lines) - once.replay.figures.foreign
    assert twice.replay.figures.duplicates == once.replay.figures.duplicates + ours


def test_python_gets_the_changes_without_files(case: Path) -> None:
    tags = Tags(SITE)
    reads = ReadsParser(tags, Antennas(SITE)).parse([(case / "reads.csv").read_bytes()])
    tracker = make_tracker(SITE)
    without = run_of(case)
    without._events = None
    found = [((change.at_us - START_US) / US, change.zone) for change in replay(SITE, reads, tracker, tags)]
    assert found == [(t, zone) for t, _, zone in estimates(without)]
