"""Rows of availability as one channel sees them."""

from datetime import datetime
from typing import Final

from gateway.availability import Policy
from gateway.http.ports import SiteAvailability, StockRow
from gateway.http.rows import AvailabilityRow

MICROS: Final = 1_000_000


def age_s(as_of: str, now_us: int) -> float | None:
    """Return the seconds from an instant to `now_us`, not below 0; None when nobody ever looked."""
    if not as_of:
        return None
    then_us = round(datetime.fromisoformat(as_of).timestamp() * MICROS)
    return max(0, now_us - then_us) // 1_000 / 1_000


def availability_row(
    row: SiteAvailability, policy: Policy, now_us: int, distance_km: float | None = None, *, as_of: str | None = None
) -> AvailabilityRow:
    """Return a channel's row; `as_of` stands in the place of its own, whose age is then left out."""
    return _row(row.site, row, policy, now_us, distance_km=distance_km, as_of=as_of)


def snapshot_row(site: str, row: StockRow, policy: Policy, now_us: int) -> AvailabilityRow:
    """Return a channel's row of a page of a site's stock."""
    return _row(site, row, policy, now_us)


def _row(
    site: str,
    row: SiteAvailability | StockRow,
    policy: Policy,
    now_us: int,
    *,
    distance_km: float | None = None,
    as_of: str | None = None,
) -> AvailabilityRow:
    offered = row.offer(policy)
    return AvailabilityRow(
        gtin=row.gtin,
        site=site,
        atp=offered.atp,
        on_hand=row.on_hand,
        held=row.held,
        safety=policy.safety,
        confidence=offered.confidence,
        status=row.status,
        as_of=row.as_of if as_of is None else as_of,
        oldest_read_s=age_s(row.as_of, now_us) if as_of is None else None,
        version=row.version,
        zones=row.zones,
        untagged=row.untagged,
        truth=row.truth,
        distance_km=distance_km,
    )


def validator(row: AvailabilityRow) -> tuple[object, ...]:
    """Return everything of a row but its clock."""
    return (row.site, row.version, row.status, row.atp, row.on_hand, row.held, row.confidence, row.zones)
