"""Orders at the web shop: quoted, held, picked, sourced again or cancelled, by the gateway's own cores.

`gateway.sourcing.plan.quote` chooses the sites, `gateway.holds.decide` grants the units, `gateway.sourcing.calendar`
says when a site is ready, `mend` gives holds their next unit. What is read from the database there comes from `Books`
here, and the candidates are built as `gateway.sourcing.quotes` builds them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from bench.chain.agenda import Scene, nobody
from bench.chain.books import Books, Place
from gateway.availability import LIVE, Policy
from gateway.geo import distance_km
from gateway.holds.decide import OpenStock, Wish, decide
from gateway.ledger.picture import HeldLine, LineKey
from gateway.sourcing.calendar import Readiness, readiness
from gateway.sourcing.offers import Offers, offers_of, rungs_needed
from gateway.sourcing.plan import DAY_US, REASONS, Candidates, LeftOut, Need, Plan, quote
from gateway.sourcing.rules import SourcingRules
from simulator.chain.demand import DAY_MIN, Order
from simulator.chain.goods import Item
from simulator.chain.watch import BACK
from wire.site_hours import Span

PICKUP_KM: Final = 15.0
"""How far a buyer goes to collect."""
CAPACITY: Final = 60
"""Orders that an ordinary store takes in a day (`capacity_per_day` of a site file)."""
HANDLING: Final = timedelta(minutes=30)
PATIENCE_MIN: Final = 24 * 60.0
"""How long a buyer waits for a unit that nobody found, before the order is cancelled."""
COLLECT_MIN: Final = 3 * DAY_MIN
_TIMEZONE: Final = "Europe/Berlin"


class Planned(NamedTuple):
    """A plan that was asked for: when, of what, from which sites, with which ladders (by SKU), and what came of it."""

    at_us: int
    order: Order
    skus: tuple[int, ...]
    sites: tuple[str, ...]
    full: tuple[str, ...]
    ladders: dict[int, tuple[bytes, ...]]
    plan: Plan | None


OnPlan = Callable[[Planned], None]


@dataclass(slots=True, eq=False)
class Line:
    """A unit of an order at a site. `tried`: stores that could not give it."""

    key: LineKey
    place: Place
    tried: frozenset[str]
    attempts: int = 0


@dataclass(slots=True, eq=False)
class Part:
    """What one site does for an order."""

    order: Order
    shop: int
    due_us: int
    waiting: list[Line]
    picked: list[Item] = field(default_factory=list)
    over: bool = False


class Web:
    """All orders of a run. `give`: hands a part to the staff of its store."""

    def __init__(self, scene: Scene, books: Books, policy: Policy) -> None:
        self._chain, self._books, self._goods, self._agenda = scene.chain, books, scene.goods, scene.agenda
        chain = scene.chain
        self._policy = policy
        self._rules = SourcingRules()
        self._sites = [shop.site for shop in chain.shops]
        self._week = ((Span(chain.opens_h * 60, chain.closes_h * 60),),) * 7
        self._ready: Readiness | None = None
        self._today = [0] * len(self._sites)
        self._day = 0
        self._lines: dict[LineKey, tuple[Part, Line]] = {}
        self._holds = 0
        self._bad: set[int] = set()
        self.counts: Counter[str] = Counter()
        self.said: list[tuple[float, int]] = []
        """Of each order that was accepted: how sure its plan was, and its number."""
        self.missed: set[int] = set()
        self.give: Callable[[Part], None] = nobody
        self.on_plan: OnPlan | None = None
        books.on_lines = self._lines_changed

    # -- an order comes

    def order(self, order: Order) -> None:
        """Somebody orders. What nobody can promise is not shown to her; the rest is ordered."""
        self.counts["orders"] += 1
        self.counts["units_wanted"] += len(order.skus)
        wanted = list(order.skus)
        while wanted:
            plan = self._plan(order, tuple(wanted), frozenset())
            if plan is not None:
                break
            wanted.remove(min(wanted, key=lambda sku: (self._sites_with(order, sku), wanted.index(sku))))
        self.counts["units_not_shown"] += len(order.skus) - len(wanted)
        if not wanted or plan is None:
            self.counts["orders_not_shown"] += 1
            return
        self.counts["orders_taken"] += 1
        self.counts["units_taken"] += len(wanted)
        self.counts["orders_split"] += len(plan.parts) > 1
        if plan.confidence is not None:
            self.said.append((plan.confidence, order.number))
        self._hold(order, plan, frozenset())

    def _plan(self, order: Order, skus: tuple[int, ...], without: frozenset[str]) -> Plan | None:
        candidates = self._candidates(order, without)
        if not candidates.sites:
            return None
        rules = SourcingRules(parcel=0.0, parcels=1) if order.pickup else self._rules
        needs = [Need(self._goods.skus[sku].gtin, 1) for sku in skus]
        offers = [self._offers(sku, candidates.sites, rules) for sku in skus]
        now_us = self._agenda.now_us
        plans = quote(needs, candidates, offers, rules, now_us, plans=1).plans
        plan = plans[0] if plans else None
        if self.on_plan is not None:
            sites = tuple(candidates.sites)
            full = tuple(site for site, out in zip(sites, candidates.left_out.tolist(), strict=True) if out >= 0)
            ladders = {sku: tuple(self._books.ladder(self._place(site, sku)) for site in sites) for sku in skus}
            self.on_plan(Planned(now_us, order, skus, sites, full, ladders, plan))
        return plan

    def _candidates(self, order: Order, without: frozenset[str]) -> Candidates:
        """Return the sites that are asked, as the gateway's quotes do."""
        here = order.lat, order.lon
        shops = [
            (shop, distance_km(here, (shop.lat, shop.lon))) for shop in self._chain.shops if shop.site not in without
        ]
        if order.pickup:
            shops = [(shop, km) for shop, km in shops if km <= PICKUP_KM]
        km = np.array([away for _, away in shops])
        rules = self._rules
        days = np.zeros(len(shops)) if order.pickup else rules.carrier_days + km / rules.carrier_km
        self._new_day()
        full = [self._today[self._sites.index(shop.site)] >= CAPACITY * shop.size for shop, _ in shops]
        return Candidates(
            [shop.site for shop, _ in shops],
            np.full(len(shops), self._ready_us(), np.int64),
            (days * DAY_US).astype(np.int64),
            km,
            np.full(len(shops), rules.pick),
            np.where(full, REASONS.index(LeftOut.FULL), -1).astype(np.int8),
        )

    def _new_day(self) -> None:
        day = int(self._agenda.now_min // DAY_MIN)
        if day != self._day:
            self._day, self._today = day, [0] * len(self._sites)

    def _ready_us(self) -> int:
        """All stores have the same hours."""
        now = datetime.fromtimestamp(self._agenda.now_us / 1e6, UTC)
        if self._ready is None or not self._ready.holds(now):
            self._ready = readiness(now, self._week, _TIMEZONE, handling=HANDLING)
        ready = self._ready.ready(now)
        assert ready is not None, "every store opens tomorrow"
        return int(ready.timestamp() * 1e6)

    def _offers(self, sku: int, sites: Sequence[str], rules: SourcingRules) -> Offers:
        rungs = rungs_needed(1, rules, self._policy)
        ladders = [self._books.ladder(self._place(site, sku)) for site in sites]
        none = np.zeros(len(sites), bool)
        return offers_of(ladders, self._policy, rungs, known=~none, stale=none)

    def _place(self, site: str, sku: int) -> Place:
        return Place(self._sites.index(site), sku)

    def _sites_with(self, order: Order, sku: int) -> int:
        sites = self._candidates(order, frozenset()).sites
        return int(np.count_nonzero(self._offers(sku, sites, self._rules).offered))

    def _hold(self, order: Order, plan: Plan, tried: frozenset[str]) -> None:
        """Hold and confirm all parts: one transaction in the gateway, one moment here."""
        by_gtin = {self._goods.skus[sku].gtin: sku for sku in order.skus}
        for one in plan.parts:
            shop = self._sites.index(one.site)
            places = [Place(shop, by_gtin[line.gtin]) for line in one.lines]
            stocks = {self._books.key(place): OpenStock(self._books.picture(place), LIVE) for place in places}
            wishes = [Wish(self._books.key(place), 1) for place in places]
            granted, short = decide(stocks, wishes, self._policy, allow_partial=False)
            assert not short, "what was quoted a moment ago is there"
            self._holds += 1
            part = Part(order, shop, one.ready_us, [])
            for number, (place, got) in enumerate(zip(places, granted, strict=True)):
                key = LineKey(f"r{self._holds:06d}", number)
                line = Line(key, place, tried | {one.site})
                part.waiting.append(line)
                self._lines[key] = (part, line)
                serials = tuple(unit.serial for unit in got.items)
                self._books.hold(place, key, HeldLine(1, got.untagged, got.substitution_needed), serials)
                true = self._goods.inside(*place)
                self.counts["oversold"] += self._books.promised(place) > true
            self._today[shop] += 1
            self.counts["parcels"] += not order.pickup
            self.counts["km"] += 0 if order.pickup else round(one.distance_km)
            self.give(part)

    # -- in the store

    def took(self, part: Part, line: Line, item: Item) -> None:
        """Staff have a piece for a line in their hands."""
        self._books.picked(line.place, line.key, item)
        part.waiting.remove(line)
        part.picked.append(item)
        del self._lines[line.key]

    def not_found(self, part: Part, line: Line) -> bool:
        """Staff looked for a unit in vain; returns whether there is another one to look for."""
        self.counts["misses"] += 1
        self.missed.add(part.order.number)
        line.attempts += 1
        self._books.missed(line.place, line.key)
        if line.key not in self._lines or line not in part.waiting:
            return False  # another store does it
        held = self._books.lines(line.place).get(line.key)
        if held is not None and not held.substitution_needed and line.attempts < 4:
            return True
        self._elsewhere(part, line)
        return False

    def finish(self, part: Part) -> None:
        """Close a part of which no line waits: packed and sent, or laid by for the buyer."""
        if part.waiting or part.over:
            return
        part.over = True
        if not part.picked:
            self.counts["parcels"] -= not part.order.pickup
            return
        self.counts["units_filled"] += len(part.picked)
        self.counts["parts_late"] += self._agenda.now_us > part.due_us
        self.counts["parts_done"] += 1
        if not part.order.pickup:
            self.counts["units_sent"] += len(part.picked)
        elif part.order.dice[0] >= self._chain.no_show:
            self.counts["units_collected"] += len(part.picked)
        else:
            self._agenda.after(COLLECT_MIN, lambda: self._put_back(part))

    def _put_back(self, part: Part) -> None:
        """Nobody came: the goods are for sale again."""
        for item in part.picked:
            self.counts["units_put_back"] += 1
            back = self._goods.make(item.shop, item.sku, BACK, tagged=item.tagged, serial=f"{item.serial}p")
            self._books.came(back, item.sku)

    # -- a hold lost its unit

    def _lines_changed(self, place: Place, keys: set[LineKey]) -> None:
        for key in sorted(keys):
            if key not in self._lines:
                continue
            part, line = self._lines[key]
            held = self._books.lines(place).get(key)
            if held is not None and held.substitution_needed and line in part.waiting:
                self._agenda.after(0.0, partial(self._still_short, part, line))
            elif held is not None and not held.substitution_needed:
                self.give(part)

    def _still_short(self, part: Part, line: Line) -> None:
        held = self._books.lines(line.place).get(line.key)
        if line.key in self._lines and held is not None and held.substitution_needed:
            self._elsewhere(part, line)

    def _elsewhere(self, part: Part, line: Line) -> None:
        """Ask another site for a unit that this one has not; a pickup waits, and so does what nobody has."""
        order = part.order
        plan = None if order.pickup else self._plan(order, (line.place.sku,), line.tried)
        if plan is None:
            self._agenda.after(PATIENCE_MIN, lambda: self._cancel(part, line))
            return
        self.counts["resourced"] += 1
        self._leave(part, line)
        self._hold(order, plan, line.tried)

    def _leave(self, part: Part, line: Line) -> None:
        del self._lines[line.key]
        part.waiting.remove(line)
        self._books.let_go(line.place, line.key)
        self.finish(part)

    def _cancel(self, part: Part, line: Line) -> None:
        if self._lines.get(line.key, (None, None))[1] is not line:
            return
        held = self._books.lines(line.place).get(line.key)
        if held is not None and not held.substitution_needed:
            return  # a unit came back meanwhile, and staff are on their way
        self._give_up(part, line)

    def _give_up(self, part: Part, line: Line) -> None:
        self.counts["units_cancelled"] += 1
        self.counts["orders_cancelled"] += part.order.number not in self._bad
        self._bad.add(part.order.number)
        self._leave(part, line)

    def end(self) -> None:
        """Count what is still open when the run ends as cancelled: nobody got it."""
        for part, line in list(self._lines.values()):
            self.counts["units_open_at_end"] += 1
            self._give_up(part, line)
