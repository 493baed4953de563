"""An uplink without a network, for tests and for programs that hold edge and gateway in one process.

`MemoryBroker` is the far side: it takes what edges publish, hands out answers, keeps the retained states, publishes
last wills, and can be cut. It forgets everything that is not retained, as a broker may.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from edge.uplink.port import UplinkFigures, UplinkListener
from wire.limits import MIB
from wire.messages import Ack, Command, EdgeState

_DATA_MAX_BYTES = 64 * MIB
"""What the far side has not taken yet; beyond it the oldest go, as in a broker's queue."""


class MemoryBroker:
    """The far side of any number of `MemoryUplink`s, told apart by (site, edge)."""

    def __init__(self) -> None:
        self.up = True
        self.data: deque[tuple[str, str, bytes]] = deque()
        self.states: dict[tuple[str, str], EdgeState] = {}
        self.reported: dict[tuple[str, str], bytes] = {}
        self._desired: dict[tuple[str, str], bytes] = {}
        self.dropped = 0
        self.refuse_data = False
        self._bytes = 0
        self._uplinks: dict[tuple[str, str], MemoryUplink] = {}

    def join(self, uplink: "MemoryUplink") -> None:
        """Connect an uplink; one with the same name is taken over."""
        rival = self._uplinks.get(uplink.name)
        if rival is not None and rival is not uplink:
            rival.cut("Session taken over")
        self._uplinks[uplink.name] = uplink

    def leave(self, uplink: "MemoryUplink") -> None:
        """Forget an uplink."""
        if self._uplinks.get(uplink.name) is uplink:
            del self._uplinks[uplink.name]

    def take(self, site: str, edge: str, frame: bytes) -> None:
        """Take one frame of an edge."""
        self.data.append((site, edge, frame))
        self._bytes += len(frame)
        while self._bytes > _DATA_MAX_BYTES:
            self.pop()
            self.dropped += 1

    def pop(self) -> tuple[str, str, bytes]:
        """Hand out the oldest frame: (site, edge, frame). Raises `IndexError` when there is none."""
        site, edge, frame = self.data.popleft()
        self._bytes -= len(frame)
        return site, edge, frame

    def ack(self, site: str, edge: str, ack: Ack) -> None:
        """Answer an edge; lost when it is not connected."""
        uplink = self._uplinks.get((site, edge))
        if uplink is not None:
            uplink.deliver_ack(ack)

    def command(self, site: str, edge: str, command: Command) -> None:
        """Ask an edge for something; lost when it is not connected."""
        uplink = self._uplinks.get((site, edge))
        if uplink is not None:
            uplink.deliver_command(command)

    def desire(self, site: str, edge: str, payload: bytes) -> None:
        """Say what the devices of an edge should be; kept for an edge that connects later."""
        self._desired[site, edge] = payload
        uplink = self._uplinks.get((site, edge))
        if uplink is not None:
            uplink.deliver_desired(payload)

    def desired_of(self, name: tuple[str, str]) -> bytes | None:
        """Return what was said last of an edge's devices."""
        return self._desired.get(name)

    def crash(self) -> None:
        """Cut every edge without a goodbye, publish their wills, and be away until `restart`."""
        self.up = False
        for uplink in list(self._uplinks.values()):
            uplink.cut("Unspecified error")

    def restart(self) -> None:
        """Be there again; edges come back by themselves."""
        self.up = True


class MemoryUplink:
    """The edge's side of a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker, site: str, edge: str, *, retry_s: float = 0.01) -> None:
        self.figures = UplinkFigures()
        self.name = (site, edge)
        self._broker = broker
        self._retry_s = retry_s
        self._listener: UplinkListener | None = None
        self._death: EdgeState | None = None
        self._task: asyncio.Task[None] | None = None
        self._cut = asyncio.Event()
        self._held = 0
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether the broker knows us."""
        return self._connected

    @property
    def held_bytes(self) -> int:
        """Bytes published and not confirmed."""
        return self._held

    def start(self, listener: UplinkListener, death: EdgeState) -> None:
        """Begin to connect. Raises `RuntimeError` when called twice."""
        if self._task is not None:
            raise RuntimeError("this uplink runs already")
        self._listener, self._death = listener, death
        self._task = asyncio.create_task(self._run(), name=f"uplink {'/'.join(self.name)}")

    async def stop(self, farewell: EdgeState | None = None) -> None:
        """Leave."""
        if self._task is None:
            return
        if farewell is not None and self._connected:
            self.publish_state(farewell)
        self._listener = None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._connected = False
        self._broker.leave(self)

    def publish_data(self, frame: bytes) -> bool:
        """Publish a frame."""
        if not self._take(len(frame)):
            return False
        if self._broker.refuse_data:
            self.figures.refused += 1
        else:
            self._broker.take(*self.name, frame)
            self.figures.confirmed += 1
        return True

    def publish_state(self, state: EdgeState) -> bool:
        """Publish the retained state."""
        if not self._take(0):
            return False
        self._broker.states[self.name] = state
        self.figures.confirmed += 1
        return True

    def publish_reported(self, payload: bytes) -> bool:
        """Publish what the devices are, retained."""
        if not self._take(len(payload)):
            return False
        self._broker.reported[self.name] = payload
        self.figures.confirmed += 1
        return True

    def deliver_desired(self, payload: bytes) -> None:
        """Hand what is desired to the listener, soon."""
        self._soon(lambda listener: listener.on_desired(payload))

    def deliver_ack(self, ack: Ack) -> None:
        """Hand an answer to the listener, soon."""
        self._soon(lambda listener: listener.on_ack(ack))

    def deliver_command(self, command: Command) -> None:
        """Hand a command to the listener, soon."""
        self._soon(lambda listener: listener.on_command(command))

    def cut(self, reason: str) -> None:
        """Lose the connection; the last will becomes the retained state."""
        if not self._connected:
            return
        self._connected = False
        self._held = 0
        self._broker.leave(self)
        if self._death is not None:
            self._broker.states[self.name] = self._death
        if self._listener is not None:
            self._listener.on_disconnected(reason)
        self._cut.set()

    async def _run(self) -> None:
        while True:
            while not self._broker.up:
                self.figures.connect_failures += 1
                await asyncio.sleep(self._retry_s)
            self._broker.join(self)
            self._connected = True
            self._cut.clear()
            self.figures.connects += 1
            if self._listener is not None:
                self._listener.on_connected()
            retained = self._broker.desired_of(self.name)
            if retained is not None:
                self.deliver_desired(retained)
            await self._cut.wait()
            await asyncio.sleep(self._retry_s)

    def _take(self, size: int) -> bool:
        if not self._connected:
            self.figures.turned_away += 1
            return False
        self.figures.published += 1
        self._held += size
        asyncio.get_running_loop().call_soon(self._confirm, size)
        return True

    def _confirm(self, size: int) -> None:
        self._held = max(0, self._held - size)
        if self._connected and self._listener is not None:
            self._listener.on_room()

    def _soon(self, call: Callable[[UplinkListener], None]) -> None:
        def deliver() -> None:
            if self._connected and self._listener is not None:
                call(self._listener)

        asyncio.get_running_loop().call_soon(deliver)
