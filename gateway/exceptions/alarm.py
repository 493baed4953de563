"""An alarm: what it is about, what it is called, and what may become of it. Pure.

    open --a person has seen it--> acknowledged
      |                                |
      +------ its cause is gone -------+--> cleared

An alarm is raised by its cause and cleared by the end of its cause; a person only says that it was seen. While the
cause goes on the same alarm stays, acknowledged or not, and counts how often the cause was seen. A cause that comes
back after it had ended raises a new alarm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import msgspec

from gateway.exceptions.limits import EVIDENCE_MAX_BYTES
from gateway.storage.metadata import SOURCE_CHARS


class Kind(StrEnum):
    """What is wrong."""

    LEFT_UNSOLD = "left_unsold"
    WRONG_DEPARTMENT = "wrong_department"
    CLONE = "clone"
    UNKNOWN_GTIN = "unknown_gtin"
    DOUBLE_TAG = "double_tag"
    NEVER_READ = "never_read"
    HOLD_FADED = "hold_faded"
    SIZE_GAP = "size_gap"


class Severity(StrEnum):
    """How bad it is: `critical` costs money or a promise now, `warning` will."""

    WARNING = "warning"
    CRITICAL = "critical"


class State(StrEnum):
    """What an alarm is."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"


LIVE = frozenset({State.OPEN, State.ACKNOWLEDGED})
"""States in which its cause goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlarm:
    """An alarm to raise. `dedup`: its name at its site (`name_of`), which no other has that is not cleared.

    `evidence`: what it rests on, as JSON; lists that make it longer than 4 kB are cut. `text`: one sentence for a
    person. `gtin` and `serial` may be empty, `zone` None.
    """

    site: str
    kind: Kind
    dedup: str
    text: str
    severity: Severity = Severity.WARNING
    gtin: str = ""
    serial: str = ""
    zone: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm as its row says. `count`: times that its cause was seen, newest at `last_us`."""

    id: str
    site: str
    kind: Kind
    gtin: str
    serial: str
    zone: str | None
    severity: Severity
    state: State
    evidence: Mapping[str, Any]
    text: str
    count: int
    first_us: int
    last_us: int
    acknowledged_us: int | None
    acknowledged_by: str
    acknowledged_key: str | None
    acknowledged_note: str
    cleared_us: int | None
    cleared_reason: str
    dedup: str | None
    version: int

    @property
    def live(self) -> bool:
        """Whether its cause goes on."""
        return self.dedup is not None


def name_of(kind: Kind, *parts: str) -> str:
    """Return the name of an alarm: its kind, and what it is about; too long a one ends in a digest of the whole.

    A stroke in a part (styles, colours and serials may have one) is written otherwise: no two things have one name.

    >>> name_of(Kind.SIZE_GAP, "Oxford", "navy/white")
    'size_gap/Oxford/navy%2Fwhite'
    """
    name = "/".join((kind.value, *(part.replace("%", "%25").replace("/", "%2F") for part in parts)))
    if len(name) <= SOURCE_CHARS:
        return name
    digest = blake2b(name.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return f"{name[: SOURCE_CHARS - 1 - len(digest)]}/{digest}"


def evidence_bytes(evidence: Mapping[str, Any], most: int = EVIDENCE_MAX_BYTES) -> bytes:
    """Return evidence as a JSON object of at most `most` bytes; what was cut stands under `left_out`, by its name.

    The longest list or text is halved until all of it fits; keys stay.
    """
    held = dict(evidence)
    left_out: dict[str, int] = {}
    while len(body := msgspec.json.encode(held | ({"left_out": left_out} if left_out else {}))) > most:
        sizes = {key: len(value) for key, value in held.items() if isinstance(value, list | tuple | str) and value}
        if not sizes:  # deep or many small things: none of ours is
            return msgspec.json.encode({"left_out": {"bytes": len(msgspec.json.encode(evidence))}})
        key = max(sizes, key=lambda key: (len(msgspec.json.encode(held[key])), key))
        keep = sizes[key] // 2
        left_out[key] = left_out.get(key, 0) + sizes[key] - keep
        held[key] = held[key][:keep]
    return body
