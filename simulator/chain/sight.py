"""What readers and the presence engine make of an item's place: a model of both, where no radio can be run.

An item's belief is a small process beside its true place. A true move is *seen* with a probability that depends on its
way, after a delay; if it is not, the old belief stays until something mends it. A right belief slips now and then
(goods beside a border that has no wall), and is mended. With each belief comes the pair of probabilities that the
engine would say (of the place, and of lying where it can be sold), drawn from what it said in the same situation: right
for long, right for some minutes, wrong, or gone and not noticed.

All figures (`SightFigures`) are measured on the real engine over the radio simulator (`simulator.chain.sighted`); none
is chosen. What the model leaves out: neighbours that err together, outages of readers beyond those of the level, and
that some tags are always worse than others.
"""

from dataclasses import dataclass
from importlib import resources
from random import Random
from typing import Final, NamedTuple

import msgspec

from simulator.chain.watch import BACK, FIT, FLOOR_0, FLOOR_1, GONE, POS

FRESH_S: Final = 300.0
"""A belief is fresh for so long after the item moved: the engine says lower probabilities meanwhile."""

SEEN_S: Final = {"back": 1_200.0, "floor": 1_200.0, "fit": 120.0, "pos": 120.0, "gone": 120.0}
"""A move that is not seen after so long counts as missed; where goods stay for minutes only, that is sooner."""

