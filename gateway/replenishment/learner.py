"""Learns what a site carries and how it sells, a page of SKUs at a time."""

from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.replenishment.assortment import Assortment, Product, RunKey, sized_runs
from gateway.replenishment.learning import products_of, sales_of
from gateway.replenishment.limits import LEARN_S, PAGE_SKUS
from gateway.replenishment.targets import DisplayRules, SalesWindow
from gateway.site_view import SiteViews
from gateway.storage.engine import Database


@dataclass(slots=True)
class _Lesson:
    """What is being learned: of all styles (`whole`), or of some. `left`: SKUs whose sales are still to be read."""

    whole: bool
    products: list[Product]
    left: list[str]
    sales: dict[str, SalesWindow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Learned:
    """Runs that are new or have other targets, and those that the site carries no more."""

    changed: frozenset[RunKey] = frozenset()
    gone: frozenset[RunKey] = frozenset()


class Learner:
    """Keeps the assortment of a site up to date."""

    def __init__(self, database: Database, site: str, clock: Clock, views: SiteViews, rules: DisplayRules) -> None:
        self.assortment = Assortment()
        self.known = False
        """Whether all of it was learned once."""
        self._database = database
        self._site = site
        self._clock = clock
        self._views = views
        self._rules = rules
        self._lesson: _Lesson | None = None
        self._learned_us: int | None = None
        self._met: set[str] = set()
        self._unlisted: set[str] = set()

    def meet(self, gtin: str) -> None:
        """Take note of a SKU that the site may not have carried before."""
        if self.known and gtin not in self.assortment.run_of and gtin not in self._unlisted:
            self._met.add(gtin)

    def again(self) -> None:
        """Learn everything anew: the catalogue changed."""
        self._learned_us = None
        self._unlisted.clear()

    def due(self) -> bool:
        """Whether there is something to learn."""
        return self._lesson is not None or bool(self._met) or self._old()

    def _old(self) -> bool:
        return self._learned_us is None or self._clock() - self._learned_us >= LEARN_S * 1e6

    async def turn(self) -> Learned | None:
        """Learn a page; return what is other than before when a lesson is over."""
        if self._lesson is None:
            await self._begin()
        lesson = self._lesson
        assert lesson is not None
        if lesson.left:
            page, lesson.left = lesson.left[:PAGE_SKUS], lesson.left[PAGE_SKUS:]
            async with self._database.read() as connection:
                view = await self._views.one(connection, self._site)
                if view is not None:
                    lesson.sales |= await sales_of(connection, view.site, page, self._rules, self._clock())
        if lesson.left:
            return None
        self._lesson = None
        runs = sized_runs(lesson.products, lesson.sales, self._rules)
        gone = self.assortment.keep_only(runs) if lesson.whole else frozenset()
        self.known |= lesson.whole
        return Learned(self.assortment.put(runs), gone)

    async def _begin(self) -> None:
        whole = self._old()
        met, self._met = self._met, set()
        now_us = self._clock()
        async with self._database.read() as connection:
            products = await products_of(connection, self._site, None if whole else met)
        if whole:
            self._learned_us = now_us
        else:
            self._unlisted |= met - {product.gtin for product in products}
        self._lesson = _Lesson(whole, products, [product.gtin for product in products])
