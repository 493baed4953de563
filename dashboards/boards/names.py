"""The boards' uids and titles, so that each can link to the others without importing them."""

from typing import Final

from dashboards.panels import Link
from dashboards.target import SOURCE_VARIABLE

CHAIN: Final = ("lastunit-chain", "Chain overview")
REPLENISHMENT: Final = ("lastunit-replenishment", "Replenishment")
STOCK_TRUTH: Final = ("lastunit-stock-truth", "Stock truth")
ORDERS: Final = ("lastunit-orders", "Availability and orders")
LOSS: Final = ("lastunit-loss", "Loss and exceptions")
DEVICES: Final = ("lastunit-devices", "Devices")
PIPELINE: Final = ("lastunit-pipeline", "Pipeline")

ALL: Final = (CHAIN, REPLENISHMENT, STOCK_TRUTH, ORDERS, LOSS, DEVICES, PIPELINE)
"""In the order in which boards link to each other."""


def way(board: tuple[str, str], *chosen: str) -> Link:
    """Return the way to a board with the same variables and time; `chosen`: variables set by the row's own value.

    Such as `site`: the link of a cell passes the cell's text on, and of the variables the data source only: one that
    stood there twice would have both values.
    """
    uid, title = board
    picked = "".join(f"&var-{name}=${{__value.text:percentencode}}" for name in chosen)
    others = f"${{{SOURCE_VARIABLE}:queryparam}}" if chosen else "${__all_variables}"
    return Link(title, f"/d/{uid}?{others}&${{__url_time_range}}{picked}")
