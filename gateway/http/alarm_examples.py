"""The examples of alarms in the OpenAPI document: a jacket that left without being paid for."""

from typing import Final

import msgspec

from gateway.http.alarm_rows import AcknowledgeBody, Acknowledged, AlarmList, AlarmRow
from gateway.http.reservation_rows import item_link

_GTIN: Final = "09506000134352"
_SITE: Final = "store-001"
_ID: Final = "019db3f2-9d20-7a11-9c04-2b7f6a1e0d53"

OPEN: Final = AlarmRow(
    id=_ID,
    site=_SITE,
    kind="left_unsold",
    severity="critical",
    state="open",
    text="Aspen navy M left from FLOOR and was not paid for",
    gtin=_GTIN,
    serial="42",
    digital_link=item_link(_GTIN, "42"),
    zone="FLOOR",
    style="Aspen",
    colour="navy",
    size="M",
    description="Quilted jacket",
    department="Women",
    evidence={
        "left_at": "2026-11-22T05:34:51.000Z",
        "from_zone": "FLOOR",
        "cause": "left",
        "probability": 0.97,
        "price": "129.90",
    },
    count=1,
    first_at="2026-11-22T05:45:00.123Z",
    last_at="2026-11-22T05:45:00.123Z",
    acknowledged=None,
    cleared_at=None,
    cleared_reason="",
    version=1,
)
SEEN: Final = msgspec.structs.replace(
    OPEN,
    state="acknowledged",
    acknowledged=Acknowledged("2026-11-22T05:47:10.000Z", "Kim", "gate alarm went off, nobody seen"),
    version=2,
)
LIST: Final = AlarmList(_SITE, 1, [OPEN], None)
BODY: Final = AcknowledgeBody(by="Kim", note="gate alarm went off, nobody seen")
EVENTS: Final = 'event: alarm\ndata: {"id":"' + _ID + '", ...}\n\nevent: ready\ndata: {"alarms":1}\n\n'
