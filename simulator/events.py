"""What happens in a simulated store, for judges and for feeds such as a point of sale."""

from enum import StrEnum
from typing import NamedTuple


class EventKind(StrEnum):
    """Kinds of events; each is about one item.

    `left` and `entered` are crossings of the street door (or a delivery's): they carry the second in which the truth
    changes to or from OUT. `sale`, `return` and `receipt` are what a point of sale or a goods-in desk would report.
    """

    RECEIPT = "receipt"
    PUT_AWAY = "put_away"
    REPLENISH = "replenish"
    PICK = "pick"
    TRY_ON = "try_on"
    PUT_BACK = "put_back"
    MISPLACE = "misplace"
    SALE = "sale"
    THEFT = "theft"
    RETURN = "return"
    LEFT = "left"
    ENTERED = "entered"


class StoreEvent(NamedTuple):
    """One event: the second, what, and which item."""

    t_s: int
    kind: EventKind
    item: int


class Move(NamedTuple):
    """A change of truth: from one zone number to another; the last number means OUT."""

    t_s: int
    item: int
    from_zone: int
    to_zone: int
