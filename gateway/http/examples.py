"""The examples of the OpenAPI document: typed values, encoded by the code of the answers. One store, one jacket."""

from typing import Final

from gateway.availability import Policy
from gateway.http.event_stream import event_of
from gateway.http.matrix import Cell, ColourRow, SiteStock, Style, ZoneTile
from gateway.http.ports import (
    Approved,
    BookNow,
    BookTaken,
    ChangeRow,
    DifferenceItem,
    DifferencePage,
    DifferenceRow,
    EvidenceTaken,
    FeedHealth,
    FigureAt,
    SiteAccuracy,
    SiteHealth,
    ZoneCount,
)
from gateway.http.rows import (
    AvailabilityBatch,
    AvailabilityOfSites,
    AvailabilityRow,
    Edge,
    EdgeFigures,
    Edges,
    HealthAnswer,
    Movement,
    Movements,
    SiteEntry,
    Sites,
    StockSnapshot,
    StreamFigures,
)
from gateway.http.survey_rows import AntennaSurvey, ConfusionRow, SiteModel, Survey, ZoneSurvey
from gateway.http.told import ApprovalBody, BookBody, BookTotal, EvidenceBody
from gateway.push.rendering import render, view_of
from wire.messages import DeviceHealth

GTIN: Final = "09506000134352"
SITE: Final = "store-001"
_AT: Final = "2026-11-22T05:45:00.123Z"
_BEFORE: Final = "2026-11-22T05:44:58.700Z"

AVAILABILITY_ROW: Final = AvailabilityRow(
    gtin=GTIN,
    site=SITE,
    atp=3,
    on_hand=4,
    held=0,
    safety=0,
    confidence=0.97,
    status="live",
    as_of=_AT,
    oldest_read_s=0.4,
    version=17,
    zones={"BACK": 2, "FLOOR_A": 1, "FIT": 1},
)
AVAILABILITY_OF_SITES: Final = AvailabilityOfSites(GTIN, 3, 4, [AVAILABILITY_ROW])
AVAILABILITY_BATCH: Final = AvailabilityBatch([AVAILABILITY_ROW], [f"{GTIN}@x"])
STOCK_SNAPSHOT: Final = StockSnapshot(SITE, 412, [AVAILABILITY_ROW], GTIN)

_ZONES: Final = [
    ZoneTile("BACK", "back_room", "back", True, "BACK", "live", _AT, _BEFORE, 2),
    ZoneTile("FLOOR_A", "sales_floor", "floor", True, "FLOOR_A", "live", _AT, _BEFORE, 1),
    ZoneTile("FIT", "fitting_room", "other", False, "FIT", "blind", _BEFORE, _BEFORE, 1),
]
SITES: Final = Sites(
    [
        SiteEntry(
            *(SITE, "Main Street", "Europe/Berlin", "9506000134352", _AT, 0, 4, _ZONES),
            {"blind_share": 0.25, "uncertain_items": 0.021, "expected_count_error": 0.04},
        )
    ]
)
SITE_STOCK: Final = SiteStock(
    SITE,
    "Main Street",
    412,
    _AT,
    4,
    1,
    _ZONES,
    [
        Style(
            "Harbour Jacket",
            "Waxed cotton jacket",
            "Outerwear",
            ["M"],
            4,
            [
                ColourRow(
                    "navy", "navy", [Cell(GTIN, "M", 4, 1, 2, 1, 3, "live", 17, {"BACK": 2, "FLOOR_A": 1, "FIT": 1})]
                )
            ],
        )
    ],
)
MOVEMENTS: Final = Movements(
    SITE,
    [
        Movement(
            m=981,
            gtin=GTIN,
            from_zone="BACK",
            to_zone="FLOOR_A",
            happened_at=_BEFORE,
            first_read_at=_BEFORE,
            decided_at=_AT,
            cause="presence",
            probability=0.97,
        )
    ],
    981,
)
CHANGE_BODY: Final = (
    b'{"seq":412,"kind":"stock","gtin":"09506000134352","site":"store-001","atp":3,"on_hand":4,"held":0,"confidence":0.97,'
    b'"status":"live","version":17,"as_of":"2026-11-22T05:45:00.123Z","reason":"moved",'
    b'"zones":{"BACK":2,"FLOOR_A":1,"FIT":1},"moves":[{"serial":"1","from":"BACK","to":"FLOOR_A",'
    b'"happened_at":"2026-11-22T05:44:58.700Z","first_read_at":"2026-11-22T05:44:58.700Z",'
    b'"decided_at":"2026-11-22T05:45:00.123Z","cause":"presence","probability":0.97}],"moves_left_out":0}'
)
_EVENT: Final = event_of(render(ChangeRow(412, SITE, GTIN, CHANGE_BODY), view_of(Policy(), moves=True)))
CHANGE: Final = _EVENT.line.decode()
CHANGE_SSE: Final = _EVENT.sse.decode()

