"""The tables of the time series: figures over time, how far each look has come, and points that wait for a server.

* `series_name`, `series_rollup`: the embedded store (`gateway.series.embedded`).
* `series_cursor`: how far a look at another table has come; written together with the points that follow from it.
* `series_outbox`: points for InfluxDB, in batches as they are sent (`gateway.series.outbox`).

None of these rows is locked together with others.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from gateway.storage.metadata import BIG_ID, id_type, metadata

MEASUREMENT_CHARS: Final = 32
CURSOR_CHARS: Final = 128
DIGEST_BYTES: Final = 16

series_name = Table(
    # One series: a measurement with values for its tags; and its newest point.
    "series_name",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary(DIGEST_BYTES), nullable=False),  # of measurement and tags
    Column("measurement", String(MEASUREMENT_CHARS), nullable=False),
    Column("site", id_type(), nullable=False),  # empty: of a process
    Column("tags", Text, nullable=False),  # JSON object
    Column("last_us", BigInteger, nullable=False),
    Column("last", LargeBinary, nullable=False),  # JSON object: the fields of the newest point
    UniqueConstraint("digest"),
    Index("ix_series_name_measurement_site", "measurement", "site"),
)

series_rollup = Table(
    # A series in five minutes: of each field how many points, their sum, the lowest, the highest and the last.
    "series_rollup",
    metadata,
    Column("series", BigInteger, primary_key=True, autoincrement=False),
    Column("bucket_us", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),  # JSON object
    Index("ix_series_rollup_bucket_us", "bucket_us"),
)

series_cursor = Table(
    # `position` only goes up, and whoever moves it names the one that it saw.
    "series_cursor",
    metadata,
    Column("name", String(CURSOR_CHARS), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),  # JSON object: what the next look compares with
)

series_outbox = Table(
    "series_outbox",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("created_us", BigInteger, nullable=False),
    Column("points", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),  # line protocol, gzip
    Index("ix_series_outbox_created_us", "created_us", "points", "size_bytes"),  # sums without the bodies
)
