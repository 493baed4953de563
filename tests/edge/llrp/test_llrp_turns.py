"""How long an antenna has its turn: an AISpec for each, in a ROSpec that starts again by itself."""

from __future__ import annotations

import pytest

from edge.llrp.events import Lost, Settings
from edge.llrp.looking import LookAccount
from edge.llrp.schedule import ALWAYS, Schedule
from edge.llrp.transitions import State
from firmware_config.profile import parse_profile
from tests.edge.llrp.pair import Pair

TURN_MS = 200


def dwelling(purpose: str = "stock", turn_ms: int = TURN_MS) -> str:
    return f'extends = "impinj-r420-stock"\ntitle = "x"\n[{purpose}]\ndwell_ms = {turn_ms}\n'


def pair(persona: str, ports: tuple[int, ...] = (1, 2)) -> Pair:
    """A pair whose session has the profile of ours."""
    made = Pair(persona, ports=ports)
    profile = parse_profile(dwelling(), "mine")
    dialogue = made.session._dialogue
    dialogue._profile_for = lambda _vendor: profile
    return made


@pytest.mark.parametrize("persona", ["impinj-r420-like", "zebra-fx9600-4-like"])
def test_each_antenna_has_its_turn_for_ever(persona: str) -> None:
    made = pair(persona)
    looks = LookAccount("R1", (1, 2))
    made.connect()
    seen: set[tuple[int, ...]] = set()
    for _ in range(200):
        made.advance(0.05)
        looks.vouch(made.session.heard_s, made.session.inventorying)
        running = made.machine.looking
        if running is not None:
            seen.add(tuple(running.ports))
    assert made.state() is State.UP
    assert made.told(Lost) == []
    assert seen == {(1,), (2,)}
    settings = made.told(Settings)[0]
    assert isinstance(settings, Settings)
    assert settings.differences == ()
    assert "dwell_ms" not in " ".join(settings.problems)
    one, two = (look.inventory_ms for look in looks.take())
    assert one == two
    assert 4_000 < one < 5_001


def test_it_leaves_in_order() -> None:
    made = pair("impinj-r420-like")
    made.up()
    made.leave()
    assert made.state() is State.LEFT
    assert list(made.machine.heard)[-3:] == ["STOP_ROSPEC", "DELETE_ROSPEC", "CLOSE_CONNECTION"]


@pytest.mark.parametrize(
    ("schedule", "dwells", "room", "turn_ms", "problem"),
    [
        (ALWAYS, [0, 0], 32, 0, ""),
        (ALWAYS, [200, 200], 32, 200, ""),
        (ALWAYS, [200, 100], 32, 0, "dwell_ms: 100, 200 asked for, and none is set: a reader's turns are all of one"),
        (ALWAYS, [200, 0], 32, 0, "dwell_ms: 0, 200 asked for"),
        (ALWAYS, [200, 200], 1, 0, "the reader has room for 1 turns"),
        (Schedule(on_ms=500, off_ms=500), [200], 32, 0, "does not go with a duty cycle or an input"),
        (Schedule(gpi_port=1), [200], 32, 0, "does not go with a duty cycle or an input"),
    ],
)
def test_where_turns_can_be_had(schedule: Schedule, dwells: list[int], room: int, turn_ms: int, problem: str) -> None:
    found, said = schedule.with_turns(dwells, room)
    assert found.turn_ms == turn_ms
    assert problem in said
    assert bool(problem) == bool(said)
    assert (found.on_ms, found.gpi_port) == (schedule.on_ms, schedule.gpi_port)
