"""How long a tag is silent after a read, and so which looks it could have answered.

In every session but 0 a read tag holds its flag for a while. How long is not said by the tag: Gen2 grants session 1
0.5 to 5 s, so a look counts in full only `quiet_s` after the newest read. But a tag whose reads keep following each
other sooner has shown that it is silent for less. Its *own* silence is a maximum of its gaps between reads that leaks
with each read: short only after many short gaps in a row. Gaps longer than `quiet_s` say nothing of silence.

After its own silence, and before `quiet_s`, a look counts by the share of the two: such a tag gives many more looks
than one that pauses, and the evidence of a second remains the same.

A dual target asks for tags of both flags, and finds its tags after any time: one second, the step of the windows.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.heard import Heard
from gateway.presence.physics import Physics

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {
    "own": (np.uint8, (), 255),
    "gap_s": (np.uint8, (), 0),
}
"""`own`: silence in steps of 1 / `STEPS` s; `gap_s`: whole seconds between the two newest reads, 255 or more alike."""

STEPS: Final = 8
"""The maximum leaks so much of a second with each read: 32 short gaps in a row bring 5 s down to 1 s."""

LONGEST: Final = 255
SECOND_US: Final = 1_000_000


class Silence:
    """The silences of all rows of `state`."""

    def __init__(self, state: Columns, air: Air, physics: Physics) -> None:
        self._state = state
        self._air = air
        self._quiet_s = int(np.ceil(physics.quiet_s))

    def free(self, now_us: int) -> NDArray[np.float64]:
        """Return how much a look counts at each row now, shape [rows], from 0 (silent) to 1.

        A read of this very second, by another edge, leaves it as it was before.
        """
        state, quiet_s = self._state, self._quiet_s
        since_s = (now_us - state["muted_us"]) // SECOND_US
        since_s = np.where(since_s < 1, state["gap_s"], since_s)
        own_s = self._own_s()
        return np.where(since_s >= quiet_s, 1.0, np.where(since_s >= own_s, own_s / quiet_s, 0.0))

    def _own_s(self) -> NDArray[np.int64]:
        own: NDArray[np.int64] = np.minimum(-(-self._state["own"].astype(np.int64) // STEPS), self._quiet_s)
        return own

    def usual(self) -> NDArray[np.bool_]:
        """Return which rows are silent for as long as any tag may be, as far as is known, shape [rows]."""
        return np.asarray(self._own_s() >= self._quiet_s, np.bool_)

    def learn(self, heard: Heard, now_us: int) -> None:
        """Take one window's reads, before they are noted as the newest."""
        state, air, quiet_s = self._state, self._air, self._quiet_s
        rows = np.unique(heard.row[~air.loud[heard.antenna]])
        gap_s = (now_us - state["muted_us"][rows]) // SECOND_US
        rows, gap_s = rows[gap_s >= 1], gap_s[gap_s >= 1]
        state["gap_s"][rows] = np.minimum(gap_s, LONGEST)
        short = gap_s <= quiet_s
        rows, gap_s = rows[short], gap_s[short]
        own = np.minimum(state["own"][rows].astype(np.int64), quiet_s * STEPS)
        state["own"][rows] = np.maximum(own - 1, gap_s * STEPS)
        state["own"][heard.row[air.dual[heard.antenna]]] = STEPS
