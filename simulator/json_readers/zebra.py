"""A Zebra FX9600 with its IoT Connector on MQTT: tag data, management events, the control interface.

What it does as the real one: `type` of tag data echoes the operating mode, and the mode decides which fields stand in
`data` (SIMPLE and CUSTOM without `tagMetaData`: neither antenna nor RSSI); `eventNum` runs over stop and start and
begins anew with a boot; times end in `+0000`; several events go out glued together without anything between; commands
are answered with their `command_id`; a heartbeat says what the radio does; a start of what runs fails with "ongoing".
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from simulator.json_readers.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BY_MODE = {
    "INVENTORY": {"ANTENNA", "RSSI", "SEEN_COUNT"},
    "CONVEYOR": {"ANTENNA"},
}


class Topics(NamedTuple):
    """Where it publishes and listens."""

    data: str
    management: str
    command: str
    response: str


class ZebraReader:
    """One emulated reader."""

    def __init__(
        self,
        host: str,
        port: int,
        topics: Topics,
        *,
        ports: int = 4,
        heartbeat_s: float = 60.0,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self.mode: dict[str, Any] = {"type": "SIMPLE"}
        self.active = False
        self.antennas = dict.fromkeys(range(1, ports + 1), "connected")
        self.commands: list[str] = []
        self.denies: dict[str, str] = {}
        """Commands that it denies, and with which words."""
        self.deaf = False
        """Commands are not answered."""
        self.dropped = 0
        self.heartbeats = True
        self.do: Callable[[str, dict[str, Any]], tuple[dict[str, Any], str]] = self._do
        """What a command does: returns the answer's payload and, when it is denied, why."""
        self._where = (host, port)
        self._topics = topics
        self._heartbeat_s = heartbeat_s
        self._now_us = now_us
        self._number = 0
        self._management_number = 0
        self._mqtt: Publisher | None = None
        self._task: asyncio.Task[None] | None = None

    # -- its life

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()

    async def come_back(self) -> None:
        """Boot: it inventories nothing, and counts its events anew."""
        self.active = False
        self._number = 0
        self._mqtt = Publisher(f"zebra-{self._topics.data}")
        await self._mqtt.connect(*self._where, self._topics.command, self._obey)
        self._task = asyncio.create_task(self._beat())

    async def vanish(self) -> None:
        """Lose power."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._mqtt is not None:
            await self._mqtt.close(politely=False)
            self._mqtt = None

    # -- what happens to it

    def see(self, epcs: Iterable[bytes], port: int, *, rssi_dbm: int = -55, reads: int = 1) -> None:
        """Read tags; they go out in one message. Nothing comes of it when the port does not inventory."""
        if not self.active or port not in self.mode.get("antennas", self.antennas):
            return
        self.send(b"".join(self.tag(epc, port, rssi_dbm=rssi_dbm, reads=reads) for epc in epcs))

    def tag(self, epc: bytes, port: int, *, rssi_dbm: int = -55, reads: int = 1) -> bytes:
        """Return a tag data event and count its number."""
        self._number += 1
        kind = self.mode["type"]
        meta = {one for one in self.mode.get("tagMetaData", []) if isinstance(one, str)} | _BY_MODE.get(kind, set())
        data: dict[str, Any] = {"eventNum": self._number, "format": "epc", "idHex": epc.hex()}
        if "ANTENNA" in meta:
            data["antenna"] = port
        if "RSSI" in meta:
            data["peakRssi"] = rssi_dbm
        if "SEEN_COUNT" in meta:
            data["reads"] = reads
        return _bytes({"data": data, "timestamp": self._iso(), "type": kind})

    def lose(self, events: int) -> None:
        """Lose tag events on the way."""
        self._number += events

    def send(self, payload: bytes, *, retain: bool = False) -> None:
        """Publish these bytes as tag data, whatever they are."""
        self._publish(self._topics.data, payload, retain=retain)

    def manage(self, kind: str, data: dict[str, Any]) -> None:
        """Publish a management event."""
        self._management_number += 1
        event = {
            "component": "RG",
            "data": data,
            "eventNum": self._management_number,
            "timestamp": self._iso(),
            "type": kind,
        }
        self._publish(self._topics.management, _bytes(event))

    def heartbeat(self) -> None:
        """Publish a heartbeat now."""
        radio = {
            "antennas": {str(port): state for port, state in self.antennas.items()},
            "radioActivity": "active" if self.active else "inactive",
            "radioConnection": "connected",
            "status": "running",
        }
        paths = [{"numDataMessagesDropped": self.dropped, "numDataMessagesTxed": self._number}]
        system = {"GPI": {"1": "HIGH"}, "temperature": {"ambient": 31, "pa": 35}, "uptime": "5:21:9"}
        gateway = {"dataPathStatistics": paths, "numErrors": 0}
        self.manage("heartbeat", {"radio_control": radio, "reader_gateway": gateway, "system": system, "userapps": []})

    # -- inside

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            if self.heartbeats:
                self.heartbeat()

    def _obey(self, payload: bytes) -> None:
        try:
            order = json.loads(payload)
        except ValueError:
            return
        command = str(order.get("command"))
        self.commands.append(command)
        if self.deaf:
            return
        found, denial = self.do(command, order.get("payload") or {})
        answer: dict[str, Any] = {
            "command": command,
            "command_id": order.get("command_id"),
            "response": "failure" if denial else "success",
            "payload": {"message": denial} if denial else found,
        }
        self._publish(self._topics.response, _bytes(answer))

    def _do(self, command: str, payload: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Do what is asked; return the answer's payload and, when it is denied, why."""
        if command in self.denies:
            return {}, self.denies[command]
        match command:
            case "set_mode":
                self.mode = payload
            case "get_mode":
                return self.mode, ""
            case "start":
                if self.active:
                    return {}, "start currently ongoing"
                self.active = True
            case "stop":
                self.active = False
            case _:
                return {}, f"unknown command {command}"
        return {}, ""

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if self._mqtt is not None:
            self._mqtt.publish(topic, payload, retain=retain)

    def _iso(self) -> str:
        at_us = self._now_us()
        moment = datetime.fromtimestamp(at_us // 1_000_000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_us % 1_000_000 // 1_000:03d}+0000"


def _bytes(found: dict[str, Any]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()
