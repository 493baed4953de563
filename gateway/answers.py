"""Rows that the read side gives to operators and staff; those of the public answers stand in `gateway.http.ports`."""

import msgspec


class SkuRow(msgspec.Struct, frozen=True):
    """One row of the catalogue."""

    gtin: str
    style: str
    colour: str
    size: str
    description: str
    department: str
    min_floor: int | None
    max_floor: int | None
    price: str | None


class ItemRow(msgspec.Struct, frozen=True):
    """One item and its place: for staff only."""

    site: str
    gtin: str
    serial: str
    zone: str
    since: str
    probability: float | None


class UnknownGtin(msgspec.Struct, frozen=True):
    """A GTIN of ours that is in a site and in no catalogue; `decision` is what staff said about it, if anything."""

    gtin: str
    sites: list[str]
    on_hand: int
    decision: str | None


class QuarantineRow(msgspec.Struct, frozen=True):
    """A message that was refused, without its payload."""

    id: int
    received_at: str
    topic: str
    site: str | None
    edge: str | None
    seq: int | None
    code: str
    reason: str
    size_bytes: int


class GapRow(msgspec.Struct, frozen=True):
    """Loss, said aloud: by an edge, or found by the gateway."""

    id: int
    site: str
    edge: str
    cause: str
    from_seq: int
    to_seq: int
    from_at: str | None
    to_at: str | None
    device: str | None
    observations: int | None
    detail: str
    recorded_at: str
