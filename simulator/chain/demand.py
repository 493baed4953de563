"""The week before it happens: goods, shoppers, orders, deliveries and mishaps, drawn once and the same for every rule.

Whatever a rule does, the same shopper comes at the same minute, wants the same size and decides by the same dice; the
same order comes, the same theft is tried. What differs between rules is what the rules did. Times are minutes from
Monday midnight.
"""

from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

import numpy as np

from simulator.chain.parameters import Chain

HISTORY_DAYS: Final = 28
"""Days of sales that are known when the week begins."""
DAY_MIN: Final = 24 * 60
_TOWN_KM: Final = 12.0
_KM_PER_DEGREE: Final = 111.2


class Sku(NamedTuple):
    """A style, a colour, a size; `weight`: its share of the demand of the whole range."""

    gtin: str
    style: int
    colour: int
    size: str
    department: int
    weight: float


class Piece(NamedTuple):
    """A piece of stock: its SKU (number), and whether its tag can be read."""

    sku: int
    tagged: bool


class Want(NamedTuple):
    """A shopper in a store who looks for one SKU. `dice`: what she decides by, each 0 to 1.

    `other`: the SKU that she would take instead, below 0: none.
    """

    at_min: float
    shop: int
    sku: int
    other: int
    dice: tuple[float, ...]


class Order(NamedTuple):
    """An order at the web shop: one unit of each SKU. `dice`: whether it is collected, and when."""

    number: int
    at_min: float
    lat: float
    lon: float
    pickup: bool
    skus: tuple[int, ...]
    dice: tuple[float, ...]


class Arrival(NamedTuple):
    """Pieces that come to a store, by delivery or by return. `noted`: SKUs that the papers say, in the same order."""

    at_min: float
    shop: int
    pieces: tuple[Piece, ...]
    noted: tuple[int, ...]
    returned: bool


class Theft(NamedTuple):
    """Somebody takes a piece from the floor; `dice` says which."""

    at_min: float
    shop: int
    dice: float


@dataclass(frozen=True, slots=True)
class Opening:
    """A store on Monday morning.

    `carried`: SKU numbers; `back`, `floor`: pieces; `book`: units on record, `sold`: units sold in the last
    `HISTORY_DAYS`, both by SKU number.
    """

    carried: tuple[int, ...]
    back: tuple[Piece, ...]
    floor: tuple[Piece, ...]
    book: dict[int, int]
    sold: dict[int, int]


@dataclass(frozen=True, slots=True)
class Week:
    """All that is given."""

    chain: Chain
    seed: int
    skus: tuple[Sku, ...]
    openings: tuple[Opening, ...]
    wants: tuple[Want, ...]
    orders: tuple[Order, ...]
    arrivals: tuple[Arrival, ...]
    thefts: tuple[Theft, ...]


def week_of(chain: Chain, seed: int) -> Week:
    """Return the week of a seed."""
    rngs = iter(np.random.default_rng(part) for part in np.random.SeedSequence([seed, 7]).spawn(6))
    skus = _skus(chain)
    carried = _carried(chain, skus)
    rng = next(rngs)
    openings = tuple(
        _opening(chain, skus, mine, shop.size, rng) for shop, mine in zip(chain.shops, carried, strict=True)
    )
    wants = _wants(chain, skus, carried, next(rngs))
    return Week(
        chain,
        seed,
        skus,
        openings,
        wants,
        _orders(chain, skus, next(rngs)),
        _arrivals(chain, skus, carried, next(rngs)),
        _thefts(chain, next(rngs)),
    )


def sales_day(chain: Chain, size: float) -> float:
    """Return the sales that a store of this size makes in a day, roughly."""
    return chain.wants_day * size * chain.buys * 0.85


def _skus(chain: Chain) -> tuple[Sku, ...]:
    shares = np.arange(1, chain.styles + 1) ** -chain.zipf
    shares = shares / shares.sum() / chain.colours
    total = sum(share for _, share in chain.curve)
    made: list[Sku] = []
    for style in range(chain.styles):
        for colour in range(chain.colours):
            for size, share in chain.curve:
                number = len(made)
                gtin = _gtin(950_600_000_000 + number)
                made.append(Sku(gtin, style, colour, size, style % 2, float(shares[style]) * share / total))
    return tuple(made)


