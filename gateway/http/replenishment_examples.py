"""The examples of replenishment in the OpenAPI document: one shirt to be brought, one jacket that nobody may fetch."""

from typing import Final

from gateway.http.replenishment_rows import (
    GapRow,
    Gaps,
    NotNow,
    NotNowRow,
    RefillLine,
    RefillNumbers,
    RefillRound,
    Replenishment,
    SizeRow,
)

_SITE: Final = "store-001"
_TASK: Final = "019db3f2-8c11-7d2e-8a01-51c2d3e4f506"
_DUE: Final = "2026-11-22T06:15:00.000Z"
_GTIN: Final = "09506000134352"

_LINE: Final = RefillLine(
    task=_TASK,
    state="open",
    gtin=_GTIN,
    style="Oxford",
    colour="blue",
    size="M",
    description="Shirt",
    units=3,
    quantity=3,
    from_zones=["BACK"],
    to_zones=["FLOOR_A"],
    urgency="core_low",
    due_at=_DUE,
    reasons=["1 on the floor, 2 to 4 belong there", "3 in the back room with probability 0.9 or more", "a core size"],
    last=False,
    ask=False,
)
_ROUND: Final = RefillRound(department="Men", urgency="core_low", due_at=_DUE, units=3, picks=[_LINE], drops=[_TASK])
_NUMBERS: Final = RefillNumbers(
    tasks_open=1,
    tasks_claimed=0,
    tasks_done=0,
    oldest_task_at="2026-11-22T05:15:00.000Z",
    sizes=240,
    shown=221,
    behind=9,
    absent=6,
    unknown=4,
    floor_availability=0.9364,
    gaps={"core_gap": 2},
    not_now={"empty": 6, "blind_floor": 4},
    complete=True,
    judged_at="2026-11-22T05:46:10.000Z",
)
ROUNDS: Final = Replenishment(site=_SITE, as_of="2026-11-22T05:46:12.000Z", total=1, rounds=[_ROUND], figures=_NUMBERS)
GAPS: Final = Gaps(
    site=_SITE,
    decided_here=True,
    total=1,
    next=None,
    gaps=[
        GapRow(
            style="Oxford",
            colour="blue",
            kind="core_gap",
            says="not on the floor: M",
            since="2026-11-22T05:30:00.000Z",
            alarm=True,
            missing_core=["M"],
            sizes=[SizeRow("09506000134345", "S", "shown"), SizeRow(_GTIN, "M", "behind")],
        )
    ],
)
NOT_NOW: Final = NotNow(
    site=_SITE,
    decided_here=True,
    total=1,
    next=None,
    not_now=[
        NotNowRow(
            gtin="09506000134369",
            style="Aspen",
            colour="navy",
            size="L",
            department="Women",
            why="blind_floor",
            says="0 on the floor, 1 to 2 belong there; nobody looks at FLOOR_B: it may lie there",
        )
    ],
)
