"""A whole edge in a process of its own, to be killed: a driver that makes reads up, a real outbox, real MQTT.

It writes a diary: one line for each row as soon as the outbox accepted it, by one `write` that outlives the process.
With an order it kills itself as it passes a named place (`tests.edge.kill_points`).
"""

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from edge.daemon import EdgeDaemon
from edge.forwarder import Forwarder
from edge.outbox import Appended, NewRow, Outbox, OutboxLimits, StoredRow
from edge.service import system_host, watch_signals
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from tests.edge.fake_driver import FakeDriver, small_site, tag_read
from tests.edge.kill_points import arm
from wire.messages import ReadBatch, decode_durable

TICK_S = 0.01


@dataclass(frozen=True, slots=True)
class Orders:
    """What a child is told. It dies at `point` when it passes it for the `times`-th time; never, when that is empty.

    `ticks`: stop politely after so many; 0: run until SIGTERM. Without `reads` it only brings what its outbox holds and
    stops when the gateway has it all. `fault` names a mistake that the judge must find.
    """

    broker_url: str
    outbox: Path
    diary: Path
    seed: int = 0
    reads: int = 20
    point: str = ""
    times: int = 1
    ticks: int = 0
    max_age_s: float | None = None
    fault: str = ""


def run(orders: Orders) -> None:
    """Be an edge until SIGTERM, or until the ordered end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    _keep_diary(orders)
    if orders.fault == "believes the broker":
        _forget_what_is_published()
    if orders.point:
        _die_at(orders.point, orders.times)
    asyncio.run(_run(orders))


def _keep_diary(orders: Orders) -> None:
    """Wrap `append`: what it accepted is written down before anybody else hears of it."""
    diary = os.open(orders.diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    accept = Outbox.append

    def append(outbox: Outbox, stream: bytes, rows: list[NewRow], now_us: int, now_s: float) -> Appended:
        if orders.fault == "accepts before its commit":
            first = outbox._totals.next_seq.get(stream, 1)
            os.write(diary, _lines(stream, first, rows))
        appended = accept(outbox, stream, rows, now_us, now_s)
        os.write(diary, _lines(stream, appended.first, rows))
        return appended

    Outbox.append = append  # type: ignore[assignment,method-assign]


def _forget_what_is_published() -> None:
    publish = Forwarder._publish

    def publish_and_forget(self: Forwarder, stream: bytes, wanted: Any, rows: list[StoredRow], last: int) -> None:
        publish(self, stream, wanted, rows, last)
        self._deletes[stream] = last

    Forwarder._publish = publish_and_forget  # type: ignore[method-assign]


def _lines(stream: bytes, first: int, rows: list[NewRow]) -> bytes:
    """`stream seq epc,epc,...` for each row that carries observations."""
    lines = []
    for seq, row in enumerate(rows, first):
        message = decode_durable(row.body)
        if isinstance(message, ReadBatch) and message.antenna:
            epcs = ",".join(epc.hex() for epc in message.observations().epcs())
            lines.append(f"{stream.hex()} {seq} {epcs}\n")
    return "".join(lines).encode()


def _die_at(point: str, times: int) -> None:
    left = times

    def passed(place: str) -> None:
        nonlocal left
        if place == point:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    arm(passed)


async def _run(orders: Orders) -> None:
    rng = random.Random(orders.seed)
    host = system_host()
    log = structlog.get_logger()
    driver = FakeDriver("R1")
    daemon = EdgeDaemon(
        small_site(),
        "edge-1",
        drivers={"R1": driver},
        uplink=lambda site, edge: MqttUplink(parse_broker_url(orders.broker_url), site, edge, host, log=log),
        outbox_path=orders.outbox,
        outbox_limits=None if orders.max_age_s is None else OutboxLimits(max_age_s=orders.max_age_s),
        host=host,
        log=log,
        draw_stream=lambda: rng.randbytes(16),
    )
    stopping = watch_signals()
    await daemon.start()
    ticks = 0
    while not stopping.is_set() and (not orders.ticks or ticks < orders.ticks):
        ticks += 1
        if not orders.reads and daemon.stats().connected and not daemon.stats().waiting_rows:
            break
        if orders.reads:
            now_us = time.time_ns() // 1_000
            driver.push(*(tag_read(rng.randbytes(12), at_us=now_us) for _ in range(orders.reads)))
            daemon._pipeline.close()  # many small windows: more rows, and more places to be killed at
        await asyncio.sleep(TICK_S)
    await daemon.stop(drain_s=60.0)