def _gtin(body: int) -> str:
    """Return a GTIN-14 with its check digit."""
    digits = f"{body:013d}"
    odd = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(digits))
    return f"{digits}{-odd % 10}"


def _carried(chain: Chain, skus: tuple[Sku, ...]) -> list[tuple[int, ...]]:
    """Return what each store carries: the largest all styles, the smallest the best-selling share of them."""
    sizes = [shop.size for shop in chain.shops]
    low, high = min(sizes), max(sizes)
    found = []
    for size in sizes:
        part = 1.0 if high == low else (size - low) / (high - low)
        styles = round(chain.styles * (chain.carry + (1 - chain.carry) * part))
        found.append(tuple(number for number, sku in enumerate(skus) if sku.style < styles))
    return found


def _pieces(chain: Chain, skus: list[int], rng: np.random.Generator) -> tuple[Piece, ...]:
    tagged = rng.random(len(skus)) >= chain.untagged
    return tuple(Piece(sku, bool(tag)) for sku, tag in zip(skus, tagged, strict=True))


def _opening(
    chain: Chain, skus: tuple[Sku, ...], carried: tuple[int, ...], size: float, rng: np.random.Generator
) -> Opening:
    """Stock in depth by the square root of demand, as allocation does: even the last style gets some of each size."""
    weight = np.array([skus[sku].weight for sku in carried]) ** 0.5
    mean = chain.depth * size * weight / weight.mean()
    units = rng.negative_binomial(chain.spread, chain.spread / (chain.spread + mean))
    rate = np.array([skus[sku].weight for sku in carried])
    rate = rate / rate.sum() * sales_day(chain, size)
    sold = rng.poisson(rate * HISTORY_DAYS)
    shown, back = [], []
    book = {}
    for sku, here, weekly in zip(carried, units.tolist(), (rate * 3).tolist(), strict=True):
        display = min(here, 1 + int(rng.poisson(weekly))) if rng.random() < chain.shown else 0
        shown += [sku] * display
        back += [sku] * (here - display)
        book[sku] = max(0, here + _book_error(chain, rng))
    return Opening(
        carried,
        _pieces(chain, back, rng),
        _pieces(chain, shown, rng),
        book,
        dict(zip(carried, sold.tolist(), strict=True)),
    )


def _book_error(chain: Chain, rng: np.random.Generator) -> int:
    """Return by how much a record is wrong: by one mostly, up as often as down. No record falls below 0 by it."""
    dice = rng.random(3)
    if dice[0] < chain.book_right:
        return 0
    by = 1 if dice[1] < 0.7 else 2 if dice[1] < 0.9 else 3
    return by if dice[2] < 0.5 else -by


def _wants(
    chain: Chain, skus: tuple[Sku, ...], carried: list[tuple[int, ...]], rng: np.random.Generator
) -> tuple[Want, ...]:
    found = []
    hours = (chain.opens_h * 60, chain.closes_h * 60 - 20)
    for number, shop in enumerate(chain.shops):
        weight = np.array([skus[sku].weight for sku in carried[number]])
        weight /= weight.sum()
        for day in range(chain.days):
            count = int(rng.poisson(chain.wants_day * shop.size))
            at = np.sort(rng.uniform(*hours, count)) + day * DAY_MIN
            chosen = rng.choice(len(weight), count, p=weight)
            dice = rng.random((count, 10))
            for row in range(count):
                sku = carried[number][int(chosen[row])]
                other = _other_colour(chain, skus, sku)
                found.append(Want(float(at[row]), number, sku, other, tuple(dice[row].tolist())))
    return tuple(sorted(found))


def _other_colour(chain: Chain, skus: tuple[Sku, ...], sku: int) -> int:
    """Return the same style and size in the next colour; -1 where there is only one."""
    if chain.colours == 1:
        return -1
    sizes = len(chain.curve)
    colour = skus[sku].colour
    return sku + sizes if colour + 1 < chain.colours else sku - sizes * colour


