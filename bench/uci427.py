"""A surveyed engine on real reads: UCI 427, room S1, leave one trial out. `python -m bench.uci427 PATH`

PATH is the folder that holds `S1_Dataset/` (https://doi.org/10.24432/C5GG6B, CC BY 4.0); without it, and without
LASTUNIT_UCI427, nothing is measured. 56 trials of people who wear one tag in a room with four antennas. Truth, at each
read: bed, chair or walking. No antenna looks at "walking": only a survey can tell it.

Each trial is one item and one walk. Its model is that of the 55 others; then its reads are played in windows of a
second, as the gateway would meet them. The reader looks with all four antennas in each of them (reads of several
antennas stand in one second), and an edge would say so; `inferred` figures are those of `lastunit replay`, which has to
guess it. Scored as trackers usually are: the zone that is told after a read holds until the next read
(gaps capped at `GAP_MAX_S`). A change stands where it was decided (`decided_us`): the last read before the decision.
`.._at_window_end` lets it stand at the end of the window instead, up to a second later: people walk for eight seconds,
and an oracle that is so late has .917.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence import Tracker, Window, ZoneChange, make_tracker
from gateway.presence.calibrate import Survey, Truth
from gateway.presence.model import Model
from gateway.presence.surveyed import Heard, SurveyedFilter, emission_of
from gateway.presence.tracker import Evidence
from gateway.replay import Reads, Replay, Tags
from gateway.replay.instant import START_US, US
from gateway.replay.windows import Windows
from lastunit.calibration.walk import play
from wire.limits import WINDOW_MS
from wire.site import OUT, Antenna, Device, Driver, Site, Zone, ZoneKind

ZONES: Final = ("bed", "chair", "walking")
ZONE_OF_LABEL: Final = {1: 0, 2: 1, 3: 0, 4: 2}
"""Sitting on the bed, sitting on the chair, lying, walking."""

ANTENNAS: Final = ("bed", "chair", "bed", "bed")
"""Where each antenna reads most; of walking none does."""

GAP_MAX_S: Final = 5.0
TRIAL_MIN_READS: Final = 20
EPC: Final = "30340257BF00000000001000"
BASELINES: Final = {
    "last read": (0.943, 0.652, 1.03),
    "window 5 s": (0.941, 0.651, 0.54),
    "EdgeX default": (0.948, 0.660, 0.45),
    "HMM antenna only": (0.945, 0.699, 0.94),
    "HMM antenna and RSSI": (0.956, 0.809, 0.95),
}
"""Time correct, macro recall, switches a minute of known trackers on the same trials, left out one by one."""

SWITCH_AT: Final = 0.5
"""Probability at which the filter alone tells another zone."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One person's trial: seconds, antenna, RSSI in dBm and true zone of each read, shape [n]."""

    t_s: NDArray[np.float64]
    antenna: NDArray[np.int32]
    rssi_dbm: NDArray[np.float64]
    zone: NDArray[np.int64]

    def at_us(self) -> NDArray[np.int64]:
        """Return the instants of the reads."""
        return np.rint(self.t_s * US).astype(np.int64) + START_US

    def reads(self) -> Reads:
        """Return the reads as the replay takes them."""
        rssi = np.rint(self.rssi_dbm * 100).astype(np.int32)
        return Reads(self.at_us(), self.antenna, np.zeros(len(self.t_s), np.int32), rssi)

    def truth(self) -> Truth:
        """Return the truth of the one item."""
        first = np.flatnonzero(np.diff(self.zone, prepend=-1))
        return Truth(1, np.zeros(len(first), np.int64), self.at_us()[first], self.zone[first])


def site() -> Site:
    """Return the room: three places that people leave within seconds, so all of a quick kind."""
    zones = tuple(Zone(name, ZoneKind.FITTING_ROOM, False, name) for name in ZONES)
    antennas = tuple(Antenna(port, zone) for port, zone in enumerate(ANTENNAS, 1))
    passages = (("bed", "walking"), ("chair", "walking"))
    return Site("uci-427", "", "UTC", zones, passages, (Device("R1", Driver.FILE, "", "edge-1", antennas=antennas),))


