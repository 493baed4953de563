"""A whole edge in a process of its own, to be killed: a driver that makes reads up, a real outbox, real MQTT.

    python -m tests.edge.edge_child BROKER-URL OUTBOX SEED READS_PER_TICK

Ends on SIGTERM by a graceful stop that waits for the gateway.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

import structlog

from edge.daemon import EdgeDaemon
from edge.service import system_host, watch_signals
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from tests.edge.fake_driver import FakeDriver, small_site, tag_read


async def main(url: str, outbox: Path, seed: int, reads: int) -> None:
    """Run until SIGTERM."""
    rng = random.Random(seed)
    host = system_host()
    log = structlog.get_logger()
    driver = FakeDriver("R1")
    daemon = EdgeDaemon(
        small_site(),
        "edge-1",
        drivers={"R1": driver},
        uplink=lambda site, edge: MqttUplink(parse_broker_url(url), site, edge, host, log=log),
        outbox_path=outbox,
        host=host,
        log=log,
    )
    stopping = watch_signals()
    await daemon.start()
    print("started", flush=True)
    while not stopping.is_set():
        now_us = time.time_ns() // 1_000
        if reads:
            driver.push(*(tag_read(rng.randbytes(12), at_us=now_us) for _ in range(reads)))
            daemon._pipeline.close()  # many small windows: more rows, and more places to be killed at
        await asyncio.sleep(0.01)
    await daemon.stop(drain_s=60.0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
