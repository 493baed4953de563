"""A delivering process that kills itself at the n-th time of a step: `killed_sender.py URL STEP N`."""

import asyncio
import os
import signal
import sys

from gateway.storage.engine import Database
from tests.gateway.push.feed_rig import Rig


async def run(url: str, step: str, times: int) -> None:
    passed = 0

    def here(name: str) -> None:
        nonlocal passed
        passed += name == step
        if passed == times:
            os.kill(os.getpid(), signal.SIGKILL)

    rig = Rig(Database(url))
    await rig.process(holder="child", step=here).run()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
