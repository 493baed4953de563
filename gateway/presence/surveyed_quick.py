"""The quick part of a surveyed site: the filter of `surveyed`, for the items that the engine watches."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence import surveyed
from gateway.presence.columns import Columns
from gateway.presence.heard import Heard, Moment
from gateway.presence.model import Model
from gateway.presence.plan import Plan
from gateway.presence.surveyed import SurveyedFilter, emission_of
from gateway.presence.tracker import SnapshotError
from wire.site import Site


class SurveyedQuick:
    """Watches `rows`; its filter has the rows of all active items, and forgets those that are not watched."""

    share: Final = 1.0
    switch: Final = 0.5
    """What a survey found needs no other opinion, and no margin: it was judged with this one (docs/calibrate.md)."""

    def __init__(self, plan: Plan, model: Model, site: Site) -> None:
        self.filter = SurveyedFilter(emission_of(model, site))
        order = {name: number for number, name in enumerate(self.filter.zones)}
        self._zones = np.array([order[name] for name in plan.zones], np.int64)
        antennas = {key: number for number, key in enumerate(site.zone_of_antenna())}
        self._antenna = np.array([antennas[key] for key in plan.antennas], np.int64)
        self.mutes = model.quiet_s > 0
        self.rows = np.zeros(0, np.int64)
        self.told = np.zeros((0, len(plan.zones)), np.float32)

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Watch these rows no more."""
        self.rows = np.setdiff1d(self.rows, rows, assume_unique=True)
        self.told = self.told[:0]

    def renumber(self, new: NDArray[np.int64]) -> None:
        """Take the new numbers of rows, in the same order; those that are watched all have one."""
        used = np.flatnonzero(new >= 0)
        self.filter.state.keep(used[used < self.filter.state.rows])
        self.rows = new[self.rows]

    def watch(self, state: Columns, rows: NDArray[np.int64]) -> None:
        """Watch these rows (sorted) from now on, and no others."""
        self.filter.grow(state.rows)
        fresh = np.setdiff1d(rows, self.rows, assume_unique=True)
        mass = np.zeros((len(fresh), len(self.filter.zones)), np.float32)
        mass[:, self._zones] = state["mass"][fresh]
        known = mass.sum(1) > 0
        self.filter.restart(fresh[~known])
        self.filter.restart(fresh[known], mass[known])
        self.rows = rows

    def follow(self, heard: Heard, moment: Moment) -> None:
        """Take one window's reads (`row` indexes `rows`) and looks in vain."""
        looks = np.zeros_like(moment.missed)
        looks[:, self._antenna] = moment.missed
        reads = surveyed.Heard(heard.row, self._antenna[heard.antenna], heard.rssi_dbm)
        self.filter.step(moment.now_us, self.rows, looks, reads)

    def zones(self) -> NDArray[np.float32]:
        """Return the probability of each zone, shape [m, zones]."""
        return self.filter.zones_of(self.rows)[:, self._zones]

    def dump(self) -> dict[str, bytes]:
        """Return the beliefs as bytes."""
        columns = {f"filter_{name}": column for name, column in self.filter.state.dump().items()}
        return columns | {"rows": self.rows.tobytes(), "told": self.told.tobytes()}

    def load(self, saved: Mapping[str, bytes]) -> None:
        """Take what `dump` gave; what another quick part wrote, or the filter of another model, begins anew."""
        columns = {name.removeprefix("filter_"): column for name, column in saved.items() if name.startswith("filter_")}
        if "at_us" not in columns:
            return
        try:
            self.filter.state.load(len(columns["at_us"]) // 8, columns)
        except SnapshotError:
            return
        self.rows = np.frombuffer(saved["rows"], np.int64).copy()
        self.told = np.frombuffer(saved["told"], np.float32).reshape(-1, len(self._zones)).copy()
