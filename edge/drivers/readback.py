"""From what a driver read back to what an edge reports of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.configuration import ReportedAntenna
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firmware_config.profile import Profile
    from firmware_config.render import AntennaAsk

_SILENT = AntennaSettings()
"""The device says nothing of this antenna."""


def reported_antennas(
    profile: Profile, asks: Iterable[AntennaAsk], found: Mapping[int, AntennaSettings]
) -> tuple[ReportedAntenna, ...]:
    """Return each antenna of the site file: what was asked of it, and how it was found to inventory."""
    return tuple(
        reported_antenna(
            ask.port,
            ask.purpose.value,
            profile.intents[ask.purpose].power_dbm if ask.power_dbm is None else ask.power_dbm,
            found.get(ask.port, _SILENT),
        )
        for ask in asks
    )


def reported_antenna(port: int, purpose: str, asked_dbm: float | None, found: AntennaSettings) -> ReportedAntenna:
    """Return one antenna's row. `asked_dbm` None: the most that the device has."""
    return ReportedAntenna(
        port=port,
        purpose=purpose,
        asked_dbm=asked_dbm,
        power_cdbm=found.tx_power_cdbm,
        mode=found.mode,
        session=found.session,
        target=found.target,
    )
