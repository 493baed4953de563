"""Waiting for something that another task or process does."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], wait_s: float = 20.0) -> None:
    """Come back when `condition` holds. Raises `TimeoutError` after `wait_s`: a limit against hanging, no promise."""
    async with asyncio.timeout(wait_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is often another process
            await asyncio.sleep(0.005)
