"""Sales by day from the ledger's rows: what was sold, and for how much of each day some lay on the floor. Pure.

A *day* is 24 hours, the last of which end now. How many units lay on the floor is followed backwards from what lies
there now, over the movements into the floor zones and out of them.
"""

from collections.abc import Iterable, Sequence

from gateway.replenishment.limits import SALES_DAYS_US
from gateway.replenishment.targets import DaySales


def days_of(
    sold: Iterable[tuple[int, int]],
    floor_now: int,
    moves: Iterable[tuple[int, int]],
    now_us: int,
    days: int,
) -> tuple[DaySales, ...]:
    """Return the last `days` days of a SKU at a site, the oldest first.

    `sold`: (instant, units), below 0 where a sale turned out to be another one's; `moves`: (instant, units more on the
    floor, below 0 fewer). Instants are UTC microseconds; those after now, or too old, are left out.
    """
    begin_us = now_us - days * SALES_DAYS_US
    units = [0] * days
    for at_us, more in sold:
        if begin_us <= at_us < now_us:
            units[(at_us - begin_us) // SALES_DAYS_US] += more
    lasting = _shown(floor_now, moves, begin_us, now_us, days)
    return tuple(DaySales(max(0, sold_then), share) for sold_then, share in zip(units, lasting, strict=True))


def _shown(floor_now: int, moves: Iterable[tuple[int, int]], begin_us: int, now_us: int, days: int) -> Sequence[float]:
    """Return for which share of each day some lay on the floor."""
    lasting_us = [0] * days
    level, until_us = floor_now, now_us
    for at_us, more in sorted((move for move in moves if move[0] < now_us), reverse=True):
        if level > 0:
            _add(lasting_us, max(at_us, begin_us) - begin_us, until_us - begin_us)
        level, until_us = level - more, at_us
        if until_us <= begin_us:
            break
    else:
        if level > 0:
            _add(lasting_us, 0, until_us - begin_us)
    return [lasted / SALES_DAYS_US for lasted in lasting_us]


def _add(lasting_us: list[int], low_us: int, high_us: int) -> None:
    """Add a span, counted from the first day's beginning, to the days that it touches."""
    while low_us < high_us:
        day = low_us // SALES_DAYS_US
        end_us = min((day + 1) * SALES_DAYS_US, high_us)
        lasting_us[day] += end_us - low_us
        low_us = end_us
