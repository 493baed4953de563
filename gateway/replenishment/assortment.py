"""What a site carries: its SKUs in runs (the sizes of a style and colour), each with what belongs on the floor. Pure.

A site carries a style as soon as it has a row of stock of any of its sizes, and then all sizes of those colours, so
that one which it never had is a gap, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.http.size_order import size_key
from gateway.replenishment.targets import NO_SALES, DisplayRules, SalesWindow, Target, core_sizes, rate_of, target_of


class RunKey(NamedTuple):
    """A style and colour."""

    style: str
    colour: str


@dataclass(frozen=True, slots=True)
class Product:
    """A SKU as the catalogue has it."""

    gtin: str
    style: str
    colour: str
    size: str
    department: str
    min_floor: int | None = None
    max_floor: int | None = None

    @property
    def run(self) -> RunKey:
        """Return the run that it belongs to."""
        return RunKey(self.style, self.colour)


@dataclass(frozen=True, slots=True)
class Sized:
    """A SKU at a site: what belongs on the floor, and whether it is a core size."""

    product: Product
    target: Target
    core: bool


@dataclass(slots=True)
class Assortment:
    """The runs of a site, the sizes of each from small to large."""

    runs: dict[RunKey, tuple[Sized, ...]] = field(default_factory=dict)
    run_of: dict[str, RunKey] = field(default_factory=dict)

    def product(self, gtin: str) -> Product | None:
        """Return a SKU that the site carries."""
        run = self.run_of.get(gtin)
        if run is None:
            return None
        return next(one.product for one in self.runs[run] if one.product.gtin == gtin)

    def put(self, runs: Mapping[RunKey, tuple[Sized, ...]]) -> frozenset[RunKey]:
        """Add runs or replace them; return those that are new or other than before."""
        changed = frozenset(key for key, sizes in runs.items() if self.runs.get(key) != sizes)
        for key in changed:
            for gone in self.runs.get(key, ()):
                self.run_of.pop(gone.product.gtin, None)
        for key in changed:
            self.runs[key] = runs[key]
            self.run_of |= {one.product.gtin: key for one in runs[key]}
        return changed

    def keep_only(self, runs: Iterable[RunKey]) -> frozenset[RunKey]:
        """Forget all other runs; return them."""
        gone = frozenset(self.runs.keys() - set(runs))
        for key in gone:
            for one in self.runs.pop(key):
                if self.run_of.get(one.product.gtin) == key:
                    del self.run_of[one.product.gtin]
        return gone


def sized_runs(
    products: Iterable[Product], sales: Mapping[str, SalesWindow], rules: DisplayRules
) -> dict[RunKey, tuple[Sized, ...]]:
    """Return the runs of these SKUs with their targets; `sales` of those that were sold, by GTIN.

    All sizes of a style are to be given: each leans on the others.
    """
    by_style: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        by_style[product.style].append(product)
    found: dict[RunKey, tuple[Sized, ...]] = {}
    for style in sorted(by_style):
        by_run: dict[RunKey, list[Product]] = defaultdict(list)
        for product in by_style[style]:
            by_run[product.run].append(product)
        total = _sum(sales.get(product.gtin, NO_SALES) for product in by_style[style])
        for key in sorted(by_run):
            found[key] = _run(by_run[key], total, sales, rules)
    return found


def _run(
    sizes: list[Product], style: SalesWindow, sales: Mapping[str, SalesWindow], rules: DisplayRules
) -> tuple[Sized, ...]:
    sizes.sort(key=lambda product: (size_key(product.size), product.gtin))
    order = list(dict.fromkeys(product.size for product in sizes))
    sold: dict[str, int] = defaultdict(int)
    for product in sizes:
        sold[product.size] += sales.get(product.gtin, NO_SALES).sold
    core = core_sizes(order, sold, rules)
    found = []
    for product in sizes:
        own = sales.get(product.gtin, NO_SALES)
        peers = SalesWindow(style.sold - own.sold, style.days - own.days)
        rate = rate_of(own, peers, rules)
        is_core = product.size in core
        target = target_of(product.min_floor, product.max_floor, rate, rules, core=is_core)
        found.append(Sized(product, target, is_core))
    return tuple(found)


def _sum(windows: Iterable[SalesWindow]) -> SalesWindow:
    given = list(windows)
    return SalesWindow(sum(one.sold for one in given), sum(one.days for one in given))
