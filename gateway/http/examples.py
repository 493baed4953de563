"""The examples of the OpenAPI document: typed values, encoded by the code of the answers. One store, one jacket."""

from typing import Final

from gateway.http.event_stream import event_of
from gateway.http.matrix import Cell, ColourRow, SiteStock, Style, ZoneTile
from gateway.http.ports import ChangeRow, FeedHealth, SiteHealth
from gateway.http.rows import (
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
    StreamFigures,
)
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

_ZONES: Final = [
    ZoneTile("BACK", "back_room", "back", True, "BACK", "live", _AT, _BEFORE, 2),
    ZoneTile("FLOOR_A", "sales_floor", "floor", True, "FLOOR_A", "live", _AT, _BEFORE, 1),
    ZoneTile("FIT", "fitting_room", "other", False, "FIT", "blind", _BEFORE, _BEFORE, 1),
]
SITES: Final = Sites([SiteEntry(SITE, "Main Street", "Europe/Berlin", "9506000134352", _AT, 0, 4, _ZONES)])
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
    b'{"seq":412,"kind":"stock","gtin":"09506000134352","site":"store-001","atp":3,"on_hand":4,"confidence":0.97,'
    b'"status":"live","version":17,"as_of":"2026-11-22T05:45:00.123Z","reason":"moved",'
    b'"zones":{"BACK":2,"FLOOR_A":1,"FIT":1},"moves":[{"serial":"1","from":"BACK","to":"FLOOR_A",'
    b'"happened_at":"2026-11-22T05:44:58.700Z","first_read_at":"2026-11-22T05:44:58.700Z",'
    b'"decided_at":"2026-11-22T05:45:00.123Z","cause":"presence","probability":0.97}],"moves_left_out":0}'
)
_EVENT: Final = event_of(ChangeRow(412, SITE, GTIN, CHANGE_BODY))
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
