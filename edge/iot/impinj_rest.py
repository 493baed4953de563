"""The REST half of Impinj's IoT device interface: what we ask the reader to do, over HTTP. Thin.

Paths and answers: OpenAPI 1.7 of the reader (`/api/v1/openapi.json`). A preset that runs can be neither replaced nor
deleted, so ours is stopped before it is changed; the reader starts it again by itself when it boots. Everything is
answered with 204 or JSON; mistakes come as `{"message", "invalidPropertyId", "detail"}`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

import httpx

from edge.iot import fields
from edge.iot.driver import SessionOver
from edge.iot.impinj_preset import PRESET, build_preset, differences
from edge.iot.limits import (
    BODY_MAX_BYTES,
    CONNECT_TIMEOUT_S,
    PRESETS_TRIED_MAX,
    REQUEST_TIMEOUT_S,
    STATUS_PAUSE_S,
    STATUS_TRIES,
)
from edge.tls import tls_problem
from wire.configuration import DeviceInventory
from wire.limits import INVENTORY_MAX_CHARS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edge.iot.objects import JsonObject
    from edge.iot.wishes import Wish

_API: Final = "/api/v1"
STREAM: Final = f"{_API}/data/stream"
_DEFAULT: Final = "default"
_REFUSALS: Final = {401: "the login is not accepted (username_file, password_file)", 403: "the login may not do this"}
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409


def open_client(
    host: str, port: int, *, tls: ssl.SSLContext | None, name: str, login: tuple[str, str | None] | None
) -> httpx.AsyncClient:
    """Return a client for one reader; `name` is what its certificate must carry. Close it after use."""
    shown = f"[{host}]" if ":" in host else host
    auth = None if login is None else httpx.BasicAuth(login[0], login[1] or "")

    async def say_name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = name

    return httpx.AsyncClient(
        base_url=f"{'http' if tls is None else 'https'}://{shown}:{port}",
        verify=False if tls is None else tls,
        auth=auth,
        timeout=httpx.Timeout(REQUEST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"request": [say_name]} if tls is not None else {},
        trust_env=False,  # a reader is in this building: no proxy, no .netrc
    )


def unreachable(error: httpx.HTTPError) -> str:
    """Return why a request failed, in words for a person."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        said = tls_problem(cause)
        if said:
            return said
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__


def check(response: httpx.Response, body: bytes) -> None:
    """Raise `SessionOver` for an answer that is a refusal or a mistake."""
    if response.is_success:
        return
    refusal = _REFUSALS.get(response.status_code)
    if refusal is not None:
        raise SessionOver(refusal, refused=True)
    if response.is_redirect:
        raise SessionOver(f"it sends us on to {response.headers.get('location', '')[:200]} (tls, the port)")
    said = _object(body)
    words = ": ".join(filter(None, (fields.text(said, "message"), fields.text(said, "detail"))))
    what = f"{response.request.method} {response.request.url.path}"
    raise SessionOver(f"{what} was denied with {response.status_code}" + (f": {words}" if words else ""))


