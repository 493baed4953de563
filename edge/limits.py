"""Every bound of the edge daemon, each with its reason. Those of the message contract stand in `wire.limits`."""

from typing import Final

from wire.limits import KIB, MIB

# -- delivery
RESEND_S: Final = 10.0
"""Without progress for this long a stream's rows in flight are sent again: many commits of a busy gateway, and short
enough that a lost message does not show on a board."""

REWIND_HOLD_S: Final = 2.0
"""A gateway that sees a hole answers each message behind it. Only the first answer in this time rewinds."""

LIVE_BACKLOG_S: Final = 60.0
"""A reconnect with an older backlog begins a new stream, so that the present is not behind the past."""

LIVE_WINDOW_ROWS: Final = 32
"""Rows of the live stream in flight. One window makes one row a second: half a minute of a slow gateway."""

DRAIN_WINDOW_ROWS: Final = 32
"""Rows of all older streams in flight together. At one commit of the gateway each 200 ms this drains 160 windows a
second, and live and drain together stay far below the 1,000 messages that a broker queues for one client."""

DRAIN_STREAMS: Final = 4
"""Older streams that share the drain window at a time; a stalled one goes to the end of the queue."""

DRAIN_BYTES: Final = 256 * KIB
"""Bytes of older streams that the transport may hold at a time: a live row waits behind no more than this, which is
two seconds on a line of 1 Mbit/s."""

STREAM_MEMORY: Final = 64
"""Ended streams whose last acknowledged row is remembered, for rows that were still on their way to the disk."""

# -- outbox
OUTBOX_MAX_BYTES: Final = 2_048 * MIB
"""Default cap: at 300 observations in each window (9 KB) two and a half days without a gateway."""

OUTBOX_MIN_BYTES: Final = 16 * MIB
"""The least cap: four times what one transaction may add, so that eviction never reaches the rows that caused it."""

OUTBOX_MAX_AGE_S: Final = 7 * 86_400.0
"""Default age: a week-old read says nothing that a count would not say better."""

EVICT_SHARE: Final = 0.02
"""Eviction makes this much of the cap free at once, so that a full outbox says one gap for many rows."""

ROW_OVERHEAD_BYTES: Final = 96
"""What a row costs in the file beside its body: keys, index entry, header."""

APPEND_MAX_ROWS: Final = 256
"""Rows of one transaction."""

APPEND_MAX_BYTES: Final = 4 * MIB
"""Bytes of one transaction: some 100 ms on an SD card."""

DELETE_MAX_ROWS: Final = 1_000
"""Rows of one transaction that deletes. Each touches a few pages of 4 KiB: some 5 MiB in SQLite's log."""

DISK_SPARE_LEAST_BYTES: Final = 1 * MIB
DISK_SPARE_MAX_BYTES: Final = 16 * MIB
"""What an append leaves free on the disk, so that rows can be deleted: twice what is held (the log moves into the file,
and the delete into the log), at least and at most these. The most: a log of 4 MiB, the largest append on top of it, and
the largest delete."""

READ_MAX_ROWS: Final = 32
"""Rows that are read from the outbox at a time: 8 MiB when each is as long as it may be."""

DAMAGED_FILES_MAX: Final = 3
"""Damaged outbox files that are kept for a person to look at: a bad SD card makes one at each start, and each may be
as large as the cap."""

OUTBOX_HEAD_BYTES: Final = 512
"""How much of a file that is no outbox is looked at, to tell somebody's text from a damaged database."""

VACUUM_PAGES: Final = 512
"""Free pages that a delete gives back to the file system: 2 MiB, a few milliseconds."""

# -- intake (between window and outbox)
INTAKE_MAX_BYTES: Final = 16 * MIB
"""Rows that wait for the disk in memory, beside the one transaction that is being tried. Half an hour of a store's
windows; beyond it the oldest become a gap."""

INTAKE_MAX_ROWS: Final = 20_000
"""The same, for many small rows."""

INTAKE_RETRY_S: Final = 1.0
"""How often a full disk is tried again: once a window."""

