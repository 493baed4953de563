"""The driver of Zebra readers with their IoT Connector (FX7500, FX9600, FXR90, ATR7000), over MQTT.

Theory of operation. The reader publishes tag data to `topic` and management events to `management_topic` of a broker;
its heartbeats are the sign of life, and three of them missing means that it is lost, although the broker is there. A
heartbeat also says whether the radio is active: looks are credited for that time only, up to the newest heartbeat or
tag. Other words come from a reader that rests, too.

With `command_topic` and `response_topic` the driver sets the reader's mode, reads it back, and starts it, each by a
command that the reader answers (`stop`, `set_mode`, `get_mode`, `start`); in the end it stops it. Two heartbeats in a
row of an inactive radio mean that somebody stopped it: it is started again. One may be older than our start.

Retained messages are the broker's memory, not the reader's voice: they are left alone.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from edge.drivers.profiles import named_profile
from edge.iot.access import broker_of, topic_of
from edge.iot.driver import JsonReader, SessionOver
from edge.iot.events import Answer, Heartbeat, Overflow, Tag
from edge.iot.limits import LEAVE_TIMEOUT_S, REQUEST_TIMEOUT_S, WATCHDOG_KEEPALIVES, ZEBRA_HEARTBEAT_S
from edge.iot.objects import objects_in
from edge.iot.wishes import IotError, wishes_of
from edge.iot.zebra import parse_event
from edge.iot.zebra_mode import ONGOING, START, build_mode, differences, settings_in, shortcomings, unsayable
from wire.configuration import DeviceInventory
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge.drivers.port import Host
    from edge.iot.access import BrokerAccess
    from edge.iot.broker import BrokerLink, Inbox
    from edge.iot.events import Event
    from edge.iot.wishes import Wish
    from firmware_config.profile import Profile
    from wire.site import Device, Site

_PROFILE: Final = "zebra-fx9600-stock"
_COMMANDS: Final = ("command_topic", "response_topic")
INACTIVE_MAX: Final = 2
"""Heartbeats in a row with an inactive radio that end a session in which we started it."""


def build_zebra_iotc(device: Device, site: Site, host: Host, given: Profile | None = None) -> ZebraMqtt:
    """Return the driver of a Zebra reader. Raises `IotError` or `ProfileError` for settings that cannot be used.

    `given`: a profile by value, in place of the one that the site file names.
    """
    profile = given or named_profile(device, _PROFILE)
    wishes = wishes_of(device, site, profile)
    broker = broker_of(device, site, "username_file", "password_file")
    topics = (
        topic_of(device, "topic", "where the reader publishes its tag data"),
        topic_of(device, "management_topic", "where the reader sends its heartbeats: else a dead one goes unnoticed"),
    )
    commands = None
    if any(key in device.options for key in _COMMANDS):
        commands = (
            topic_of(device, "command_topic", "where the reader takes commands of its control interface"),
            topic_of(device, "response_topic", "where the reader answers them"),
        )
    start = bool(device.options.get("start", commands is not None))
    if start and commands is None:
        raise IotError(f"device {device.id}: start: needs command_topic and response_topic")
    heartbeat_s = float(device.options.get("keepalive_s", ZEBRA_HEARTBEAT_S))
    reader = ZebraMqtt(
        device.id,
        wishes,
        host,
        broker=broker,
        topics=topics,
        commands=commands,
        start=start,
        heartbeat_s=heartbeat_s,
    )
    reader.takes(profile)
    return reader


class ZebraMqtt(JsonReader):
    """One reader (implements `edge.drivers.port.Driver`).

    Args:
        topics: of tag data and of management events.
        commands: topics of commands and of their answers; None: it is not steered from here.
    """

    def __init__(
        self,
        device: str,
        wishes: Sequence[Wish],
        host: Host,
        *,
        broker: BrokerAccess,
        topics: tuple[str, str],
        commands: tuple[str, str] | None,
        start: bool,
        heartbeat_s: float,
    ) -> None:
        self._ports = tuple(wish.port for wish in wishes)
        super().__init__(device, "zebra_iotc", self._ports, host)
        self._wishes = tuple(wishes)
        self._broker = broker
        self._commands = commands
        self._topics = tuple(dict.fromkeys(topics if commands is None else (*topics, commands[1])))
        self._start = start
        self._silent_s = WATCHDOG_KEEPALIVES * heartbeat_s
        self._answer_s = min(REQUEST_TIMEOUT_S, self._silent_s)
        self._link: BrokerLink
        self._heard_s = 0.0
        self._inactive = 0
        self._asked = 0
        self._waiting: tuple[str, asyncio.Future[Answer]] | None = None

    # -- a session

    async def _session(self) -> None:
        self._link = link = self._broker.link(self._topics, self._take_inbox)
        self._inactive = 0
        try:
            await link.open()
            self._heard_s = self._host.monotonic_s()
            try:
                await self._set_up()
                await self._watch()
            finally:
                await self._stop_inventory()
        finally:
            await link.close()

    async def _set_up(self) -> None:
        """Let the inventory run, or find out how it would."""
        mode: Mapping[str, object] = {}
        problems: list[str] = []
        differing: list[str] = []
        if self._start:
            asked = build_mode(self._wishes)
            await self._order("stop", {}, must=False)
            await self._order("set_mode", asked)
            mode = asked | await self._mode()
            problems, differing = unsayable(self._wishes), differences(asked, mode)
            started = await self._order("start", START, must=False)
            if not started.success and ONGOING not in started.text.lower():
                raise SessionOver(f"start was denied: {started.text}")
            self._taker.runs(running=True)
        elif self._commands is not None:
            mode = await self._mode()
            problems = shortcomings(mode, self._ports) if mode else []
        for problem in problems + differing:
            self._taker.remark(problem, problem)
        unknown = {port: AntennaSettings() for port in self._ports}
        settings = settings_in(mode, self._ports) if mode else unknown
        self._taker.asked(settings)
        zebra = DeviceInventory(vendor="Zebra")
        self._found(self._wishes, settings, problems=problems, differences=differing, inventory=zebra, ours=self._start)
        self._has_set_up()
        if self._start:
            self._alive()  # it answered our start

    async def _mode(self) -> dict[str, object]:
        """Return the reader's mode; an empty one where it does not tell."""
        try:
            answer = await self._order("get_mode", {"verbose": True}, must=False)
        except SessionOver:
            if self._link.closed.done():
                raise
            return {}
        return dict(answer.payload) if answer.success else {}

    async def _watch(self) -> None:
        """Wait until the broker is gone, or the reader silent."""
        while True:
            left_s = self._heard_s + self._silent_s - self._host.monotonic_s()
            if left_s <= 0:
                raise SessionOver(f"silent for {self._silent_s:g} s")
            done, _ = await asyncio.wait({self._link.closed}, timeout=left_s)
            if done:
                raise SessionOver(self._link.closed.result())

    async def _stop_inventory(self) -> None:
        """Say the last word to a reader that we started."""
        if not (self._start and self._standing.leaving) or self._link.closed.done():
            return
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await self._order("stop", {}, must=False)
        except (SessionOver, TimeoutError) as error:
            self._standing.log.warning("inventory left running", reason=str(error) or "no answer")

    # -- commands

    async def _order(self, command: str, payload: Mapping[str, object], *, must: bool = True) -> Answer:
        """Send a command and return the answer. Raises `SessionOver` without one, and for a denial where it `must`."""
        assert self._commands is not None
        self._asked += 1
        command_id = f"lastunit-{self._asked}"
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting = (command_id, waiting)
        order = {"command": command, "command_id": command_id, "payload": payload}
        self._link.publish(self._commands[0], json.dumps(order).encode())
        try:
            done, _ = await asyncio.wait(
                (waiting, self._link.closed), timeout=self._answer_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            self._waiting = None
        if waiting not in done:
            if done:
                raise SessionOver(self._link.closed.result())
            raise SessionOver(f"{command}: the reader does not answer")
        answer = waiting.result()
        if must and not answer.success:
            raise SessionOver(f"{command} was denied: {answer.text}")
        return answer

    def _take_answer(self, answer: Answer) -> None:
        if self._waiting is not None and answer.command_id == self._waiting[0] and not self._waiting[1].done():
            self._waiting[1].set_result(answer)

    # -- what comes

    def _take_inbox(self, inbox: Inbox) -> None:
        if inbox.lost:
            self._taker.take([Overflow(f"{inbox.lost} messages found no room in the edge")])
        events: list[Event] = []
        for message in inbox.messages:
            if not message.retained:
                events += self._parsed(objects_in(message.payload), parse_event)
        if not events:
            self._standing.tell_bad_in_time(self._host.monotonic_s())
            return
        self._heard_s = self._host.monotonic_s()
        self._taker.take(events)
        self._alive(inventories=any(isinstance(event, Tag | Heartbeat) for event in events))
        for event in events:
            if isinstance(event, Answer):
                self._take_answer(event)
            elif isinstance(event, Heartbeat):
                self._take_heartbeat(event)

    def _take_heartbeat(self, heartbeat: Heartbeat) -> None:
        if heartbeat.active is None:
            self._taker.remark("activity", "heartbeats do not say RADIO_ACTIVITY: no time counts as looked")
        if not (self._start and self.is_set_up):
            return  # what it does before our start is no matter
        self._inactive = self._inactive + 1 if heartbeat.active is False else 0
        if self._inactive >= INACTIVE_MAX:
            self._link.end("its inventory was stopped by somebody else")
