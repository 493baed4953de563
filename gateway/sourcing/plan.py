"""Plans for an order: what is asked, what each site could do, and which plans follow. Pure.

A site is *considered* when it is near enough to be one of the candidates; it is *left out* with a reason when a rule or
its own facts forbid it. What a plan costs is said piece by piece, because a person must be able to see why one site was
taken and not another.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np

from gateway.availability import Ladder
from gateway.sourcing.rules import SourcingRules
from gateway.sourcing.search import QUANTITY_MAX, Choice, Costs, choose

LINES_MAX: Final = 50
PLANS_MAX: Final = 5
HOURS_OF_A_DAY: Final = 24


class LeftOut(StrEnum):
    """Why a site is not asked."""

    AVOIDED = "avoided"
    """The channel's rules name it."""
    DOES_NOT = "does_not"
    """It does not send, or nobody can collect there."""
    FULL = "full"
    """It has as many orders today as it can handle."""
    CLOSED = "closed"
    """It does not open within two weeks."""
    LATE = "late"
    """It would be ready after `need_by`."""
    NOTHING = "nothing"
    """It has nothing of what is asked that may be promised."""


@dataclass(frozen=True, slots=True)
class Need:
    """Units of one SKU. Raises `ValueError` for fewer than one or more than `QUANTITY_MAX`."""

    gtin: str
    quantity: int

    def __post_init__(self) -> None:
        if not 1 <= self.quantity <= QUANTITY_MAX:
            raise ValueError(f"{self.gtin}: quantity {self.quantity}: expected 1 to {QUANTITY_MAX}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A site that may serve the order.

    `ladders` and `offered` by GTIN: P(at least k units), and how many the channel may take. `ready`: when the goods can
    leave, or be collected (UTC), None when never; `left_out`: why its own facts forbid it.
    """

    site: str
    ladders: Mapping[str, Ladder]
    offered: Mapping[str, int]
    ready: datetime | None
    distance_km: float = 0.0
    pick: float | None = None
    travel_days: float = 0.0
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class PlanLine:
    """Units of one SKU from one site, and the probability that they are all there."""

    gtin: str
    quantity: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Part:
    """What one site does."""

    site: str
    lines: tuple[PlanLine, ...]
    ready: datetime
    distance_km: float
    cost: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to serve the whole order. `cost` is the sum of `prices`; `confidence` that every unit is there."""

    parts: tuple[Part, ...]
    cost: float
    prices: Mapping[str, float]
    ready: datetime
    confidence: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """Plans, the best first; how many sites were considered, and why the others were left out."""

    plans: tuple[Plan, ...]
    considered: int
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)


def quote(
    needs: Sequence[Need],
    candidates: Sequence[Candidate],
    rules: SourcingRules,
    now: datetime,
    *,
    need_by: datetime | None = None,
    plans: int = PLANS_MAX,
) -> Quote:
    """Return the plans for an order; none when nobody can serve all of it."""
    out: Counter[LeftOut] = Counter()
    able: list[Candidate] = []
    for one in sorted(candidates, key=lambda candidate: candidate.site):
        why = _left_out(one, needs, rules, need_by)
        if why is None:
            able.append(one)
        else:
            out[why] += 1
    if not able or not needs:
        return Quote((), len(candidates), dict(out))
    fixed = np.array([sum(_site_prices(one, rules, now).values()) for one in able])
    lines = [_line_costs(need, able, rules) for need in needs]
    found = choose(fixed, lines, most=rules.parcels, keep=plans)
    made = tuple(_plan(choice, needs, able, rules, now) for choice in found)
    return Quote(made, len(candidates), dict(out))


def _left_out(one: Candidate, needs: Sequence[Need], rules: SourcingRules, need_by: datetime | None) -> LeftOut | None:
    if one.left_out is not None:
        return one.left_out
    if one.site in rules.avoid:
        return LeftOut.AVOIDED
    if one.ready is None:
        return LeftOut.CLOSED
    if need_by is not None and one.ready > need_by:
        return LeftOut.LATE
    if not any(_most(one, need, rules) for need in needs):
        return LeftOut.NOTHING
    return None


