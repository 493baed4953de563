"""Plans for an order: what is asked, what each site could do, and which plans follow. Pure.

A site is *considered* when it is one of the candidates; it is *left out* with a reason when a rule or its own facts
forbid it. What a plan costs is said piece by piece, because a person must be able to see why one site was taken and not
another.

*Confidence* is the probability that every unit of the plan is there. It is None as soon as one of them lies where
nobody looks: an invented number would be worse than none. The price of a miss still follows from the last known one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.sourcing.offers import Offers
from gateway.sourcing.rules import SourcingRules
from gateway.sourcing.search import QUANTITY_MAX, Choice, Costs, choose

PLANS_MAX: Final = 5
DAY_US: Final = 86_400_000_000
NEVER: Final = int(np.iinfo(np.int64).max)
CENT: Final = 0.005


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
    """The goods would be there after `need_by`."""
    NOTHING = "nothing"
    """It has nothing of what is asked that may be promised."""
    FAR = "far"
    """So many sites are nearer that it is not looked at."""


REASONS: Final = tuple(LeftOut)


@dataclass(frozen=True, slots=True)
class Need:
    """Units of one SKU. Raises `ValueError` for fewer than one or more than `QUANTITY_MAX`."""

    gtin: str
    quantity: int

    def __post_init__(self) -> None:
        if not 1 <= self.quantity <= QUANTITY_MAX:
            raise ValueError(f"{self.gtin}: quantity {self.quantity}: expected 1 to {QUANTITY_MAX}")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sites that may serve the order, in columns.

    `ready_us`: when the goods can leave, or be collected (UTC microseconds), `NEVER` when they cannot; `travel_us`: how
    long they are on their way then; `pick`: the price of a unit; `left_out`: why a site's own facts forbid it, as its
    place in `REASONS`, below 0: they do not.
    """

    sites: Sequence[str]
    ready_us: NDArray[np.int64]
    travel_us: NDArray[np.int64]
    distance_km: NDArray[np.float64]
    pick: NDArray[np.float64]
    left_out: NDArray[np.int8]

    def some(self, rows: Sequence[int]) -> "Candidates":
        """Return these of them."""
        return Candidates(
            [self.sites[at] for at in rows],
            self.ready_us[rows],
            self.travel_us[rows],
            self.distance_km[rows],
            self.pick[rows],
            self.left_out[rows],
        )


@dataclass(frozen=True, slots=True)
class PlanLine:
    """Units of one SKU from one site, and the probability that they are all there (None: nobody looks)."""

    gtin: str
    quantity: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Part:
    """What one site does: the goods can leave it or be collected at `ready_us`, the buyer has them at `arrives_us`."""

    site: str
    lines: tuple[PlanLine, ...]
    ready_us: int
    arrives_us: int
    distance_km: float
    cost: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to serve the whole order. `cost` is the sum of `prices`; the last of it arrives at `eta_us`."""

    parts: tuple[Part, ...]
    cost: float
    prices: Mapping[str, float]
    eta_us: int
    confidence: float | None
    reasons: tuple[str, ...] = ()

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites of its parts."""
        return tuple(part.site for part in self.parts)


@dataclass(frozen=True, slots=True)
class Quote:
    """Plans, the best first; how many sites were considered, and why the others were left out."""

    plans: tuple[Plan, ...]
    considered: int
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Able:
    """The sites that can serve something, by id, with what they have of each need, and the days until it arrives."""

    candidates: Candidates
    offers: Sequence[Offers]
    days: NDArray[np.float64]