EDGES: Final = Edges(
    [
        Edge(
            site=SITE,
            edge="box-1",
            status="online",
            at=_AT,
            received_at=_AT,
            outbox_rows=0,
            outbox_oldest_s=0.0,
            evicted=0,
            config_hash="5f1c",
            devices=(
                DeviceHealth(device="R1", driver="llrp", state="up", since_us=1_795_326_300_000_000, reads=90_412),
            ),
        )
    ]
)
HEALTH: Final = HealthAnswer(
    status="degraded",
    reasons=["site store-001: 1 blind zones"],
    now=_AT,
    fold_lag_ms=0,
    relay_waiting=0,
    quarantined=0,
    gaps=0,
    edges=EdgeFigures(1, 0),
    streams=StreamFigures(2, 0, 0, 0),
    relay=FeedHealth(412, 0),
    sites=[SiteHealth(SITE, 0, 0, 120, 4, 1, 0, 0, {})],
    ingest={"batches": 5_120},
)

SERIAL: Final = "6789"
EVIDENCE: Final = EvidenceBody(
    id="till-4/receipt-20871/line-1",
    kind="sale",
    at="2026-11-22T06:44:58+01:00",
    epcs=[f"https://id.gs1.org/01/{GTIN}/21/{SERIAL}"],
)
EVIDENCE_BY_SKU: Final = EvidenceBody(id="till-4/receipt-20871/line-2", kind="sale", at=_BEFORE, gtin=GTIN, quantity=2)
EVIDENCE_COUNT: Final = EvidenceBody(
    id="count-2026-11-22-back",
    kind="count",
    at=_BEFORE,
    epcs=["3034257BF400B7800004CB2F"],
    zone="BACK",
    coverage=0.98,
    who="Kim",
)
EVIDENCE_TAKEN: Final = EvidenceTaken(EVIDENCE.id, SITE, 90_412, 1, _AT)
BOOK: Final = BookBody("erp-2026-11-22", [BookTotal(GTIN, 5, _BEFORE)])
BOOK_TAKEN: Final = BookTaken(BOOK.id, SITE, 1, 0, _AT)
DIFFERENCE_ID: Final = f"{GTIN}-left_unpaid-5f1c0de8a4b2"
DIFFERENCES: Final = DifferencePage(
    SITE,
    [
        DifferenceRow(
            id=DIFFERENCE_ID,
            gtin=GTIN,
            cause="left_unpaid",
            zone=None,
            quantity=1,
            items=[DifferenceItem(SERIAL, "OUT", _BEFORE, "FLOOR_A", "left", 0.94)],
            items_left_out=0,
            on_hand=4,
            zones={"BACK": 2, "FLOOR_A": 1, "FIT": 1},
            book=BookNow(5, "2026-11-21T22:00:00.000Z", 5),
            counts=[ZoneCount("BACK", "2026-11-20T19:12:00.000Z", 2, 2)],
            approved=None,
        )
    ],
    GTIN,
)
APPROVAL: Final = ApprovalBody(who="Kim", decision="gone")
APPROVED: Final = Approved(
    id=DIFFERENCE_ID,
    site=SITE,
    gtin=GTIN,
    cause="left_unpaid",
    who="Kim",
    decision="gone",
    zone="",
    serials_named=[],
    items_placed=[],
    place="",
    n=None,
    book_units=-1,
    book_now=4,
    approved_at=_AT,
)
ACCURACY: Final = SiteAccuracy(
    SITE,
    {
        "blind_share": FigureAt(_AT, 0.25),
        "expected_count_error": FigureAt(_AT, 0.04),
        "book_agreement": FigureAt(_AT, 0.98),
        "count_item_agreement": FigureAt("2026-11-20T19:12:00.000Z", 0.985),
    },
    "2026-11-22T04:45:00.123Z",
    {"blind_share": [FigureAt("2026-11-22T05:44:00.050Z", 0.0), FigureAt(_AT, 0.25)]},
)
MODEL: Final = SiteModel(
    SITE,
    Survey(
        made_at="2026-11-20T07:30:00+00:00",
        age_s=166_500,
        since="2026-11-20T08:02:11.431Z",
        made_from=["monday.csv"],
        items=24,
        windows=9_431,
        seconds=1_260.0,
        quiet_s=0.0,
        sensitivity_dbm=-77.5,
        read_sd_db=2.4,
        macro_recall=0.93,
        zones=[
            ZoneSurvey("BACK", 12, 12, 250.0, 0.44, 0.31, 0.04, 0.97),
            ZoneSurvey("FLOOR", 12, 11, 252.0, 0.36, 0.22, 0.08, 0.89),
        ],
        antennas=[
            AntennaSurvey("R1:1", "BACK", 0.31, -58.2, "FLOOR", 0.02),
            AntennaSurvey("R2:1", "FLOOR", 0.22, -61.0, "BACK", 0.03),
        ],
        confusion=ConfusionRow(
            told=["BACK", "FLOOR"],
            held_out=True,
            seconds={"BACK": [14_550.0, 450.0], "FLOOR": [1_663.0, 13_457.0]},
        ),
        warnings=[],
    ),
)
