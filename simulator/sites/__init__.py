"""Two stores to play with, as site files: a small one on a main street and an L-shaped outlet."""

from importlib.resources import files
from typing import Final

from simulator.errors import StoreError
from wire.site import Site
from wire.site_file import parse_site

DEMO_SITES: Final = ("main-street", "outlet")


def demo_sites() -> tuple[str, ...]:
    """Names of the demo sites."""
    return DEMO_SITES


def demo_site_text(name: str) -> str:
    """The site file of a demo site, as text. Raises `StoreError`."""
    if name not in DEMO_SITES:
        raise StoreError(f"demo site {name!r}: expected one of {', '.join(DEMO_SITES)}")
    return files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def read_demo_site(name: str) -> Site:
    """A demo site. Raises `StoreError`."""
    return parse_site(demo_site_text(name), f"{name}.yaml")
