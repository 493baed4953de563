"""The driver of Impinj readers in their IoT device interface (R700, R720): HTTP stream, or MQTT with REST beside it.

Theory of operation. *HTTP*: the reader is set up over REST, then `/data/stream` is read for as long as it lasts: a line
for each event, CR LF as a keep-alive when there is none. Three keep-alives without a byte and the reader is lost. The
first byte is the first sign of life.

*MQTT*: the reader publishes each event to `topic` of a broker. There is no keep-alive in that, so the reader's status
is asked over REST every `keepalive_s`, which is the sign of life. Where the reader cannot be reached from here (it has
no login in the site file), its will topic (`management_topic`) stands for it: the broker says when the reader is gone,
and only its events show that it works.

*Start*: with `start` (true where it is not said) the driver stores a preset of its own, starts it, reads it back, and
stops it in the end. Without, somebody else does; the preset that runs is read to know which ports look. What an event
says of the inventory may be older than what we did since, and names no preset: so the reader is asked then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx

from edge.drivers.profiles import named_profile
from edge.iot import fields
from edge.iot.access import RestAccess, broker_of, login_of, topic_of
from edge.iot.driver import JsonReader, SessionOver
from edge.iot.events import Inventory, Overflow
from edge.iot.impinj import inventory_of, parse_event
from edge.iot.impinj_preset import PRESET, settings_in, shortcomings
from edge.iot.impinj_rest import STREAM, ImpinjRest, check, running_preset, unreachable
from edge.iot.limits import (
    IMPINJ_KEEPALIVE_AS_MADE_S,
    IMPINJ_KEEPALIVE_MAX_S,
    IMPINJ_KEEPALIVE_S,
    LEAVE_TIMEOUT_S,
    WATCHDOG_KEEPALIVES,
)
from edge.iot.objects import LineStream, objects_in
from edge.iot.wishes import IotError, wishes_of
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.drivers.port import Host
    from edge.iot.access import BrokerAccess
    from edge.iot.broker import BrokerLink, Inbox
    from edge.iot.objects import JsonObject, Split
    from edge.iot.wishes import Wish
    from firmware_config.profile import Profile
    from wire.site import Device, Site

_PROFILE: Final = "impinj-r700-stock"
_GONE: Final = frozenset({"connection lost", "disconnected"})
"""What the reader's will topic says when it is gone: as made, and what people write into `disconnectMessage`."""
_MQTT_ONLY: Final = ("broker", "topic", "management_topic", "broker_username_file", "broker_password_file")


def build_impinj_iot(device: Device, site: Site, host: Host, given: Profile | None = None) -> JsonReader:
    """Return the driver of an Impinj reader. Raises `IotError`, `ProfileError` or `TlsError` for unusable settings.

    `given`: a profile by value, in place of the one that the site file names.
    """
    profile = given or named_profile(device, _PROFILE)
    wishes = wishes_of(device, site, profile)
    reader = (_over_mqtt if device.options.get("via") == "mqtt" else _over_http)(device, site, host, wishes)
    reader.takes(profile)
    return reader


def _over_http(device: Device, _site: Site, host: Host, wishes: Sequence[Wish]) -> ImpinjStream:
    for key in _MQTT_ONLY:
        if key in device.options:
            raise IotError(f"device {device.id}: {key}: means nothing without `via: mqtt`")
    start = bool(device.options.get("start", True))
    default_s = IMPINJ_KEEPALIVE_S if start else IMPINJ_KEEPALIVE_AS_MADE_S
    keepalive_s = float(device.options.get("keepalive_s", default_s))
    if start and not (keepalive_s.is_integer() and 1 <= keepalive_s <= IMPINJ_KEEPALIVE_MAX_S):
        raise IotError(
            f"device {device.id}: keepalive_s: {keepalive_s:g}, expected whole seconds from 1 to "
            f"{IMPINJ_KEEPALIVE_MAX_S}: it is set on the reader"
        )
    return ImpinjStream(device.id, wishes, host, RestAccess(device), start=start, keepalive_s=keepalive_s)


