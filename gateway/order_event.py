"""The event of an order: what has become of it in one site, as its channel hears it.

Orders are told of in the feed of changes, in the order in which they happened, beside stock and zones: a body is
written in the transaction of the step, and has no `seq` yet (`gateway.stock_event`). It names no item and no buyer.
"""

from enum import StrEnum
from typing import Final

import msgspec

ORDER: Final = "order"
"""The kind of these events. Their rows have no GTIN, as those of zones."""


class Step(StrEnum):
    """What happened to an order."""

    CONFIRMED = "confirmed"
    PICKED = "picked"
    PACKED = "packed"
    HANDED_OVER = "handed_over"
    PICK_MISSED = "pick_missed"
    RE_SOURCED = "re_sourced"
    """Units that the site does not have are served by others: `to`."""
    NOT_COLLECTED = "not_collected"
    RELEASED = "released"
    PUT_BACK = "put_back"
    CHANGED = "changed"
    """An item went or came back by itself: nobody said anything of the order."""


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU: `picked` are in somebody's hands, `substitution_needed` are not there at all."""

    gtin: str
    quantity: int
    picked: int
    untagged: int
    substitution_needed: int


class ServedBy(msgspec.Struct, frozen=True):
    """A reservation at another site that took units over."""

    reservation: str
    site: str


class OrderChange(msgspec.Struct, frozen=True, kw_only=True):
    """A step of an order in one site.

    `seq` tells a step from the one before it; `version` is the reservation's after the step, which packing leaves as
    it is. `lines`: what the reservation has in this site then; of one that is over, what it had.
    """

    kind: str = ORDER
    step: str
    order_id: str
    reservation: str
    site: str
    mode: str
    state: str
    channel: str
    version: int
    as_of: str
    lines: list[OrderLine]
    to: list[ServedBy] = []


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


_kinds: Final = msgspec.json.Decoder(_Kind)


def is_order(body: bytes) -> bool:
    """Return whether a stored change is of an order."""
    return _kinds.decode(body).kind == ORDER


def order_body(change: OrderChange) -> bytes:
    """Return an event of an order; JSON without `seq`."""
    return msgspec.json.encode(change)
