"""Examples of key figures and lines, for the document."""

from typing import Final

from gateway.http.figure_rows import FigureBoard, FigureCell, FigureRow, FigureSite, SeriesAnswer, SeriesLine

_SAID: Final = "Sizes that a shopper does not find on the floor though the back room has them."

BOARD: Final = FigureBoard(
    now="2026-11-22T05:45:07.000Z",
    as_of="2026-11-22T05:45:03.120Z",
    groups={"refill": "Refill"},
    figures=[
        FigureRow(
            id="to_bring",
            group="refill",
            title="To bring now",
            said=_SAID,
            todo="Work through the refill list.",
            value=12.0,
            unit="skus",
            level="act",
            word="",
            worst="",
            look=0.5,
            act=10.0,
            more=False,
            line={"measurement": "floor", "field": "behind", "fold": "sum"},
            detail={"measurement": "floor", "field": "behind", "fold": "sum", "by": "department"},
        )
    ],
    sites=[FigureSite("store-001", "Main Street", "act", {"to_bring": FigureCell(12.0, "act", "")})],
)

SERIES: Final = SeriesAnswer(
    measurement="floor",
    field="availability",
    meaning="of the SKUs that the site has and that belong on the floor, those shown",
    unit="share",
    words={},
    fold="mean",
    by=["department"],
    start="2026-11-22T05:30:00.000Z",
    end="2026-11-22T05:45:00.000Z",
    step_s=300,
    lines=[SeriesLine({"department": "women"}, [0.95, None, 0.97])],
    left_out=0,
)
