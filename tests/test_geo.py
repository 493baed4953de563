"""Distances against ones that are known, and the laws of any distance."""

from math import pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.geo import EARTH_RADIUS_KM, Location, distance_km

BERLIN, PARIS, SYDNEY = (52.5200, 13.4050), (48.8566, 2.3522), (-33.8688, 151.2093)
HALF_KM = pi * EARTH_RADIUS_KM
PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        (BERLIN, PARIS, 877.5),
        (BERLIN, SYDNEY, 16_095),
        ((0, 0), (0, 1), 2 * HALF_KM / 360),
        ((0, 0), (1, 0), 2 * HALF_KM / 360),
        ((60, 0), (60, 1), HALF_KM / 360),  # there a degree of longitude is half as wide, nearly
        ((90, 0), (-90, 0), HALF_KM),
        ((0, 0), (0, 180), HALF_KM),
        ((0, 179.5), (0, -179.5), 2 * HALF_KM / 360),  # across the date line
        ((90, 17), (90, -120), 0),  # a pole has every longitude
    ],
)
def test_known_distances(one: Location, other: Location, km: float) -> None:
    assert distance_km(one, other) == pytest.approx(km, rel=2e-3, abs=1e-6)


def test_two_doors_of_one_mall_are_not_at_the_same_place() -> None:
    assert distance_km(BERLIN, (52.5201, 13.4050)) == pytest.approx(0.0111, abs=1e-4)


@given(PLACES, PLACES, PLACES)
def test_the_laws_of_a_distance(one: Location, other: Location, third: Location) -> None:
    there = distance_km(one, other)
    assert 0 <= there <= HALF_KM + 1e-6
    assert there == pytest.approx(distance_km(other, one), abs=1e-6)
    assert distance_km(one, one) == 0
    assert there <= distance_km(one, third) + distance_km(third, other) + 1e-3


@given(PLACES)
def test_the_other_end_of_the_earth_is_half_way_round(one: Location) -> None:
    lat, lon = one
    antipode = (-lat, lon + 180 if lon <= 0 else lon - 180)
    assert distance_km(one, antipode) == pytest.approx(HALF_KM, abs=0.1)
