"""How soon an uplink tries again."""

import errno
import random
import socket
import ssl

import pytest

from edge.backoff import SETTLED_S
from edge.limits import BACKOFF_CAP_S, BACKOFF_NOBODY_S
from edge.uplink.pause import UplinkPause, nobody_there


class Longest(random.Random):
    """Draws the longest pause that is allowed."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


NOBODY = [
    ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    TimeoutError(),
    OSError(errno.ENETUNREACH, "no route"),
    OSError(errno.EHOSTUNREACH, "no route"),
    socket.gaierror(socket.EAI_AGAIN, "try again"),
]
SOMEBODY = [
    ConnectionResetError(errno.ECONNRESET, "reset"),
    ConnectionError("this is no MQTT broker"),
    ssl.SSLCertVerificationError("expired"),
    socket.gaierror(socket.EAI_NONAME, "no such name"),
    UnicodeError("label too long"),
    ValueError("bad host"),
]


@pytest.mark.parametrize("failure", NOBODY, ids=repr)
def test_while_nobody_is_there_it_tries_about_twice_a_second_for_ever(failure: Exception) -> None:
    assert nobody_there(failure)
    pause = UplinkPause(Longest())
    assert {pause.after(failure) for _ in range(2_000)} == {0.5, BACKOFF_NOBODY_S}


@pytest.mark.parametrize("failure", [None, *SOMEBODY], ids=repr)
def test_somebody_who_fails_is_asked_more_and_more_slowly(failure: Exception | None) -> None:
    pause = UplinkPause(Longest())
    assert [pause.after(failure) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, BACKOFF_CAP_S, BACKOFF_CAP_S]


def test_a_broker_that_is_back_but_not_ready_is_asked_again_soon() -> None:
    """A long outage must not make the first stumble of the broker cost half a minute."""
    pause = UplinkPause(Longest())
    for _ in range(1_000):
        pause.after(NOBODY[0])
    assert pause.after(None) == 0.5


def test_a_connection_that_stood_begins_anew() -> None:
    pause = UplinkPause(Longest())
    for _ in range(9):
        pause.after(None)
    pause.worked(SETTLED_S - 0.1)
    assert pause.after(None) == BACKOFF_CAP_S
    pause.worked(SETTLED_S)
    assert pause.after(None) == 0.5


def test_pauses_are_spread() -> None:
    rng = random.Random(4)
    drawn = [UplinkPause(rng).after(NOBODY[0]) for _ in range(50)]
    assert len(set(drawn)) == 50
    assert min(drawn) < 0.1