def _most(one: Candidate, need: Need, rules: SourcingRules) -> int:
    """Return how many units of a need a site may give: offered, less what it keeps, each of them sure enough."""
    most = min(need.quantity, one.offered.get(need.gtin, 0) - rules.keep)
    ladder = one.ladders.get(need.gtin)
    if ladder is None or most <= 0:
        return 0
    return min(most, int(np.count_nonzero(ladder[: most + rules.keep] >= rules.sure)) - rules.keep)


def _site_prices(one: Candidate, rules: SourcingRules, now: datetime) -> dict[str, float]:
    assert one.ready is not None
    days = max(0.0, (one.ready - now).total_seconds() / 3_600 / HOURS_OF_A_DAY) + one.travel_days
    return {"parcel": rules.parcel, "km": rules.km * one.distance_km, "day": rules.day * days}


def _unit_prices(one: Candidate, gtin: str, taken: int, rules: SourcingRules) -> dict[str, float]:
    """Return what taking so many units of a SKU from a site costs, by kind."""
    offered, chance = one.offered[gtin], _chance(one, gtin, taken, rules)
    over = min(taken, max(0, offered - rules.overstock_from))
    return {
        "pick": taken * (rules.pick if one.pick is None else one.pick),
        "miss": rules.miss * taken * (1 - chance),
        "last_unit": rules.last_unit if taken >= offered else 0.0,
        "overstock": -rules.overstock * over,
    }


def _chance(one: Candidate, gtin: str, taken: int, rules: SourcingRules) -> float:
    """Return P(at least `taken` units beside those that are kept)."""
    return float(one.ladders[gtin][rules.keep + taken - 1]) if taken else 1.0


def _line_costs(need: Need, able: Sequence[Candidate], rules: SourcingRules) -> Costs:
    costs = np.full((len(able), need.quantity + 1), np.inf)
    costs[:, 0] = 0.0
    for at, one in enumerate(able):
        for taken in range(1, _most(one, need, rules) + 1):
            costs[at, taken] = sum(_unit_prices(one, need.gtin, taken, rules).values())
    return costs


def _plan(
    choice: Choice, needs: Sequence[Need], able: Sequence[Candidate], rules: SourcingRules, now: datetime
) -> Plan:
    prices: Counter[str] = Counter()
    parts = []
    for at, index in enumerate(choice.sites):
        one = able[index]
        assert one.ready is not None
        mine = Counter(_site_prices(one, rules, now))
        lines = []
        for need, units in zip(needs, choice.units, strict=True):
            if units[at]:
                mine.update(_unit_prices(one, need.gtin, units[at], rules))
                lines.append(PlanLine(need.gtin, units[at], _chance(one, need.gtin, units[at], rules)))
        prices.update(mine)
        parts.append(Part(one.site, tuple(lines), one.ready, one.distance_km, sum(mine.values())))
    confidence = float(np.prod([line.confidence for part in parts for line in part.lines]))
    return Plan(
        tuple(parts),
        choice.cost,
        {name: round(price, 6) for name, price in sorted(prices.items()) if price},
        max(part.ready for part in parts),
        confidence,
        _reasons(parts, prices, confidence),
    )


def _reasons(parts: Sequence[Part], prices: Mapping[str, float], confidence: float) -> tuple[str, ...]:
    """Say in words what speaks for and against a plan."""
    said = ["one parcel" if len(parts) == 1 else f"{len(parts)} parcels, because no site has all of it as cheaply"]
    said.append(f"{max(part.distance_km for part in parts):.0f} km at most")
    said.append(f"all units are there with probability {confidence:.3f}")
    if prices.get("last_unit"):
        said.append("takes the last unit of a size")
    if prices.get("overstock"):
        said.append("takes from where there is too much")
    return tuple(said)
