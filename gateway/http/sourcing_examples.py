"""The examples of sourcing in the OpenAPI document: a jacket and two shirts, from one store or from two."""

from typing import Final

from gateway.http.reservation_rows import ShipTo
from gateway.http.sourcing_rows import (
    QuoteBody,
    QuotedLine,
    QuotedPart,
    QuotedPlan,
    QuoteLine,
    SitesLeftOut,
    SourcingQuote,
)

_JACKET: Final = "09506000134352"
_SHIRT: Final = "09506000134369"
_LINES: Final = [QuoteLine(_JACKET, 1), QuoteLine(_SHIRT, 2)]
_READY: Final = "2026-11-23T09:30:00.000Z"
_ARRIVES: Final = "2026-11-24T09:58:48.000Z"
_LATER: Final = "2026-11-24T16:13:12.000Z"

TO_A_PLACE: Final = QuoteBody(
    lines=_LINES, mode="ship", ship_to=ShipTo(52.52, 13.405), need_by="2026-11-25T18:00:00+01:00"
)
AT_A_SITE: Final = QuoteBody(lines=_LINES[:1], mode="pickup", pickup_site="store-001")
QUOTE: Final = SourcingQuote(
    quoted_at="2026-11-22T18:45:00.123Z",
    plans=[
        QuotedPlan(
            sites=["store-007"],
            splits=0,
            cost=9.8913,
            prices={"day": 1.6337, "km": 0.1, "miss": 1.1576, "parcel": 4.0, "pick": 3.0},
            eta=_ARRIVES,
            confidence=0.9503,
            reasons=["all of it from store-007", "10 km at most", "all units are there with probability 0.950"],
            parts=[
                QuotedPart(
                    "store-007",
                    [QuotedLine(_JACKET, 1, 0.98), QuotedLine(_SHIRT, 2, 0.9697)],
                    _READY,
                    _ARRIVES,
                    10.0,
                    9.8913,
                )
            ],
        ),
        QuotedPlan(
            sites=["store-001", "store-007"],
            splits=1,
            cost=16.0,
            prices={"day": 3.5, "km": 1.5, "parcel": 8.0, "pick": 3.0},
            eta=_LATER,
            confidence=None,
            reasons=[
                "2 parcels, from store-001 and store-007",
                "140 km at most",
                "how sure it is nobody knows: not everything is looked at in store-001",
                "6.11 dearer than the best: day +1.87, km +1.40, miss -1.16, parcel +4.00",
            ],
            parts=[
                QuotedPart("store-001", [QuotedLine(_JACKET, 1, None)], _READY, _LATER, 140.0, 8.2663),
                QuotedPart("store-007", [QuotedLine(_SHIRT, 2, 1.0)], _READY, _ARRIVES, 10.0, 7.7337),
            ],
        ),
    ],
    considered=12,
    left_out=[SitesLeftOut("nothing", 8), SitesLeftOut("full", 1)],
)
