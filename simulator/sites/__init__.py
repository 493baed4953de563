"""Stores to play with, as site files of different shapes and sizes.

`main-street` and the L-shaped `outlet` are the stores of the demo. `yardstick` (the store that trackers are compared
on), `boutique` (a narrow shop with seven antennas) and `department` (five departments, 15 readers) widen the range.
"""

from importlib.resources import files
from typing import Final

from simulator.errors import StoreError
from wire.site import Site
from wire.site_file import parse_site

DEMO_SITES: Final = ("main-street", "outlet")
SITES: Final = (*DEMO_SITES, "yardstick", "boutique", "department")


def demo_sites() -> tuple[str, ...]:
    """Names of the sites that the demo runs."""
    return DEMO_SITES


def demo_site_text(name: str) -> str:
    """The site file of one of `SITES`, as text. Raises `StoreError`."""
    if name not in SITES:
        raise StoreError(f"demo site {name!r}: expected one of {', '.join(SITES)}")
    return files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def read_demo_site(name: str) -> Site:
    """One of `SITES`. Raises `StoreError`."""
    return parse_site(demo_site_text(name), f"{name}.yaml")
