"""Judges a sensor model: in which zone its filter takes the survey's items to be.

Each half of the items is judged by the model of the other half, so that the figures are those of items that it does
not know. The filter is the quick one alone: a store's engine is calmer, and right more often for goods that lie still.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.calibrate import FOLDS, Places, Survey, Truth
from gateway.presence.model import Confusion
from gateway.presence.surveyed import Heard, SurveyedFilter, emission_of
from gateway.presence.tracker import Window
from wire.site import Site

CHECK_MAX_ITEMS: Final = 2_000
"""Items of a walk that are judged, spread over all: more only make the check slower."""


class Check:
    """Plays a survey once more to the filters of its own models. Use it as the survey: `begin`, `take`; then ask."""

    def __init__(self, survey: Survey, site: Site) -> None:
        self.held_out = survey.can_hold_out()
        judges = [(1 - fold,) if self.held_out else range(FOLDS) for fold in range(FOLDS)]
        models = [survey.model(made_at="", made_from=(), folds=folds) for folds in judges]
        self._emissions = [emission_of(model, site) for model in models]
        self._exits = survey.exits
        self._number = {key: at for at, key in enumerate(survey.antennas)}
        self._seconds = np.zeros((len(survey.zones), len(self._emissions[0].zones)))
        self._walks = 0

    def begin(self, truth: Truth) -> None:
        """Begin with a walk."""
        self._places = Places(truth)
        fold = (np.arange(truth.subjects) + self._walks) % FOLDS
        self._walks += 1
        step = -(-truth.subjects // CHECK_MAX_ITEMS)
        chosen = np.arange(truth.subjects) % max(step, 1) == 0
        self._mine = [np.flatnonzero(chosen & (fold == at)) for at in range(FOLDS)]
        self._heard_us = np.full(truth.subjects, np.iinfo(np.int64).min // 2)
        self._read = np.zeros(truth.subjects, bool)
        self._filters = [SurveyedFilter(emission) for emission in self._emissions]
        for judge, mine in zip(self._filters, self._mine, strict=True):
            judge.grow(len(mine))

    def take(self, window: Window, subject: NDArray[np.int64]) -> None:
        """Judge a window of the walk."""
        self._places.advance(window.end_us)
        index = np.array([self._number.get(key, -1) for key in window.antennas], np.int64)
        antenna = index[window.antenna] if len(window.antenna) else np.zeros(0, np.int64)
        looked = np.zeros(len(self._number), bool)
        looked[index[(index >= 0) & (window.inventory_ms > 0)]] = True
        row = np.flatnonzero((subject >= 0) & (antenna >= 0))
        for emission, judge, mine in zip(self._emissions, self._filters, self._mine, strict=True):
            if not len(mine):
                continue
            free = (window.end_us - self._heard_us[mine] >= emission.quiet_s * 1e6)[:, None]
            looks = (looked & (free | self._exits)).astype(np.float32)
            place = np.searchsorted(mine, subject[row])
            ours = mine[np.minimum(place, len(mine) - 1)] == subject[row]
            heard = Heard(place[ours], antenna[row[ours]], window.rssi_mean_cdbm[row[ours]] / 100.0)
            told = judge.step(window.end_us, np.arange(len(mine)), looks, heard).argmax(1)
            self._read[mine[heard.row]] = True
            self._heard_us[mine[heard.row[~self._exits[heard.antenna]]]] = window.end_us
            counts = self._read[mine] & (self._places.zone[mine] >= 0)
            np.add.at(self._seconds, (self._places.zone[mine][counts], told[counts]), 1.0)

    def confusion(self) -> Confusion:
        """Return what was found."""
        rows = tuple(tuple(row) for row in self._seconds.tolist())
        return Confusion(told=self._emissions[0].zones, seconds=rows, held_out=self.held_out)