def _over_mqtt(device: Device, site: Site, host: Host, wishes: Sequence[Wish]) -> ImpinjMqtt:
    options = device.options
    rest = RestAccess(device) if login_of(device, "username_file", "password_file") is not None else None
    broker = broker_of(device, site, "broker_username_file", "broker_password_file")
    topic = topic_of(device, "topic", "where the reader publishes its events (eventTopic)")
    will = topic_of(device, "management_topic", "") if "management_topic" in options else None
    if rest is None and options.get("start"):
        raise IotError(f"device {device.id}: start: the reader is started over REST: give its username_file")
    if rest is None and will is None:
        raise IotError(
            f"device {device.id}: give username_file and password_file of the reader, or its willTopic as "
            "management_topic: else a dead reader cannot be told from an empty shelf"
        )
    start = bool(options.get("start", rest is not None))
    keepalive_s = float(options.get("keepalive_s", IMPINJ_KEEPALIVE_S))
    return ImpinjMqtt(
        device.id,
        wishes,
        host,
        rest=rest,
        broker=broker,
        topic=topic,
        will_topic=will,
        start=start,
        keepalive_s=keepalive_s,
    )


class _ImpinjReader(JsonReader):
    """What both ways share: setting the reader up, and what its events mean."""

    def __init__(
        self,
        device: str,
        wishes: Sequence[Wish],
        host: Host,
        rest: RestAccess | None,
        *,
        start: bool,
        keepalive_s: float,
    ) -> None:
        super().__init__(device, "impinj_iot", [wish.port for wish in wishes], host)
        self._wishes = tuple(wishes)
        self._rest = rest
        self._start = start
        self._started = False
        self._keepalive_s = keepalive_s
        self._preset = ""
        self._told_of_inventory = False
        """An event said that it is idle though we started it, or runs by we know not which preset: ask the reader."""

    async def _set_up(self, rest: ImpinjRest) -> None:
        """Let the inventory run, or find out what runs."""
        self._told_of_inventory = False
        status = await rest.status()
        self._taker.its_time(fields.moment_us(status.get("time")))
        if fields.text(status, "interface").lower() == "llrp":
            raise SessionOver("the reader is set to LLRP: switch it to the IoT device interface")
        if self._start:
            self._started = True
            preset, problems = await rest.run(self._wishes)
            status = await rest.status()
            self._check_ours(status)
        else:
            self._preset = name = running_preset(status)
            found = await rest.preset(name) if name else None
            preset, problems = found or {}, shortcomings(found) if found else []
            if not name:
                self._taker.remark("idle", "no preset runs on the reader: start one there, or set `start: true`")
        for problem in problems:
            self._taker.remark(problem, problem)
        settings = settings_in(preset) if preset else self._unknown()
        self._taker.asked(settings)
        self._found(
            self._wishes,
            settings,
            problems=() if self._start else problems,
            differences=problems if self._start else (),
            inventory=await rest.inventory_if_told(),
            ours=self._start,
        )
        self._taker.runs(running=_runs(status) and self._arrives(status))
        self._has_set_up()

    async def _ask(self, rest: ImpinjRest) -> None:
        """Ask how the inventory is; where another preset may run that somebody started, read it."""
        told, self._told_of_inventory = self._told_of_inventory, False
        status = await rest.status()
        if self._start:
            self._check_ours(status)
        elif told or running_preset(status) != self._preset:
            self._taker.found(running=False)
            await self._set_up(rest)
            return
        self._taker.found(running=_runs(status) and self._arrives(status))

    def _check_ours(self, status: JsonObject) -> None:
        """Raise `SessionOver` unless the preset that we started runs: it is started again."""
        if fields.text(status, "status") == "idle" or running_preset(status) not in ("", PRESET):
            raise SessionOver("its inventory was stopped by somebody else")

    def _arrives(self, status: JsonObject) -> bool:  # noqa: ARG002 - for readers that send their reads elsewhere
        """Whether what it reads comes to us."""
        return True

    def _unknown(self) -> dict[int, AntennaSettings]:
        """A transient preset cannot be read: all ports may look, and nobody knows how."""
        return {wish.port: AntennaSettings() for wish in self._wishes}

    def _take(self, split: Split) -> None:
        """Take what came from the reader."""
        events = self._parsed(split, parse_event)
        self._taker.take(events)
        doubtful = "idle" if self._start else "running"
        if self._rest is not None and any(isinstance(one, Inventory) and one.state == doubtful for one in events):
            self._told_of_inventory = True
            self._taker.runs(running=False)  # until it was asked
        self._alive()

    async def _stop_inventory(self, rest: ImpinjRest) -> None:
        """Say the last word to a reader that we started."""
        if not (self._started and self._standing.leaving):
            return
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await rest.stop()
        except (SessionOver, TimeoutError) as error:
            self._standing.log.warning("inventory left running", reason=str(error) or "no answer")


def _runs(status: JsonObject) -> bool:
    return inventory_of(fields.text(status, "status")).state == "running"


