"""A gateway's HTTP side for benches, in a process of its own: `python -m bench._channel_server URL [bare=BODY]`.

It says its addresses as one line of JSON, and ends with SIGTERM. `bare` is the same server with a handler that does
nothing but send the same bytes: what the rest costs is the difference.
"""

import asyncio
import json
import signal
import sys
from types import SimpleNamespace
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.channels import Channels
from gateway.clock import system_clock
from gateway.http.app import create_app
from gateway.http.serve import listen, serve, url_of
from gateway.pauses import fewer_pauses
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay
from gateway.storage.engine import Database

ADDED = frozenset({"date", "server"})
"""Headers that the server itself writes."""


class Bare:
    """Sends the same bytes, head and body, whatever is asked."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.state = SimpleNamespace(tail=SimpleNamespace(close=lambda: None))
        self._start = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items() if name not in ADDED],
        }
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send(self._start)
        await send(self._body)


async def main(url: str, settings: dict[str, str]) -> None:
    database = Database(url)
    feed = ChangeFeed()
    queries = Queries(database, system_clock)
    relay = Relay(database, feed, "bench", system_clock)
    channels = Channels(database, system_clock, relay)
    await channels.keys_exist()
    app = create_app(queries, feed, services=channels.services)
    sockets = {"app": listen(), "bare": listen()}
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    bare: Any = Bare(json.loads(settings.get("headers", "{}")), settings.get("bare", "").encode())
    tasks = [
        asyncio.create_task(serve(app, sockets["app"], stop=stop)),
        asyncio.create_task(serve(bare, sockets["bare"], stop=stop)),
        asyncio.create_task(relay.run()),
        asyncio.create_task(channels.sweeper.run()),
    ]
    fewer_pauses()
    print(json.dumps({name: url_of(sock) for name, sock in sockets.items()}), flush=True)
    await stop.wait()
    relay.stop()
    channels.sweeper.stop()
    await asyncio.gather(*tasks)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], dict(setting.split("=", 1) for setting in sys.argv[2:])))
