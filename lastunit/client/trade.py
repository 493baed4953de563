"""What tills, warehouses and ERP tell the gateway, and what staff read of it.

The bodies are the structs of `gateway.http.trade_bodies`. Each carries the sender's own name of the event
(`source_event_id`): a receipt's number says after any crash whether that sale was told, a random name would not. The
gateway takes an event once under its name, so all of these are sent again until they are answered.
"""

from typing import TYPE_CHECKING, overload

from gateway.http.trade_rows import (
    AdjustmentTaken,
    AuditPage,
    CountTaken,
    Erased,
    InspectionTaken,
    ItemStory,
    PostingPage,
    ReceiptTaken,
    ReturnTaken,
    SaleTaken,
    ShipmentItems,
    ShipmentList,
    ShipmentTaken,
    TotalsTaken,
)
from lastunit.client.connection import Connection, segment

if TYPE_CHECKING:  # they bring the database's packages with them; who writes a body has imported them
    from gateway.http.trade_bodies import (
        CountBody,
        DeltaBody,
        EraseBody,
        InspectionBody,
        ReceiptBody,
        ReturnBody,
        SaleBody,
        SetBody,
        ShipBody,
        ShipmentBody,
        StepBody,
        StockTransferBody,
        TotalsBody,
        TransferReceiptBody,
    )


class TradeCalls(Connection):
    """Stock operations."""

    async def sale(self, body: "SaleBody") -> SaleTaken:
        """Say that goods were sold: nobody is promised them from the answer on."""
        return await self._told("/v1/sales", SaleTaken, body)

    async def return_(self, body: "ReturnBody") -> ReturnTaken:
        """Say that goods came back from a shopper."""
        return await self._told("/v1/returns", ReturnTaken, body)

    async def inspect(self, body: "InspectionBody") -> InspectionTaken:
        """Say what returned goods are: for sale again, or damaged. Raises `ConflictError`: they do not wait for it."""
        return await self._told("/v1/returns:inspect", InspectionTaken, body)

    async def announce(self, body: "ShipmentBody") -> ShipmentTaken:
        """Announce goods of a supplier (ASN)."""
        return await self._told("/v1/shipments", ShipmentTaken, body)

    async def shipments(self, site: str, *, state: str | None = None, limit: int | None = None) -> ShipmentList:
        """Return shipments to a site and from it: those that are open, or those in a state."""
        return await self._get("/v1/shipments", ShipmentList, site=site, state=state, limit=limit)

    async def shipment(self, name: str) -> ShipmentItems:
        """Return how far a shipment is."""
        return await self._get(f"/v1/shipments/{segment(name)}", ShipmentItems)

    async def receipt(self, body: "ReceiptBody") -> ReceiptTaken:
        """Say that goods came in."""
        return await self._told("/v1/receipts", ReceiptTaken, body)

    async def transfer_stock(self, body: "StockTransferBody") -> ShipmentTaken:
        """Send goods to another site, or announce that."""
        return await self._told("/v1/transfers", ShipmentTaken, body)

    async def ship_stock(self, name: str, body: "ShipBody | StepBody") -> ShipmentTaken:
        """Say that an announced transfer leaves; with the lines of a `ShipBody`: what really leaves."""
        return await self._told(f"/v1/transfers/{segment(name)}:ship", ShipmentTaken, body)

    async def cancel_stock(self, name: str, body: "StepBody") -> ShipmentTaken:
        """Take a transfer back."""
        return await self._told(f"/v1/transfers/{segment(name)}:cancel", ShipmentTaken, body)

    async def receive_stock(self, name: str, body: "TransferReceiptBody") -> ReceiptTaken:
        """Say that a transfer arrives, all of it or some lines."""
        return await self._told(f"/v1/transfers/{segment(name)}:receive", ReceiptTaken, body)

    async def count(self, body: "CountBody") -> CountTaken:
        """Say what somebody counted."""
        return await self._told("/v1/counts", CountTaken, body)

    @overload
    async def adjust(self, body: "TotalsBody") -> TotalsTaken: ...

    @overload
    async def adjust(self, body: "DeltaBody | SetBody") -> AdjustmentTaken: ...

    async def adjust(self, body: "DeltaBody | SetBody | TotalsBody") -> AdjustmentTaken | TotalsTaken:
        """Correct stock with a reason, set it, or have totals compared."""
        mode = type(body).__struct_config__.tag
        answer: type[AdjustmentTaken | TotalsTaken] = TotalsTaken if mode == "totals" else AdjustmentTaken
        return await self._told("/v1/adjustments", answer, body)

    async def erase(self, body: "EraseBody") -> Erased:
        """Have a customer's references forgotten."""
        return await self._told("/v1/references:erase", Erased, body)

    async def item(self, gtin: str, serial: str) -> ItemStory:
        """Return the story of an item; for staff."""
        return await self._get(f"/v1/items/{segment(gtin)}/{segment(serial)}", ItemStory)

    async def postings(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        site: str | None = None,
        gtin: str | None = None,
        serial: str | None = None,
    ) -> PostingPage:
        """Return a page of postings, oldest first; for staff."""
        return await self._get(
            "/v1/postings", PostingPage, after=after, limit=limit, site=site, gtin=gtin, serial=serial
        )

    async def audit(self, *, after: int | None = None, limit: int | None = None, site: str | None = None) -> AuditPage:
        """Return a page of who did what, oldest first; for auditors."""
        return await self._get("/v1/audit", AuditPage, after=after, limit=limit, site=site)
