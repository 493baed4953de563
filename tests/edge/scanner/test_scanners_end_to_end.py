"""From a label to the gateway's evidence: pty, driver, daemon, outbox, broker, the gateway's fold."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from edge.config import SiteOfEdge
from edge.daemon import EdgeDaemon
from edge.outbox import Outbox
from edge.service import build_drivers
from edge.uplink.memory import MemoryBroker, MemoryUplink
from gateway.fold.folder import Folder
from gateway.fold.outputs import Outputs
from gateway.fold.state import FoldState
from gateway.presence.tracker import EvidenceKind
from gateway.storage.input_log import Entry, Kind
from gateway.storage.site_register import encode_site
from simulator.scanners.scanner import Scanner, ScannerConfig
from tests.edge.drivers.contract import rig_host, until
from tests.edge.gateway_half import GatewayHalf
from tests.gateway.plain_tracker import PlainTracker, plain
from wire.epc import decode_epc
from wire.messages import CountBatch, DeviceEvents, Gap, ReadBatch, ScanBatch, decode_durable
from wire.site import OUT
from wire.site_file import parse_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from edge.uplink.port import Uplink
    from wire.messages import Durable
    from wire.site import Site

SHIRT_S, SHIRT_M, UNKNOWN_PREFIX = "09506000134352", "09506000134369", "01401234567892"
SITE_FILE = """
site: store-1
company_prefixes: ["9506000", "1401"]
zones:
  - {id: BACK, kind: back_room}
  - {id: FLOOR, kind: sales_floor}
  - {id: POS, kind: checkout}
devices:
  - {id: TILL, driver: barcode_serial, address: PORTS/till, zone: POS, purpose: sale}
  - {id: DOCK, driver: barcode_serial, address: PORTS/dock, zone: BACK, purpose: receive, suffix: none, idle_ms: 50}
  - {id: SHELF, driver: barcode_serial, address: PORTS/shelf, zone: FLOOR, purpose: count, group_separator: "^"}
