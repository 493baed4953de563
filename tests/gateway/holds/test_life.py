"""Which verb leads where, and what a repeat means."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.holds.errors import ExpiredError, WrongStateError
from gateway.holds.ids import uuid7
from gateway.holds.life import State, Verb, allowed, state_at

TABLE = {  # +: does something, =: was done before, x: refused, e: refused because it is over
    Verb.CONFIRM: "+===xe",
    Verb.RELEASE: "+++x==",
    Verb.RENEW: "+==xx+",
    Verb.PICK: "x+==xe",
    Verb.PICK_MISS: "+++xxe",
    Verb.FULFIL: "x++=xe",
    Verb.TRANSFER: "+++xxe",
}


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_in_every_state(verb: Verb) -> None:
    found = ""
    for state in State:
        try:
            found += "+" if allowed("r", state, verb) else "="
        except ExpiredError:
            found += "e"
        except WrongStateError as error:
            assert error.states
            assert state.value in str(error)
            found += "x"
    assert found == TABLE[verb]


def test_time_ends_only_what_is_not_confirmed() -> None:
    assert state_at(State.HELD, 10, 9) is State.HELD
    assert state_at(State.HELD, 10, 10) is State.EXPIRED
    for state in State:
        if state is not State.HELD:
            assert state_at(state, 10, 11) is state


@given(st.integers(0, 2**48 * 1_000 - 1), st.integers(0, 2**62 - 1), st.integers(1, 10**9))
def test_ids_are_uuids_of_version_7_in_the_order_of_time(at_us: int, random: int, later_us: int) -> None:
    name = uuid7(at_us, random)
    parsed = UUID(name)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, "specified in RFC 4122", name)
    assert int(name[:8] + name[9:13], 16) == at_us // 1_000
    after = at_us + later_us
    if after < 2**48 * 1_000:
        assert uuid7(after, 0) > uuid7(at_us, 2**62 - 1)
