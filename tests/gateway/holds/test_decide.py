"""Who gets which units, decided in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.availability import LIVE, STALE, Policy, ladder_of
from gateway.holds.decide import OpenStock, Wish, decide
from gateway.ledger.picture import AVAILABLE, HeldLine, Hold, LineKey, SkuKey, SkuPicture, Unit

KEY = SkuKey("store-001", "09506000134352")
OTHER = SkuKey("store-002", "09506000134352")
WEB = Policy("web")


def unit(serial: str, chance: float = 1.0, *, state: str = AVAILABLE, hold: Hold | None = None) -> Unit:
    return Unit(serial, "FLOOR", chance, known=True, state=state, hold=hold)


def picture(*chances: float, untagged: int = 0, key: SkuKey = KEY) -> SkuPicture:
    units = [unit(str(number), chance) for number, chance in enumerate(chances)]
    return SkuPicture(key, units, {"FLOOR": len(units)}, {("own", AVAILABLE): untagged} if untagged else {})


chances = st.lists(st.one_of(st.floats(0.001, 1.0), st.just(1.0)), max_size=12)


@given(chances, st.integers(0, 3), st.lists(st.integers(1, 3), max_size=6))
def test_the_ladder_after_each_taking_is_that_of_what_is_left(
    given_chances: list[float], untagged: int, takings: list[int]
) -> None:
    found = OpenStock(picture(*given_chances, untagged=untagged), LIVE)
    left, certain = sorted(given_chances, reverse=True), untagged
    for quantity in takings:
        atp = found.offer(WEB).atp
        np.testing.assert_allclose(found.ladder(), ladder_of(left, certain), atol=1e-6)
        if atp < quantity:
            continue
        granted = found.take(quantity)
        assert len(granted.items) + granted.untagged + granted.substitution_needed == quantity
        taken = sorted((each.chance for each in granted.items), reverse=True)
        assert taken == left[: len(taken)]  # the surest first
        left = left[len(taken) :]
        certain -= granted.untagged + granted.substitution_needed


def test_all_or_nothing_unless_a_part_will_do() -> None:
    stocks = {KEY: OpenStock(picture(1.0, 1.0), LIVE), OTHER: OpenStock(picture(1.0, key=OTHER), LIVE)}
    wishes = [Wish(KEY, 2), Wish(OTHER, 2)]
    granted, short = decide(stocks, wishes, WEB, allow_partial=False)
    assert granted == []
    assert [(each.key, each.requested, each.atp) for each in short] == [(OTHER, 2, 1)]
    granted, short = decide(stocks, wishes, WEB, allow_partial=True)
    assert [(each.key, each.quantity) for each in granted] == [(KEY, 2), (OTHER, 1)]
    assert len(short) == 1
    granted, short = decide(stocks, wishes, WEB, allow_partial=True)  # nothing is left
    assert granted == []
    assert [each.atp for each in short] == [0, 0]


def test_likely_items_before_units_without_tags_before_unlikely_items() -> None:
    found = OpenStock(picture(0.3, 0.99, untagged=1), LIVE)
    granted = found.take(3)
    assert [each.chance for each in granted.items] == [0.99, 0.3]
    assert granted.untagged == 1
    assert OpenStock(picture(0.3, 0.99, untagged=1), LIVE).take(2).untagged == 1


def test_a_unit_promised_of_many_faint_ones_says_at_once_that_it_needs_another() -> None:
    found = OpenStock(picture(*[0.2] * 30), LIVE)
    assert found.offer(WEB).atp == 3
    granted = found.take(1)
    assert (granted.items, granted.substitution_needed) == ((), 1)
    assert found.offer(WEB).atp == 2


def test_what_is_kept_back_from_a_channel_is_kept_back() -> None:
    assert OpenStock(picture(1.0, 1.0), LIVE).offer(Policy(safety=1)).atp == 1
    assert OpenStock(picture(0.9, 0.9), LIVE).offer(Policy(target=0.95)).atp == 1
    stale = OpenStock(picture(1.0, 1.0), STALE)
    assert [stale.offer(Policy(when_blind=rule)).atp for rule in ("keep", "cap", "zero")] == [2, 1, 0]


def test_held_and_unsellable_items_are_nobodys_to_take_and_lapsed_ones_are() -> None:
    held = Hold("a", 0, picked=False, lapsed=False)
    gone = Hold("b", 0, picked=False, lapsed=True)
    units = [unit("1", hold=held), unit("2", hold=gone), unit("3", state="sold"), unit("4", 0.0)]
    found = OpenStock(SkuPicture(KEY, units, lines={LineKey("a", 0): HeldLine(1, 0, 0)}), LIVE)
    assert found.offer(WEB).atp == 1
    assert [each.serial for each in found.take(1).items] == ["2"]


def test_a_line_that_waits_for_a_unit_comes_before_a_new_one() -> None:
    waiting = {LineKey("a", 0): HeldLine(1, 0, 1)}
    found = OpenStock(SkuPicture(KEY, [unit("1"), unit("2")], lines=waiting), LIVE)
    assert found.offer(WEB).atp == 1


def test_lines_of_one_sku_must_be_summed_first() -> None:
    with pytest.raises(AssertionError):
        decide({KEY: OpenStock(picture(1.0), LIVE)}, [Wish(KEY, 1), Wish(KEY, 1)], WEB, allow_partial=False)
