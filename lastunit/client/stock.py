"""What is where, what can be sold, and every change of it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import httpx

from gateway.geo import Location
from gateway.http.availability_rows import BatchBody, PairBody
from gateway.http.digital_link_rows import ProductLink
from gateway.http.matrix import SiteStock
from gateway.http.rows import (
    AvailabilityBatch,
    AvailabilityOfSites,
    AvailabilityRow,
    Change,
    Edges,
    HealthAnswer,
    Movements,
    Sites,
    StockSnapshot,
)
from gateway.order_event import ORDER
from lastunit.client.connection import (
    BACKOFF_FIRST_S,
    BACKOFF_MOST_S,
    TIMEOUT_S,
    Connection,
    decoded,
    given,
    refusal_of,
    segment,
)
from lastunit.client.errors import UnavailableError, UnreachableError
from lastunit.client.event_parser import EventParser


class ChangeCalls(Connection):
    """The feed of changes, followed over breaks."""

    async def _followed(
        self, cursor: int | None, site: str | None, thresholds: Sequence[int] | None = None
    ) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield the kind and the body of every event after `cursor`, for ever."""
        position = "" if cursor is None else str(cursor)
        crossed = None if thresholds is None else ",".join(map(str, thresholds))
        delay_s = BACKOFF_FIRST_S
        while True:
            parser = EventParser()
            parser.last_id = position
            try:
                async with aclosing(self._stream(parser, site, crossed)) as stream:
                    async for event in stream:
                        delay_s = BACKOFF_FIRST_S
                        yield event
            except (UnavailableError, UnreachableError, httpx.TransportError):
                delay_s = min(delay_s * 2, BACKOFF_MOST_S)
            position = parser.last_id
            self.resumes += 1
            await self._sleep(delay_s * self._rng.uniform(0.5, 1.0))

    async def _stream(
        self, parser: EventParser, site: str | None, thresholds: str | None
    ) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield the events of one connection."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": parser.last_id} if parser.last_id else {})
        timeout = httpx.Timeout(TIMEOUT_S, read=self._silence_s)
        parameters = given(site=site, thresholds=thresholds)
        async with self._http.stream(
            "GET", "/v1/changes", params=parameters, headers=headers, timeout=timeout
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise refusal_of(response, await response.aread())
            async for chunk in response.aiter_raw():
                for _, event, data in parser.feed(chunk):
                    yield event, data


class StockCalls(ChangeCalls):
    """Reads of stock. `near` is latitude and longitude in degrees."""

    async def availability(self, gtin: str, site: str, *, exclude_hold: str | None = None) -> AvailabilityRow:
        """Return what can be sold of a SKU at one site; the reservation `exclude_hold` counts as gone."""
        return await self._get("/v1/availability", AvailabilityRow, gtin=gtin, site=site, exclude_hold=exclude_hold)

    async def availability_everywhere(
        self,
        gtin: str,
        *,
        near: Location | None = None,
        radius_km: float | None = None,
        exclude_hold: str | None = None,
    ) -> AvailabilityOfSites:
        """Return what can be sold of a SKU at each site, the nearest first when there is a place to be near to."""
        place = None if near is None else f"{near[0]},{near[1]}"
        return await self._get(
            "/v1/availability",
            AvailabilityOfSites,
            gtin=gtin,
            near=place,
            radius_km=radius_km,
            exclude_hold=exclude_hold,
        )

    async def availability_batch(self, pairs: Sequence[tuple[str, str]]) -> AvailabilityBatch:
        """Return the row of each (GTIN, site), in their order; up to a thousand, each once."""
        body = BatchBody([PairBody(gtin, site) for gtin, site in pairs])
        return decoded(await self._once("POST", "/v1/availability:batch", body), AvailabilityBatch)

    async def snapshot(self, site: str, *, page_rows: int | None = None) -> StockSnapshot:
        """Return all rows of a site, page by page, with the cursor of the first page.

        Follow `changes` from that cursor and drop what is not newer by `version`: rows of later pages may be newer
        than the cursor, never older.
        """
        page = await self._get("/v1/snapshot", StockSnapshot, site=site, limit=page_rows)
        cursor, rows = page.cursor, list(page.rows)
        while page.next is not None:
            page = await self._get("/v1/snapshot", StockSnapshot, site=site, limit=page_rows, after=page.next)
            rows += page.rows
        return StockSnapshot(site, cursor, rows, None)

    async def sites(self) -> Sites:
        """Return all sites with their zones."""
        return await self._get("/v1/sites", Sites)

    async def site_stock(self, site: str) -> SiteStock:
        """Return a site's size matrices, and the cursor that they are true at."""
        return await self._get(f"/v1/sites/{segment(site)}/stock", SiteStock)

    async def movements(
        self, site: str, *, limit: int | None = None, before: int | None = None, gtin: str | None = None
    ) -> Movements:
        """Return a page of a site's movements, newest first; `before` is the `next` of the page before."""
        return await self._get(f"/v1/sites/{segment(site)}/movements", Movements, limit=limit, before=before, gtin=gtin)

    async def digital_link(self, gtin: str, serial: str | None = None, *, near: Location | None = None) -> ProductLink:
        """Return what a product's Digital Link leads to; with a staff key and a serial the item, too."""
        path = f"/01/{segment(gtin)}" + ("" if serial is None else f"/21/{segment(serial)}")
        return await self._get(path, ProductLink, near=None if near is None else f"{near[0]},{near[1]}")

    async def edges(self) -> Edges:
        """Return all edge boxes."""
        return await self._get("/v1/edges", Edges)

    async def health(self) -> HealthAnswer:
        """Return the gateway's figures."""
        return await self._get("/healthz", HealthAnswer)

    async def changes(
        self, cursor: int | None = None, site: str | None = None, *, thresholds: Sequence[int] | None = None
    ) -> AsyncGenerator[Change, None]:
        """Yield every change after `cursor`, once and in order, for ever; None means from now on.

        The connection is made again after each break, from the last change that was yielded. With `thresholds` only
        changes whose `atp` crosses one of them come, and after a break the next one of each SKU. Steps of orders are
        `order_changes`.

        Raises:
            CursorLostError: changes are missing; load the stock and go on from its cursor.
            ProblemError: the gateway refused for another reason that trying again does not mend.
            ProtocolError: this is no gateway.
        """
        async with aclosing(self._followed(cursor, site, thresholds)) as events:
            async for event, data in events:
                if event != ORDER:
                    yield decoded(data, Change)
