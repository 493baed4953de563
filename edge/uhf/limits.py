"""Every bound of the UHF modules, with its reason."""

from typing import Final

ANSWER_S: Final = 1.0
"""A module answers a setting within tens of milliseconds, and its bytes take as many on a slow line."""

ASKED_TIMES: Final = 2
"""A question without an answer is asked once more: a damaged frame must not cost the connection."""

BOOT_S: Final = 5.0
"""A ThingMagic module starts its application from the bootloader in well below a second; slow flash takes a few."""

FRAME_S: Final = 0.4
"""From the first byte of a frame to its last. The longest one takes 0.27 s at 9,600 baud and 0.02 s as delivered;
adapters, the kernel and a busy box hold bytes back for some tens of milliseconds."""

NOISE_MAX_BYTES: Final = 1_024
"""Bytes without any frame after which they are told as one loss: four of the longest frames."""

WATCH_CYCLES: Final = 2.5
"""Cycles without a whole frame after which a module is lost: one may be lost to a damaged line, and the half keeps the
bound below three."""

WATCH_MIN_S: Final = 1.0
"""For very short cycles: a damaged frame takes `FRAME_S` to be given up, and a busy box may stand still for a while."""

MISSES_MAX: Final = 2
"""Inventories without an answer in a row that are forgiven to a polled module: a damaged frame costs one."""

SETTLE_S: Final = 0.2
"""Silence after which a late answer is over. Before that nothing new is asked: the answers would be mixed up."""

ANTENNA_RETRY_S: Final = 60.0
"""How often an antenna that failed is tried again. A person who mends a cable waits for no more than this, and the
trial takes the other antennas' time."""

STREAM_S: Final = 300.0
"""How long a stream runs before it is begun anew: each time the temperature is asked. Takes less than 0.2 % of it."""

TEMPERATURE_S: Final = 60.0
"""How often a polled module is asked for its temperature: metal warms up in minutes."""

REST_CHECK_S: Final = 5.0
"""How often a module that rests (duty cycle, no antenna left) is asked something, to see that it is still there."""

POLL_MIN_S: Final = 0.02
"""From one question to a polled module to the next, at the least: one that answers at once must not take the box."""

LATE_S: Final = 0.1
"""How much longer than told a Chafon module may inventory: up to 75 ms, and its answer's way. No more is credited."""

PORT_MAX: Final = 16
"""Antenna ports of a module with its multiplexer; both families number no more."""

DETAIL_MAX_CHARS: Final = 200
"""Words about a module in an event."""