def quote(
    needs: Sequence[Need],
    candidates: Candidates,
    offers: Sequence[Offers],
    rules: SourcingRules,
    now_us: int,
    *,
    need_by_us: int | None = None,
    plans: int = PLANS_MAX,
) -> Quote:
    """Return the plans for an order; none when nobody can serve all of it.

    `needs` name each SKU once; `offers` has one entry for each need, in the order of the candidates, which are in any.
    """
    assert len({need.gtin for need in needs}) == len(needs), "lines of one SKU are summed first"
    most = [_most(need, found, rules) for need, found in zip(needs, offers, strict=True)]
    why = _left_out(candidates, most, rules, need_by_us)
    out = {reason: int(np.count_nonzero(why == at)) for at, reason in enumerate(REASONS)}
    counted = {reason: number for reason, number in out.items() if number}
    rows = sorted(np.flatnonzero(why < 0).tolist(), key=candidates.sites.__getitem__)
    if not rows:
        return Quote((), len(candidates.sites), counted)
    some = candidates.some(rows)
    able = _Able(
        some,
        [Offers(found.chances[rows], found.offered[rows], found.known[rows]) for found in offers],
        np.maximum(0, some.ready_us + some.travel_us - now_us) / DAY_US,
    )
    lines = [
        _line_costs(need, units[rows], found, able, rules)
        for need, units, found in zip(needs, most, able.offers, strict=True)
    ]
    chosen = choose(_fixed(able, rules), lines, most=rules.parcels, keep=plans)
    made = [_plan(choice, needs, able, rules) for choice in chosen]
    return Quote(tuple(with_reasons(made)), len(candidates.sites), counted)


def _left_out(
    candidates: Candidates, most: Sequence[NDArray[np.int64]], rules: SourcingRules, need_by_us: int | None
) -> NDArray[np.int8]:
    """Return why each site is not asked: the first reason that holds."""
    why = candidates.left_out.copy()
    sites = len(candidates.sites)
    nothing = ~np.any([units > 0 for units in most], axis=0) if most else np.ones(sites, bool)
    never = candidates.ready_us == NEVER
    arrives = np.where(never, 0, candidates.ready_us) + candidates.travel_us
    for reason, holds in (
        (LeftOut.AVOIDED, np.array([site in rules.avoid for site in candidates.sites], bool)),
        (LeftOut.CLOSED, never),
        (LeftOut.LATE, arrives > need_by_us if need_by_us is not None else np.zeros(sites, bool)),
        (LeftOut.NOTHING, nothing),
    ):
        why[(why < 0) & holds] = REASONS.index(reason)
    return why


def _most(need: Need, offers: Offers, rules: SourcingRules) -> NDArray[np.int64]:
    """Return how many units of a need each site may give: offered, less what it keeps, each of them sure enough."""
    sure = np.count_nonzero(offers.chances >= rules.sure, axis=1)
    most: NDArray[np.int64] = np.clip(np.minimum(offers.offered, sure) - rules.keep, 0, need.quantity)
    return most


def _fixed(able: _Able, rules: SourcingRules) -> NDArray[np.float64]:
    """Return what each site costs, whatever it gives: [sites]."""
    cost: NDArray[np.float64] = rules.parcel + rules.km * able.candidates.distance_km + rules.day * able.days
    return cost


def _line_costs(need: Need, most: NDArray[np.int64], offers: Offers, able: _Able, rules: SourcingRules) -> Costs:
    """Return what taking 0, 1, ... units from each site costs: `_unit_prices` for all of them."""
    taken = np.arange(1, need.quantity + 1)
    chances = np.zeros((len(most), need.quantity))
    rungs = offers.chances[:, rules.keep : rules.keep + need.quantity]
    chances[:, : rungs.shape[1]] = rungs
    over = np.minimum(taken, np.maximum(0, offers.offered - rules.overstock_from)[:, None])
    cost = able.candidates.pick[:, None] * taken + rules.miss * taken * (1 - chances) - rules.overstock * over
    cost += np.where(taken >= offers.offered[:, None], rules.last_unit, 0.0)
    cost[taken > most[:, None]] = np.inf
    return np.hstack([np.zeros((len(most), 1)), cost])


def _site_prices(able: _Able, at: int, rules: SourcingRules) -> dict[str, float]:
    km, days = float(able.candidates.distance_km[at]), float(able.days[at])
    return {"parcel": rules.parcel, "km": rules.km * km, "day": rules.day * days}


