"""What the simulated chain is like, each figure with its source or its reason. Fixed before any result was looked at.

*Judgement* means: no public figure was found that we trust; the value is what seems ordinary, and nothing more. Who
knows better passes other values; nothing else has to change.
"""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Shop:
    """A store: where it is (degrees), and its size beside an ordinary one."""

    site: str
    lat: float
    lon: float
    size: float


SHOPS: Final = (
    Shop("berlin-1", 52.521, 13.411, 1.6),
    Shop("berlin-2", 52.503, 13.327, 1.2),
    Shop("berlin-3", 52.457, 13.321, 0.8),
    Shop("hamburg-1", 53.551, 9.994, 1.3),
    Shop("hamburg-2", 53.585, 10.045, 0.8),
    Shop("munich-1", 48.137, 11.575, 1.3),
    Shop("munich-2", 48.173, 11.546, 0.8),
    Shop("cologne", 50.938, 6.957, 1.0),
    Shop("frankfurt", 50.115, 8.682, 1.0),
    Shop("leipzig", 51.340, 12.375, 0.7),
)
"""Ten stores in six towns: some towns have several, so that a pickup can go elsewhere in town. Judgement."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain and its week. Shares are 0 to 1; times in minutes unless the name says otherwise.

    Goods
        `styles` x `colours` x sizes (`curve`: what share of a style's demand each size is; a bell around M, judgement).
        `zipf`: demand of the k-th style falls as k to the minus this (0.8: between flat and Zipf's law, judgement).
        `depth`: mean units of a SKU in an ordinary store, `spread` the shape of its negative binomial. Set so that 15
        to 20 % of all units are the last one of their size in their store, as Macy's found (RFID Journal, January
        2016); the report prints the share that came out. `carry`: share of the styles that the smallest store carries.
    Walk-ins
        `wants_day`: shoppers a day in an ordinary store who look for one style, colour and size. With `buys` they make
        some 20 sales a day of 1,000 units: stock turns seven times a year, ordinary for fashion. `tries`: share who go
        to the fitting room, `try_min`. `buys`: conversion of those who hold the piece (judgement). `asks`: share who
        ask staff when it is not shown; `substitutes`: share who take another colour (Gruen, Corsten and Bharadwaj 2002
        find 45 % who substitute in grocery; sizes cannot be substituted, so less: judgement).
    Disorder
        `misplaced`: share of pieces put back in the wrong department (Ton and Raman 2010: 16 % of the SKUs of a
        bookseller could not be found where they belonged); `recovered`: share of these set right each evening
        (judgement). `stolen`: thefts per unit sold (National Retail Security Survey 2017: shrink 1.44 % of sales, two
        thirds of that theft: 1 %). `received_wrong`: units of a delivery that are another size than the note says (the
        rest of that shrink, and Auburn's Project Zipper: 69 % of inbound orders had some error). `untagged`: pieces
        whose tag is missing or dead (Auburn audits 2013-14: 3.5 % of items with tagging problems).
    Book stock
        `book_right`: share of size-level records that are right at the start of the week (63 to 65 % in the literature;
        Auburn: 85 % on the day of a count, some 65 % weeks later); errors up as often as down (ECR, Rekik and others).
        `count_days`: each size is counted once in so many days; a count is right with `count_right` (Auburn: 85 %).
    Web
        `web_share`: web units beside walk-in units (a quarter of apparel, judgement). `pickup`: share of orders that
        are collected (judgement). `lines`: how many lines orders have. `no_show`: pickups that nobody collects
        (Forrester 2016: 29 % of users abandoned one in three months; of orders some 5 %, judgement). `returned`: units
        that come back to stores each day per unit sold a day (judgement: returns of the weeks before); `spoilt`: share
        of these that cannot be sold.
    Supply
        `delivery_days`: days of the week (0: Monday) with a delivery before opening; together they bring what sells in
        a week, times `service`, spread by expected demand: the same goods on the same day, whatever a rule sold.
    Staff
        `hands`: people in an ordinary store who do orders and refills beside serving. Minutes of work: `pick_min` for
        the walk of an order and each of its lines, `miss_min` for a search in vain, `round_min` and `unit_min` for a
        refill, `scan_min` for the walk over the floor of an ordinary store each morning. `finds`: share of units found
        that lie where somebody looks, `scans`: share of gaps that such a walk sees. All judgement.
    Shown
        `shown`: share of sizes with stock that are on display on Monday morning. (Macy's: 30 % of shoes were not shown
        without RFID, 4 to 6 % with; 10 % is between, for every rule the same start.)
    """

    shops: tuple[Shop, ...] = SHOPS
    days: int = 7
    opens_h: int = 10
    closes_h: int = 20
    styles: int = 60
    colours: int = 2
    curve: tuple[tuple[str, float], ...] = (
        ("XS", 0.08),
        ("S", 0.20),
        ("M", 0.28),
        ("L", 0.25),
        ("XL", 0.14),
        ("XXL", 0.05),
    )
    zipf: float = 0.8
    depth: float = 1.6
    spread: float = 6.0
    carry: float = 0.7
    wants_day: float = 60.0
    tries: float = 0.5
    try_min: float = 8.0
    buys: float = 0.4
    asks: float = 0.3
    substitutes: float = 0.25
    misplaced: float = 0.06
    recovered: float = 0.7
    stolen: float = 0.01
    received_wrong: float = 0.01
    untagged: float = 0.035
    book_right: float = 0.65
    count_days: int = 60
    count_right: float = 0.85
    web_share: float = 0.25
    pickup: float = 0.35
    lines: tuple[float, ...] = (0.60, 0.25, 0.10, 0.05)
    no_show: float = 0.05
    returned: float = 0.10
    spoilt: float = 0.10
    delivery_days: tuple[int, ...] = (1, 4)
    service: float = 0.9
    hands: float = 2.0
    pick_min: tuple[float, float] = (3.0, 1.5)
    miss_min: float = 5.0
    round_min: float = 4.0
    unit_min: float = 0.75
    scan_min: float = 60.0
    finds: float = 0.97
    scans: float = 0.85
    shown: float = 0.90
    order_hours: tuple[float, ...] = field(
        default=(
            *(0.4, 0.2, 0.1, 0.1, 0.1, 0.2, 0.4, 0.7, 0.9, 1.0, 1.1, 1.1),
            *(1.1, 1.1, 1.1, 1.1, 1.2, 1.3, 1.5, 1.8, 2.0, 2.0, 1.6, 0.9),
        )
    )
    """How many orders come in each hour of the day: most in the evening (judgement)."""

    def __post_init__(self) -> None:
        """Raise `ValueError` that names a figure out of its range."""
        for name in (
            *("carry", "tries", "buys", "asks", "substitutes", "misplaced", "recovered", "stolen", "received_wrong"),
            *(
                "untagged",
                "book_right",
                "count_right",
                "pickup",
                "no_show",
                "returned",
                "spoilt",
                "finds",
                "scans",
                "shown",
            ),
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)}: expected 0 to 1")
        for name in ("days", "styles", "colours", "count_days"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: expected 1 or more")
        if not self.shops or not 0 <= self.opens_h < self.closes_h <= 24:
            raise ValueError(
                f"{len(self.shops)} stores open from {self.opens_h} to {self.closes_h}: expected some, in a day"
            )


QUICK: Final = Chain(shops=SHOPS[3:6], days=2, styles=10, wants_day=40.0, delivery_days=(1,))
"""Three stores, two days: for tests, and to see that the command works. Its figures say nothing."""