# -- pipeline
WINDOW_S: Final = 1.0
EARLY_CLOSE_OBSERVATIONS: Final = 2_000
"""A window with a whole batch in it closes at once: memory stays bounded in a burst."""

FOREIGN_MAX_PER_ANTENNA: Final = 10_000
"""Distinct foreign tags that are told apart in one window; beyond it the count stays where it is."""

EVENT_DETAIL_MAX_CHARS: Final = 400
EVENTS_PER_MESSAGE: Final = 100
"""100 events of 400 characters stay below the 256 KiB of a body, also when each character takes four bytes."""

EVENTS_WAITING_MAX: Final = 5_000
"""Device events between two windows. A handful a second is normal; beyond this they are counted only."""

SOLD_MAX_EPCS: Final = 200_000
"""Sold items whose reads the edge drops: twice the items of a large store, and 200 bytes each."""

SOLD_KNOWN_EPCS: Final = 100_000
"""Tags of which is remembered what item they are, 250 bytes each; a full memory begins anew."""

SOLD_KEEP_S: Final = 30 * 86_400.0
"""A sold tag that comes back after a month is a return and worth a read again."""

# -- uplink
HEALTH_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 10.0
"""From TCP connect to SUBACK; a broker that takes longer is as good as none."""

KEEPALIVE_S: Final = 20
"""MQTT keepalive: a half-open connection is noticed within 30 s."""

BACKOFF_FIRST_S: Final = 0.5
BACKOFF_NOBODY_S: Final = 1.0
"""Full jitter up to this while nobody is there to be burdened: two tries a second on average, one packet each."""

BACKOFF_CAP_S: Final = 30.0
"""Full jitter up to this: a chain of stores does not come back in one second after its broker did."""

UPLINK_FLAPS: Final = 3
"""Connections in a row that were accepted and soon lost: most often a second client with our name, and not every
broker says so."""

UPLINK_MAX_IN_FLIGHT: Final = 10
"""Messages that the broker has not confirmed: the least Receive Maximum that a common broker announces by default
(HiveMQ 10, Mosquitto 20), since paho does not look at it (MQTT 5 section 3.3.4). 100 messages a second at 100 ms."""

UPLINK_MAX_MESSAGES: Final = 256
"""Messages that the MQTT client holds: both windows of delivery, states, and room."""

ACK_MAX_BYTES: Final = 64 * KIB
"""An Ack with 200 rejected rows has 16 KiB."""

COMMAND_MAX_BYTES: Final = 1 * MIB
"""10,000 sold EPCs in hexadecimal, with room for long ones."""

SECRET_FILE_MAX_BYTES: Final = 4 * KIB
"""A user name or a password. A larger file is a wrong path."""

# -- configuration
CONFIG_AT_ONCE: Final = 8
"""Drivers that are replaced at a time. One takes up to three seconds to say goodbye: 200 devices in a minute and
a half, and most of a store is read meanwhile."""

CONFIG_TELL_S: Final = 1.0
"""A report is as long as all devices together: no more than one a second."""

CONFIG_RETRY_S: Final = 30.0
"""How often a configuration is tried to be kept again that the disk refused."""

# -- watchdog
WINDOW_LATE_S: Final = 10.0
"""Ten windows that did not close: the event loop hangs."""

OUTBOX_SILENT_S: Final = 300.0
"""Rows wait and the disk says neither yes nor no. A worn SD card stalls for a minute; what waits in memory is lost by a
start, so this is long."""

STATUS_S: Final = 10.0
"""How often the service manager's status line is said anew."""

HANDOVER_S: Final = 10.0
"""How long a driver that hands over what its device forgets waits for the disk before it is told to ask again."""

# -- stop
STOP_DRAIN_S: Final = 2.0
"""How long a graceful stop waits for acks; what is left goes out after the next start."""

# -- reads to a file
READS_FILE_FLUSH_S: Final = 1.0
READS_FILE_WAITING_MAX: Final = 200_000
"""Reads between two flushes; beyond it the disk is too slow and reads are dropped and counted."""
