"""Alarms as they go out, and what a person says of one."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.http.task_rows import Person

AlarmKind = Literal[
    "left_unsold",
    "wrong_department",
    "clone",
    "unknown_gtin",
    "double_tag",
    "never_read",
    "hold_faded",
    "size_gap",
]
AlarmSeverity = Literal["warning", "critical"]
AlarmState = Literal["open", "acknowledged", "cleared"]


class AcknowledgeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Who has seen an alarm, and what about it."""

    by: Person | None = None
    note: Annotated[str, Meta(max_length=512)] = ""


class Acknowledged(msgspec.Struct, frozen=True):
    """Who saw an alarm, when, and what he said; `by` is the key where nobody said a name."""

    at: str
    by: str
    note: str


class AlarmRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm: what is wrong, in words (`text`), and what says so (`evidence`, which differs by kind).

    `gtin` and `serial` are empty where it is not of one SKU or item; `digital_link` is of the item. `count`: times that
    its cause was seen, newest at `last_at`. `cleared_at`: when its cause was gone, and `cleared_reason` why.
    """

    id: str
    site: str
    kind: AlarmKind
    severity: AlarmSeverity
    state: AlarmState
    text: str
    gtin: str
    serial: str
    digital_link: str | None
    zone: str | None
    style: str
    colour: str
    size: str
    description: str
    department: str
    evidence: dict[str, Any]
    count: int
    first_at: str
    last_at: str
    acknowledged: Acknowledged | None
    cleared_at: str | None
    cleared_reason: str
    version: int


class AlarmList(msgspec.Struct, frozen=True):
    """Alarms of a site, the newest first. `open`: how many wait to be seen. `next`: the `before` of the next page."""

    site: str
    open: int
    alarms: list[AlarmRow]
    next: str | None
