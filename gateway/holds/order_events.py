"""Steps of orders in the feed of changes, written in the transaction that takes them (`gateway.holds.follow_up`).

The row of the reservation is locked, so its events have the order of its steps. Each site of a reservation has an event
of its own: a key for some sites hears of these.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import iso
from gateway.holds.life import State
from gateway.holds.rows import Held, Line
from gateway.order_event import OrderChange, OrderLine, ServedBy, Step, order_body
from gateway.storage.schema import change

STEPS: Final = {
    "confirmed": Step.CONFIRMED,
    "released": Step.RELEASED,
    "picked": Step.PICKED,
    "packed": Step.PACKED,
    "pick_missed": Step.PICK_MISSED,
    "fulfilled": Step.HANDED_OVER,
    "collected": Step.HANDED_OVER,
    "moved_to_another_site": Step.RE_SOURCED,
    "not_collected": Step.NOT_COLLECTED,
    "no_show": Step.NOT_COLLECTED,
    "put_back": Step.PUT_BACK,
    "stock_changed": Step.CHANGED,
}
"""The step that a reason is, where it is one; other reasons (`held`: more time) are none."""


async def tell_order(
    connection: AsyncConnection,
    held: Held,
    *,
    why: str,
    now_us: int,
    all_picked: bool = False,  # noqa: ARG001 - the state says so
    at: str = "",
    to: Sequence[Held] = (),
) -> None:
    """Write the event of a step for each of a reservation's sites, or for the one where it was taken: a `FollowUp`."""
    step = STEPS.get(why)
    if step is None:
        return
    taken = [ServedBy(one.id, site) for one in to for site in one.sites]
    rows: list[dict[str, Any]] = []
    for site in [at] if at else held.sites:
        said = OrderChange(
            step=step.value,
            order_id=held.order_id or held.id,
            reservation=held.id,
            site=site,
            mode=held.mode,
            state=held.state.value,
            channel=held.channel,
            version=held.version,
            as_of=iso(now_us),
            lines=[_line(line, all_picked=held.state is State.PICKED) for line in held.lines if line.key.site == site],
            to=taken,
        )
        rows.append({"site": site, "gtin": "", "created_us": now_us, "body": order_body(said), "ladder": None})
    if rows:
        await connection.execute(insert(change), rows)


def _line(line: Line, *, all_picked: bool) -> OrderLine:
    """Return a line; units without tags are picked when somebody said so of the whole reservation."""
    return OrderLine(
        gtin=line.key.gtin,
        quantity=line.quantity,
        picked=sum(picked for _, picked in line.items) + (line.untagged if all_picked else 0),
        untagged=line.untagged,
        substitution_needed=line.substitution_needed,
    )
