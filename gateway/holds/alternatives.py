"""Other sites that have what one site has not: read from the rows of stock, after the refusal, without any lock.

They are a hint: another buyer may be faster. What expired holds keep back in a row is not offered until it is swept.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Ladder, decode_ladder, offer, standing
from gateway.holds.asked import Who
from gateway.holds.errors import Alternative, InsufficientError, Shortage
from gateway.holds.limits import ALTERNATIVE_SITES_MAX, ALTERNATIVES_MAX
from gateway.http.reservation_rows import AlternativeSite, HeldLine, Reservation
from gateway.site_view import SiteViews
from gateway.storage.schema import stock, stock_count


class _Row(NamedTuple):
    site: str
    ladder: Ladder
    status: str
    known: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the sites have of some SKUs, by GTIN."""

    rows: Mapping[str, Sequence[_Row]]

    def named(self, error: InsufficientError, who: Who) -> InsufficientError:
        """Return the refusal with the sites of this caller that have enough."""
        return InsufficientError([self._of(shortage, who) for shortage in error.shortages])

    def beside(self, line: HeldLine, who: Who) -> HeldLine:
        """Return a line with the sites that have what it lacks."""
        if not line.substitution_needed:
            return line
        named = self._of(Shortage(line.gtin, line.site, line.substitution_needed, 0), who)
        return replace(
            line, alternatives=[AlternativeSite(one.site, one.atp, one.confidence) for one in named.alternatives]
        )

    def _of(self, short: Shortage, who: Who) -> Shortage:
        found = []
        for row in self.rows.get(short.gtin, ()):
            if row.site == short.site or not who.sees(row.site):
                continue
            offered = offer(row.ladder, who.policy, row.status, known=row.known)
            if offered.atp >= short.requested:
                found.append(Alternative(row.site, offered.atp, offered.confidence))
        found.sort(key=lambda one: (-(one.confidence or 0.0), -one.atp, one.site))
        return Shortage(short.gtin, short.site, short.requested, short.atp, tuple(found[:ALTERNATIVES_MAX]))


async def with_alternatives(
    connection: AsyncConnection, views: SiteViews, who: Who, answer: Reservation
) -> Reservation:
    """Return a reservation with other sites of this caller that have what its lines lack, as of now."""
    lacking = {line.gtin for line in answer.lines if line.substitution_needed}
    if not lacking:
        return answer
    others = await elsewhere(connection, views, lacking)
    return replace(answer, lines=[others.beside(line, who) for line in answer.lines])


async def elsewhere(connection: AsyncConnection, views: SiteViews, gtins: Collection[str]) -> Elsewhere:
    """Return what the sites have of these SKUs: of each the sites with the most units."""
    rows: dict[str, list[_Row]] = {}
    for gtin in sorted(gtins):
        query = (
            select(stock.c.site, stock.c.ladder, stock.c.promised)
            .where(stock.c.gtin == gtin, stock.c.ladder.is_not(None))
            .order_by(stock.c.sellable.desc(), stock.c.site)
            .limit(ALTERNATIVE_SITES_MAX)
        )
        found = [row for row in await connection.execute(query) if row.ladder]
        if not found:
            continue
        loaded = await views.load(connection, [row.site for row in found])
        zones: dict[str, dict[str, int]] = defaultdict(dict)
        counts = select(stock_count.c.site, stock_count.c.zone, stock_count.c.quantity).where(
            stock_count.c.gtin == gtin, stock_count.c.site.in_(list(loaded)), stock_count.c.quantity > 0
        )
        for count in await connection.execute(counts):
            zones[count.site][count.zone] = count.quantity
        rows[gtin] = [
            _Row(
                row.site,
                decode_ladder(bytes(row.ladder)),
                standing(zones[row.site], view.sellable, view.looks, view.now_us).status,
                row.promised is not None,
            )
            for row in found
            if (view := loaded.get(row.site)) is not None
        ]
    return Elsewhere(rows)
