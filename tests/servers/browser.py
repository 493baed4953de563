"""A headless Chromium of our own, driven by playwright: the system's binary, a fresh profile, no outside requests.

    async with Browser() as browser, browser.page(url, PHONE) as page:
        await page.screenshot(path=artefact("phone.png"))

A page fails its test by an error in its console, an uncaught exception, or a request to anything but its own server.
A missing Chromium is an error with the line to type, never a silent skip.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import Page, Playwright, Request, ViewportSize, async_playwright

BINARY: Final = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), "")
INSTALL: Final = "apt-get install --no-install-recommends -y chromium fonts-dejavu-core"

FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # tests run as root in containers; the only page is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PHONE: Final = ViewportSize(width=390, height=844)
DESKTOP: Final = ViewportSize(width=1280, height=800)

TIMEOUT_MS: Final = 20_000
"""For one wait of a test. Two busy cores start a browser slowly."""

Scheme = Literal["light", "dark"]


class BrowserError(RuntimeError):
    """No Chromium, or a page that did what no page of ours may do."""


def artefact(name: str) -> Path:
    """Where a test leaves a file for people; not under version control."""
    folder = Path(__file__).resolve().parents[2] / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder / name


class Browser:
    """One Chromium process."""

    def __init__(self) -> None:
        if not BINARY:
            raise BrowserError(f"no chromium on this machine; type: {INSTALL}")
        self._playwright: Playwright | None = None
        self._browser: PlaywrightBrowser | None = None

    async def __aenter__(self) -> Self:
        self._playwright = await async_playwright().start()
        environment: dict[str, Any] = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        self._browser = await self._playwright.chromium.launch(
            executable_path=BINARY, args=list(FLAGS), env=environment, timeout=60_000
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._browser is not None
        assert self._playwright is not None
        await self._browser.close()
        await self._playwright.stop()

    @asynccontextmanager
    async def page(
        self,
        url: str,
        size: ViewportSize = DESKTOP,
        *,
        scheme: Scheme = "light",
        scripts: bool = True,
        allowed: tuple[str, ...] = (),
    ) -> AsyncIterator[Page]:
        """Open `url` in a fresh profile; check at the end that nothing went wrong that is not `allowed` by its text."""
        assert self._browser is not None
        wrong: list[str] = []
        context = await self._browser.new_context(
            viewport=size,
            color_scheme=scheme,
            java_script_enabled=scripts,
            device_scale_factor=2 if size["width"] < 600 else 1,
            has_touch=size["width"] < 600,
        )
        context.set_default_timeout(TIMEOUT_MS)
        origin = url.split("/", 3)[:3]

        def watch(request: Request) -> None:
            if request.url.split("/", 3)[:3] != origin and not request.url.startswith("data:"):
                wrong.append(f"request to {request.url}")

        page = await context.new_page()
        page.on("request", watch)
        page.on("pageerror", lambda error: wrong.append(f"exception: {error}"))
        page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
        await page.goto(url)
        yield page
        await context.close()
        found = [text for text in wrong if not any(part in text for part in allowed)]
        if found:
            raise BrowserError("; ".join(found))
