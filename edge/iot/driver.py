"""One supervised task for one reader that speaks JSON: sessions one after another, for ever.

A session (`_session`, of the maker's driver) connects, sets the reader up, and takes what comes until it cannot go on:
it ends by `SessionOver` with the reason. The pause before the next one grows with failures in a row (`edge.backoff`),
and begins anew when the reader worked for a while. *Up* is the first sign of life (`_alive`) after the set-up
(`_has_set_up`), not a connection.

On stop the session is cancelled; it says goodbye in its `finally`, where `leaving` tells it that it is the end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from edge.backoff import REFUSED, UNREACHABLE, Backoff
from edge.drivers.port import Readback
from edge.drivers.readback import reported_antenna
from edge.drivers.standing import Standing
from edge.iot.events import BadEvent
from edge.iot.limits import STOP_TIMEOUT_S
from edge.iot.taker import EventTaker
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge.backoff import Pace
    from edge.drivers.port import Host, Sink
    from edge.iot.events import Event
    from edge.iot.objects import JsonObject, Split
    from edge.iot.wishes import Wish
    from firmware_config.profile import Profile
    from wire.configuration import DeviceInventory
    from wire.messages import AntennaLook, DeviceClock, DeviceHealth


NOT_OURS = "its inventory is started by somebody else (start: false): the profile is not put on the reader"
"""Said of a reader that we only listen to."""


class SessionOver(Exception):  # noqa: N818 - says what it is
    """A session cannot go on; the text says why. `refused`: the reader answers and lets us not in."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class JsonReader:
    """The half of a driver that all makes share (implements `edge.drivers.port.Driver`)."""

    def __init__(self, device: str, driver: str, ports: Sequence[int], host: Host) -> None:
        self._device = device
        self._host = host
        self._standing = Standing(device, driver, host)
        self._taker = EventTaker(device, ports, host, self._standing)
        self._backoff = Backoff(host.rng)
        self.is_set_up = False
        self._profile: Profile | None = None
        """What the reader shall be; None: nobody said."""
        self._verified: Readback | None = None
        self._readback: Readback | None = None
        self._up_s: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    # -- the port

    def start(self, sink: Sink) -> None:
        """Begin. Raises `RuntimeError` when called twice."""
        if self._task is not None:
            raise RuntimeError(f"driver of {self._device} was started before")
        self._standing.tell_to(sink.on_event)
        self._taker.hand_to(sink)
        self._task = asyncio.get_running_loop().create_task(self._supervise(), name=f"reader {self._device}")

    async def stop(self) -> None:
        """Let the session say goodbye, within `STOP_TIMEOUT_S`, then by force."""
        task = self._task
        if task is None:
            return
        self._stopping.set()
        self._standing.leaving = True
        await asyncio.wait({task}, timeout=STOP_TIMEOUT_S)
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def health(self) -> DeviceHealth:
        """Return the reader as it is now."""
        return self._standing.health()

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:  # noqa: ARG002 - the port's word; credit needs messages
        """Return what each port inventoried since the last call, as far as the reader vouched for it."""
        return self._taker.looked()

    def clock(self) -> DeviceClock:
        """Return how far the reader's clock can be trusted, and the shift that its reads carry."""
        return self._taker.clock()

    def configuration(self) -> Readback | None:
        """Return what was read back from the reader when it came up last."""
        return self._readback

    # -- the task

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            pace = await self._attempt()
            pause_s = self._backoff.failed(pace)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    async def _attempt(self) -> Pace:
        """Carry one session to its end; return how to pause after it."""
        session = asyncio.create_task(self._session(), name=f"session {self._device}")
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({session, stopping}, return_when=asyncio.FIRST_COMPLETED)
            session.cancel()
            await asyncio.wait({session})
        except asyncio.CancelledError:  # its goodbye takes too long
            session.cancel()
            await asyncio.wait({session})
            raise
        finally:
            stopping.cancel()
            self._taker.ended()
        return self._after(session)

    def _after(self, session: asyncio.Task[None]) -> Pace:
        self.is_set_up = False
        if self._up_s is not None:
            self._backoff.worked(self._host.monotonic_s() - self._up_s)
            self._up_s = None
        if session.cancelled():
            self._standing.enter("down", "stopped")
            return UNREACHABLE
        error = session.exception()
        if isinstance(error, SessionOver):
            self._standing.enter("refused" if error.refused else "down", str(error))
            return REFUSED if error.refused else UNREACHABLE
        if error is None:
            self._standing.enter("down", "the session ended by itself")
            return UNREACHABLE
        # Our bug: one reader's session must not end the daemon. It is said aloud, and tried again like any other.
        self._standing.log.error("session failed", error=f"{type(error).__name__}: {error}")
        self._standing.enter("down", f"our own mistake: {type(error).__name__}")
        return REFUSED

    def takes(self, profile: Profile) -> None:
        """Say which profile the wishes come from, before `start`."""
        self._profile = profile

    # -- what a maker's driver has and uses

    async def _session(self) -> None:
        """Connect, set up, and take what comes. Ends by `SessionOver`."""
        raise NotImplementedError

    def _has_set_up(self) -> None:
        """Say that the reader does what it shall: signs of life count from now on."""
        self.is_set_up = True

    def _found(
        self,
        wishes: Sequence[Wish],
        settings: Mapping[int, AntennaSettings],
        *,
        problems: Sequence[str] = (),
        differences: Sequence[str] = (),
        inventory: DeviceInventory | None = None,
        ours: bool = True,
    ) -> None:
        """Keep what was read back from the reader; it is told from its first sign of life on.

        `ours`: we told it what to do.
        """
        silent = AntennaSettings()
        antennas = tuple(
            reported_antenna(wish.port, wish.purpose.value, wish.power_dbm, settings.get(wish.port, silent))
            for wish in wishes
        )
        said = tuple(problems) if ours else (NOT_OURS, *problems)
        self._verified = Readback(self._profile, antennas, said, tuple(differences), inventory, ours)

    def _alive(self, *, inventories: bool = True) -> None:
        """Say that the reader gave a sign of life; whether that also shows that its inventory went on till now."""
        if not self.is_set_up:
            return
        now_s = self._host.monotonic_s()
        if self._up_s is None:
            self._up_s = now_s
            self._readback = self._verified
            self._standing.enter("up")
        if inventories:
            self._taker.heard(now_s)
        else:
            self._standing.tell_bad_in_time(now_s)

    def _parsed(self, split: Split, parse: Callable[[JsonObject], Event | None]) -> list[Event]:
        """Return the events of what came; what is bad is counted."""
        self._taker.bad("what came is no JSON", split.bad)
        events = []
        for found in split.objects:
            try:
                event = parse(found)
            except BadEvent as error:
                self._taker.bad(str(error))
                continue
            if event is not None:
                events.append(event)
        return events
