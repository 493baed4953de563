"""One connection of the uplink over MQTT: its paho client, and what it holds."""

import asyncio

import paho.mqtt.client as paho


class Connection:
    """One paho client and what it holds; used on the event loop's thread.

    `ready`: the broker let us in. `closed`: why it ended. `held`: bytes of each message that is not confirmed.
    """

    def __init__(self, client: paho.Client, loop: asyncio.AbstractEventLoop) -> None:
        self.client = client
        self.held: dict[int, int] = {}
        self.all_confirmed = asyncio.Event()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self.reason = ""

    def end(self, reason: str) -> None:
        """The connection is gone; the first reason given is the one that counts."""
        if not self.closed.done():
            self.closed.set_result(self.reason or reason)
