"""The examples of reservations in the OpenAPI document: one jacket, kept and paid."""

from typing import Final

from gateway.http.reservation_rows import (
    HeldItem,
    HeldLine,
    Order,
    Reservation,
    ReservationBody,
    ReservationLine,
    ShipTo,
    item_link,
)
from wire.site import AUTO

_GTIN: Final = "09506000134352"
_SITE: Final = "store-001"
_ID: Final = "019db3f2-7a30-7c1e-9b52-6f0d1e8a4c77"
LINK: Final = item_link(_GTIN, "42")

BODY: Final = ReservationBody(
    lines=[ReservationLine(_GTIN, 1, _SITE)], mode="pickup", cart_ref="c-8812", customer_ref="u-401"
)
_SHIRT: Final = "09506000134369"
SOURCED: Final = ReservationBody(
    lines=[ReservationLine(_GTIN, 1, AUTO), ReservationLine(_SHIRT, 2, AUTO)],
    mode="ship",
    ship_to=ShipTo(52.52, 13.405),
    cart_ref="c-8812",
)
PLANNED: Final = ReservationBody(
    lines=SOURCED.lines, mode="ship", ship_to=SOURCED.ship_to, plan=[_SITE], cart_ref="c-8812"
)
BODIES: Final[dict[str, object]] = {"one jacket": BODY, "from anywhere": SOURCED, "by a plan": PLANNED}
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

_ORDER_ID: Final = "019db3f2-7a30-7d02-8d11-52d3c9d1be90"
ORDER: Final = Order(
    _ORDER_ID,
    "ship",
    HELD.created_at,
    "2026-11-22T06:00:00.123Z",
    [
        Reservation(
            id=_ID,
            state="held",
            mode="ship",
            created_at=HELD.created_at,
            expires_at=HELD.expires_at,
            version=1,
            lines=[_LINE],
            order_id=_ORDER_ID,
        ),
        Reservation(
            id="019db3f2-7a30-7d04-b6c5-0e9a53d07f11",
            state="held",
            mode="ship",
            created_at=HELD.created_at,
            expires_at=HELD.expires_at,
            version=1,
            lines=[
                HeldLine(
                    gtin=_SHIRT,
                    site="store-007",
                    quantity=2,
                    items=[
                        HeldItem(item_link(_SHIRT, "7"), "BACK", 0.99),
                        HeldItem(item_link(_SHIRT, "9"), "BACK", 0.98),
                    ],
                )
            ],
            order_id=_ORDER_ID,
        ),
    ],
)
