"""One message of each kind, with every field in use: what the golden files hold."""

from typing import Final

from wire.frame import Header
from wire.messages import (
    Ack,
    AntennaHealth,
    AntennaLook,
    AntennaSettings,
    Command,
    CountBatch,
    DeviceClock,
    DeviceEvent,
    DeviceEvents,
    DeviceHealth,
    Durable,
    EdgeState,
    ForgetSold,
    Gap,
    ReadBatch,
    ReadMore,
    Rebirth,
    Rejected,
    RememberAgain,
    Scan,
    ScanBatch,
    SoldItem,
    StockEvent,
    read_batch,
)
from wire.observations import EMPTY, from_lists

SITE, EDGE = "store-001", "edge-1"
EPC: Final = bytes.fromhex("3034257BF7194E4000001A85")
NOW_US: Final = 1_795_325_696_789_000
HEADER: Final = Header(bytes(range(16)), 70_000, 69_990)

READS: Final = from_lists(
    {
        "antenna": [0, 1, 1],
        "epc_bits": [96, 96, 20],
        "count": [1, 65_535, 12],
        "rssi_peak": [-5_450, 500, -15_000],
        "rssi_mean": [-5_500, -7_001, -15_000],
        "first": [0, -2_000_000, 17],
        "last": [0, 999, 17],
        "flags": [1, 0, 0],
    },
    [EPC, EPC[:-1] + b"\x86", b"\xab\xcd\xe0"],
)


def _batch(window_ms: int, *, empty: bool) -> ReadBatch:
    return read_batch(
        site=SITE,
        edge=EDGE,
        window_start_us=NOW_US,
        window_ms=window_ms,
        antennas=(
            AntennaLook("R1", 1, 250, 4, AntennaSettings(tx_power_cdbm=3_000, mode=1_002, session=1, target="dual")),
            AntennaLook("R1", 2, 0),
        ),
        clocks=(DeviceClock("R1", "estimated", -12),),
        columns=EMPTY if empty else READS,
    )


DURABLE: Final[dict[str, Durable]] = {
    "read_batch": _batch(1_000, empty=False),
    "read_batch_empty": _batch(1_000, empty=True),
    "scan_batch": ScanBatch(
        site=SITE,
        edge=EDGE,
        scans=(
            Scan("S1", NOW_US, "receive", "]C10109506000134352", "]C1", "BACK"),
            Scan("S1", NOW_US + 1, "lookup", "09506000134352"),
        ),
    ),
    "count_batch": CountBatch(
        site=SITE,
        edge=EDGE,
        session="count-7",
        zone="FLOOR_A",
        started_us=NOW_US,
        ended_us=NOW_US + 60_000_000,
        epcs=(EPC, EPC[:-1] + b"\x86"),
    ),
    "count_batch_coverage": CountBatch(
        site=SITE,
        edge=EDGE,
        session="count-7",
        zone="BACK",
        started_us=NOW_US,
        ended_us=NOW_US + 60_000_000,
        epcs=(EPC,),
        coverage=0.98,
    ),
    "device_events": DeviceEvents(
        site=SITE,
        edge=EDGE,
        events=(
            DeviceEvent("R1", NOW_US, "antenna_down", 3, "return loss 4 dB"),
            DeviceEvent("R1", NOW_US, "up"),
        ),
    ),
    "gap": Gap(
        site=SITE,
        edge=EDGE,
        cause="outbox_cap",
        from_us=NOW_US,
        to_us=NOW_US + 1,
        device="R1",
        stream=bytes(range(16)),
        from_seq=5,
        to_seq=9,
        observations=1_234,
        detail="the outbox reached its cap",
    ),
}

PLAIN: Final[dict[str, EdgeState | Ack | Command | StockEvent]] = {
    "edge_state": EdgeState(
        what="health",
        site=SITE,
        edge=EDGE,
        at_us=NOW_US,
        stream=bytes(range(16)).hex(),
        config_hash="0123456789abcdef",
        outbox_rows=12,
        outbox_bytes=34_567,
        outbox_oldest_s=2.5,
        evicted=1,
        devices=(
            DeviceHealth(
                device="R1",
                driver="llrp",
                state="refused",
                since_us=NOW_US,
                reads=9,
                errors=1,
                last_error="another client holds it",
                holder="10.0.0.7",
            ),
        ),
    ),
    "edge_state_full": EdgeState(
        what="birth",
        site=SITE,
        edge=EDGE,
        at_us=NOW_US,
        version="0.1.0",
        started_us=NOW_US - 5,
        observations=1_000,
        foreign_reads=20,
        sold_reads=3,
        dropped_rows=4,
        gaps=5,
        disk="refuses",
        devices=(
            DeviceHealth(
                device="R1",
                driver="llrp",
                state="up",
                since_us=NOW_US,
                reads_per_min=120.5,
                temperature_c=41.5,
                clock="estimated",
                clock_offset_ms=-1_250,
                antennas=(
                    AntennaHealth(port=1, state="quiet", reads_per_min=0.5, usual_per_min=60.0),
                    AntennaHealth(port=2),
                ),
            ),
        ),
    ),
    "edge_state_death": EdgeState(what="death", site=SITE, edge=EDGE, at_us=NOW_US),
    "ack": Ack(stream=bytes(range(16)).hex(), upto=70_000),
    "ack_full": Ack(
        stream=bytes(range(16)).hex(), upto=70_000, resend_from=70_001, rejected=(Rejected(69_999, "body"),)
    ),
    "rebirth": Rebirth(),
    "forget_sold": ForgetSold(epcs=(EPC.hex(),), grace_s=60),
    "forget_sold_items": ForgetSold(
        epcs=(),
        grace_s=1_800,
        items=(SoldItem("/01/09506000134352/21/12345", 86_400), SoldItem("/01/09506000134352/21/A%2F1")),
        anew=True,
    ),
    "remember_again": RememberAgain(items=("/01/09506000134352/21/12345",)),
    "read_more": ReadMore(zones=("FLOOR_A", "BACK"), seconds=30),
    "stock_event": StockEvent(
        seq=7,
        gtin="09506000134352",
        site=SITE,
        atp=1,
        on_hand=2,
        confidence=0.97,
        version=3,
        as_of="2026-11-22T05:45:00.123Z",
        reason="sale",
    ),
}
