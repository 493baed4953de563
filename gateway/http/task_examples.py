"""The examples of tasks in the OpenAPI document: one jacket to be picked."""

from typing import Final

from gateway.http.reservation_rows import item_link
from gateway.http.task_rows import CannotBody, ClaimBody, DoneBody, TaskItem, TaskLine, TaskList, TaskRow

_GTIN: Final = "09506000134352"
_SITE: Final = "store-001"
_ID: Final = "019db3f2-8c11-7d2e-8a01-51c2d3e4f506"
LINK: Final = item_link(_GTIN, "42")

_ITEM: Final = TaskItem(LINK, "BACK", 0.97, "2026-11-22T05:12:31.000Z")
_LINE: Final = TaskLine(
    gtin=_GTIN, quantity=1, style="Aspen", colour="navy", size="M", description="Quilted jacket", items=[_ITEM]
)
CLAIMED: Final = TaskRow(
    id=_ID,
    site=_SITE,
    kind="pick",
    state="claimed",
    quantity=1,
    lines=[_LINE],
    urgency="now",
    due_at="2026-11-22T06:15:00.000Z",
    sort=f"1.00.0000.00001795328100000000.{_ID}",
    from_zone="BACK",
    to_zone=None,
    department="Women",
    reservation="019db3f2-7a30-7c1e-9b52-6f0d1e8a4c77",
    mode="pickup",
    claimed_by="Kim",
    claim_ends_at="2026-11-22T06:01:10.000Z",
    reason="",
    reopened=0,
    version=2,
    created_at="2026-11-22T05:45:00.123Z",
    updated_at="2026-11-22T05:46:10.000Z",
)
LIST: Final = TaskList(_SITE, 1, [CLAIMED])
CLAIM_BODY: Final = ClaimBody("Kim")
DONE_BODY: Final = DoneBody(items=[LINK])
CANNOT_BODY: Final = CannotBody(item=LINK, reason="not_found")
EVENTS: Final = 'event: task\ndata: {"id":"' + _ID + '", ...}\n\nevent: ready\ndata: {"tasks":1}\n\n'
