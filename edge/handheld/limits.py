"""Every bound of count files and their folder, each with its reason."""

from typing import Final

from wire.limits import MIB

# -- one file
FILE_MAX_BYTES: Final = 32 * MIB
"""200,000 tags with a long line each. A larger file is a wrong one, and it is read into memory."""

FILE_MAX_TAGS: Final = 200_000
"""Distinct tags of one file: the largest shop in one sweep, and what the gateway holds of one count."""

LINES_MAX: Final = 400_000
"""Lines, and tags of JSON: every tag of the largest shop twice. Each takes some 400 bytes while a file is read, and a
file of 32 MiB could have 16 million."""

LINE_MAX_CHARS: Final = 10_000
"""Of one line of a table. An export has some hundred; a line without end is none."""

JSON_LINE_MAX_CHARS: Final = 8 * MIB
"""Of one line of JSON, which may be a whole count: 200,000 tags of 40 characters. Decoded, it may be 20 times as
large."""

SAID_MAX_CHARS: Final = 500
"""Of a line that says something of the whole file: a name and a value. Splitting a longer one takes a second."""

COLUMNS_MAX: Final = 200
"""Cells of a line that are looked at."""

HEADER_MAX_LINES: Final = 50
"""How far down the line with the columns' names is looked for: exports begin with a title and a summary."""

CELL_MAX_CHARS: Final = 8_192
"""A Digital Link of the largest QR code fits."""

NESTING_MAX: Final = 4
"""How deep a JSON object is looked into: a reader's events hold their tags two levels down."""

PROBLEMS_KEPT: Final = 200
"""Bad lines that are named one by one in the report; the rest is a number."""

BAD_SHARE_MAX: Final = 0.5
"""With more bad lines than this a file is not damaged but of another kind: it is refused as a whole."""

COVERAGE: Final = 0.97
"""What a sweep sees where neither file nor device says it: the gateway's own figure, needed here only to lower it for
lines that were lost."""

# -- messages
PART_MAX_EPCS: Final = 2_000
"""EPCs of one part: 124 KB when each is as long as an EPC can be, half of what a message may have."""

# -- the folder
SETTLE_S: Final = 3.0
"""A file that nobody wrote to for so long is whole: copies over a shop's network pause for less."""

LOOK_S: Final = 1.0
"""Between two looks into the folder. Polled, because network folders tell nobody of a change."""

FOLDER_MAX_FILES: Final = 1_000
"""Files that one look takes up; the others wait for their turn."""

KEPT_MAX_FILES: Final = 2_000
"""Counted and refused files that are kept, each with its report: years of daily counts. The oldest go first."""

REMEMBERED_MAX: Final = 10_000
"""Contents that are known as counted."""

NAME_MAX_CHARS: Final = 100
"""Of a file's own name in its new one, which file systems limit to 255 bytes."""

STORED_RETRY_S: Final = 1.0
"""Between two questions whether a count is durable, where the answer comes at once."""

STOP_TIMEOUT_S: Final = 2.0
"""A file that is being moved when the daemon stops may finish; one that is being read is read again."""
