"""Every bound of the message contract, each with its reason. Other packages keep theirs in their own `limits`."""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# -- frames and batches
HEADER_BYTES: Final = 40
"""Fixed, so that the header of an undecodable body can still be read, acked and quarantined."""

BODY_MAX_BYTES: Final = 256 * KIB
"""A batch of 2,000 observations of 30 bytes is 60 KB; four times that leaves room for long EPCs and tables, and keeps
one message below what any broker forwards at once."""

JSON_FRAME_MAX_BYTES: Final = 1 * MIB
"""The same batch written for people is about four times as long."""

BATCH_MAX_OBSERVATIONS: Final = 2_000
"""A store's busiest second; more is split over several batches of the same window."""

BATCH_MAX_ANTENNAS: Final = 255
"""The antenna column is one byte. An edge with more ports sends a second batch."""

BATCH_MAX_EVENTS: Final = 1_000
"""Device events or scans in one message: a flapping device must not build an endless one."""

WINDOW_MS: Final = 1_000
"""One observation for each tag and antenna in a second: short enough for a two-second promise."""

WINDOW_MAX_MS: Final = 60_000
"""Beyond a minute a batch says nothing about the order of events."""

EPC_MAX_BITS: Final = 496
"""The longest EPC that a Gen2 tag's PC word can announce: 31 words of 16 bits."""

COUNT_MAX: Final = 65_535
"""u16; a tag that is read more often in a window stays at the top."""

RSSI_MIN_CDBM: Final = -15_000
RSSI_MAX_CDBM: Final = 5_000
"""Readers report -128..127 dBm at most; anything outside -150..50 dBm is a framing mistake."""

CLOCK_SKEW_MAX_US: Final = 86_400_000_000
"""A window that starts more than a day ahead of the gateway's clock is quarantined: it would freeze a site's time."""

# -- identifiers
ID_MAX_CHARS: Final = 64
"""Site, edge, device, zone and channel ids: they are topic levels and database keys."""

STREAM_BYTES: Final = 16
SEQ_MAX: Final = 2**63 - 1
"""Database integers are signed; at one batch a millisecond this lasts 292 million years."""

TOPIC_MAX_BYTES: Final = 256
"""Five levels of at most 64 characters."""

# -- acks
ACK_MAX_REJECTED: Final = 200
"""One Ack covers at most as many messages as one commit takes."""

# -- commands
COMMAND_MAX_ITEMS: Final = 10_000
"""Sold items in one command: a day of the busiest store in one message below a megabyte."""

ITEM_PATH_MAX_CHARS: Final = 100
"""`/01/`, 14 digits, `/21/` and a serial of 20 characters, each of them percent-encoded."""

# -- configuration of devices
CONFIG_MAX_BYTES: Final = 1 * MIB
"""One desired or reported configuration. Brokers keep it for each edge; at 200 devices that is 5 KB for each."""
CONFIG_MAX_DEVICES: Final = 200
"""Readers and scanners on one edge: a flagship store has about 60. A larger site has several edges."""
PROFILE_MAX_BYTES: Final = 16 * KIB
"""One profile by value: the longest of ours is below 2 KB. It holds numbers and short words, no files."""
PROFILE_MAX_DEPTH: Final = 8
"""Levels of tables in a profile: ours have three. A thousand would exhaust a parser's stack."""
CONFIG_MAX_PROBLEMS: Final = 20
CONFIG_PROBLEM_MAX_CHARS: Final = 500
"""What a device cannot do as asked: two for each antenna of the usual reader, each a sentence or two."""
INVENTORY_MAX_CHARS: Final = 100
"""A vendor's or model's name, a version, a serial number: readers say them in 10 to 40 characters."""

# -- site files
SITE_FILE_MAX_BYTES: Final = 1 * MIB
SITE_FILE_MAX_VALUES: Final = 250_000
"""Values, aliases followed: a thousand readers of thirty surveyed antennas. Ten lines of YAML can say billions."""
SITE_MAX_METRES: Final = 10_000.0
"""Coordinates on a plan, either way: the largest warehouse is a kilometre long."""
SITE_MAX_ZONES: Final = 250
"""Zones are stored as one byte in the presence state, with room for OUT and unknown."""
SITE_MAX_DEVICES: Final = 1_000
DEVICE_MAX_ANTENNAS: Final = 64
"""The largest antenna hubs drive 32 ports; twice that is a typing mistake."""

# -- catalogue
CATALOGUE_MAX_BYTES: Final = 256 * MIB
CATALOGUE_ROW_MAX_CHARS: Final = 10_000
