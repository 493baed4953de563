"""How long an uplink waits before it tries again: soon when nobody is there, slower when somebody is and it failed.

Theory. After an outage, live data shall be seen within two seconds. A try that nobody answers (refused by the kernel,
no route, silence) costs one packet and no broker anything, so it is repeated about twice a second, for ever. A try that
reached somebody costs them a handshake, and fails for a reason that goes away slowly: overload, a wrong password, a
certificate. Those grow to half a minute, so that the edges of a chain that come back together do not keep a broker
down. Both with full jitter, each counted by itself. Pure: randomness is passed in.
"""

import errno
import random
import socket
from typing import Final

from edge.backoff import Backoff, Pace
from edge.limits import BACKOFF_CAP_S, BACKOFF_FIRST_S, BACKOFF_NOBODY_S

_SOMEBODY: Final = Pace(floor_s=0.0, first_s=BACKOFF_FIRST_S, factor=2.0, cap_s=BACKOFF_CAP_S)
_NOBODY: Final = Pace(floor_s=0.0, first_s=BACKOFF_FIRST_S, factor=2.0, cap_s=BACKOFF_NOBODY_S)
_NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


class UplinkPause:
    """The pauses of one uplink."""

    def __init__(self, rng: random.Random) -> None:
        self._somebody = Backoff(rng)
        self._nobody = Backoff(rng)

    def after(self, failure: BaseException | None) -> float:
        """Return the pause after a connection that ended, in seconds; `failure` is why none could be opened at all."""
        if failure is not None and nobody_there(failure):
            return self._nobody.failed(_NOBODY)
        return self._somebody.failed(_SOMEBODY)

    def worked(self, for_s: float) -> None:
        """Say that a connection stood for `for_s` seconds."""
        self._somebody.worked(for_s)
        self._nobody.worked(for_s)


def nobody_there(failure: BaseException) -> bool:
    """Whether an attempt to connect failed before it reached anybody."""
    if isinstance(failure, socket.gaierror):
        return failure.errno == socket.EAI_AGAIN  # the name server is away too; a name that does not exist is a mistake
    if isinstance(failure, ConnectionRefusedError | TimeoutError):
        return True
    return isinstance(failure, OSError) and failure.errno in _NO_WAY
