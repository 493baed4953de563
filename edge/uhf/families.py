"""The module families by the name that the site file gives them: all that a new one has to add beside its own files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from edge.uhf import chafon, thingmagic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.uhf.conversation import Family
    from edge.uhf.plan import ModulePlan


class FamilyFacts(NamedTuple):
    """What has to be known of a family before a module of it is heard."""

    build: Callable[[ModulePlan, frozenset[int]], Family]
    """From the plan, and the ports whose antennas failed when the module was last heard."""
    baud: int
    """As the maker delivers it."""
    cycle_s: float
    """How often a module gives a sign of life, if nothing is said."""
    cycle_range_s: tuple[float, float]
    """What may be said."""
    regions: frozenset[str]
    needs_region: bool
    """It transmits nothing before it is told where it is."""
    vendor: str
    """Whose modules these are, in words."""


FAMILIES: Final[Mapping[str, FamilyFacts]] = {
    "thingmagic": FamilyFacts(
        thingmagic.ThingMagic, 115_200, 1.0, (0.2, 10.0), frozenset(thingmagic.REGIONS), True, "ThingMagic"
    ),
    "chafon": FamilyFacts(chafon.Chafon, 57_600, 0.3, (0.3, 10.0), frozenset(chafon.REGIONS), False, "Chafon"),
}
