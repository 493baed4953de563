"""The examples of reservations in the OpenAPI document: one jacket, kept and paid."""

from typing import Final

from gateway.http.reservation_rows import HeldItem, HeldLine, Reservation, ReservationBody, ReservationLine, item_link

_GTIN: Final = "09506000134352"
_SITE: Final = "store-001"
_ID: Final = "019db3f2-7a30-7c1e-9b52-6f0d1e8a4c77"
LINK: Final = item_link(_GTIN, "42")

BODY: Final = ReservationBody(
    lines=[ReservationLine(_GTIN, 1, _SITE)], mode="pickup", cart_ref="c-8812", customer_ref="u-401"
)
_LINE: Final = HeldLine(gtin=_GTIN, site=_SITE, quantity=1, items=[HeldItem(LINK, "FLOOR_A", 0.97)])
HELD: Final = Reservation(
    id=_ID,
    state="held",
    mode="pickup",
    created_at="2026-11-22T05:45:00.123Z",
    expires_at="2026-11-22T06:00:00.123Z",
    version=1,
    lines=[_LINE],
)
CONFIRMED: Final = Reservation(
    id=_ID, state="confirmed", mode="pickup", created_at=HELD.created_at, expires_at=None, version=2, lines=[_LINE]
)
