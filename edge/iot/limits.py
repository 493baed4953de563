"""Every bound of the readers that speak JSON, with its reason."""

from typing import Final

from wire.limits import KIB

# -- what comes
LINE_MAX_BYTES: Final = 64 * KIB
"""One event of the HTTP stream. With all memory banks of a tag it is below 4 KiB."""

EAGER_MAX_BYTES: Final = 8 * KIB
"""Up to here a line without its end is tried as whole events at each chunk; beyond it only with its end. It bounds
what a reader that drips bytes can cost us."""

PAYLOAD_MAX_BYTES: Final = 256 * KIB
"""One MQTT message. A Zebra reader packs a few hundred events into one at most."""

MESSAGES_WAITING_MAX: Final = 5_000
"""MQTT messages between the client's thread and the event loop: five seconds of a busy reader. Beyond it they are
lost, counted and told as an overflow."""

WAITING_MAX_BYTES: Final = 16 * 1024 * KIB
"""Of those messages in all: 5,000 of the longest would be a gigabyte, and an edge has half of one."""

MISTAKES_MAX: Final = 100
"""Torn events and rubbish in one message or line; behind so many there is nothing worth the search."""

NUMBER_MAX_CHARS: Final = 19
"""Sign and digits of a whole number: what fits 64 bits. A longer one is nonsense, and costly to read."""

EPC_MAX_BYTES: Final = 62
"""The longest EPC that a Gen2 tag can announce: 31 words."""

TEXT_MAX_CHARS: Final = 300
"""A reader's own words in an event or an error."""

PORT_MAX: Final = 255
PIN_MAX: Final = 32

# -- time
CONNECT_TIMEOUT_S: Final = 5.0
"""A reader or broker in the same building answers in milliseconds, or it is not there."""

REQUEST_TIMEOUT_S: Final = 10.0
"""A preset is stored and started within two seconds; none takes ten."""

LEAVE_TIMEOUT_S: Final = 1.0
"""For the last word (stop the inventory) when the driver stops."""

STOP_TIMEOUT_S: Final = 3.0
"""For the whole goodbye: the last word and the broker's goodbye, then by force."""

WATCHDOG_KEEPALIVES: Final = 3.0
"""Impinj asks its clients to wait for at least three missing keep-alives before they hang up."""

STATUS_TRIES: Final = 10
STATUS_PAUSE_S: Final = 0.3
"""How often a reader is asked whether the preset that it started runs: three seconds."""

IMPINJ_KEEPALIVE_S: Final = 5
"""Set on the reader when we start it: a dead one is noticed within fifteen seconds."""

IMPINJ_KEEPALIVE_AS_MADE_S: Final = 30
"""What an Impinj reader does by itself."""

IMPINJ_KEEPALIVE_MAX_S: Final = 300
"""The most that the reader's stream configuration takes."""

ZEBRA_HEARTBEAT_S: Final = 60
"""What we expect where the site file says nothing."""

MQTT_KEEPALIVE_S: Final = 20
"""A half-open connection to the broker is noticed within 30 s."""

REMARK_S: Final = 600.0
"""A remark on the reader's configuration is repeated no more often than this, with the number of reads it concerns."""

REMARKS_MAX: Final = 64
"""Different remarks that are remembered; there are fewer kinds than this, ports included."""

# -- firmware
UPGRADE_IMAGE_MAX_BYTES: Final = 512 * 1024 * KIB
"""An R700's image has about 100 MiB; more is another file."""

UPGRADE_UPLOAD_S: Final = 120.0
"""For each piece of the upload, and for the answer to it: the reader writes the image before it answers."""

UPGRADE_INSTALL_S: Final = 1_200.0
"""Verifying and installing take a reader a few minutes."""

UPGRADE_RESTART_S: Final = 600.0
"""A restart takes an R700 about a minute; the first one with a new image longer."""

UPGRADE_PAUSE_S: Final = 2.0
"""Between two questions how far it is."""

# -- what is answered
PRESETS_TRIED_MAX: Final = 16
"""Presets of a reader that are looked at for its RF mode, one question each: the first one does."""

BODY_MAX_BYTES: Final = 1024 * KIB
"""An answer of the REST interface: the schema of presets is the longest, with some 100 KiB."""
