"""A simulated reader in a process of its own, which sends tag reports as fast as its client takes them.

    python -m bench._llrp_feeder

Prints its port; each line `READS TAGS` on standard input is a burst of so many tag reads of so many different tags.
"""

import asyncio
import random
import sys
import time
from typing import Final

from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from wire.llrp.framer import RawMessage
from wire.llrp.tag_report import ReportContent, TagReport, encode_tag_reports

PER_MESSAGE: Final = 100
PORTS: Final = 4
_REPORT: Final = 61
_ANSWER_DELAY_S: Final = 0.03
"""sllurp loses an answer that comes before it has noted what it waits for; real readers take some milliseconds."""
EPC_HEAD: Final = bytes.fromhex("3034257bf7194e40")
"""SGTIN-96 of company prefix 0614141; the serial follows."""


class Feeder(ReaderServer):
    """A reader whose client can be flooded."""

    def burst(self, data: bytes) -> None:
        """Send bytes to the client, whatever the reader's own life is."""
        assert self._link is not None
        self._link.write(data)


def burst_of(reads: int, tags: int) -> bytes:
    """Return report messages with `reads` reads of `tags` tags, in no order, by all ports."""
    rng = random.Random(reads)
    now_us = time.time_ns() // 1_000
    epcs = [EPC_HEAD + serial.to_bytes(4) for serial in range(tags)]
    content = ReportContent()
    messages = []
    for low in range(0, reads, PER_MESSAGE):
        reports = [
            TagReport(
                epc=rng.choice(epcs),
                antenna=rng.randint(1, PORTS),
                peak_rssi_cdbm=-4_000 - 100 * rng.randrange(40),
                first_seen_us=now_us + number,
                last_seen_us=now_us + number,
                seen_count=1,
            )
            for number in range(low, min(low + PER_MESSAGE, reads))
        ]
        messages.append(RawMessage(1, _REPORT, low, encode_tag_reports(reports, content)).to_bytes())
    return b"".join(messages)


async def _serve() -> None:
    async with Feeder("R1", load_persona("impinj-r420-like")) as reader:
        reader.faults.answer_delay_s = _ANSWER_DELAY_S
        print(reader.port, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            reads, tags = map(int, line.split())
            await reader.until(lambda: reader.looking is not None, timeout_s=30)
            data = burst_of(reads, tags)
            reader.burst(data)
            print(len(data), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
