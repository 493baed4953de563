"""Orders without sites, from their bodies; and plans, as they are answered."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from gateway.clock import iso
from gateway.http.access import Caller, check_site
from gateway.http.body import invalid
from gateway.http.reservation_rows import ShipTo
from gateway.http.sourcing_rows import QuoteBody, QuotedLine, QuotedPart, QuotedPlan, SitesLeftOut, SourcingQuote
from gateway.http.told import gtin_of
from gateway.sourcing.limits import LINES_MAX
from gateway.sourcing.plan import LeftOut, Need, Plan
from gateway.sourcing.quotes import Order, Quoted
from gateway.sourcing.search import QUANTITY_MAX

_MICROS = 1_000_000


def needs_of(lines: Iterable[tuple[str, str, int]]) -> tuple[Need, ...]:
    """Return the needs of lines (member, GTIN, quantity), each SKU once. Raises `RefusedError`."""
    found: dict[str, int] = {}
    for member, gtin, quantity in lines:
        name = gtin_of(f"{member}.gtin", gtin)
        found[name] = found.get(name, 0) + quantity
        if found[name] > QUANTITY_MAX:
            raise invalid(f"{member}.quantity", found[name], f"up to {QUANTITY_MAX} units of one SKU in one order")
    if len(found) > LINES_MAX:
        raise invalid("lines", len(found), f"up to {LINES_MAX} SKUs when the gateway chooses the sites")
    return tuple(Need(gtin, quantity) for gtin, quantity in found.items())


def deadline_of(text: str | None) -> int | None:
    """Return `need_by` in UTC microseconds. Raises `RefusedError`."""
    if text is None:
        return None
    expected = "RFC 3339 with an offset, such as 2026-11-24T12:00:00+01:00"
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("need_by", text, expected) from error
    if at.tzinfo is None or not 1970 < at.year < 9999:
        raise invalid("need_by", text, expected)
    return round(at.timestamp() * _MICROS)


def place_of(ship_to: ShipTo | None) -> tuple[float, float] | None:
    """Return a place as latitude and longitude."""
    return None if ship_to is None else (ship_to.lat, ship_to.lon)


def quote_order(caller: Caller, body: QuoteBody) -> Order:
    """Return a body as an order. Raises `RefusedError`: two places or none, or a site that is not the caller's."""
    if body.pickup_site is not None:
        check_site(caller, body.pickup_site)
    if (body.ship_to is None) == (body.pickup_site is None):
        found = "none" if body.ship_to is None else "both"
        raise invalid("ship_to", found, "either `ship_to` {lat, lon}, or `pickup_site`")
    return Order(
        needs=needs_of((f"lines[{at}]", line.gtin, line.quantity) for at, line in enumerate(body.lines)),
        mode=body.mode,
        ship_to=place_of(body.ship_to),
        collect_at=body.pickup_site,
        need_by_us=deadline_of(body.need_by),
    )


def quote_row(quoted: Quoted) -> SourcingQuote:
    """Return plans as they are answered."""
    found = quoted.quote
    plans = [_plan(plan) for plan in found.plans]
    return SourcingQuote(iso(quoted.at_us), plans, found.considered, left_out_rows(found.left_out))


def left_out_rows(left_out: Mapping[LeftOut, int]) -> list[SitesLeftOut]:
    """Return why sites were not asked, the most frequent reason first."""
    in_order = sorted(left_out.items(), key=lambda one: (-one[1], one[0]))
    return [SitesLeftOut(reason.value, sites) for reason, sites in in_order]


def _plan(plan: Plan) -> QuotedPlan:
    return QuotedPlan(
        sites=list(plan.sites),
        splits=len(plan.parts) - 1,
        cost=round(plan.cost, 4),
        prices={name: round(price, 4) for name, price in plan.prices.items()},
        eta=iso(plan.eta_us),
        confidence=_shown(plan.confidence),
        reasons=list(plan.reasons),
        parts=[
            QuotedPart(
                part.site,
                [QuotedLine(line.gtin, line.quantity, _shown(line.confidence)) for line in part.lines],
                iso(part.ready_us),
                iso(part.arrives_us),
                round(part.distance_km, 1),
                round(part.cost, 4),
            )
            for part in plan.parts
        ],
    )


def _shown(chance: float | None) -> float | None:
    return None if chance is None else round(chance, 4)
