"""Which zones are compared, and which of them are the sales floor or can be sold from.

By the site file: a zone is the one that it `counts_as`; sales floors and windows are the floor. Without a site file by
the names in the truth alone: those that begin with FLOOR are the floor, and an estimate in EXIT is taken as the floor
if there is just one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lastunit.scoring.errors import ScoreError
from wire.site import OUT, Site, ZoneKind

FLOOR_KINDS: Final = frozenset({ZoneKind.SALES_FLOOR, ZoneKind.WINDOW})
FLOOR_NAME: Final = "FLOOR"
EXIT_NAME: Final = "EXIT"


@dataclass(frozen=True, slots=True, eq=False)
class ScoredZones:
    """Zones by number; `number` knows every name that a file may use, `OUT` is the last number.

    `floor` and `sellable` are masks, shape [z]; without a site file nobody knows what is `sellable` (None).
    """

    names: tuple[str, ...]
    number: dict[str, int]
    floor: NDArray[np.bool_]
    sellable: NDArray[np.bool_] | None = None

    @property
    def out(self) -> int:
        """The number of `OUT`."""
        return len(self.names)


def zones_of_site(site: Site) -> ScoredZones:
    """Return the zones of a site, `counts_as` applied."""
    names = tuple(dict.fromkeys(zone.counts_as for zone in site.zones))
    place = {name: number for number, name in enumerate(names)}
    zones = [site.zone(name) for name in names]
    return ScoredZones(
        names,
        {**{zone.id: place[zone.counts_as] for zone in site.zones}, OUT: len(names)},
        np.array([zone.kind in FLOOR_KINDS for zone in zones]),
        np.array([zone.sellable and zone.counts_as == zone.id for zone in zones]),
    )


def zones_of_truth(in_truth: Iterable[str], in_estimates: Iterable[str]) -> ScoredZones:
    """Return the zones that a truth has; for use without a site file.

    Raises:
        ScoreError: estimates in EXIT, which could be any of several floors.
    """
    names = tuple(sorted(set(in_truth) - {OUT}))
    number = {**{name: k for k, name in enumerate(names)}, OUT: len(names)}
    floors = [name for name in names if name.startswith(FLOOR_NAME)]
    if EXIT_NAME in set(in_estimates) and EXIT_NAME not in number:
        if len(floors) != 1:
            raise ScoreError(
                f"estimates are in zone {EXIT_NAME}, which the truth does not have, and it could count as "
                f"{' or '.join(floors) or 'no zone: none begins with FLOOR'}; name the site file with --site, "
                "its `counts_as` says which"
            )
        number[EXIT_NAME] = number[floors[0]]
    return ScoredZones(names, number, np.array([name in floors for name in names], bool))
