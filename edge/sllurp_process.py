"""The end of a process that sllurp runs in, as its owner sees it (`edge.drivers.sllurp`)."""

import asyncio
from contextlib import suppress

from edge.llrp.limits import STOP_TIMEOUT_S


async def code_of(child: asyncio.subprocess.Process) -> str:
    """Return how a process ended that closed its output, in words; it may still be about to."""
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await child.wait()
    return "it closed its output" if child.returncode is None else f"exit code {child.returncode}"


async def end(child: asyncio.subprocess.Process) -> None:
    """Close a process's input, give it a moment to end, kill it."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S / 2):
            await child.wait()
    except (TimeoutError, asyncio.CancelledError):
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
