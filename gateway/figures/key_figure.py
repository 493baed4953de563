"""A key figure: what is asked, when somebody has to act, and what to do then. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.figures.question import Question
from wire.measurement import Measurement, Tag


class Level(StrEnum):
    """Whether somebody has to do something; the worst first."""

    ACT = "act"
    LOOK = "look"
    GOOD = "good"
    UNKNOWN = "unknown"
    """Nobody knows: no figure is not the figure 0."""


WORST_FIRST = tuple(Level)


@dataclass(frozen=True, slots=True)
class Levels:
    """From where on a figure is to be looked at, and acted on. `more`: more is better. `none`: the word for 0."""

    look: float
    act: float
    more: bool = False
    none: str = ""

    def of(self, value: float | None) -> Level:
        """Return the level of a value."""
        if value is None:
            return Level.UNKNOWN
        if self.more:
            return Level.ACT if value < self.act else Level.LOOK if value < self.look else Level.GOOD
        return Level.ACT if value >= self.act else Level.LOOK if value >= self.look else Level.GOOD

    def word(self, value: float | None) -> str:
        """Return the word that stands instead of the number, if there is one."""
        return self.none if value == 0 else ""


def none_is_good(act: float, word: str = "none") -> Levels:
    """0 is good and said in a word; above it look; from `act` on act."""
    return Levels(0.5, act, none=word)


def less_is_better(look: float, act: float) -> Levels:
    """From one value on look, from another on act."""
    return Levels(look, act)


def more_is_better(look: float, act: float) -> Levels:
    """Below one value look, below another act."""
    return Levels(look, act, more=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """One figure of the page, of stores.

    `said`: what it is. `todo`: what to do when it is not good, in an imperative. `by`: the tags by which its detail
    tells apart. `in_a_day`: deltas of the last 24 hours, not of now. `zero_with`: while this measurement is written
    for a site and ours has no series there, the figure is 0: there is nothing to tell of. Of a share of nothing 0 is no
    value: `quiet` is said instead.
    """

    id: str
    group: str
    title: str
    said: str
    todo: str
    question: Question
    levels: Levels
    by: tuple[Tag, ...] = ()
    in_a_day: bool = False
    zero_with: Measurement | None = None
    quiet: str = ""
