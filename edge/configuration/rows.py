"""From what a device's driver read back to its row in the report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edge.drivers.port import Configurable
from wire.configuration import ReportedDevice, problem_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.drivers.port import Driver, Readback
    from wire.configuration import DesiredDevice, DeviceState
    from wire.site import Device

ABSENT = "the site file of this edge has no such device"


def readback_of(driver: Driver) -> Readback | None:
    """Return what a driver read back; None where it has not yet, or takes no profile."""
    return driver.configuration() if isinstance(driver, Configurable) else None


def row_of(
    device: Device,
    driver: Driver,
    found: Readback | None,
    runs: DesiredDevice | None,
    *,
    own: tuple[str, str] = ("", ""),
    refusal: str = "",
    unsaid: Sequence[str] = (),
) -> ReportedDevice:
    """Return how a device is, without a time.

    Args:
        device: as the site file has it.
        driver: its driver.
        found: what was read back; None: not yet.
        runs: the profile that it got from a desired configuration; None: it has its site file's.
        own: name and hash of that.
        refusal: why it does not run what is desired.
        unsaid: what of the profile its driver cannot be told.
    """
    name, profile_hash = (runs.profile, runs.profile_hash) if runs is not None else own
    problems = (*((refusal,) if refusal else ()), *(_told(found) if found is not None else ()), *unsaid)
    return ReportedDevice(
        device=device.id,
        driver=device.driver.value,
        state=_state(driver, found, problems, refused=bool(refusal)),
        at_us=0,
        profile=name,
        profile_hash=profile_hash,
        source="site_file" if runs is None else "desired",
        problems=problem_texts(problems),
        antennas=() if found is None else found.antennas,
        inventory=None if found is None else found.inventory,
    )


def absent_row(asked: DesiredDevice) -> ReportedDevice:
    """Return the row of a device that is asked for and not here."""
    return ReportedDevice(device=asked.device, driver="unknown", state="refused", at_us=0, problems=(ABSENT,))


def same(one: ReportedDevice, other: ReportedDevice) -> bool:
    """Return whether two rows say the same, whenever they were written."""
    return msgspec.structs.replace(one, at_us=0) == msgspec.structs.replace(other, at_us=0)


def _told(found: Readback) -> tuple[str, ...]:
    return (*found.differences, *found.problems)


def _state(driver: Driver, found: Readback | None, problems: Sequence[str], *, refused: bool) -> DeviceState:
    if refused:
        return "refused"
    if not isinstance(driver, Configurable):
        return "unable"
    if found is None:
        return "waiting"
    if not found.takes_profile:
        return "unable"
    if found.differences:
        return "differs"
    return "adapted" if problems else "applied"
