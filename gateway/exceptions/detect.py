"""From facts of one site to the alarms that they are causes of. Pure: no IO, no clock.

Each function takes all that there is of its kind, and returns the alarms of all causes that go on, the worst first:
what it does not return has no cause any more. Words are for a person in the store, evidence for whoever doubts them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from gateway.clock import iso, iso_or_none
from gateway.exceptions.alarm import Kind, NewAlarm, Severity, name_of
from gateway.exceptions.facts import Departure, LastRead, Look, Misplaced, Nameless, Product, Silence
from gateway.exceptions.limits import (
    EVIDENCE_ITEMS,
    GRACE_US,
    LEFT_US,
    LOOKED_US,
    MISPLACED_US,
    READ_SHARE,
    SURE,
    UNREAD_US,
)
from wire.site import Site, ZoneKind


def left_unsold(site: str, found: Iterable[Departure], now_us: int) -> list[NewAlarm]:
    """Return an alarm for each item that left without a sale `GRACE_US` to `LEFT_US` ago, the newest first."""
    due = [one for one in found if now_us - LEFT_US < one.left_us <= now_us - GRACE_US]
    return [
        NewAlarm(
            site=site,
            kind=Kind.LEFT_UNSOLD,
            dedup=name_of(Kind.LEFT_UNSOLD, one.product.gtin, one.serial),
            severity=Severity.CRITICAL,
            gtin=one.product.gtin,
            serial=one.serial,
            zone=one.from_zone or None,
            text=f"{one.product} left from {one.from_zone or 'an unknown zone'} and was not paid for",
            evidence={
                "left_at": iso(one.left_us),
                "from_zone": one.from_zone,
                "cause": one.cause,
                "probability": one.probability,
                "price": one.product.price,
            },
        )
        for one in sorted(due, key=lambda one: (-one.left_us, one.product.gtin, one.serial))
    ]


def departments_of(site: Site) -> dict[str, str]:
    """Return the department of each zone of the sales floor that has one; zones that count as another are not asked."""
    return {
        zone.id: zone.department
        for zone in site.zones
        if zone.kind in {ZoneKind.SALES_FLOOR, ZoneKind.WINDOW} and zone.department and zone.counts_as == zone.id
    }


def same_department(one: str, other: str) -> bool:
    """Whether two names mean the same department: case and blanks around them do not matter."""
    return one.strip().casefold() == other.strip().casefold()


def is_wrong(department: str, zone: str, departments: Mapping[str, str]) -> bool:
    """Whether goods of a department lie wrong in a zone: it is another one's, and theirs is on this floor, too.

    Goods of a department that no zone is of may hang anywhere.
    """
    if not department.strip() or zone not in departments or same_department(departments[zone], department):
        return False
    return any(same_department(other, department) for other in departments.values())


def wrong_department(site: Site, found: Iterable[Misplaced], looks: Mapping[str, Look], now_us: int) -> list[NewAlarm]:
    """Return an alarm for each SKU and zone with items that lie wrong, surely and for `MISPLACED_US`."""
    departments = departments_of(site)
    alarms = []
    for one in found:
        look = looks.get(one.zone)
        if look is None or not look.live or not is_wrong(one.product.department, one.zone, departments):
            continue
        items = [
            (serial, since_us)
            for serial, since_us, sure in one.items
            if sure is not None and sure >= SURE and since_us <= now_us - MISPLACED_US
        ]
        if not items:
            continue
        units = f"{len(items)} {'unit' if len(items) == 1 else 'units'}"
        right = sorted(zone for zone in departments if same_department(departments[zone], one.product.department))
        alarms.append(
            NewAlarm(
                site=site.id,
                kind=Kind.WRONG_DEPARTMENT,
                dedup=name_of(Kind.WRONG_DEPARTMENT, one.product.gtin, one.zone),
                gtin=one.product.gtin,
                zone=one.zone,
                text=f"{units} of {one.product} ({one.product.department}) in {one.zone} ({one.zone_department})",
                evidence={
                    "department": one.product.department,
                    "zone_department": one.zone_department,
                    "belongs_in": right,
                    "since": iso(min(since_us for _, since_us in items)),
                    "units": len(items),
                    "serials": sorted(serial for serial, _ in items)[:EVIDENCE_ITEMS],
                },
            )
        )
    return sorted(alarms, key=lambda alarm: (-int(alarm.evidence["units"]), alarm.dedup))


def unknown_gtin(site: str, found: Iterable[Nameless]) -> list[NewAlarm]:
    """Return an alarm for each GTIN of ours in the site that no catalogue names, that with the most units first."""
    return [
        NewAlarm(
            site=site,
            kind=Kind.UNKNOWN_GTIN,
            dedup=name_of(Kind.UNKNOWN_GTIN, one.gtin),
            gtin=one.gtin,
            zone=max(one.zones, key=lambda at: (at[1], at[0]))[0] if one.zones else None,
            text=f"{one.units} {'unit' if one.units == 1 else 'units'} of GTIN {one.gtin}, which no catalogue names",
            evidence={"units": one.units, "zones": dict(one.zones), "serials": list(one.serials[:EVIDENCE_ITEMS])},
        )
        for one in sorted(found, key=lambda one: (-one.units, one.gtin))
    ]


def never_read(
    site: str, found: Silence, looks: Mapping[str, Look], products: Mapping[str, Product]
) -> tuple[list[NewAlarm], frozenset[str]]:
    """Return alarms of stock that is in the books and no antenna reads, and the zones of which that cannot be said.

    A zone is judged when it is looked at for `LOOKED_US`, and `READ_SHARE` of its tags were read meanwhile: then a tag
    that was neither read nor named for `UNREAD_US` is missing, dead or was never there.
    """
    unsaid = set()
    for zone, (items, read) in found.zones.items():
        look = looks.get(zone)
        steady = look is not None and look.live and look.since_us <= found.now_us - LOOKED_US
        if not steady or read < READ_SHARE * items:
            unsaid.add(zone)
    silent: dict[tuple[str, str], list[LastRead]] = defaultdict(list)
    for one in found.silent:
        if one.zone not in unsaid:
            silent[one.name.gtin, one.zone].append(one)
    alarms = [
        _unread(site, products.get(gtin, Product(gtin)), zone, items, found.believed[gtin, zone])
        for (gtin, zone), items in silent.items()
    ]
    return sorted(alarms, key=lambda alarm: (-int(alarm.evidence["units"]), alarm.dedup)), frozenset(unsaid)


def _unread(site: str, product: Product, zone: str, items: Sequence[LastRead], believed: int) -> NewAlarm:
    days = UNREAD_US // (24 * 3_600_000_000)
    first = sorted(items, key=lambda one: (max(one.read_us, one.told_us), one.name))[:EVIDENCE_ITEMS]
    return NewAlarm(
        site=site,
        kind=Kind.NEVER_READ,
        dedup=name_of(Kind.NEVER_READ, product.gtin, zone),
        gtin=product.gtin,
        zone=zone,
        text=f"{len(items)} of {believed} {product} in {zone}: not read for {days} days. Look for them or their tags",
        evidence={
            "units": len(items),
            "believed": believed,
            "items": [
                {
                    "serial": one.name.serial,
                    "last_read_at": iso_or_none(one.read_us),
                    "named_at": iso_or_none(one.told_us),
                }
                for one in first
            ],
        },
    )
