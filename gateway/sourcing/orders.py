"""Units for an order whose sites the gateway chooses: a quote, then a hold at each site of its best plan.

The holds of one plan are made in one transaction, under the locks of all their SKUs: all of them, or none. So there is
never half an order, whenever the process dies, and nothing to be given back. What a quote saw may be gone by then: the
refusal names the sites that are short, and the order is quoted again without them, `ATTEMPTS` times at most.

The idempotency key belongs to what was asked, not to the sites that were chosen: the same request gets the same answer,
although a quote might say something else by then. Two that come at once are told apart by the constraint that keeps
every reservation from being made twice.
"""

from dataclasses import replace
from typing import Protocol

from gateway.holds.asked import Asked, Made, Who
from gateway.holds.decide import Wish
from gateway.holds.errors import InsufficientError, UnknownHoldSiteError
from gateway.ledger.picture import SkuKey
from gateway.sourcing.errors import NoPlanError
from gateway.sourcing.limits import ATTEMPTS
from gateway.sourcing.plan import Plan
from gateway.sourcing.quotes import Order, Quotes


class Holds(Protocol):
    """Makes reservations: `gateway.holds.desk.Holds`."""

    async def answered(self, who: Who, name: str, sha256: bytes) -> Made | None:
        """Return the answer that an idempotency key had."""
        ...

    async def reserve(self, asked: Asked) -> Made:
        """Make a reservation, or give the answer that was given before."""
        ...


class Orders:
    """Chooses sites and holds units there."""

    def __init__(self, quotes: Quotes, holds: Holds) -> None:
        self._quotes = quotes
        self._holds = holds
        self._orders_made = 0
        self._orders_split = 0
        self._plans_taken_away = 0

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return {
            "orders_made": self._orders_made,
            "orders_split": self._orders_split,
            "orders_quoted_again": self._plans_taken_away,
        }

    async def reserve(self, asked: Asked, order: Order) -> Made:
        """Hold the units of an order where it is best served; `asked` says all but the sites.

        Raises `NoPlanError`, and what a reservation raises but for a shortage.
        """
        before = await self._holds.answered(asked.who, asked.name, asked.sha256)
        if before is not None:
            return before
        without = order.without
        for attempt in range(ATTEMPTS):
            quoted = (await self._quotes.quote(asked.who, replace(order, without=without), plans=1)).quote
            if not quoted.plans:
                raise NoPlanError(quoted.considered, quoted.left_out, attempt)
            plan = quoted.plans[0]
            try:
                made = await self._holds.reserve(replace(asked, wishes=_wishes(plan), by_site=True))
            except InsufficientError as error:
                without |= {short.site for short in error.shortages}
            except UnknownHoldSiteError as error:
                without |= {error.site}
            else:
                self._count(plan, made)
                return made
            self._plans_taken_away += 1
        raise NoPlanError(quoted.considered, quoted.left_out, ATTEMPTS)

    def _count(self, plan: Plan, made: Made) -> None:
        if not made.replayed:
            self._quotes.served(plan.sites)
            self._orders_made += 1
            self._orders_split += len(plan.parts) > 1


def _wishes(plan: Plan) -> tuple[Wish, ...]:
    return tuple(Wish(SkuKey(part.site, line.gtin), line.quantity) for part in plan.parts for line in part.lines)
