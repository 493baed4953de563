"""How long a box's certificate lasts, as a figure: and since when it should have been renewed."""

import msgspec
import pytest

from gateway.enrol.limits import EXPIRES_SOON_S
from gateway.series.looks_devices import certificate_figures
from wire.messages import EdgeState

DAY_S = 86_400
BIRTH = EdgeState(what="birth", site="s", edge="e", at_us=0)


@pytest.mark.parametrize(
    ("ends_day", "left_days", "late_days"), [(365, 365, 0), (30, 30, 0), (29, 29, 1), (0, 0, 30), (-2, 0, 32)]
)
def test_it_is_late_when_a_month_is_left(ends_day: int, left_days: int, late_days: int) -> None:
    now_us = 1_000 * DAY_S * 1_000_000
    state = msgspec.structs.replace(BIRTH, certificate_not_after_us=now_us + ends_day * DAY_S * 1_000_000)
    figures = certificate_figures(state, now_us)
    assert figures == {"certificate_left_s": left_days * DAY_S, "certificate_late_s": late_days * DAY_S}
    assert EXPIRES_SOON_S == 30 * DAY_S


def test_a_box_without_one_has_no_figure() -> None:
    assert certificate_figures(BIRTH, 5) == {"certificate_left_s": None, "certificate_late_s": None}
