"""A folder driver in a process of its own, which kills itself at a named step.

python -m tests.edge.drivers.count_child FOLDER OUTBOX STEP

OUTBOX is a file of encoded parts, each durable before `stored` says so. The child ends by itself when the folder is
empty, or at STEP: handed_over, stored, moved, or none.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.drivers.file import FileDriver
from edge.drivers.port import Sink
from edge.handheld.count_file import CountReader
from edge.handheld.folder import CountFolder
from tests.edge.drivers.contract import rig_host
from tests.edge.llrp.store_reader import SITE
from wire.messages import encode_durable
from wire.site import Device, Driver

if TYPE_CHECKING:
    from edge.handheld.folder import Taken
    from wire.messages import CountBatch


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyFolder(CountFolder):
    """A folder that kills its process right before or after the move."""

    step = "none"

    def put_away(self, taken: Taken, folder: str, report: str, now_us: int) -> bool:
        if self.step == "stored":
            die()
        moved = super().put_away(taken, folder, report, now_us)
        if self.step == "moved":
            die()
        return moved


async def run(folder: Path, outbox: Path, step: str) -> None:
    waiting: list[CountBatch] = []

    async def stored() -> bool:
        if step == "handed_over":
            die()
        await asyncio.sleep(0)
        with outbox.open("ab") as file:
            for part in waiting:
                file.write(encode_durable(part).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        waiting.clear()
        return True

    device = Device("H1", Driver.FILE, str(folder), "edge-1", zone="FLOOR")
    watched = DeadlyFolder(folder, 0.02)
    watched.step = step
    driver = FileDriver(device, SITE.id, CountReader(SITE, zone="FLOOR"), watched, rig_host())
    driver.start(Sink(lambda _: None, lambda _: None, lambda _: None, waiting.append, stored))
    while any(path.is_file() for path in folder.iterdir()):  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.01)
    await driver.stop()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
