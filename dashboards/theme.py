"""How figures look: units, colours with their words, and what is said when there is nothing. Pure.

A colour is never the only sign: a level says a word, a number has its unit, a state its name. The colours are the three
that most people tell apart, and differ in brightness too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from wire.measurement import Field, FieldType, Unit


class Colour(StrEnum):
    """Grafana's names of the colours that we use."""

    GOOD = "semi-dark-green"
    LOOK = "dark-yellow"
    ACT = "dark-red"
    QUIET = "#6e6e7a"
    PLAIN = "blue"


UNITS: Final[Mapping[Unit, str]] = {
    Unit.UNITS: "suffix: units",
    Unit.SKUS: "suffix: SKUs",
    Unit.RUNS: "suffix: runs",
    Unit.SIZES: "suffix: sizes",
    Unit.TASKS: "suffix: tasks",
    Unit.HOLDS: "suffix: holds",
    Unit.ALARMS: "suffix: alarms",
    Unit.THINGS: "none",
    Unit.COUNT: "short",
    Unit.ROWS: "suffix: rows",
    Unit.BYTES: "bytes",
    Unit.SHARE: "percentunit",
    Unit.PROBABILITY: "percentunit",
    Unit.SECONDS: "s",
    Unit.MILLISECONDS: "ms",
    Unit.READS_PER_MINUTE: "suffix: reads/min",
    Unit.CELSIUS: "celsius",
    Unit.STATE: "none",
    Unit.NONE: "none",
}
"""Grafana's unit of each of ours; `suffix:` is text of our own behind the number."""

NO_DATA: Final = "not known"
"""What a panel says without data: no figure is not the figure 0."""


@dataclass(frozen=True, slots=True)
class Level:
    """From this value on (None: from the least): its colour, and the word that stands instead of the number, if any."""

    at: float | None
    colour: Colour
    word: str = ""


Levels: TypeAlias = Sequence[Level]


def none_is_good(act_at: float, *, word: str = "none") -> tuple[Level, ...]:
    """0 is good and said in a word; above it look; from `act_at` on act."""
    return (Level(None, Colour.GOOD), Level(0.5, Colour.LOOK), Level(act_at, Colour.ACT), Level(0, Colour.GOOD, word))


def more_is_better(look_below: float, act_below: float) -> tuple[Level, ...]:
    """Below one value look, below another act."""
    return (Level(None, Colour.ACT), Level(act_below, Colour.LOOK), Level(look_below, Colour.GOOD))


def less_is_better(look_at: float, act_at: float) -> tuple[Level, ...]:
    """From one value on look, from another on act."""
    return (Level(None, Colour.GOOD), Level(look_at, Colour.LOOK), Level(act_at, Colour.ACT))


PLAIN: Final = (Level(None, Colour.PLAIN),)


YES_NO: Final = (Level(None, Colour.ACT), Level(1, Colour.GOOD))
"""A boolean: true is good."""


def thresholds(levels: Levels) -> build.ThresholdsConfig:
    """Return the levels without a word as thresholds."""
    steps = [model.Threshold(value=level.at, color=level.colour.value) for level in levels if not level.word]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def mappings(levels: Levels = (), field: Field | None = None) -> list[model.ValueMapping]:
    """Return the words: of levels that have one, of a field's states (the worst is 0), and of what is not known."""
    words = {_number(level.at): (level.word, level.colour) for level in levels if level.word and level.at is not None}
    if field is not None:
        last = max((number for number, word in field.words.items() if word not in _NEITHER), default=0)
        words |= {str(number): (word, _of_state(number, word, last)) for number, word in field.words.items()}
    if field is not None and field.type is FieldType.BOOLEAN:
        words |= {"false": ("no", Colour.ACT), "true": ("yes", Colour.GOOD)}
    found: list[model.ValueMapping] = []
    if words:
        options = {
            value: model.ValueMappingResult(text=word, color=colour.value, index=index)
            for index, (value, (word, colour)) in enumerate(words.items())
        }
        found.append(model.ValueMap(options))
    unknown = model.ValueMappingResult(text=NO_DATA, color=Colour.QUIET.value, index=len(words))
    nothing = model.DashboardSpecialValueMapOptions(match=model.SpecialValueMatch.NULL_AND_NAN, result=unknown)
    return [*found, model.SpecialValueMap(nothing)]


_NEITHER: Final = frozenset({"unknown", "disabled", "not_carried"})


def _of_state(number: int, word: str, last: int) -> Colour:
    """The worst is 0, the best the last; what nobody knows or wants is neither."""
    if word in _NEITHER:
        return Colour.QUIET
    if number == 0:
        return Colour.ACT
    return Colour.GOOD if number == last else Colour.LOOK


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