class ImpinjStream(_ImpinjReader):
    """One reader over its HTTP stream (implements `edge.drivers.port.Driver`)."""

    def __init__(
        self, device: str, wishes: Sequence[Wish], host: Host, rest: RestAccess, *, start: bool, keepalive_s: float
    ) -> None:
        super().__init__(device, wishes, host, rest, start=start, keepalive_s=keepalive_s)
        self._access = rest

    async def _session(self) -> None:
        async with self._access.client() as client:
            rest = ImpinjRest(client)
            try:
                if self._start:
                    await rest.set_keepalive(round(self._keepalive_s))
                await self._set_up(rest)
                await self._read(client, rest)
            finally:
                await self._stop_inventory(rest)

    async def _read(self, client: httpx.AsyncClient, rest: ImpinjRest) -> None:
        """Read the stream until it ends."""
        silent_s = WATCHDOG_KEEPALIVES * self._keepalive_s
        lines = LineStream()
        try:
            async with client.stream("GET", STREAM, timeout=httpx.Timeout(silent_s)) as response:
                if not response.is_success:
                    check(response, b"")
                async for chunk in response.aiter_raw():
                    self._take(lines.feed(chunk))
                    if self._told_of_inventory:
                        await self._ask(rest)
        except httpx.ReadTimeout as error:
            raise SessionOver(f"silent for {silent_s:g} s") from error
        except httpx.HTTPError as error:
            raise SessionOver(f"the stream broke: {unreachable(error)}") from error
        raise SessionOver("the reader ended the stream")


class ImpinjMqtt(_ImpinjReader):
    """One reader that publishes to a broker (implements `edge.drivers.port.Driver`).

    `rest` None: it cannot be reached from here; `will_topic` is then where the broker says that it is gone.
    """

    def __init__(
        self,
        device: str,
        wishes: Sequence[Wish],
        host: Host,
        *,
        rest: RestAccess | None,
        broker: BrokerAccess,
        topic: str,
        will_topic: str | None,
        start: bool,
        keepalive_s: float,
    ) -> None:
        super().__init__(device, wishes, host, rest, start=start, keepalive_s=keepalive_s)
        self._broker = broker
        self._topics = (topic,) if will_topic is None else (topic, will_topic)
        self._will_topic = will_topic
        self._link: BrokerLink

    async def _session(self) -> None:
        self._link = link = self._broker.link(self._topics, self._take_inbox)
        try:
            await link.open()
            if self._rest is None:
                self._taker.asked(self._unknown())
                self._found(self._wishes, self._unknown(), ours=False)
                self._has_set_up()
                raise SessionOver(await link.closed)
            async with self._rest.client() as client:
                rest = ImpinjRest(client)
                try:
                    await self._set_up(rest)
                    await self._ask_again_and_again(rest)
                finally:
                    await self._stop_inventory(rest)
        finally:
            await link.close()

    async def _ask_again_and_again(self, rest: ImpinjRest) -> None:
        """Ask the reader how it is, every keepalive, until it or the broker is gone."""
        while True:
            await self._ask(rest)
            self._alive()
            done, _ = await asyncio.wait({self._link.closed}, timeout=self._keepalive_s)
            if done:
                raise SessionOver(self._link.closed.result())

    def _arrives(self, status: JsonObject) -> bool:
        """Whether it is connected to its broker: else its shelves would count as empty."""
        connected = fields.text(status, "mqttBrokerConnectionStatus") != "disconnected"
        if not connected:
            self._taker.remark("mqtt", "the reader is not connected to its MQTT broker")
        return connected

    def _take_inbox(self, inbox: Inbox) -> None:
        if inbox.lost:
            self._taker.take([Overflow(f"{inbox.lost} messages found no room in the edge")])
        for message in inbox.messages:
            if message.retained:
                continue  # an old word: it proves nothing, and was taken in its time
            try:
                self._take_message(message.topic, message.payload)
            except SessionOver as error:
                self._link.end(str(error))  # what came with it is taken all the same

    def _take_message(self, topic: str, payload: bytes) -> None:
        if topic == self._will_topic and not payload.lstrip().startswith(b"{"):
            words = payload[:100].decode("utf-8", "replace").strip()
            if words.lower() in _GONE:
                raise SessionOver(f"the broker says of the reader: {words}")
            return
        split = objects_in(payload)
        if self._rest is None and any("tagInventoryEvent" in found for found in split.objects):
            self._taker.runs(running=True)  # nobody else says so
        self._take(split)