def load(folder: Path) -> list[Trial]:
    """Return the trials, in the order of their files' names."""
    trials = []
    for path in sorted((folder / "S1_Dataset").glob("d*")):
        table = np.genfromtxt(path, delimiter=",", ndmin=2)
        if len(table) > TRIAL_MIN_READS:
            zone = np.array([ZONE_OF_LABEL[int(label)] for label in table[:, 8]])
            trials.append(Trial(table[:, 0], (table[:, 4] - 1).astype(np.int32), table[:, 5], zone))
    return trials


class FilterAlone:
    """The surveyed filter as a tracker of one item: what it is worth without the engine around it."""

    def __init__(self, described: Site, model: Model) -> None:
        self._filter = SurveyedFilter(emission_of(model, described))
        self._quiet_us = model.quiet_s * 1e6
        self._number = {key: at for at, key in enumerate(described.zone_of_antenna())}
        self._heard_us = -(10**15)
        self._at = OUT
        self.zones = self._filter.zones

    def meet(self, gtins: Sequence[str]) -> None:
        """Meet the item."""
        self._filter.grow(self._filter.state.rows + len(gtins))

    def observe(self, window: Window) -> list[ZoneChange]:
        """Take a window; tell another zone when it is probable enough."""
        index = np.array([self._number[key] for key in window.antennas], np.int64)
        looks = np.zeros(len(self._number), np.float32)
        looks[index[window.inventory_ms > 0]] = window.end_us - self._heard_us >= self._quiet_us
        antenna = index[window.antenna] if len(window.antenna) else np.zeros(0, np.int64)
        heard = Heard(window.item.astype(np.int64), antenna, window.rssi_mean_cdbm / 100.0)
        told = self._filter.step(window.end_us, np.zeros(1, np.int64), looks, heard)[0]
        if len(antenna):
            self._heard_us = int(window.last_us.max())
        zone, before = self.zones[int(told.argmax())], self._at
        if zone == before or (before != OUT and told.max() <= SWITCH_AT):
            return []
        self._at = zone
        read_us = self._heard_us
        return [ZoneChange(0, before, zone, read_us, read_us, read_us, float(told.max()), "moved")]

    def tick(self, now_us: int) -> list[ZoneChange]:  # noqa: ARG002 - a tracker has it
        """Nothing happens by time alone."""
        return []

    def witness(self, evidence: Evidence) -> list[ZoneChange]:  # noqa: ARG002 - a tracker has it
        """Nothing happens by evidence."""
        return []

    def blind_zones(self) -> frozenset[str]:
        """Say that none is blind."""
        return frozenset()

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return where the items are."""
        inside = self._filter.zones_of(items.astype(np.int64))
        return np.concatenate([inside, np.zeros((len(items), 1), np.float32)], axis=1)

    def snapshot(self) -> bytes:
        """Keep nothing."""
        return b""


class Told:
    """A tracker whose decisions are noted: (decided, end of the window, zone)."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self.notes: list[tuple[int, int, str]] = []
        self.zones = tracker.zones
        self.meet, self.blind_zones = tracker.meet, tracker.blind_zones
        self.probabilities, self.snapshot, self.witness = tracker.probabilities, tracker.snapshot, tracker.witness

    def observe(self, window: Window) -> list[ZoneChange]:
        """Take a window."""
        return self._note(self._tracker.observe(window), window.end_us)

    def tick(self, now_us: int) -> list[ZoneChange]:
        """Let time pass."""
        return self._note(self._tracker.tick(now_us), now_us)

    def _note(self, changes: list[ZoneChange], now_us: int) -> list[ZoneChange]:
        self.notes += [(change.decided_us, now_us, change.to_zone) for change in changes]
        return changes


class Score:
    """Time told right, by true zone, and switches."""

    def __init__(self) -> None:
        self._right, self._late, self._time = np.zeros(3), np.zeros(3), np.zeros(3)
        self._switches = self._true_switches = 0
        self._seconds = 0.0

    def add(self, trial: Trial, notes: list[tuple[int, int, str]]) -> None:
        """Score a trial by what was told in it."""
        held_s = np.minimum(np.diff(trial.t_s, append=trial.t_s[-1]), GAP_MAX_S)
        zones = np.array([ZONES.index(zone) if zone in ZONES else -1 for *_, zone in notes] + [-1])
        for column, total in enumerate((self._right, self._late)):
            since = np.array([note[column] for note in notes], np.int64)
            told = zones[np.searchsorted(since, trial.at_us(), side="right") - 1]
            np.add.at(total, trial.zone, held_s * (told == trial.zone))
        self._time += np.bincount(trial.zone, held_s, minlength=3)
        self._switches += len(notes) - 1
        self._true_switches += int((np.diff(trial.zone) != 0).sum())
        self._seconds += float(trial.t_s[-1] - trial.t_s[0])

    def figures(self) -> dict[str, float]:
        """Return the figures by name."""
        recall = self._right / self._time
        return {
            "macro recall": float(recall.mean()),
            **{f"recall {zone}": float(recall[at]) for at, zone in enumerate(ZONES)},
            "time correct": float(self._right.sum() / self._time.sum()),
            "switches/min": self._switches / self._seconds * 60,
            "true switches/min": self._true_switches / self._seconds * 60,
            "macro recall at window end": float((self._late / self._time).mean()),
        }


