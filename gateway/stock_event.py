"""The fat stock event: all that a channel, a page or a webhook needs to show, so that nobody need ask again.

A body is written with the change that it tells of, in one transaction, and has no `seq` yet; the relay gives that after
the commit, and `with_seq` puts it in front when a body leaves the gateway.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.availability import BLIND, LIVE, Offer, Standing
from gateway.clock import iso
from gateway.ledger.movement import Movement
from gateway.limits import CHANGE_MOVES_MAX


class Move(msgspec.Struct, frozen=True, kw_only=True, rename={"from_zone": "from", "to_zone": "to"}):
    """One unit that moved. It names an item and its place: for staff only."""

    serial: str
    from_zone: str
    to_zone: str
    happened_at: str
    first_read_at: str
    decided_at: str
    cause: str
    probability: float | None


class StockChange(msgspec.Struct, frozen=True, kw_only=True):
    """The stock of one SKU at one site after a change."""

    kind: str
    gtin: str
    site: str
    atp: int
    on_hand: int
    held: int
    confidence: float | None
    status: str
    version: int
    as_of: str
    reason: str
    zones: dict[str, int]
    moves: list[Move]
    moves_left_out: int


class ZoneChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A zone went blind, or is looked at again: every row with stock there is stale, or fresh, from now on."""

    kind: str
    site: str
    zone: str
    status: str
    as_of: str


STOCK: Final = "stock"
ZONE: Final = "zone"


def stock_body(
    site: str,
    gtin: str,
    made: Standing,
    offered: Offer,
    *,
    held: int,
    version: int,
    zones: Mapping[str, int],
    movements: Sequence[Movement],
    reason: str,
) -> bytes:
    """Return the event of one SKU after its `movements`, in order; JSON without `seq`. `offered`: by default."""
    shown = movements[-CHANGE_MOVES_MAX:]
    return msgspec.json.encode(
        StockChange(
            kind=STOCK,
            gtin=gtin,
            site=site,
            atp=offered.atp,
            on_hand=made.on_hand,
            held=held,
            confidence=offered.confidence,
            status=made.status,
            version=version,
            as_of=iso(made.as_of_us),
            reason=reason,
            zones={zone: quantity for zone, quantity in sorted(zones.items()) if quantity},
            moves=[_move(movement) for movement in shown],
            moves_left_out=len(movements) - len(shown),
        )
    )


def _move(movement: Movement) -> Move:
    return Move(
        serial=movement.serial,
        from_zone=movement.credit,
        to_zone=movement.debit,
        happened_at=iso(movement.happened_us),
        first_read_at=iso(movement.first_read_us),
        decided_at=iso(movement.decided_us),
        cause=movement.cause,
        probability=movement.probability,
    )


def zone_body(site: str, zone: str, *, live: bool, as_of_us: int) -> bytes:
    """Return the event of a zone; JSON without `seq`."""
    status = LIVE if live else BLIND
    return msgspec.json.encode(ZoneChangeEvent(kind=ZONE, site=site, zone=zone, status=status, as_of=iso(as_of_us)))


def with_seq(seq: int, body: bytes) -> bytes:
    """Return a stored body as it leaves: complete JSON, `seq` first."""
    assert body[:1] == b"{", body[:20]
    return b'{"seq":%d,%s' % (seq, body[1:])


def public_body(body: bytes) -> bytes:
    """Return an event without `moves`, for those who may not see where a named item is."""
    if b'"moves":' not in body:
        return body
    event = msgspec.json.decode(body)
    return msgspec.json.encode({key: value for key, value in event.items() if key not in {"moves", "moves_left_out"}})
