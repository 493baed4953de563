"""Every bound of the LLRP codec, with its reason."""

from __future__ import annotations

from typing import Final

HEADER_BYTES: Final = 10
"""LLRP 1.0.1 section 16.1: version and type (2), length (4), message id (4)."""

MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
"""A lying length must not make us buffer 4 GiB. The largest honest message, a reader that flushes its
report buffer (66,000 tags of about 60 bytes on a FX9600), stays below 4 MiB."""

MAX_DEPTH: Final = 32
"""Parameters nest 8 deep in the standard; `ParameterError` may hold itself. Beyond this it is an attack on
the stack."""

MAX_PARAMETERS: Final = 1_000_000
"""Parameters in one message of the generic decoder, about 200 bytes of memory each. The smallest legal
parameter has 2 bytes, so an 8 MiB message could hold four million. Reports of an honest reader hold under 12
per tag: 66,000 tags are below this."""

MAX_FAULTS: Final = 64
"""Faults that one report message lists; the rest are only counted. One bad report must not fill a log."""

MAX_RUN: Final = 128
"""Tag reports of one shape that are looked at in one stroke. More gains nothing; without a bound, a message that
alternates between shapes would be scanned again and again to its end."""

MAX_LAYOUTS_PER_SIZE: Final = 16
"""Learned layouts of the same length: they are tried one by one."""

MAX_LAYOUTS: Final = 256
"""Learned tag-report layouts. A reader uses one or two per EPC length; when full, learning starts again."""