class ImpinjRest:
    """Requests to one reader. All raise `SessionOver` where it cannot be reached or says no."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def status(self) -> JsonObject:
        """Return the reader's status: `status`, `activePreset`, `mqttBrokerConnectionStatus`, ..."""
        return _object(await self._ask("GET", "/status"))

    async def inventory(self) -> DeviceInventory:
        """Return what the reader says that it is; empty where its interface is too old to say."""
        system = _object(await self._ask("GET", "/system", may=(_NOT_FOUND,)))
        image = _object(await self._ask("GET", "/system/image", may=(_NOT_FOUND,)))

        def said(found: JsonObject, key: str) -> str:
            return fields.text(found, key)[:INVENTORY_MAX_CHARS]

        return DeviceInventory(
            vendor=said(system, "manufacturer") or "Impinj",
            model=said(system, "productModel"),
            firmware=said(image, "primaryFirmware"),
            serial=said(system, "serialNumber"),
        )

    async def inventory_if_told(self) -> DeviceInventory:
        """Return the same, empty where our login may not ask: without it a reader works all the same."""
        try:
            return await self.inventory()
        except SessionOver:
            return DeviceInventory(vendor="Impinj")

    async def upgrade_status(self) -> tuple[str, str]:
        """Return how far an upgrade is (`ready`, `installing`, `successful`, `failed` ...), and its message."""
        said = _object(await self._ask("GET", "/system/image/upgrade"))
        return fields.text(said, "status").strip().lower(), fields.text(said, "message").strip()

    async def send_image(self, image: Path, patience: httpx.Timeout) -> None:
        """Send a file of firmware. Raises `OSError` for one that cannot be read."""
        with image.open("rb") as file:
            part = {"upgradeFile": (image.name, file, "application/octet-stream")}
            try:
                response = await self._client.post(f"{_API}/system/image/upgrade", files=part, timeout=patience)
            except httpx.HTTPError as error:
                raise SessionOver(f"the image was not sent: {unreachable(error)}") from error
        check(response, response.content[:BODY_MAX_BYTES])

    async def reboot(self) -> None:
        """Let the reader restart."""
        await self._ask("POST", "/system/reboot", {})

    async def preset(self, name: str) -> JsonObject | None:
        """Return a preset of the reader; None when it has none of this name."""
        body = await self._ask("GET", f"/profiles/inventory/presets/{quote(name, safe='')}", may=(_NOT_FOUND,))
        return None if body is None else _object(body)

    async def set_keepalive(self, seconds: int) -> None:
        """Let the stream send a keep-alive that often, where it does not yet."""
        config = _object(await self._ask("GET", "/http-stream"))
        if config.get("keepAliveIntervalSeconds") != seconds:
            await self._ask("PUT", "/http-stream", config | {"keepAliveIntervalSeconds": seconds})

    async def run(self, wishes: Sequence[Wish]) -> tuple[JsonObject, list[str]]:
        """Let our preset run; return it as the reader has it, and where that is not what we asked.

        A preset of ours that runs as it should be is left alone: a reconnect costs no inventory.
        """
        default = await self._any_preset()
        try:
            asked = build_preset(wishes, default)
        except ValueError as error:
            raise SessionOver(str(error)) from error
        status = await self.status()
        found = await self.preset(PRESET)
        running = fields.text(status, "status") == "running" and running_preset(status) == PRESET
        if not running or found is None or differences(asked, found):
            await self.stop()
            await self._ask("PUT", f"/profiles/inventory/presets/{PRESET}", asked)
            await self._ask("POST", f"/profiles/inventory/presets/{PRESET}/start", {}, may=(_CONFLICT,))
            found = await self.preset(PRESET) or {}
            await self._until_running()
        return found, differences(asked, found)

    async def stop(self) -> None:
        """Stop whatever preset runs."""
        await self._ask("POST", "/profiles/stop", {})

    async def _any_preset(self) -> JsonObject:
        default = await self.preset(_DEFAULT)
        if default is not None:
            return default
        names = _json(await self._ask("GET", "/profiles/inventory/presets"))
        for name in names[:PRESETS_TRIED_MAX] if isinstance(names, list) else []:
            preset = await self.preset(str(name)) if name != PRESET else None
            if preset is not None:
                return preset
        raise SessionOver("the reader has no preset of its own to take the RF mode of its region from: make one")

    async def _until_running(self) -> None:
        said = ""
        for _ in range(STATUS_TRIES):
            said = fields.text(await self.status(), "status")
            if said == "running":
                return
            await asyncio.sleep(STATUS_PAUSE_S)
        raise SessionOver(f"our preset was started, and the reader stays {said or 'silent about it'}")

    async def _ask(
        self,
        method: Literal["GET", "PUT", "POST"],
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        may: tuple[int, ...] = (),
    ) -> bytes | None:
        """Return the body of the answer; None for an answer in `may`."""
        try:
            async with self._client.stream(method, _API + path, json=body) as response:
                answer = await _bounded(response)
                if response.status_code in may:
                    return None
                check(response, answer)
                return answer
        except httpx.HTTPError as error:
            raise SessionOver(f"cannot reach it: {unreachable(error)}") from error


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise SessionOver(f"{response.request.url.path} answers more than {BODY_MAX_BYTES} bytes")
    return bytes(body)


def running_preset(status: JsonObject) -> str:
    """Return the name of the preset that runs; empty when none does."""
    return fields.text(fields.inside(status, "activePreset"), "id")


def _object(body: bytes | None) -> JsonObject:
    found = _json(body)
    return found if isinstance(found, dict) else {}


def _json(body: bytes | None) -> object:
    try:
        return json.loads(body or b"null")
    except (ValueError, RecursionError):
        return None