"""


class Shop:
    """Three scanners, their edge daemon, and the gateway behind a broker."""

    def __init__(self, folder: Path) -> None:
        self.outbox = folder / "outbox.db"
        self.site: Site = parse_site(SITE_FILE.replace("PORTS", str(folder)))
        self.broker = MemoryBroker()
        self.half = GatewayHalf()
        self.till = Scanner(folder, ScannerConfig(b"\r\n", aim=True), "till")
        self.dock = Scanner(folder, ScannerConfig(b""), "dock")
        self.shelf = Scanner(folder, ScannerConfig(group_separator=b"^"), "shelf")
        self.scanners = (self.till, self.dock, self.shelf)

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[EdgeDaemon]:
        """A daemon as the command builds it, but for its broker; stopped at the end."""

        def uplink(site: str, name: str) -> Uplink:
            return MemoryUplink(self.broker, site, name)

        host = rig_host()
        drivers = build_drivers(SiteOfEdge(self.site, "edge-1"), host)
        daemon = EdgeDaemon(
            self.site,
            "edge-1",
            drivers=drivers,
            uplink=uplink,
            outbox_path=self.outbox,
            host=host,
            log=structlog.get_logger(),
        )
        await daemon.start()
        try:
            yield daemon
        finally:
            await daemon.stop(drain_s=0.5)

    async def up(self, daemon: EdgeDaemon) -> None:
        await until(lambda: all(one.state == "up" for one in daemon.stats().devices), lambda: f"{daemon.stats()}")

    async def scanned(self, daemon: EdgeDaemon, counts: tuple[int, int, int]) -> None:
        """Wait until each scanner handed so many barcodes over."""
        await until(
            lambda: tuple(one.reads for one in daemon.stats().devices) == counts, lambda: f"{daemon.stats().devices}"
        )

    async def serve(self) -> None:
        """Take what waits at the broker, as the gateway does."""
        while True:
            while self.broker.data:
                site, edge, frame = self.broker.pop()
                answer = self.half.receive(frame)
                self.half.commit()
                self.broker.ack(site, edge, answer)
            await asyncio.sleep(0.005)

    def messages(self) -> list[Durable]:
        return [decode_durable(body) for body in self.half.durable.log]


def folded(shop: Shop) -> tuple[Folder, Outputs]:
    """What the gateway makes of its log."""
    folder, outputs = Folder(FoldState(plain())), Outputs()
    newest_us = max(
        [scan.at_us for message in shop.messages() if isinstance(message, ScanBatch) for scan in message.scans]
    )
    bodies = [(Kind.SITE, encode_site(shop.site)), *((Kind.DATA, body) for body in shop.half.durable.log)]
    for n, (kind, body) in enumerate(bodies, 1):
        outputs.extend(folder.fold(Entry(n, newest_us + 1_000_000, kind, body)))
    return folder, outputs


async def test_what_is_scanned_is_evidence_at_the_gateway_also_over_a_restart_of_the_edge(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for scanner in shop.scanners:
        scanner.plug_in()
    shop.broker.up = False
    async with shop.daemon() as daemon:
        await shop.up(daemon)
        await shop.dock.scan(f"01{SHIRT_S}211".encode())
        await shop.scanned(daemon, (0, 1, 0))
        await shop.shelf.scan(f"01{SHIRT_M}21A7\x1d10LOT".encode())
        await shop.shelf.scan(f"https://id.gs1.org/01/{UNKNOWN_PREFIX}/21/5".encode())
        await shop.shelf.scan(b"9506000134352")
        await shop.till.scan(f"01{SHIRT_S}211".encode(), "]d2")
        await shop.till.scan(b"9506000134369", "]E0")
        await shop.till.scan(b"HELLO", "]C0")
        await shop.scanned(daemon, (3, 1, 3))
        await shop.shelf.scan(b"LU:END")
    assert shop.messages() == []
    outbox = Outbox(shop.outbox, "store-1", "edge-1")
    assert outbox.figures().rows >= 6, "durable before anybody took them"
    outbox.close()

    for scanner in shop.scanners:
        scanner.unplug()
    shop.broker.restart()
    serving = asyncio.create_task(shop.serve())
    async with shop.daemon() as daemon:
        await until(lambda: daemon.stats().outbox.rows == 0 and len(shop.messages()) > 6, lambda: f"{daemon.stats()}")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    check_messages(shop.messages())
    check_evidence(*folded(shop))


def check_messages(messages: list[Durable]) -> None:
    scans = [scan for message in messages if isinstance(message, ScanBatch) for scan in message.scans]
    assert sorted((scan.device, scan.purpose, scan.symbology, scan.text, scan.zone) for scan in scans) == [
        ("DOCK", "receive", "", f"01{SHIRT_S}211", "BACK"),
        ("SHELF", "count", "", "9506000134352", "FLOOR"),
        ("TILL", "sale", "]C0", "HELLO", "POS"),
        ("TILL", "sale", "]E0", "9506000134369", "POS"),
        ("TILL", "sale", "]d2", f"01{SHIRT_S}211", "POS"),
    ]
    parts = [message for message in messages if isinstance(message, CountBatch)]
    assert len({part.session for part in parts}) == 1
    assert [part.ended_us is not None for part in parts] == [False] * (len(parts) - 1) + [True]
    schemes = [getattr(decode_epc(epc, 8 * len(epc)), "scheme", "") for part in parts for epc in part.epcs]
    assert schemes == ["sgtin-198", "sgtin+"]
    assert not [message for message in messages if isinstance(message, Gap)]
    assert {type(message) for message in messages} == {ScanBatch, CountBatch, ReadBatch, DeviceEvents}


def check_evidence(folder: Folder, outputs: Outputs) -> None:
    state = folder.state
    tracker = state.tracker
    assert isinstance(tracker, PlainTracker)
    heard = [(one.kind, one.zone, one.coverage, len(one.items), one.gtin) for one in tracker.heard]
    assert heard == [
        (EvidenceKind.RECEIPT, "BACK", 1.0, 1, ""),
        (EvidenceKind.SALE, "", 1.0, 1, ""),
        (EvidenceKind.SALE, "", 1.0, 0, SHIRT_M),
        (EvidenceKind.COUNT, "FLOOR", 0.0, 2, ""),
    ]
    assert [(line.gtin, line.units, line.serials) for _, line in outputs.lines] == [
        (SHIRT_S, 1, ("1",)),
        (SHIRT_S, -1, ("1",)),
        (SHIRT_M, -1, ()),
    ]
    places = {(key.gtin, key.serial): place for key, place in zip(state.items, state.places, strict=True)}
    assert places[SHIRT_S, "1"] == OUT
    assert places[UNKNOWN_PREFIX, "5"] == "FLOOR"
    figures = state.figures
    assert (figures["scans_sale"], figures["scans_receive"], figures["scans_unreadable"]) == (2, 1, 1)
    assert (figures["counts_ended"], figures["counted_tags_no_items"]) == (1, 0)
