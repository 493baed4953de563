"""What the engine believes about radio and goods, one place for every constant, each with its reason.

The values are nominal: of UHF tags, retail readers and shoppers in general, not of a store. Tuned on simulated stores
of several shapes (see docs/accuracy.md), on seeds that are not used for judging.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

LOSSES_DB: Final = np.array([-5.0, 0.0, 5.0, 10.0, 16.0])
"""What an item's own orientation, stacking or a weak tag costs at all antennas alike."""

LOSS_SHARES: Final = np.array([0.17, 0.42, 0.26, 0.09, 0.06])

DWELLS: Final = np.array([1, 2, 4, 8, 16, 32, 64, 128.0])
"""Grid on which the likelihood of a silence is tabulated: a silence longer than 128 looks says nothing more."""


@dataclass(frozen=True, slots=True)
class Physics:
    """Constants of the engine; dB and dBm on the round trip, seconds, shares.

    Attributes:
        sensitivity_dbm: RSSI at which every second look gives a read.
        placement_sd_db: multipath and shadowing: what one placement differs by from the plan's level.
        read_sd_db: spread of the reads of a still tag; the engine learns the site's own.
        elsewhere_dbm, elsewhere_sd_db: RSSI of a read from anywhere, the alternative to a fingerprint.
        temper: evidence of one fingerprint counts this much: its antennas are not independent.
        break_at: CUSUM level (log odds) at which a fingerprint is broken.
        miss_weight: weight of hits and misses against RSSI in the CUSUM.
        quiet_s: Gen2 session 1: after a read a tag may be silent for so long. Of a tag that answers sooner again and
            again its own silence is known (`silence`); its looks are weighed so that a second says no more than here.
        stay, stay_later: prior weight that a broken item is where it was, at the break and when forgetting the way.
        walk_m: scale of the distance that goods are carried; `walk_flat` of it anywhere.
        forget_s: after a break what was read on the way is forgotten, at these ages.
        home_weight, home_sd_m: how much the places of the same SKU say, and how wide a fixture is.
        switch: probability at which another zone is published.
    """

    sensitivity_dbm: float = -69.0
    placement_sd_db: float = 5.0
    zones_sd_db: float = 8.0
    read_sd_db: float = 2.3
    elsewhere_dbm: float = -65.0
    elsewhere_sd_db: float = 7.0
    temper: float = 0.8
    break_at: float = 6.0
    miss_weight: float = 0.5
    quiet_s: float = 5.0
    stay: float = 0.5
    stay_later: float = 0.8
    walk_m: float = 4.0
    walk_flat: float = 0.02
    forget_s: tuple[float, float] = (25.0, 60.0)
    home_weight: float = 0.8
    home_sd_m: float = 0.8
    home_reach: float = 1.2
    switch: float = 0.6
    look_s: float = 3.0
    # quick filter
    quick_s: float = 120.0
    alert_at: float = 2.0
    hit_weight: float = 0.6
    rssi_weight: float = 0.3
    quiet_weight: float = 0.5
    poor: float = 0.06
    quick_switch: float = 0.65
    quick_sd_db: float = 6.0
    quick_walk_m: float = 1.5
    quick_body_db: float = 0.0
    quick_still: float = 0.5
    quick_leave: float = 0.01
    quick_share: float = 0.6
    quick_still_var: float = 2.0
    move_rate: float = 0.05
    visit_rate: float = 1 / 240
    # leaving
    exit_peak_dbm: float = -66.0
    exit_silence_s: float = 35.0
    exit_delta: float = 0.003
    door_share: float = 0.6
    door_silence_s: float = 35.0
    door_looks: float = 9.0
    door_rate: float = 0.06
    door_portal_s: float = 60.0
    vanish_looks: float = 4.0
    vanish_s: float = 300.0
    vanish_door: float = 0.1
    vanish_door_s: float = 150.0
    paid_silence_s: float = 60.0
    lively_rate: float = 0.1
    back_in: float = 0.3
    hold_sure: float = 0.75
    hold_s: float = 600.0
    # how sure
    gone_odds: float = 0.003
    gone_weight: float = 0.15
    back_share: float = 0.05


NOMINAL: Final = Physics()
