"""Which faded items of holds have a better one, and whether a site can still keep what it holds: pure."""

from dataclasses import replace

import pytest

from gateway.holds.fading import GAIN, Swap, kept_for_sure, swaps
from gateway.ledger.picture import AVAILABLE, FOUND, HeldLine, Hold, LineKey, SkuKey, SkuPicture, Unit

LINE = LineKey("r1", 0)
HOLD = Hold("r1", 0, picked=False, lapsed=False)
TARGET = {"r1": 0.95}


def unit(serial: str, chance: float, hold: Hold | None = None, state: str = AVAILABLE) -> Unit:
    return Unit(serial, "FLOOR", chance, known=True, state=state, hold=hold)


def picture(*units: Unit, unplaced: int = 0) -> SkuPicture:
    made = SkuPicture(SkuKey("s", "g"), list(units), unplaced=unplaced)
    bound = sum(one.bound for one in units)
    if bound:
        made.lines[LINE] = HeldLine(bound, 0, 0)
    return made


def test_a_faded_item_goes_for_a_likelier_one() -> None:
    assert swaps(picture(unit("1", 0.6, HOLD), unit("2", 0.9), unit("3", 0.97)), TARGET) == [Swap(LINE, "1", "3")]


@pytest.mark.parametrize(
    ("bound", "other", "why"),
    [
        (0.96, 1.0, "it has not faded"),
        (0.9, 0.9 + GAIN / 2, "not by enough"),
        (0.3, FOUND - 0.01, "the other one is not likely to be there"),
    ],
)
def test_what_stays_as_it_is(bound: float, other: float, why: str) -> None:
    assert swaps(picture(unit("1", bound, HOLD), unit("2", other)), TARGET) == [], why


def test_only_what_is_known_and_nobody_has_in_his_hands() -> None:
    for hold in (HOLD._replace(picked=True), HOLD._replace(lapsed=True), HOLD._replace(elsewhere=True)):
        assert swaps(picture(unit("1", 0.6, hold), unit("2", 1.0)), TARGET) == []
    blind = replace(unit("1", 0.6, HOLD), known=False)
    assert swaps(picture(blind, unit("2", 1.0)), TARGET) == []
    assert swaps(picture(unit("1", 0.6, HOLD), replace(unit("2", 1.0), known=False)), TARGET) == []
    assert swaps(picture(unit("1", 0.6, HOLD), unit("2", 1.0)), {"r2": 0.95}) == []


def test_free_items_that_may_be_sold_already_take_nobody_s_place() -> None:
    two = [unit("1", 0.6, HOLD), unit("2", 1.0), unit("3", 0.99)]
    assert swaps(picture(*two, unplaced=2), TARGET) == []
    assert swaps(picture(*two, unplaced=1), TARGET) == [Swap(LINE, "1", "2")]


def test_the_most_faded_gets_the_surest() -> None:
    found = swaps(picture(unit("1", 0.8, HOLD), unit("2", 0.4, HOLD), unit("3", 1.0), unit("4", 0.9)), TARGET)
    assert found == [Swap(LINE, "2", "3"), Swap(LINE, "1", "4")]


def test_how_sure_a_site_is_of_what_it_holds() -> None:
    assert kept_for_sure(picture(unit("1", 0.6, HOLD))) == pytest.approx(0.6)
    assert kept_for_sure(picture(unit("1", 0.6, HOLD), unit("2", 0.6))) == pytest.approx(1 - 0.4**2)
    assert kept_for_sure(picture(unit("1", 0.6, HOLD), unit("2", 0.6), unplaced=1)) == pytest.approx(0.36)
    assert kept_for_sure(picture(unit("1", 0.6, HOLD), unit("2", 0.6, state="missing"))) == pytest.approx(0.6)
    assert kept_for_sure(picture(unit("1", 0.6))) == 1.0
    loose = picture(unit("1", 0.6, HOLD))
    loose.untagged["own", AVAILABLE] = 1
    assert kept_for_sure(loose) == 1.0
