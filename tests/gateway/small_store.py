"""A small store for tests: its site, its tags, and the messages that its one edge box would send."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from wire.epc import encode_sgtin96
from wire.frame import Header, encode_frame
from wire.messages import AntennaLook, Durable, ReadBatch, encode_durable, read_batch
from wire.observations import from_lists
from wire.site import Site
from wire.site_file import parse_site
from wire.topics import Leaf, edge_topic

SITE_FILE: Final = """
site: store-001
name: Small store
timezone: Europe/Berlin
company_prefixes: ["9506000"]
zones:
  - {id: BACK, kind: back_room}
  - {id: FLOOR, kind: sales_floor}
  - {id: FIT, kind: fitting_room}
  - {id: EXIT, kind: exit, counts_as: FLOOR}
passages: [[BACK, FLOOR], [FLOOR, FIT], [FLOOR, EXIT]]
devices:
  - id: R1
    driver: llrp
    address: 10.0.0.11:5084
    edge: box-1
    antennas:
      - {port: 1, zone: BACK}
      - {port: 2, zone: FLOOR}
      - {port: 3, zone: FIT}
      - {port: 4, zone: EXIT}
  - id: R2
    driver: llrp
    address: 10.0.0.12:5084
    edge: box-2
    antennas:
      - {port: 1, zone: BACK}
"""

SITE: Final[Site] = parse_site(SITE_FILE)
EDGE: Final = "box-1"
DATA: Final = edge_topic(SITE.id, EDGE, Leaf.DATA)
ACK: Final = edge_topic(SITE.id, EDGE, Leaf.ACK)
STREAM: Final = bytes(range(16))
T0_US: Final = 1_795_000_000_000_000
"""2026-11-18: the store's time begins here."""
SECOND_US: Final = 1_000_000

SHIRT_S: Final = "09506000134352"
SHIRT_M: Final = "09506000134369"
FOREIGN: Final = "04012345123456"
ALL_PORTS: Final = (1, 2, 3, 4)
BACK, FLOOR, FIT, EXIT = 0, 1, 2, 3
"""Indices into the antenna table of `reads`."""


def other_site(site_id: str) -> Site:
    """Return the same store under another id."""
    return replace(SITE, id=site_id)


def epc(gtin: str, serial: int) -> bytes:
    """Return an SGTIN-96 tag."""
    return encode_sgtin96(gtin, serial, company_prefix_length=7)


def reads(
    second: int,
    seen: Iterable[tuple[int, bytes]],
    *,
    site: str = SITE.id,
    edge: str = EDGE,
    device: str = "R1",
    rssi_cdbm: int = -5_000,
    looking: Sequence[int] = ALL_PORTS,
) -> ReadBatch:
    """Return the window that begins `second` seconds after `T0_US`: (antenna index, EPC) pairs, loud and often read."""
    rows = list(seen)
    n = len(rows)
    columns = from_lists(
        {
            "antenna": [antenna for antenna, _ in rows],
            "epc_bits": [8 * len(code) for _, code in rows],
            "count": [6] * n,
            "rssi_peak": [rssi_cdbm + 300] * n,
            "rssi_mean": [rssi_cdbm] * n,
            "first": [50] * n,
            "last": [950] * n,
            "flags": [0] * n,
        },
        [code for _, code in rows],
    )
    return read_batch(
        site=site,
        edge=edge,
        window_start_us=T0_US + second * SECOND_US,
        window_ms=1_000,
        antennas=tuple(AntennaLook(device, port, 250 if port in looking else 0) for port in ALL_PORTS),
        clocks=(),
        columns=columns,
    )


def frame(message: Durable, seq: int, *, first_held: int = 1, stream: bytes = STREAM) -> bytes:
    """Return a message as it travels."""
    return encode_frame(Header(stream, seq, first_held), encode_durable(message))


class ManualClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now_us: int = T0_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us

    def advance(self, seconds: float) -> None:
        self.now_us += round(seconds * SECOND_US)
