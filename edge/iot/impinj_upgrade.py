"""New firmware for an Impinj reader over its REST interface: upload, wait, restart, look at the version.

Theory of operation. The reader takes the image as one file (`POST /system/image/upgrade`, part `upgradeFile`) and
answers 202; its progress is asked for (`GET` of the same): `verifying`, `installing`, then `successful` or `failed`
with a message. It runs the new image after a restart, which some versions do by themselves and others wait for
(`POST /system/reboot`). Whether it worked is not what it says of the upgrade but which version it names afterwards. The
reader keeps its old image: one that does not start falls back by itself.

These paths answer in both interfaces of the reader, IoT and LLRP.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx

from edge.iot.driver import SessionOver
from edge.iot.impinj_rest import ImpinjRest
from edge.iot.limits import (
    UPGRADE_IMAGE_MAX_BYTES,
    UPGRADE_INSTALL_S,
    UPGRADE_PAUSE_S,
    UPGRADE_RESTART_S,
    UPGRADE_UPLOAD_S,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.iot.access import RestAccess

_BUSY: Final = frozenset({"verifying", "installing"})
_UPLOAD: Final = httpx.Timeout(UPGRADE_UPLOAD_S)


class UpgradeError(Exception):
    """The reader has not got its new firmware; the text says why, and what runs now as far as it is known."""


class Upgraded(NamedTuple):
    """Which version ran before, and which runs now."""

    before: str
    after: str


class Upgrade:
    """One upgrade of one reader.

    Args:
        access: the way to its REST interface.
        say: hears what happens, in words.
        pause_s: between two questions.
    """

    def __init__(self, access: RestAccess, say: Callable[[str], None], *, pause_s: float = UPGRADE_PAUSE_S) -> None:
        self._access = access
        self._say = say
        self._pause_s = pause_s
        self._said = ""

    async def run(self, image: Path) -> Upgraded:
        """Bring an image onto the reader. Raises `UpgradeError`, and `OSError` for a file that cannot be read."""
        size = await asyncio.to_thread(lambda: image.stat().st_size)
        if not 0 < size <= UPGRADE_IMAGE_MAX_BYTES:
            raise UpgradeError(f"{image}: {size} bytes, expected 1 to {UPGRADE_IMAGE_MAX_BYTES}: is it the firmware?")
        try:
            async with self._access.client() as client:
                rest = ImpinjRest(client)
                before = await self._version(rest)
                status, message = await rest.upgrade_status()
                if status in _BUSY:
                    raise UpgradeError(f"an upgrade is under way already: {status} {message}".rstrip())
                self._say(f"it runs {before or 'a version that it does not say'}; sending {size:,} bytes")
                await rest.send_image(image, _UPLOAD)
                restarts = await self._installed(rest)
                if restarts:
                    self._say("restarting")
                    await rest.reboot()
                after = await self._back(rest, before)
        except SessionOver as error:
            raise UpgradeError(str(error)) from error
        if after == before:
            raise UpgradeError(f"the reader still runs {after}: it went back, or this is the same version")
        return Upgraded(before, after)

    @staticmethod
    async def _version(rest: ImpinjRest) -> str:
        return (await rest.inventory()).firmware

    async def _installed(self, rest: ImpinjRest) -> bool:
        """Wait until the image is installed; return whether the reader waits for a restart by us."""
        try:
            async with asyncio.timeout(UPGRADE_INSTALL_S):
                while True:
                    await asyncio.sleep(self._pause_s)
                    try:
                        status, message = await rest.upgrade_status()
                    except SessionOver as error:
                        if error.refused:
                            raise
                        return False  # it restarts by itself
                    self._tell(f"{status} {message}".rstrip())
                    if status == "failed":
                        raise UpgradeError(f"the reader did not take the image: {message or 'it does not say why'}")
                    if status == "successful":
                        return "reboot" in message.lower()
                    if status == "ready":
                        raise UpgradeError("the reader forgot the image: is it for this model and region?")
        except TimeoutError as error:
            raise UpgradeError(f"not installed after {UPGRADE_INSTALL_S:g} s; look at the reader's own page") from error

    async def _back(self, rest: ImpinjRest, before: str) -> str:
        """Wait until the reader is back after a restart; return its version."""
        was_gone = False
        with suppress(TimeoutError):
            async with asyncio.timeout(UPGRADE_RESTART_S):
                while True:
                    await asyncio.sleep(self._pause_s)
                    try:
                        now = await self._version(rest)
                    except SessionOver as error:
                        if error.refused:
                            raise
                        was_gone = True
                        self._tell(f"waiting for it: {error}")
                        continue
                    if now and (was_gone or now != before):
                        return now
        raise UpgradeError(
            f"not back within {UPGRADE_RESTART_S:g} s with a version that it says"
            if was_gone
            else f"it did not restart, and still runs {before or 'a version that it does not say'}"
        )

    def _tell(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._say(text)


__all__ = ["Upgrade", "UpgradeError", "Upgraded"]
