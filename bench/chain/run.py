"""One week under one rule: the truth happens, the gateway believes, promises and sends people; then it is counted."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bench.chain.agenda import Agenda, Scene
from bench.chain.books import Books, PaperBooks, Place, ReadBooks
from bench.chain.refills import ReadRefills, Rounds, targets_of
from bench.chain.shoppers import Shoppers
from bench.chain.staff import Staff
from bench.chain.web import OnPlan, Web
from gateway.availability import Policy
from simulator.chain.demand import DAY_MIN, Arrival, Week
from simulator.chain.goods import Item, opened
from simulator.chain.sight import SightFigures, known_figures
from simulator.chain.watch import BACK

SAMPLE_MIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to run the chain.

    `reads`: how well readers see, as a level of the radio simulator; empty: on paper. `hides`: how many units of each
    size the web never sees (the channel's safety stock: with 2, of three units one can be sold, of two none).
    """

    name: str
    reads: str
    hides: int
    says: str


RULES: Final = (
    Rule("ours", "realistic", 0, "readers, to the last unit, each promise with a probability of 0.95"),
    Rule("hide3-rfid", "realistic", 2, "readers, and the web sees a size only where 3 units or more are"),
    Rule("hide3-book", "", 2, "system stock, counted in turn, and the web sees a size only where 3 units or more are"),
    Rule("all-book", "", 0, "system stock to the last unit: what the others hide it from"),
    Rule("ours-hostile", "hostile", 0, "as ours, in stores that are hard to read"),
)


@dataclass(slots=True)
class Outcome:
    """What a week came to: counts by name."""

    rule: str
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    said: list[tuple[float, bool]] = field(default_factory=list)
    """Of each accepted order: how sure its plan was, and whether every unit was found where it was promised."""

    def share(self, part: str, whole: str) -> float:
        """Return a share of two counts."""
        return self.counts[part] / self.counts[whole] if self.counts[whole] else 0.0


def run_week(week: Week, rule: Rule, figures: SightFigures | None = None, *, listen: OnPlan | None = None) -> Outcome:
    """Run a week under a rule. The same week, rule and figures give the same outcome.

    `figures`: of the sight model, else those that were measured at the rule's level. `listen` is told of each plan.
    """
    run = _Run(week, rule, figures or known_figures(rule.reads or "realistic"))
    if listen is not None:
        run.web.on_plan = listen
    return run.outcome()