def windows_of(trial: Trial) -> Iterator[Window]:
    """Yield the windows of a trial, all antennas looking in each."""
    windows, reads = Windows(tuple(site().zone_of_antenna())), trial.reads()
    looks = np.full(len(ANTENNAS), WINDOW_MS // len(ANTENNAS), np.int32)
    second = reads.at_us // US
    for now in range(int(second[0]), int(second[-1]) + 1):
        mine = reads.rows(second == now)
        yield windows.window(now, mine, np.zeros(len(mine), np.int32), looks)


def _survey(trial: Trial, *, inferred: bool) -> Survey:
    survey = Survey(site())
    if inferred:
        play(site(), _tags(site()), [trial.reads()], trial.truth(), survey)
        return survey
    survey.begin(trial.truth())
    for window in windows_of(trial):
        survey.take(window, np.zeros(len(window.item), np.int64))
    return survey


def _track(trial: Trial, tracker: Tracker, *, inferred: bool) -> None:
    if inferred:
        for _ in Replay(site(), tracker, _tags(site())).steps([trial.reads()]):
            pass
        return
    tracker.meet([""])
    for window in windows_of(trial):
        tracker.observe(window)
        tracker.tick(window.end_us)


def measure(
    trials: list[Trial], make: Callable[[Site, Model], Tracker], *, inferred: bool = False, block: int = 1
) -> dict[str, float]:
    """Return the figures of a tracker; each trial's model is made of the trials outside its block of `block`."""
    room = site()
    surveys = [_survey(trial, inferred=inferred) for trial in trials]
    score = Score()
    for number, trial in enumerate(trials):
        others = Survey(room)
        for other, survey in enumerate(surveys):
            if other // block != number // block:
                others.merge(survey)
        tracker = Told(make(room, others.model(made_at="", made_from=())))
        _track(trial, tracker, inferred=inferred)
        score.add(trial, tracker.notes)
    return score.figures()


def _tags(room: Site) -> Tags:
    tags = Tags(room)
    tags[EPC]  # the one tag is number 0
    return tags


def trackers() -> dict[str, Callable[[Site, Model], Tracker]]:
    """Return what is measured: the gateway's engine, and the surveyed filter alone."""
    made: dict[str, Callable[[Site, Model], Tracker]] = {"filter alone": FilterAlone}
    make: Callable[..., Tracker] = make_tracker
    if "model" in signature(make).parameters:
        made["engine"] = lambda room, model: make(room, model=model)
    return made


def run(path: str | None = None) -> dict[str, float | None]:
    """Return the figures by name; None where there is no data."""
    folder = path or os.environ.get("LASTUNIT_UCI427")
    if folder is None:
        return {"macro recall": None}
    trials = load(Path(folder))
    found: dict[str, Any] = {}
    for name, make in trackers().items():
        found |= {f"{name}: {key}": value for key, value in measure(trials, make).items()}
        guessed = measure(trials, make, inferred=True)
        found |= {f"{name}, inferred: {key}": guessed[key] for key in ("macro recall", "switches/min")}
    for name, figures in BASELINES.items():
        for key, value in zip(("time correct", "macro recall", "switches/min"), figures, strict=True):
            found[f"{name}: {key}"] = value
    return found


if __name__ == "__main__":
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and not (Path(sys.argv[1]) / "S1_Dataset").is_dir()):
        sys.exit("usage: python -m bench.uci427 PATH: the folder that holds S1_Dataset/")
    for key, value in run(*sys.argv[1:]).items():
        print(f"{key:<44} {'not measured' if value is None else f'{value:.3f}'}")
