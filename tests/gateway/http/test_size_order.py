import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.size_order import size_key


@pytest.mark.parametrize(
    "sizes",
    [
        ["XXS", "XS", "S", "M", "L", "XL", "XXL", "3XL", "4XL"],
        ["XS/S", "S/M", "M/L", "L/XL"],
        ["One Size", "S", "36", "Kids"],
        ["36", "36.5", "37", "37 1/2", "38", "40", "100"],
        ["28/32", "28/34", "30/32", "34/34"],
        ["0-3M", "6-9M", "12M", "2Y", "3-4Y", "10Y"],
        ["70B", "75A", "75B", "80A"],
        ["EU 36", "EU 42"],
    ],
)
def test_sizes_stand_as_in_a_shop(sizes: list[str]) -> None:
    shuffled = sizes[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=size_key) == sizes


def test_2xl_is_xxl() -> None:
    assert size_key("2XL")[:2] == size_key("XXL")[:2]


@given(st.lists(st.text(max_size=12)))
def test_any_text_has_a_place(sizes: list[str]) -> None:
    """And the same one however the others stand: two sizes are never equal."""
    backwards = list(reversed(sizes))
    assert sorted(backwards, key=size_key) == sorted(sizes, key=size_key)