class _Run:
    """Wires truth, books, web, staff and refills together."""

    def __init__(self, week: Week, rule: Rule, figures: SightFigures) -> None:
        chain = week.chain
        self._week, self._chain, self._rule = week, chain, rule
        self._agenda = Agenda(chain)
        self._goods, items = opened(week)
        self._scene = Scene(chain, self._goods, self._agenda, week.seed)
        self._counts: Counter[str] = Counter()
        sites = tuple(shop.site for shop in chain.shops)
        self._targets = [targets_of(week.skus, opening) for opening in week.openings]
        self._books = self._open_books(sites, items, figures)
        self.web = Web(self._scene, self._books, Policy("web", safety=rule.hides))
        self._staff = [Staff(self._scene, shop, self._books, self.web) for shop in range(len(chain.shops))]
        self.web.give = lambda part: self._staff[part.shop].give(part)
        self._refills = self._open_refills()
        self._shoppers = Shoppers(self._scene, self._books)
        self._shoppers.on_sold = self._sold
        self._plan()

    def _open_books(self, sites: tuple[str, ...], items: list[Item], figures: SightFigures) -> Books:
        if not self._rule.reads:
            record = {
                Place(shop, sku): units
                for shop, one in enumerate(self._week.openings)
                for sku, units in one.book.items()
            }
            return PaperBooks(sites, self._week.skus, record)
        books = ReadBooks(sites, self._week.skus, self._agenda, figures, self._week.seed)
        for item in items:
            books.lies(item)
        return books

    def _open_refills(self) -> list[ReadRefills] | list[Rounds]:
        books = self._books
        if not isinstance(books, ReadBooks):
            rounds = [Rounds(self._scene, shop, mine) for shop, mine in enumerate(self._targets)]
            for one, staff in zip(rounds, self._staff, strict=True):
                one.on_work, staff.rounds = staff.look, one.next_round
            return rounds
        reading = [ReadRefills(self._scene, shop, books, mine) for shop, mine in enumerate(self._targets)]
        for refill, staff in zip(reading, self._staff, strict=True):
            refill.on_work, staff.rounds = staff.look, refill.next_round
            self._agenda.at(0.0, refill.begin)
        books.on_change = lambda place: reading[place.shop].changed(place)
        books.on_move = lambda told: reading[told.place.shop].moved(told)
        return reading

    def _plan(self) -> None:
        """Put everything that is given on the agenda."""
        week, agenda, chain = self._week, self._agenda, self._chain
        for want in week.wants:
            agenda.at(want.at_min, partial(self._shoppers.come, want))
        for theft in week.thefts:
            agenda.at(theft.at_min, partial(self._shoppers.steal, theft))
        for number, arrival in enumerate(week.arrivals):
            agenda.at(arrival.at_min, partial(self._arrive, arrival, number))
        for order in week.orders:
            agenda.at(order.at_min, partial(self.web.order, order))
        for day in range(chain.days):
            agenda.at(day * DAY_MIN + chain.closes_h * 60, self._shoppers.tidy)
            minute = float(chain.opens_h * 60)
            while minute <= chain.closes_h * 60:
                agenda.at(day * DAY_MIN + minute, self._sample)
                minute += SAMPLE_MIN
            agenda.at(day * DAY_MIN + (chain.opens_h + chain.closes_h) * 30, self._check_records)
            if not self._rule.reads:
                agenda.at(day * DAY_MIN + chain.opens_h * 60 - 60, partial(self._count, day))

    def _sold(self, item: Item) -> None:
        if isinstance(self._refills[0], Rounds):
            self._refills[item.shop].sold(item.sku)

    def _arrive(self, arrival: Arrival, number: int) -> None:
        for at, (piece, noted) in enumerate(zip(arrival.pieces, arrival.noted, strict=True)):
            item = self._goods.make(arrival.shop, piece.sku, BACK, tagged=piece.tagged, serial=f"a{number}-{at}")
            self._books.came(item, noted)
            self._counts["returned" if arrival.returned else "delivered"] += 1

    def _count(self, day: int) -> None:
        """Count a part of the range, as stores without readers do."""
        assert isinstance(self._books, PaperBooks)
        chain, dice = self._chain, self._week
        for shop, opening in enumerate(dice.openings):
            for sku in opening.carried:
                if (sku + shop) % chain.count_days == day % chain.count_days:
                    number = sku * 7919 + shop * 104_729 + day + dice.seed
                    wrong = number % 1_000 / 1_000 >= chain.count_right
                    units = self._goods.inside(shop, sku) + ((-1) ** number if wrong else 0)
                    self._books.counted(Place(shop, sku), max(0, units))

    def _sample(self) -> None:
        """Count what a shopper finds, size by size."""
        for shop, opening in enumerate(self._week.openings):
            for sku in opening.carried:
                shown = bool(self._goods.at(shop, sku, self._goods.home(sku)))
                there = shown or self._goods.inside(shop, sku) > 0
                self._counts["sizes"] += 1
                self._counts["sizes_there"] += there
                self._counts["sizes_shown"] += shown

    def _check_records(self) -> None:
        """Compare what the books say with what is there, size by size."""
        for shop, opening in enumerate(self._week.openings):
            for sku in opening.carried:
                self._counts["records"] += 1
                self._counts["records_right"] += self._books.units(Place(shop, sku)) == self._goods.inside(shop, sku)

    def outcome(self) -> Outcome:
        """Run the week, then a day without shoppers for what is still to be picked."""
        self._agenda.run((self._chain.days + 1) * DAY_MIN)
        self.web.end()
        counts = self._counts + self.web.counts + self._shoppers.counts
        for refill in self._refills:
            counts += Counter({f"refill_{name}": number for name, number in refill.counts.items()})
        for staff in self._staff:
            counts += Counter({f"minutes_{name}": round(minutes) for name, minutes in staff.minutes.items()})
        scans = sum(refill.counts["scans"] for refill in self._refills)
        counts["minutes_scan"] = round(
            scans * self._chain.scan_min * sum(s.size for s in self._chain.shops) / len(self._chain.shops)
        )
        counts["events"] = self._agenda.done
        said = [(chance, number not in self.web.missed) for chance, number in self.web.said]
        return Outcome(self._rule.name, self._week.seed, counts, said)
