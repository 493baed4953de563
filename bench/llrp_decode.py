"""LLRP tag-report decoding beside sllurp, in the same run, on the same bytes.

Each figure is the best of several rounds of CPU time on one core. The messages hold 100 tag reports of 43 bytes
(EPC-96, AntennaID, PeakRSSI, FirstSeen, LastSeen, TagSeenCount), the shape a reader sends all day. sllurp 3.0.5 is an
optional peer: without it its figures are None.
"""

from __future__ import annotations

import json
import time
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from wire.llrp.codec import decode
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.tag_report import ReportContent, ReportMemory, TagReport, decode_tag_reports, encode_tag_reports

if TYPE_CHECKING:
    from collections.abc import Callable

TAGS = 100
ROUNDS = 7
START_US = 1_795_000_000_000_000


def _reports(count: int) -> list[TagReport]:
    return [
        TagReport(
            epc=bytes.fromhex("3034257bf7194e40") + index.to_bytes(4),
            antenna=1 + index % 4,
            peak_rssi_cdbm=-4000 - 100 * (index % 40),
            first_seen_us=START_US + 1000 * index,
            last_seen_us=START_US + 1000 * index + 400,
            seen_count=1 + index % 9,
        )
        for index in range(count)
    ]


def _per_second(work: Callable[[], object], units: int, repeats: int) -> int:
    """Return units done in a second of CPU time: the best of `ROUNDS` rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(repeats):
            work()
        best = min(best, time.process_time() - start)
    return round(units * repeats / best)


def _sllurp(message: bytes) -> int | None:
    if find_spec("sllurp") is None:
        return None
    peer = import_module("sllurp.llrp").LLRPMessage
    tags = peer(msgbytes=message).msgdict["RO_ACCESS_REPORT"]["TagReportData"]
    if len(tags) != TAGS:
        raise RuntimeError(f"sllurp decoded {len(tags)} of {TAGS} tag reports")
    return _per_second(lambda: peer(msgbytes=message), TAGS, 30)


def run() -> dict[str, int | float | None]:
    """Measure, and return tag reports per second (and messages per second where named so)."""
    reports = _reports(TAGS)
    content = ReportContent()
    body = encode_tag_reports(reports, content)
    message = RawMessage(1, 61, 1, body).to_bytes()
    single = encode_tag_reports(reports[:1], content)
    mixed = b"".join(
        encode_tag_reports([report], ReportContent(channel=index % 2 == 0, seen_count=index % 3 == 0))
        for index, report in enumerate(reports)
    )
    memory = ReportMemory()
    framer = Framer()
    if decode_tag_reports(body, memory).reports != reports:
        raise RuntimeError("the decoder does not give back what was encoded")
    ours = _per_second(lambda: decode_tag_reports(body, memory), TAGS, 300)
    peer = _sllurp(message)
    return {
        "decode_tags_per_s": ours,
        "frame_and_decode_tags_per_s": _per_second(
            lambda: [decode_tag_reports(raw.body, memory) for raw in framer.feed(message)], TAGS, 300
        ),
        "decode_mixed_shapes_tags_per_s": _per_second(lambda: decode_tag_reports(mixed, memory), TAGS, 60),
        "decode_one_tag_messages_per_s": _per_second(lambda: decode_tag_reports(single, memory), 1, 5_000),
        "generic_decode_tags_per_s": _per_second(lambda: decode(RawMessage(1, 61, 1, body)), TAGS, 10),
        "encode_tags_per_s": _per_second(lambda: encode_tag_reports(reports, content), TAGS, 100),
        "sllurp_decode_tags_per_s": peer,
        "times_sllurp": round(ours / peer, 1) if peer else None,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
