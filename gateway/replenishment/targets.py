"""How much of a SKU belongs on the sales floor: by the catalogue, else by how it sells and how it is shown. Pure.

The catalogue's `min_floor` and `max_floor` are people's word and hold as they stand. What they leave open is learned:

* *Rate*: units sold in a day on which it could be bought. Days without any on the floor say nothing about demand and
  are no days. A short history leans on its peers (the other sizes of the style) as if these were `prior_days` of it.
* *Low*: what sells with the probability `service` while nobody refills (`cover_days`, Poisson). Below it, refill.
* *High*: what sells until the refill after that (`fill_days` more), at least `band` above low. Refill up to it.
* *Display rules*: at least `each` unit of every size, `core` units of a core size, at most `most`.

Both grow with the rate and never shrink. *Core sizes* are the few that make most of the sales; without sales, the
middle of the run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.replenishment.limits import FLOOR_MAX, LEARNED_MAX


class Source(StrEnum):
    """Who says a target."""

    CATALOGUE = "catalogue"
    LEARNED = "learned"
    BOTH = "both"
    """The catalogue says one end, sales the other."""


@dataclass(frozen=True, slots=True)
class Target:
    """Units on the floor: refill when there are fewer than `low`, up to `high`; `low` 0: never.

    Raises `ValueError` unless 0 <= low <= high <= `FLOOR_MAX`.
    """

    low: int
    high: int
    source: Source = Source.CATALOGUE

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= FLOOR_MAX:
            raise ValueError(f"target {self.low} to {self.high}: expected 0 <= low <= high <= {FLOOR_MAX}")


@dataclass(frozen=True, slots=True)
class DisplayRules:
    """How goods are shown, and how often somebody refills. Shares and probabilities are in (0, 1).

    `core_share`: core sizes are the fewest that make this share of a run's sales; `core_from`: units sold before
    anything is learned of them. Raises `ValueError` that names the rule and its range.
    """

    each: int = 1
    core: int = 2
    most: int = 12
    band: int = 1
    cover_days: float = 0.5
    fill_days: float = 1.0
    service: float = 0.9
    prior_days: float = 7.0
    window_days: int = 28
    core_share: float = 0.6
    core_from: int = 10

    def __post_init__(self) -> None:
        whole = {"each": (0, self.most), "core": (self.each, self.most), "most": (0, LEARNED_MAX)}
        whole |= {"band": (0, LEARNED_MAX), "window_days": (1, 366), "core_from": (1, 1_000_000)}
        for name, (least, greatest) in whole.items():
            _within(name, getattr(self, name), least, greatest)
        for name in ("cover_days", "fill_days", "prior_days"):
            _within(name, getattr(self, name), 0, 366)
        for name in ("service", "core_share"):
            _within(name, getattr(self, name), 0.01, 0.999)


def _within(name: str, value: float, least: float, greatest: float) -> None:
    if not least <= value <= greatest:
        raise ValueError(f"{name} {value}: expected {least} to {greatest}")


@dataclass(frozen=True, slots=True)
class DaySales:
    """A trading day of a SKU at a site: units sold, and the share of the day in which some lay on the floor."""

    sold: int
    on_sale: float = 1.0


@dataclass(frozen=True, slots=True)
class SalesWindow:
    """Units sold in so many days on which they could be bought."""

    sold: int = 0
    days: float = 0.0


NO_SALES = SalesWindow()


def sales_window(days: Sequence[DaySales], rules: DisplayRules) -> SalesWindow:
    """Return the sales of the newest `window_days` of `days` (oldest first).

    A day that sold something was a day of sale, whatever the readers saw of it.
    """
    newest = days[-rules.window_days :]
    lasting = sum(min(max(day.on_sale, 0.0), 1.0) or float(day.sold > 0) for day in newest)
    return SalesWindow(sum(day.sold for day in newest), lasting)


def rate_of(own: SalesWindow, peers: SalesWindow, rules: DisplayRules) -> float:
    """Return units that sell in a day; `peers` is the average of its peers, one SKU's worth."""
    usual = peers.sold / peers.days if peers.days > 0 else 0.0
    days = own.days + rules.prior_days
    return (own.sold + rules.prior_days * usual) / days if days > 0 else 0.0


def target_of(
    min_floor: int | None,
    max_floor: int | None,
    rate: float,
    rules: DisplayRules,
    *,
    core: bool = False,
) -> Target:
    """Return the target of a SKU; None is what the catalogue leaves open. Raises `ValueError` for min above max."""
    if min_floor is not None and max_floor is not None:
        return Target(min_floor, max_floor, Source.CATALOGUE)
    low, high = _learned(rate, rules, core=core)
    if min_floor is not None:
        return Target(min_floor, max(min_floor, high) if min_floor else 0, Source.BOTH)
    if max_floor is not None:
        return Target(min(low, max_floor), max_floor, Source.BOTH)
    return Target(low, high, Source.LEARNED)


def _learned(rate: float, rules: DisplayRules, *, core: bool) -> tuple[int, int]:
    shown = rules.core if core else rules.each
    low = max(shown, likely_sales(rate * rules.cover_days, rules.service, rules.most))
    until_next = likely_sales(rate * (rules.cover_days + rules.fill_days), rules.service, rules.most)
    return low, min(rules.most, max(low + rules.band, until_next))


def likely_sales(mean: float, service: float, most: int) -> int:
    """Return the least k, at most `most`, with P(sales <= k) >= `service`; sales are Poisson with this mean."""
    if mean <= 0:
        return 0
    log_term, total = -mean, math.exp(-mean)
    for units in range(most):
        if total >= service:
            return units
        log_term += math.log(mean) - math.log(units + 1)
        total += math.exp(log_term)
    return most


def core_sizes(run: Sequence[str], sold: Mapping[str, int], rules: DisplayRules) -> frozenset[str]:
    """Return the core sizes of a run (sizes of a style and colour, small to large) by the units `sold` of each.

    Equal sales go to the size nearer to the middle. Before `core_from` sales: the middle third, at least one.
    """
    middle = (len(run) - 1) / 2
    by_middle = sorted(range(len(run)), key=lambda at: (abs(at - middle), at))
    total = sum(sold.get(size, 0) for size in run)
    if total < rules.core_from:
        return frozenset(run[at] for at in by_middle[: max(1, round(len(run) / 3))])
    found: list[str] = []
    for at in sorted(by_middle, key=lambda at: -sold.get(run[at], 0)):
        if sum(sold.get(size, 0) for size in found) >= rules.core_share * total:
            break
        found.append(run[at])
    return frozenset(found)