LEVELS: Final = (0.0, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
"""Of which quantiles are kept."""

NEVER_S: Final = 1e12
"""Longer than any run."""

ANY: Final = "any"
"""Wherever it came from: for ways that are too rare to be measured on their own."""

GROUPS: Final = {BACK: "back", FLOOR_0: "floor", FLOOR_1: "floor", FIT: "fit", POS: "pos", GONE: "gone"}
"""How places are pooled; `gone` is about items that left without the till's word."""


@dataclass(frozen=True, slots=True)
class WayFigures:
    """How moves on one way (from a group of places to another) are seen.

    `moves` were measured; the share `seen` within `SEEN_S`, and quantiles (`LEVELS`) of how long that took.
    """

    moves: int
    seen: float
    delay_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Slip:
    """A time in which the belief of a still item was wrong, as it was seen once.

    Where it pointed (`to`: a group, or `other_floor`), for how long, and the chances that were said. `mended`: that
    ended it; else the item's own move or the end of the watch did, and it might have gone on.
    """

    to: str
    lasts_s: float
    mended: bool
    place: float
    sellable: float


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """How well items in one kind of place are seen.

    `ways`: how moves there are seen, by where they come from, and for `ANY`. `right`: share of settled items whose
    place is right, leaving out slips; `wrong`: all beliefs among the others, an hour into the watch, and how long each
    went on. `slip_h`: how often an hour a right belief slips; `slips`: what was seen then.
    """

    ways: dict[str, WayFigures]
    right: float
    wrong: tuple[Slip, ...]
    slip_h: float
    slips: tuple[Slip, ...]


@dataclass(frozen=True, slots=True)
class SightFigures:
    """All that the model knows. `chances`: by situation and group of the believed place: quantiles of both chances."""

    places: dict[str, PlaceFigures]
    chances: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    measured: str = ""


def known_figures(level: str = "realistic") -> SightFigures:
    """Return the figures that were measured last (`python -m bench.chain_week --calibrate`) at a level of the radio.

    Raises `FileNotFoundError` for a level that was not measured.
    """
    text = resources.files("simulator.chain").joinpath(f"sight_{level}.json").read_bytes()
    return msgspec.json.decode(text, type=SightFigures)


class Belief(NamedTuple):
    """Where an item is believed to be, and the two probabilities that are said with it."""

    kind: int
    place: float
    sellable: float


class Step(NamedTuple):
    """What a belief does next, unless the item moves before: after `delay_s`, to `kind`; None: new chances only.

    `slip`: it is a slip, with the chances and the length of this one.
    """

    delay_s: float
    kind: int | None
    slip: Slip | None = None


class Sight:
    """The model: draws beliefs of items. The same figures and random numbers give the same beliefs."""

    def __init__(self, figures: SightFigures, rng: Random) -> None:
        self._figures = figures
        self._rng = rng

    def opening(self, true: int) -> tuple[Belief, Step | None]:
        """Return the belief of an item that has lain in a place for long, and what it does next."""
        figures = self._figures.places[GROUPS[true]]
        if not figures.wrong or self._rng.random() < figures.right:
            return self.belief(true, true, fresh=False), self.settled(true, true)
        slip = self._rng.choice(figures.wrong)
        return Belief(self._kind(slip.to, true), slip.place, slip.sellable), self._until_mended(slip, true)

    def belief(self, true: int, believed: int, *, fresh: bool) -> Belief:
        """Return a belief with chances as the engine says them in such a situation."""
        if believed == GONE:
            return Belief(GONE, 1.0, 0.0)
        situation = ("fresh" if fresh else "right") if believed == true else ("ghost" if true == GONE else "wrong")
        tables = self._figures.chances
        group = GROUPS[believed]
        place, sellable = tables.get(f"{situation}/{group}") or tables[f"right/{group}"]
        u = self._rng.random()
        return Belief(believed, quantile(place, u), quantile(sellable, u))

    def moved(self, before: int, true: int, believed: int) -> Step:
        """Return what becomes of a belief when the item has just come from one place to another."""
        if believed == true:
            return Step(0.0, None)
        group = GROUPS[true]
        figures = self._figures.places[group]
        way = figures.ways.get(GROUPS[before]) or figures.ways[ANY]
        if self._rng.random() < way.seen:
            return Step(quantile(way.delay_s, self._rng.random()), true)
        if true == GONE:
            return Step(SEEN_S[group], believed)  # nobody noticed; what is said of it sinks all the same
        if not figures.wrong:
            return Step(SEEN_S[group], true)
        mended = self._until_mended(self._rng.choice(figures.wrong), true)
        return Step(SEEN_S[group] + (NEVER_S if mended is None else mended.delay_s), true)

    def settled(self, true: int, believed: int) -> Step | None:
        """Return what becomes of a belief while the item lies still; None: nothing."""
        figures = self._figures.places[GROUPS[true]]
        if believed != true or true == GONE or not figures.slips:
            return None
        slip = self._rng.choice(figures.slips)
        return Step(self._rng.expovariate(figures.slip_h) * 3_600.0, self._kind(slip.to, true), slip)

    def after(self, step: Step, true: int, believed: int) -> tuple[Belief, Step | None]:
        """Return the belief that a step leads to, and what it does next."""
        if step.slip is not None and step.kind is not None:
            return Belief(step.kind, step.slip.place, step.slip.sellable), self._until_mended(step.slip, true)
        kind = believed if step.kind is None else step.kind
        return self.belief(true, kind, fresh=False), self.settled(true, kind)

    def _until_mended(self, slip: Slip, true: int) -> Step | None:
        """Return the step that ends a wrong belief; one whose end nobody saw is followed by another one's time."""
        lasts_s = slip.lasts_s
        longer = [one for one in self._figures.places[GROUPS[true]].wrong if one.mended]
        if not slip.mended:
            if not longer:
                return None
            lasts_s += self._rng.choice(longer).lasts_s
        return Step(lasts_s, true)

    def after_move(self, step: Step, true: int, believed: int) -> tuple[Belief, Step | None]:
        """Return the same of a step that `moved` gave: what was seen just now is less sure for a while."""
        kind = believed if step.kind is None else step.kind
        return self.belief(true, kind, fresh=True), Step(FRESH_S, None)

    def _kind(self, group: str, true: int) -> int:
        if group in {"floor", "other_floor"}:
            return self._rng.choice([floor for floor in (FLOOR_0, FLOOR_1) if floor != true])
        return next(kind for kind, name in GROUPS.items() if name == group)


def quantile(values: tuple[float, ...], u: float) -> float:
    """Return the value at `u` of a distribution that is known at `LEVELS`."""
    for number in range(1, len(LEVELS)):
        if u <= LEVELS[number]:
            low, high = LEVELS[number - 1], LEVELS[number]
            return values[number - 1] + (values[number] - values[number - 1]) * (u - low) / (high - low)
    return values[-1]