def _unit_prices(able: _Able, offers: Offers, at: int, taken: int, rules: SourcingRules) -> dict[str, float]:
    """Return what taking so many units of a SKU from a site costs, by kind."""
    offered = int(offers.offered[at])
    over = min(taken, max(0, offered - rules.overstock_from))
    return {
        "pick": taken * float(able.candidates.pick[at]),
        "miss": rules.miss * taken * (1 - _chance(offers, at, taken, rules)),
        "last_unit": rules.last_unit if taken >= offered else 0.0,
        "overstock": -rules.overstock * over,
    }


def _chance(offers: Offers, at: int, taken: int, rules: SourcingRules) -> float:
    """Return P(at least `taken` units beside those that are kept)."""
    return float(offers.chances[at, rules.keep + taken - 1])


def _plan(choice: Choice, needs: Sequence[Need], able: _Able, rules: SourcingRules) -> Plan:
    parts: list[Part] = []
    prices: Counter[str] = Counter()
    for number, at in enumerate(choice.sites):
        mine = Counter(_site_prices(able, at, rules))
        lines = []
        for need, units, offers in zip(needs, choice.units, able.offers, strict=True):
            if units[number]:
                mine.update(_unit_prices(able, offers, at, units[number], rules))
                chance = _chance(offers, at, units[number], rules) if offers.known[at] else None
                lines.append(PlanLine(need.gtin, units[number], chance))
        prices.update(mine)
        parts.append(_part(able.candidates, at, lines, sum(mine.values())))
    return Plan(
        tuple(parts),
        choice.cost,
        {name: round(price, 6) for name, price in sorted(prices.items()) if price},
        max(part.arrives_us for part in parts),
        _together(line.confidence for part in parts for line in part.lines),
    )


def _part(candidates: Candidates, at: int, lines: Sequence[PlanLine], cost: float) -> Part:
    ready_us = int(candidates.ready_us[at])
    arrives_us = ready_us + int(candidates.travel_us[at])
    return Part(candidates.sites[at], tuple(lines), ready_us, arrives_us, float(candidates.distance_km[at]), cost)


def _together(chances: Iterable[float | None]) -> float | None:
    """Return the probability of all, None when one of them is not known."""
    found = list(chances)
    known = [chance for chance in found if chance is not None]
    return prod(known) if len(known) == len(found) else None


def without_confidence(plan: Plan, rows: AbstractSet[tuple[str, str]]) -> Plan:
    """Return a plan that says no probability of these rows (site, GTIN): nobody looks there."""
    parts = tuple(
        replace(
            part,
            lines=tuple(
                replace(line, confidence=None) if (part.site, line.gtin) in rows else line for line in part.lines
            ),
        )
        for part in plan.parts
    )
    return replace(plan, parts=parts, confidence=_together(line.confidence for part in parts for line in part.lines))


def with_reasons(plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans with what speaks for and against each, in words; the first is the best."""
    return [replace(plan, reasons=_reasons(plan, plans[0])) for plan in plans]


def _reasons(plan: Plan, best: Plan) -> tuple[str, ...]:
    sites = " and ".join(plan.sites) if len(plan.sites) < 3 else f"{', '.join(plan.sites[:-1])} and {plan.sites[-1]}"
    said = [f"all of it from {sites}" if len(plan.parts) == 1 else f"{len(plan.parts)} parcels, from {sites}"]
    said.append(f"{max(part.distance_km for part in plan.parts):.0f} km at most")
    if plan.confidence is None:
        unseen = sorted({part.site for part in plan.parts if any(line.confidence is None for line in part.lines)})
        said.append(f"how sure it is nobody knows: not everything is looked at in {', '.join(unseen)}")
    else:
        said.append(f"all units are there with probability {plan.confidence:.3f}")
    if plan.prices.get("last_unit"):
        said.append("takes the last unit of a size")
    if plan.prices.get("overstock"):
        said.append("takes from where there is too much")
    if plan is not best:
        names = sorted({*plan.prices, *best.prices})
        more = {name: plan.prices.get(name, 0.0) - best.prices.get(name, 0.0) for name in names}
        by = ", ".join(f"{name} {price:+.2f}" for name, price in more.items() if abs(price) >= CENT)
        said.append(f"{plan.cost - best.cost:.2f} dearer than the best" + (f": {by}" if by else ""))
    return tuple(said)
