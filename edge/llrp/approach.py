"""How edge and reader come together: we connect to it, or it connects to us; with TLS or without.

Whoever opens the TCP connection is the client of TLS. Where the reader calls, waiting for it is the pause between two
attempts; a call that came while the pace of `edge.backoff` held us back waits at its door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.llrp.listener import Door, NobodyCalledError
from edge.llrp.transport import accept, connect
from edge.tls import TlsError, tls_problem, tls_settings
from firmware_config.profile import ProfileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.llrp.transport import Connection
    from edge.tls import TlsSettings
    from wire.site import Device, Site

LLRP_PORT: Final = 5084
"""The port that IANA gave to LLRP without TLS."""
LLRP_TLS_PORT: Final = 5085
"""The port that IANA gave to LLRP over TLS."""


PROMPT_S: Final = 0.1
"""What waited longer is no longer fresh: the clock of the reader is measured by what it says first."""


class ApproachError(OSError):
    """No connection came about; the text says why. `waited`: the attempt was a pause in itself."""

    def __init__(self, why: str, *, waited: bool = False) -> None:
        super().__init__(why)
        self.waited = waited


class Approach:
    """The way to one reader.

    Args:
        device: its id.
        host, port: where it is, or where it comes from and where we listen for it.
        listens: whether it calls us.
        tls: settings of TLS, None without it.
        patience_s: how long a call is waited for in one attempt.
    """

    def __init__(
        self,
        device: str,
        host: str,
        port: int,
        *,
        tls: TlsSettings | None = None,
        listens: bool = False,
        patience_s: float = 5.0,
    ) -> None:
        self.place = f"port {port}, for calls of {host}" if listens else f"{host}:{port}"
        """Where it is looked for, in words."""
        self._host, self._port = host, port
        self._tls = tls
        self._patience_s = patience_s
        self._door = Door(device, host, port) if listens else None

    async def open(self, make: Callable[[], Connection]) -> Connection:
        """Return a connection that was made. Raises `ApproachError`."""
        try:
            return await (self._answer(make) if self._door is not None else self._call(make))
        except NobodyCalledError as error:
            raise ApproachError(str(error), waited=True) from error
        except TlsError as error:
            raise ApproachError(str(error)) from error
        except (OSError, UnicodeError) as error:  # a name that cannot be one fails in the IDNA codec
            why = tls_problem(error) or str(error) or type(error).__name__
            raise ApproachError(f"cannot reach {self.place}: {why}") from error

    def tell_rivals_to(self, on_rival: Callable[[], None]) -> None:
        """Say what is called when somebody called in the reader's place; that call is closed."""
        if self._door is not None:
            self._door.on_rival = on_rival

    def heard(self, newest_s: float) -> None:
        """Say when the newest message of the reader came, again with each look at it."""
        if self._door is not None:
            self._door.heard(newest_s)

    def is_prompt(self) -> bool:
        """Return whether the reader's first words were taken when it said them."""
        return self._door is None or self._door.waited_s < PROMPT_S

    def ended(self) -> None:
        """Say that the connection is over: the reader may call again."""
        if self._door is not None:
            self._door.busy = False

    def wake(self) -> None:
        """End the waiting for a call."""
        if self._door is not None:
            self._door.wake()

    async def close(self) -> None:
        """Listen no more."""
        if self._door is not None:
            await self._door.close()

    async def _call(self, make: Callable[[], Connection]) -> Connection:
        return await connect(self._host, self._port, make, self._tls)

    async def _answer(self, make: Callable[[], Connection]) -> Connection:
        assert self._door is not None
        caller = await self._door.wait(self._patience_s)
        self._door.busy = True
        try:
            return await accept(caller, make, self._tls)
        except BaseException:
            self._door.busy = False
            raise


def approach_to(device: Device, site: Site, *, patience_s: float) -> Approach:
    """Return the way to a device as its settings have it. Raises `TlsError` or `ProfileError` for what cannot be."""
    tls = tls_settings(device)
    listen = device.options.get("listen")
    if listen is None:
        if tls is not None:
            tls.client_context()  # the files are there and good: else a person must mend them before anything runs
        host, port = device.host_port(LLRP_PORT if tls is None else LLRP_TLS_PORT)
        if not 1 <= port <= 65_535:
            raise ProfileError(
                f"device {device.id}: address: {device.address!r}, expected host or host:port, port 1 to 65535"
            )
        return Approach(device.id, host, port, tls=tls)
    if tls is not None:
        if tls.tls_name is not None:
            raise ProfileError(f"device {device.id}: tls_name: means nothing for a reader that connects to us")
        tls.server_context()
    host, port = device.host_port(0)
    if port:
        raise ProfileError(
            f"device {device.id}: address: {device.address!r}, expected a host without a port: with `listen` it is "
            "where the reader comes from"
        )
    for other in site.devices_of(device.edge):
        if other.id != device.id and other.options.get("listen") == listen and other.address == device.address:
            raise ProfileError(
                f"device {device.id}: listen: {listen}: {other.id} comes to the same port from the same address "
                f"{device.address!r}; who calls is told by its address, so give one of them another port"
            )
    return Approach(device.id, host, int(listen), tls=tls, listens=True, patience_s=patience_s)