def _orders(chain: Chain, skus: tuple[Sku, ...], rng: np.random.Generator) -> tuple[Order, ...]:
    weight = np.array([sku.weight for sku in skus])
    walk_ins = sum(sales_day(chain, shop.size) for shop in chain.shops)
    mean_lines = sum((n + 1) * share for n, share in enumerate(chain.lines))
    a_day = walk_ins * chain.web_share / (1 - chain.web_share) / mean_lines
    people = np.array([shop.size for shop in chain.shops])
    hours = np.array(chain.order_hours) / sum(chain.order_hours)
    found: list[Order] = []
    for day in range(chain.days):
        for _ in range(int(rng.poisson(a_day))):
            at = day * DAY_MIN + (int(rng.choice(24, p=hours)) + rng.random()) * 60
            near = chain.shops[int(rng.choice(len(people), p=people / people.sum()))]
            pickup = bool(rng.random() < chain.pickup)
            away = rng.normal(0.0, _TOWN_KM * (0.4 if pickup else 4.0), 2) / _KM_PER_DEGREE
            lines = int(rng.choice(len(chain.lines), p=chain.lines)) + 1
            chosen = rng.choice(len(skus), lines, replace=False, p=weight / weight.sum())
            place = near.lat + float(away[0]), near.lon + float(away[1]) / 0.62
            dice = tuple(rng.random(3).tolist())
            found.append(Order(0, float(at), *place, pickup, tuple(chosen.tolist()), dice))
    found.sort(key=lambda order: order.at_min)
    return tuple(order._replace(number=number) for number, order in enumerate(found))


def _arrivals(
    chain: Chain, skus: tuple[Sku, ...], carried: list[tuple[int, ...]], rng: np.random.Generator
) -> tuple[Arrival, ...]:
    found = []
    for number, shop in enumerate(chain.shops):
        weight = np.array([skus[sku].weight for sku in carried[number]])
        weight /= weight.sum()
        a_week = sales_day(chain, shop.size) * 7 * chain.service / (1 - chain.web_share)
        per_delivery = a_week / max(1, len(chain.delivery_days))
        for day in [day for day in chain.delivery_days if day < chain.days]:
            noted = [carried[number][at] for at in rng.choice(len(weight), int(rng.poisson(per_delivery)), p=weight)]
            came = [_same_or_neighbour(chain, sku, rng) for sku in noted]
            at = day * DAY_MIN + chain.opens_h * 60 - 90.0
            found.append(Arrival(at, number, _pieces(chain, came, rng), tuple(noted), returned=False))
        for day in range(chain.days):
            for _ in range(int(rng.poisson(sales_day(chain, shop.size) * chain.returned))):
                at = day * DAY_MIN + rng.uniform(chain.opens_h * 60, chain.closes_h * 60 - 90)
                sku = carried[number][int(rng.choice(len(weight), p=weight))]
                good = rng.random() >= chain.spoilt
                piece = _pieces(chain, [sku], rng)
                if good:
                    found.append(Arrival(float(at), number, piece, (sku,), returned=True))
    return tuple(sorted(found))


def _same_or_neighbour(chain: Chain, sku: int, rng: np.random.Generator) -> int:
    """Return the SKU that really lies in the box, now and then not the noted one but the next size."""
    if rng.random() >= chain.received_wrong:
        return sku
    sizes = len(chain.curve)
    return sku + 1 if sku % sizes + 1 < sizes else sku - 1


def _thefts(chain: Chain, rng: np.random.Generator) -> tuple[Theft, ...]:
    found = []
    for number, shop in enumerate(chain.shops):
        a_day = sales_day(chain, shop.size) * chain.stolen / (1 - chain.web_share)
        for day in range(chain.days):
            for _ in range(int(rng.poisson(a_day))):
                at = day * DAY_MIN + rng.uniform(chain.opens_h * 60, chain.closes_h * 60)
                found.append(Theft(float(at), number, float(rng.random())))
    return tuple(sorted(found))


def exponential(dice: float, mean: float) -> float:
    """Return an exponential time from one die, at most eight means."""
    return min(8 * mean, -log(max(1e-9, 1.0 - dice)) * mean)
