"""How far two places are from each other."""

from math import asin, cos, radians, sin, sqrt
from typing import Final

EARTH_RADIUS_KM: Final = 6_371.0088
"""Mean radius (IUGG): a great circle by it is right to half a percent, and shops are no nearer by more."""

Location = tuple[float, float]
"""Latitude and longitude, degrees (WGS 84)."""


def distance_km(one: Location, other: Location) -> float:
    """Return the great-circle distance of two places, kilometres (haversine formula)."""
    (lat_1, lon_1), (lat_2, lon_2) = ((radians(lat), radians(lon)) for lat, lon in (one, other))
    half = sin((lat_2 - lat_1) / 2) ** 2 + cos(lat_1) * cos(lat_2) * sin((lon_2 - lon_1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))
