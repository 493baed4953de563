"""Every bound of the fleet, each with its reason."""

from typing import Final

from wire.limits import MIB

# -- the pace of a roll-out
CANARIES: Final = 2
"""One store can be odd; two are seldom odd in the same way."""
CANARIES_MAX: Final = 100
GROWTH: Final = 4
"""Waves of N, 4N, 16N: two canaries reach five thousand devices in seven waves, each of them watched."""
WAVE_MAX: Final = 2_000
"""However large the fleet: one transaction asks a whole wave, and no mistake reaches more devices than this at once."""

APPLY_S: Final = 300.0
"""A reader that restarts is up within three minutes; an edge tries one that is away at least once a minute."""
WATCH_S: Final = 600.0
"""Ten minutes hold twenty of an edge's half-minute healths: enough for a median that no delivery or crowd moves."""
SETTLE_S: Final = 15.0
"""A reader that was set anew reads everything at once at first, which says nothing of how it will go on."""
BASELINE_S: Final = 600.0
"""As long as the watch: what is compared is alike."""
MEASURE_S: Final = 150.0
"""Five healths: who has no rate by then is not waited for."""
PACE_MIN_S: Final = 1.0
PACE_MAX_S: Final = 86_400.0

# -- when reads have fallen
FALL: Final = 0.5
"""Less than half of what it was: a change of the crowd halves nothing for minutes, a wrong power or mode does."""
SAMPLES_LEAST: Final = 3
"""One health may have fallen on a restart; the median of three stands one that is odd."""
RATE_LEAST: Final = 30.0
"""Reads a minute: of fewer, chance alone halves ten minutes' worth now and then."""

# -- memory
SAMPLES_KEPT: Final = 64
"""Healths of one device: half an hour at two a minute."""
DEVICES_MAX: Final = 50_000
"""Devices whose rates are remembered: 2,500 stores of twenty. Topics can name any; beyond it nothing new is taken."""

EDGES_MAX: Final = 10_000
"""Edges whose reports are remembered, some 10 KB each."""

# -- the process
LOOK_S: Final = 2.0
"""How often roll-outs are looked at. A report wakes it at once."""
FIGURES_S: Final = 30.0
"""How often the whole fleet is read for its figures: as often as an edge says its health."""
LEASE_S: Final = 15.0
"""Nothing here is urgent by the second; a takeover may take this long."""
AGAIN_S: Final = 120.0
"""A desired configuration that its edge has not answered is published again: a broker that was killed forgets."""
DRIFT_AFTER_S: Final = 300.0
"""An edge that is there answers within seconds; five minutes later it is drift, no delay."""
ACTIVE_MAX: Final = 20
"""Roll-outs under way at once: each is watched by a person."""

# -- the desk
TARGETS_MAX: Final = 1_000
"""Sites, models or devices named in one roll-out; all devices of a chain are named by naming nothing."""
MEMBERS_MAX: Final = 20_000
"""Devices of one roll-out."""
BODY_MAX_BYTES: Final = MIB // 4
"""A profile of 64 KiB written as TOML, and the names of a thousand devices."""
PROFILE_TEXT_MAX_CHARS: Final = 100_000
PAGE: Final = 50
PAGE_MAX: Final = 200
"""Edges of one answer: with twenty devices each a few megabytes."""
LISTED_MAX: Final = 200
"""Roll-outs in the list, the newest first."""
EVENTS_SHOWN: Final = 200
"""Events of one roll-out, the newest."""
SAID_CHARS: Final = 1_000
"""Of one device, or why a roll-out is where it is: a report's problem has at most 500 characters."""
KEPT_US: Final = 400 * 86_400 * 1_000_000
"""Roll-outs that are over are forgotten after more than a year; what happened (`fleet_event`) is kept for good."""
PRUNE_S: Final = 3_600.0
LEFT_OUT_SHOWN: Final = 200
"""Devices that a plan leaves out, named with their reasons; more are counted."""
