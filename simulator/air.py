"""The air interface in steps of one second: which tags answer which antenna. EPC Gen2 (ISO/IEC 18000-63).

A tag answers when its forward link carries enough power (a soft threshold), when its session flag lets it, and when the
reader's air time is not used up. Exit antennas inventory in S0, where a tag answers every round; all others in S1,
where a tag that was read stays silent for 0.5 to 5 s (see `levels`); with a single target in S2 or S3 it is silent
while it has power.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.antennas import Antennas
from simulator.levels import Level
from simulator.looking import Looking
from simulator.radio import Radio, power_offset_db

ACTIVATION_DBM: Final = -69.0
"""RSSI at full power that belongs to a tag with just enough power to answer."""

SOFT_DB: Final = 1.5
NEVER_BELOW_DB: Final = 12.0
"""So far below the threshold the chance of an answer is 0.03 %: not even tried."""

ANSWER_MAX: Final = 0.95
RECEIVER_DBM: Final = -80.0
RSSI_STEP_CDBM: Final = 50

CROWD_S: Final = 60.0
"""How long a crowd stands in front of an antenna: the time constant of its loss."""

ITEMS_PER_READER: Final = 180
"""The stock per reader for which a level states its capacity; a denser store has faster readers."""

CAPACITY_MAX: Final = 400.0
"""Reads per second of a fixed reader in a store, whatever the data sheet says."""

S1_SILENT_S: Final = (0.5, 5.0)
S2_SILENT_S: Final = (2.0, 20.0)
"""Gen2 gives S1 0.5 to 5 s with or without power; S2 and S3 keep their flag under power and at least 2 s without."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What all readers saw in one second: columns of n reads sorted by time, and k antennas that looked.

    `item` tag number int32, `antenna` int16, `rssi_cdbm` int32 (0.01 dBm), `offset_us` int32 within the second;
    `look_antenna` int16 and `look_ms` int32 also name antennas that saw nothing.
    """

    t_s: int
    item: NDArray[np.int32]
    antenna: NDArray[np.int16]
    rssi_cdbm: NDArray[np.int32]
    offset_us: NDArray[np.int32]
    look_antenna: NDArray[np.int16]
    look_ms: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.item)

    def of_antennas(self, mine: NDArray[np.bool_]) -> "Reads":
        """Only the rows and looks of a mask over all antennas."""
        rows, looks = mine[self.antenna], mine[self.look_antenna]
        return Reads(
            self.t_s,
            self.item[rows],
            self.antenna[rows],
            self.rssi_cdbm[rows],
            self.offset_us[rows],
            self.look_antenna[looks],
            self.look_ms[looks],
        )


class Air:
    """The session flags of all tags and the crowds before all antennas. One call of `second` per second."""

    def __init__(self, antennas: Antennas, level: Level, tags: int, items: int, rng: np.random.Generator) -> None:
        self._antennas = antennas
        self._level = level
        self._rng = rng
        density = items / (ITEMS_PER_READER * max(1, len(antennas.devices)))
        self.capacity = min(CAPACITY_MAX, level.capacity * max(1.0, density))
        self._silent_until = np.zeros((4, tags))
        self._crowd_db = np.zeros(len(antennas))

    def second(self, t_s: int, radio: Radio, looking: dict[str, Looking]) -> Reads:
        """Everything that the looking devices read in the second that begins at `t_s`."""
        sigma = self._level.crowd_db * np.sqrt(2 / CROWD_S)
        self._crowd_db += -self._crowd_db / CROWD_S + self._rng.normal(0.0, sigma, len(self._crowd_db))
        parts: list[tuple[NDArray[np.int64], int, NDArray[np.float64]]] = []
        looks: list[tuple[int, int]] = []
        for device, how in looking.items():
            live = self._live(device, how, t_s)
            for antenna in live:
                looks.append((antenna, 1_000 // len(live)))
                tags, rssi = self._inventory(t_s, antenna, how, radio, max(1, int(self.capacity / len(live))))
                parts.append((tags, antenna, rssi))
        return self._collect(t_s, parts, looks)

    def _live(self, device: str, how: Looking, t_s: int) -> list[int]:
        """Antennas of a device that share this second."""
        numbers = [self._antennas.number[device, port] for port in how.ports]
        if not numbers or how.every_second:
            return numbers
        exits = [] if how.every_second is False else [n for n in numbers if self._antennas.is_exit[n]]
        turn = [n for n in numbers if n not in exits]
        return exits + ([turn[t_s % len(turn)]] if turn else [])

    def _inventory(
        self, t_s: int, antenna: int, how: Looking, radio: Radio, capacity: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Tags that one antenna reads in one second, and their RSSI."""
        rng = self._rng
        power = how.power_dbm.get(self._antennas.placed[antenna].port, float(self._antennas.power_dbm[antenna]))
        offset = power_offset_db(power)
        crowd = max(float(self._crowd_db[antenna]), 0.0)
        level = radio.level_dbm[antenna]
        tags = np.flatnonzero(level > ACTIVATION_DBM - NEVER_BELOW_DB - 2 * offset + crowd)
        session = how.session if how.session is not None else (0 if self._antennas.is_exit[antenna] else 1)
        silent = self._silent_until[session]
        flagged = session and not (how.dual_target or self._level.dual_target)
        if flagged:
            if session > 1:
                held = tags[(silent[tags] > t_s) & (level[tags] + 2 * offset > ACTIVATION_DBM)]
                silent[held] = np.maximum(silent[held], t_s + S2_SILENT_S[0])
            tags = tags[silent[tags] <= t_s]
        link = level[tags] - crowd + rng.normal(0.0, self._level.sigma_fast_db, len(tags))
        chance = ANSWER_MAX / (1.0 + np.exp(-(link + 2 * offset - ACTIVATION_DBM) / SOFT_DB))
        rssi = link + offset
        read = (rng.random(len(tags)) < chance) & (rssi > RECEIVER_DBM)
        tags, rssi = tags[read], rssi[read]
        if len(tags) > capacity:
            kept = np.sort(rng.permutation(len(tags))[:capacity])
            tags, rssi = tags[kept], rssi[kept]
        if flagged and session == 1 and radio.silent_s is not None:
            silent[tags] = t_s + radio.silent_s[tags]
        elif flagged:
            low, high = S1_SILENT_S if session == 1 else S2_SILENT_S
            silent[tags] = t_s + rng.uniform(low, high, len(tags))
        return tags, rssi

    def _collect(
        self,
        t_s: int,
        parts: list[tuple[NDArray[np.int64], int, NDArray[np.float64]]],
        looks: list[tuple[int, int]],
    ) -> Reads:
        """Join the antennas' reads, deliver some of them twice, and put them in the order of their times."""
        tags = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64)
        antenna = np.repeat([part[1] for part in parts], [len(part[0]) for part in parts]) if parts else tags
        rssi = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0)
        offset = self._rng.integers(0, 1_000_000, len(tags))
        if self._level.duplicates:
            twice = np.flatnonzero(self._rng.random(len(tags)) < self._level.duplicates)
            pick = np.concatenate([np.arange(len(tags)), twice])
            tags, antenna, rssi, offset = tags[pick], antenna[pick], rssi[pick], offset[pick]
        order = np.argsort(offset, kind="stable")
        steps = np.round(rssi[order] * 100 / RSSI_STEP_CDBM).astype(np.int32) * RSSI_STEP_CDBM
        return Reads(
            t_s=t_s,
            item=tags[order].astype(np.int32),
            antenna=antenna[order].astype(np.int16),
            rssi_cdbm=steps.astype(np.int32),
            offset_us=offset[order].astype(np.int32),
            look_antenna=np.array([look[0] for look in looks], np.int16),
            look_ms=np.array([look[1] for look in looks], np.int32),
        )
