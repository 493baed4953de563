"""Requests for units, from their bodies: at the sites that they name, or where the gateway chooses."""

from gateway.holds.asked import Asked, Who
from gateway.holds.decide import Wish
from gateway.holds.limits import UNITS_MAX
from gateway.http import problem
from gateway.http.access import Caller, check_site
from gateway.http.body import invalid
from gateway.http.problem import Problem, RefusedError
from gateway.http.reservation_rows import REFERENCES, ReservationBody, TransferBody, digest_of, sourced_digest_of
from gateway.http.sourcing_asked import deadline_of, needs_of, place_of
from gateway.http.told import gtin_of
from gateway.ledger.picture import SkuKey
from gateway.sourcing.quotes import Order
from wire.site import AUTO


def who_is(caller: Caller) -> Who:
    """Return a caller as reservations know him."""
    return Who(caller.key_id, caller.policy, caller.sites, staff=caller.may("staff:read"))


def references_of(body: ReservationBody | TransferBody) -> tuple[tuple[str, str], ...]:
    """Return what a reservation is called elsewhere."""
    given = ((name, getattr(body, name)) for name in REFERENCES)
    return tuple((name, value) for name, value in given if value is not None)


def is_sourced(body: ReservationBody) -> bool:
    """Whether the gateway is to choose the sites."""
    return any(line.site == AUTO for line in body.lines)


def asked_of(caller: Caller, name: str, body: ReservationBody) -> Asked:
    """Return a body as a request. Raises `RefusedError`: a line without site, of a foreign site, or too many units."""
    lines: dict[SkuKey, int] = {}
    for number, line in enumerate(body.lines):
        place = f"lines[{number}]"
        if line.site is None or line.site == AUTO:
            detail = f"body: {place}.site is missing: say where the units are to be kept"
            raise RefusedError(Problem(problem.SITE_NEEDED, detail, {"parameter": f"{place}.site"}))
        check_site(caller, line.site)
        key = SkuKey(line.site, gtin_of(f"{place}.gtin", line.gtin))
        lines[key] = lines.get(key, 0) + line.quantity
    if sum(lines.values()) > UNITS_MAX:
        raise invalid("lines", f"{sum(lines.values())} units", f"at most {UNITS_MAX} units in one reservation")
    for member in ("ship_to", "need_by", "plan"):
        if getattr(body, member) is not None:
            raise invalid(member, "given", f'no {member} where the lines name their sites, or "site": "{AUTO}"')
    summed = [(key.site, key.gtin, units) for key, units in lines.items()]
    wishes = tuple(Wish(key, units) for key, units in lines.items())
    return _asked(caller, name, body, digest_of(body, summed), wishes)


def order_of(caller: Caller, name: str, body: ReservationBody) -> tuple[Asked, Order]:
    """Return a body whose sites the gateway chooses: all but the sites, and the order.

    Raises `RefusedError`: a line that names a site beside others that do not, a foreign site in the plan, no place.
    """
    for site in body.plan or ():
        check_site(caller, site)
    for number, line in enumerate(body.lines):
        if line.site is None:
            detail = f'body: lines[{number}].site is missing: where others say "{AUTO}", it says so too'
            raise RefusedError(Problem(problem.SITE_NEEDED, detail, {"parameter": f"lines[{number}].site"}))
        if line.site != AUTO:
            check_site(caller, line.site)
            raise invalid(f"lines[{number}].site", line.site, f'"{AUTO}" for all lines, or for none of them')
    if body.allow_partial:
        raise invalid("allow_partial", "true", f'false: an order with "site": "{AUTO}" is served whole or not at all')
    if body.ship_to is None and body.plan is None:
        raise invalid("ship_to", None, f'{{lat, lon}} of the buyer, for "site": "{AUTO}"')
    needs = needs_of((f"lines[{at}]", line.gtin, line.quantity) for at, line in enumerate(body.lines))
    if sum(need.quantity for need in needs) > UNITS_MAX:
        raise invalid("lines", sum(need.quantity for need in needs), f"at most {UNITS_MAX} units in one reservation")
    order = Order(
        needs=needs,
        mode=body.mode,
        ship_to=place_of(body.ship_to),
        need_by_us=deadline_of(body.need_by),
        only=None if body.plan is None else frozenset(body.plan),
    )
    digest = sourced_digest_of(body, [(need.gtin, need.quantity) for need in needs])
    return _asked(caller, name, body, digest, ()), order


def _asked(caller: Caller, name: str, body: ReservationBody, sha256: bytes, wishes: tuple[Wish, ...]) -> Asked:
    return Asked(
        who=who_is(caller),
        name=name,
        sha256=sha256,
        wishes=wishes,
        mode=body.mode,
        ttl_s=body.ttl_s or caller.policy.ttl_s,
        references=references_of(body),
        allow_partial=body.allow_partial,
    )
