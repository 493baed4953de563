"""An Impinj R700 in its IoT device interface: REST, HTTP stream, MQTT (OpenAPI 1.7, what a stock tracker meets).

What it does as the real one: basic authentication; presets of which the running one can be neither replaced nor
started twice (409); unknown keys are refused (400); a preset that ran starts again by itself after a boot; the event
properties that a preset does not name are as made (`epc` on, `epcHex` and `lastSeenTime` off); a keep-alive of CR LF
when nothing else went out; one event to a line, nine decimals of a second; events wait in a buffer while nobody
listens, and an overflow purges the oldest and says so; an upgrade that verifies, installs and waits for a restart.

`pace`: how much faster than real time its keep-alives come.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from simulator.json_readers.http_server import HttpServer, Reply, Streaming
from simulator.json_readers.publisher import Publisher

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from simulator.json_readers.http_server import Request

_API = "/api/v1"
_AS_MADE = {"epc", "tid", "antennaPort", "transmitPowerCdbm", "peakRssiCdbm", "frequency"}
_ANTENNA_KEYS = {
    "antennaPort",
    "transmitPowerCdbm",
    "rfMode",
    "inventorySession",
    "inventorySearchMode",
    "estimatedTagPopulation",
}
_PRESET_KEYS = {"antennaConfigs", "eventConfig", "startTriggers", "stopTriggers", "channelFrequenciesKhz"}
_STREAM_KEYS = {"eventBufferSize", "eventPerSecondLimit", "eventAgeLimitMinutes", "keepAliveIntervalSeconds"}


_SYSTEM = {
    "manufacturer": "Impinj",
    "productModel": "R700",
    "productSku": "IPJ-R700-141",
    "serialNumber": "37020340091",
}


def factory_preset(ports: tuple[int, ...]) -> dict[str, Any]:
    """Return the preset that the reader comes with."""
    antenna = {
        "transmitPowerCdbm": 3_000,
        "rfMode": 1_110,
        "inventorySession": 2,
        "inventorySearchMode": "dual-target",
        "estimatedTagPopulation": 32,
    }
    return {"antennaConfigs": [{"antennaPort": port, **antenna} for port in ports]}


class ImpinjReader:
    """One emulated reader. `start` it first; it listens on a port of its own choice and keeps it."""

    def __init__(
        self,
        *,
        login: tuple[str, str] = ("root", "impinj"),
        tls: ssl.SSLContext | None = None,
        ports: tuple[int, ...] = (1, 2, 3, 4),
        pace: float = 1.0,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self.presets: dict[str, dict[str, Any]] = {"default": factory_preset(ports)}
        self.stream_config: dict[str, Any] = {
            "eventBufferSize": 100,
            "eventPerSecondLimit": 0,
            "eventAgeLimitMinutes": 15,
            "keepAliveIntervalSeconds": 30,
        }
        self.interface = "IoT"
        self.firmware = "8.2.0.240"
        self.closed: tuple[str, ...] = ()
        """First steps of paths that this login may not ask."""
        self.reboots_by_itself = False
        """Whether it restarts after an upgrade without being told."""
        self.boot_s = 0.05
        self.lingers_s = 0.01
        """How long it answers on after it was told to restart."""
        self._upgrade: deque[tuple[str, str]] = deque([("ready", "")])
        """What its upgrade does, one after the other with each question; the last stays."""
        self._next_firmware = ""
        self._booting: asyncio.Task[None] | None = None
        self.active = ""
        self.status = "idle"
        self.silent = False
        """Nothing goes out any more, also no keep-alive; connections stay."""
        self.requests: list[str] = []
        """Method and path of every request that was let in."""
        self._login = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        self._pace = pace
        self._now_us = now_us
        self._server = HttpServer(self._answer, tls)
        self._streams: list[Streaming] = []
        self._held: deque[bytes] = deque()
        self._mqtt: Publisher | None = None
        self._mqtt_config: tuple[str, int, str, str] | None = None

    # -- its life

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._server.port}"

    @property
    def streams(self) -> int:
        """Clients on the HTTP stream now."""
        return len(self._streams)

    async def vanish(self) -> None:
        """Lose power."""
        self._streams.clear()
        await self._server.stop()
        if self._mqtt is not None:
            await self._mqtt.close(politely=False)
            self._mqtt = None

    async def come_back(self) -> None:
        """Boot: the preset that ran runs again, what was buffered is gone."""
        self._held.clear()
        self.silent = False
        await self._server.start()
        if self._mqtt_config is not None:
            await self.publish_to(*self._mqtt_config)

    async def _reboot(self) -> None:
        """Restart, with the firmware that was installed."""
        await asyncio.sleep(self.lingers_s)
        await self.vanish()
        await asyncio.sleep(self.boot_s)
        self.firmware, self._next_firmware = self._next_firmware or self.firmware, ""
        self._upgrade = deque([("ready", "")])
        await self.come_back()

    async def publish_to(self, host: str, port: int, topic: str, will_topic: str = "") -> None:
        """Connect to a broker and publish events there too."""
        self._mqtt_config = (host, port, topic, will_topic)
        self._mqtt = Publisher(
            f"impinj-{self._server.port}", will=(will_topic, "connection lost") if will_topic else None
        )
        await self._mqtt.connect(host, port)
        if will_topic:
            self._mqtt.publish(will_topic, b"connected")

    # -- what happens to it

    def see(self, epc: bytes, port: int, *, rssi_cdbm: int = -5_500, seen_us: int | None = None) -> None:
        """Read a tag; nothing comes of it when the port does not inventory."""
        preset = self.presets.get(self.active, {})
        ports = [one["antennaPort"] for one in preset.get("antennaConfigs", [])]
        if self.status != "running" or port not in ports:
            return
        now_us = self._now_us()
        every = {
            "epc": base64.b64encode(epc).decode(),
            "epcHex": epc.hex().upper(),
            "antennaPort": port,
            "peakRssiCdbm": rssi_cdbm,
            "transmitPowerCdbm": 3_000,
            "frequency": 866_300,
            "pc": "MAA=",
            "lastSeenTime": self._iso(now_us if seen_us is None else seen_us),
        }
        asked = preset.get("eventConfig", {}).get("tagInventory", {})
        on = {key for key in every if asked.get(key, "enabled" if key in _AS_MADE else "disabled") == "enabled"}
        self.tell("tagInventory", {key: value for key, value in every.items() if key in on})

    def tell(self, kind: str, event: dict[str, Any]) -> None:
        """Send an event of a kind (`antennaDisconnected`, `overflow`, ...)."""
        found = {"timestamp": self._iso(self._now_us()), "eventType": kind, f"{kind}Event": event}
        self.send(json.dumps(found, separators=(",", ":")).encode())

    def send(self, event: bytes) -> None:
        """Send these bytes as an event, whatever they are."""
        if self.silent:
            return
        if self._mqtt is not None and self._mqtt_config is not None:
            self._mqtt.publish(self._mqtt_config[2], event)
        for stream in self._streams:
            stream.write(event + b"\r\n")
        if not self._streams:
            self._hold(event)

    def send_raw(self, data: bytes) -> None:
        """Put bytes into the stream as they are."""
        for stream in self._streams:
            stream.write(data)

    def stop_inventory(self) -> None:
        """Somebody else stops it."""
        self._become("idle")

    # -- inside

    def _iso(self, at_us: int) -> str:
        moment = datetime.fromtimestamp(at_us // 1_000_000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_us % 1_000_000:06d}391Z"

    def _hold(self, event: bytes) -> None:
        size = self.stream_config["eventBufferSize"]
        self._held.append(event)
        if len(self._held) > size:
            purged = len(self._held) // 2
            for _ in range(purged):
                self._held.popleft()
            now = self._iso(self._now_us())
            overflow = {
                "firstEventTimestamp": now,
                "lastEventTimestamp": now,
                "eventsPurged": purged,
                "eventsRemaining": len(self._held),
            }
            self._held.append(
                json.dumps({"timestamp": now, "eventType": "overflow", "overflowEvent": overflow}).encode()
            )

    def _become(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self.tell("inventoryStatus", {"status": status})

    def _answer(self, request: Request) -> Reply | Streaming:
        if request.headers.get("authorization") != self._login:
            return Reply(401, {"message": "unauthorized"})
        self.requests.append(f"{request.method} {request.path}")
        steps = request.path.removeprefix(_API).strip("/").split("/")
        if steps[0] in self.closed:
            return Reply(403, {"message": "forbidden"})
        if steps[:3] == ["profiles", "inventory", "presets"]:
            return self._presets(request.method, steps[3:], request)
        answers: dict[tuple[str, ...], Callable[[], Reply | Streaming]] = {
            ("GET", "status"): lambda: Reply(200, self._status()),
            ("GET", "http-stream"): lambda: Reply(200, self.stream_config),
            ("PUT", "http-stream"): lambda: self._set_stream(request.json()),
            ("GET", "data", "stream"): self._open_stream,
            ("POST", "profiles", "stop"): self._stop,
            ("GET", "system"): lambda: Reply(200, _SYSTEM),
            ("GET", "system", "image"): lambda: Reply(200, {"primaryFirmware": self.firmware}),
            ("GET", "system", "image", "upgrade"): self._upgrade_status,
            ("POST", "system", "image", "upgrade"): lambda: self._take_image(request),
            ("POST", "system", "reboot"): lambda: self._restart(202),
        }
        answer = answers.get((request.method, *steps))
        return Reply(404, {"message": "not found"}) if answer is None else answer()

    def _upgrade_status(self) -> Reply:
        status, message = self._upgrade.popleft() if len(self._upgrade) > 1 else self._upgrade[0]
        if status == "successful" and self.reboots_by_itself:
            self._restart(200)
        return Reply(200, {"status": status, "message": message})

    def _take_image(self, request: Request) -> Reply:
        """Take an image: `UPGRADE <version>` and then anything. Others fail when they are verified."""
        if b'name="upgradeFile"' not in request.body:
            return Reply(400, {"message": "Bad request", "detail": "no part upgradeFile"})
        if self._upgrade[0][0] != "ready":
            return Reply(409, {"message": "an upgrade is under way"})
        image = request.body.partition(b"\r\n\r\n")[2]
        verifying, installing = ("verifying", ""), ("installing", "")
        if image.startswith(b"UPGRADE "):
            self._next_firmware = image.split()[1].decode()
            done = "" if self.reboots_by_itself else "Waiting for manual reboot"
            self._upgrade = deque([verifying, installing, ("successful", done)])
        else:
            self._upgrade = deque([verifying, ("failed", "Signature verification failed")])
        return Reply(202, {"message": "upgrade started"})

    def _restart(self, status: int) -> Reply:
        if self._booting is None or self._booting.done():
            self._booting = asyncio.get_running_loop().create_task(self._reboot())
        return Reply(status, {"message": "rebooting"})

    def _stop(self) -> Reply:
        self.active = ""
        self._become("idle")
        return Reply(204)

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = {
            "interface": self.interface,
            "status": self.status,
            "time": self._iso(self._now_us()),
            "serialNumber": "37020340091",
            "mqttBrokerConnectionStatus": "disconnected" if self._mqtt is None else "connected",
            "mqttTlsAuthentication": "none",
        }
        if self.active:
            status["activePreset"] = {"id": self.active, "profile": "inventory"}
        return status

    def _presets(self, method: str, rest: list[str], request: Request) -> Reply:
        match method, rest:
            case "GET", []:
                return Reply(200, list(self.presets))
            case "GET", [name]:
                return Reply(200, self.presets[name]) if name in self.presets else Reply(404, {"message": "no preset"})
            case "PUT", [name]:
                return self._put_preset(name, request.json())
            case "POST", [name, "start"]:
                return self._start_preset(name)
        return Reply(404, {"message": "not found"})

    def _put_preset(self, name: str, body: dict[str, Any]) -> Reply:
        if name == self.active:
            return Reply(409, {"message": "the preset runs"})
        antennas = body.get("antennaConfigs", [])
        unknown = {*body} - _PRESET_KEYS | {key for one in antennas for key in one} - _ANTENNA_KEYS
        missing = {key for one in antennas for key in _ANTENNA_KEYS - {*one}}
        known = {one["antennaPort"] for one in factory_preset((1, 2, 3, 4))["antennaConfigs"]}
        wrong = [one["antennaPort"] for one in antennas if one.get("antennaPort") not in known]
        if unknown or missing or wrong or not antennas:
            detail = f"unknown {sorted(unknown)}, missing {sorted(missing)}, ports {wrong}"
            return Reply(400, {"message": "invalid preset", "detail": detail})
        self.presets[name] = body
        return Reply(204)

    def _start_preset(self, name: str) -> Reply:
        if name not in self.presets:
            return Reply(404, {"message": "no preset"})
        if self.active:
            return Reply(409, {"message": "a preset runs already"})
        self.active = name
        self._become("armed" if self.presets[name].get("startTriggers") else "running")
        return Reply(204)

    def _set_stream(self, body: dict[str, Any]) -> Reply:
        seconds = body.get("keepAliveIntervalSeconds", 30)
        if {*body} - _STREAM_KEYS or not isinstance(seconds, int) or not 1 <= seconds <= 300:
            return Reply(400, {"message": "invalid stream configuration"})
        self.stream_config |= body
        return Reply(204)

    def _open_stream(self) -> Streaming:
        stream = Streaming(self._keep_alive)
        self._streams.append(stream)
        while self._held:
            stream.write(self._held.popleft() + b"\r\n")
        return stream

    async def _keep_alive(self, stream: Streaming) -> None:
        """Live as long as the client does."""
        try:
            while True:
                sent = stream.written
                await asyncio.sleep(self.stream_config["keepAliveIntervalSeconds"] / self._pace)
                if stream.written == sent and not self.silent:
                    stream.write(b"\r\n")
        finally:
            if stream in self._streams:
                self._streams.remove(stream)
