"""The presence engine less one of its parts: what each part is worth.

Most parts are switched off by a constant of `Physics`, the rest by a class of the bench: the engine has no switches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from bench._presence_run import MakeTracker
from gateway.presence.model import Model
from gateway.presence.physics import NOMINAL, Physics
from gateway.presence.saved_engine import SavedEngine
from gateway.presence.tracker import Tracker, Window, ZoneChange
from wire.site import Site

PREFIX: Final = "without-"
NEVER: Final = 1e9


class CalmEngine(SavedEngine):
    """For which goods stay in every zone."""

    def __init__(self, site: Site, physics: Physics = NOMINAL, model: Model | None = None) -> None:
        super().__init__(site, physics, model)
        self._restless = np.zeros_like(self._restless)


class LonelyEngine(SavedEngine):
    """That never learns of people before an antenna."""

    def observe(self, window: Window) -> list[ZoneChange]:
        changes = super().observe(window)
        self.air.crowd_db[:] = 0
        return changes


@dataclass(frozen=True, slots=True)
class Ablation:
    """What is changed: constants of `Physics`, or the engine."""

    constants: Mapping[str, Any] = field(default_factory=dict)
    engine: type[SavedEngine] = SavedEngine


ABLATIONS: Final[Mapping[str, Ablation]] = {
    "gate": Ablation({"break_at": NEVER}),
    "forgetting": Ablation({"forget_s": (NEVER, NEVER)}),
    "quick": Ablation({"quick_s": 0.0, "alert_at": NEVER}, CalmEngine),
    "pooling": Ablation({"quick_share": 1.0}),
    "still": Ablation({"quick_still": 0.0}),
    "home": Ablation({"home_weight": 0.0}),
    "misses": Ablation({"miss_weight": 0.0, "quiet_weight": 0.0}),
    "crowd": Ablation({}, LonelyEngine),
    "hold": Ablation({"hold_sure": 0.0}),
    "leaving-unheard": Ablation(
        {"door_silence_s": NEVER, "paid_silence_s": NEVER, "vanish_s": NEVER, "vanish_door_s": NEVER}
    ),
}
"""Parts by name.

gate: no fingerprint ever breaks. forgetting: what was read on the way is kept. quick: the calm part alone. pooling: the
quick part alone where it speaks. still: the quick part has no state for goods that lie where they lay. home: goods of a
kind hang anywhere. misses: silence raises no doubt and moves no belief of the quick part. crowd: people before an
antenna are not told from moved goods. hold: thin evidence moves items as well. leaving-unheard: only a loud exit
antenna tells that something left.
"""


def ablated(name: str) -> MakeTracker:
    """Return what makes an engine without the part `name`. Raises `KeyError` for a part that is none."""
    ablation = ABLATIONS[name]
    physics = replace(NOMINAL, **ablation.constants)

    def make(site: Site) -> Tracker:
        return ablation.engine(site, physics)

    return make
