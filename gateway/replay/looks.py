"""How long each antenna looked, inferred from what was read: a reads file does not say it.

Theory of operation. A reader shares its time between its ports: one after the other (a *round robin*, a second or so
each) or all within each second (a portal). Only reads tell which. Per device:

* It is *looking* from its first read on (a foreign tag's is as good as any), until it is silent for longer than is
  usual for it: twice the second-longest of its silences so far (they fade by half in `FADE_S`), at least
  `SILENT_MIN_S`, at most `SILENT_MAX_S`. The second-longest, so that one outage does not pass for a habit. So a busy
  reader that dies is blind after three seconds, and one in a quiet corner is not taken for dead.
* `n` antennas share each window. The busiest antenna hardly ever looks in vain, so the share q of windows in which it
  reads is the share in which it looks; all ports look equally long, so n is the ports times q, rounded. At the start a
  round robin is assumed: n = 1.
* In a window the antennas that read something looked, each for 1,000 ms / max(n, how many these are). If they are
  fewer than n, the ports with the least time so far looked as well and saw nothing. So an antenna that rarely reads
  (a weak one in a counter) gets its true share of the time: the windows in which nobody else reads.

Averages fade over about `MEMORY` windows; windows in which a device is down do not count. Causal: a window is judged by
itself and those before it. Not known here: a port that is configured and unplugged, and ports that share their time
unequally; both get the mean.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MEMORY: Final = 100
"""Windows: 25 turns of a four-port round robin, so that chance does not change n; a new setting counts in 2 min."""

PRIOR: Final = 10
"""Windows that the assumed round robin weighs at the start."""

SILENT_START_S: Final = 20
"""What is usual before anything is known of a device: a turn of a reader with eight ports, twice."""

SILENT_MIN_S: Final = 3
SILENT_MAX_S: Final = 60
"""Long enough for somebody to be seen to have left by a portal that reads nothing else, and no longer."""

FADE_S: Final = 600
"""Windows in which a known silence counts half."""

WINDOW_MS: Final = 1_000


class Looks:
    """Infers the looking of all devices of a site, window by window.

    `antennas`: (device, port), the ports of a device side by side, as `Site.zone_of_antenna` gives them.
    """

    def __init__(self, antennas: Sequence[tuple[str, int]]) -> None:
        devices = [device for device, _ in antennas]
        names = list(dict.fromkeys(devices))
        self._device = np.array([names.index(device) for device in devices], np.int64)
        self._ports = np.bincount(self._device, minlength=len(names))
        self._reads_share = 1.0 / self._ports[self._device]
        self._looked_s = np.zeros(len(antennas))
        self._windows = np.zeros(len(names), np.int64)
        self._silent_s = np.full(len(names), np.iinfo(np.int32).max, np.int64)
        self._silences_s = np.full((2, len(names)), SILENT_START_S / 2)

    def window(self, read: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the milliseconds that each antenna looked in the next window, shape [antennas]; -1: device is down.

        `read`: which antennas read anything in it.
        """
        device = self._device
        reading = np.bincount(device[read], minlength=len(self._ports))
        self._note_silences(reading > 0)
        allowed_s = np.clip(2 * self._silences_s[0], SILENT_MIN_S, SILENT_MAX_S)
        looking = self._silent_s <= allowed_s
        self._remember(read, looking)
        busiest = np.zeros(len(self._ports))
        np.maximum.at(busiest, device, self._reads_share)
        sharing = np.maximum(np.clip(np.rint(self._ports * busiest), 1, self._ports).astype(np.int64), reading)
        looked = read.copy()
        for short in np.flatnonzero(looking & (reading < sharing)).tolist():
            silent = np.flatnonzero((device == short) & ~read)
            least = silent[np.argsort(self._looked_s[silent], kind="stable")]
            looked[least[: sharing[short] - reading[short]]] = True
        spent_ms = np.where(looked, WINDOW_MS // sharing[device], 0).astype(np.int32)
        fading = looking[device]
        self._looked_s[fading] *= 1 - 1 / MEMORY
        self._looked_s[fading] += spent_ms[fading] / WINDOW_MS
        return np.where(fading, spent_ms, -1).astype(np.int32)

    def _note_silences(self, reading: NDArray[np.bool_]) -> None:
        """Keep the two longest silences of each device, the longest last; one ends with a read."""
        self._silences_s *= 0.5 ** (1 / FADE_S)
        ended = reading & (self._silent_s < np.iinfo(np.int32).max)
        three = np.vstack((self._silences_s, np.where(ended, self._silent_s, 0)))
        self._silences_s = np.sort(three, axis=0)[1:]
        self._silent_s = np.where(reading, 0, self._silent_s + 1)

    def _remember(self, read: NDArray[np.bool_], looking: NDArray[np.bool_]) -> None:
        self._windows += looking
        rate = np.where(looking, 1 / np.minimum(self._windows + PRIOR, MEMORY), 0.0)
        self._reads_share += rate[self._device] * (read - self._reads_share)
