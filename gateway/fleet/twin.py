"""Whether a device is what it should be: what is asked of it beside what its edge reports. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.fleet.asking import Wanted
from gateway.fleet.device import Setting
from gateway.fleet.heard import Report
from gateway.fleet.limits import DRIFT_AFTER_S
from wire.configuration import ReportedDevice


class Standing(StrEnum):
    """How what is asked and what is stand to each other."""

    SITE_FILE = "site_file"
    """Nothing is asked from here; it runs what its site file says."""
    AS_ASKED = "as_asked"
    ADAPTED = "adapted"
    """It does the nearest that it can."""
    PENDING = "pending"
    """Asked a moment ago, or not up yet."""
    DRIFT = "drift"
    UNABLE = "unable"
    """Its driver takes no profile."""
    UNREPORTED = "unreported"
    """Its edge reports no configuration."""


@dataclass(frozen=True, slots=True)
class Twin:
    """How a device stands, and in words why."""

    standing: Standing
    why: str = ""


_WRONG: Final = frozenset({"differs", "refused", "unable"})


def twin_of(
    asked: Setting, wanted: Wanted | None, report: Report | None, said: ReportedDevice | None, now_us: int
) -> Twin:
    """Return how a device stands. `asked`: of it; `wanted`: of its edge; `report`, `said`: what they report."""
    behind = _behind(asked, wanted, report, now_us)
    if behind is not None:
        return behind
    if report is None:
        return Twin(Standing.UNREPORTED, "its edge reports no configuration")
    if said is None:
        return Twin(Standing.DRIFT, "its edge does not have it") if asked.hash else Twin(Standing.UNREPORTED)
    return _reported(asked, said)


def _reported(asked: Setting, said: ReportedDevice) -> Twin:
    """Return how a device stands whose edge has the newest configuration in force."""
    problems = "; ".join(said.problems)
    runs = f"{said.profile} ({said.profile_hash})" if said.profile_hash else "no profile"
    twin = Twin(Standing.AS_ASKED if asked.hash else Standing.SITE_FILE)
    if said.state == "unable" and not asked.hash:
        twin = Twin(Standing.UNABLE, problems)
    elif said.state in _WRONG:
        twin = Twin(Standing.DRIFT, f"{said.state}: {problems}" if problems else said.state)
    elif asked.hash and said.profile_hash != asked.hash:
        twin = Twin(Standing.DRIFT, f"runs {runs}, asked is {asked}")
    elif not asked.hash and said.source == "desired":
        twin = Twin(Standing.DRIFT, f"runs {runs}, which is asked of it no more")
    elif said.state == "waiting":
        twin = Twin(Standing.PENDING, "not up since it was asked")
    elif said.state == "adapted":
        twin = Twin(Standing.ADAPTED, problems)
    return twin


def _behind(asked: Setting, wanted: Wanted | None, report: Report | None, now_us: int) -> Twin | None:
    """Return how a device stands whose edge has not taken the newest configuration; None: it has, or there is none."""
    if wanted is None or (report is not None and report.version >= wanted.version and report.hash == wanted.hash):
        return None
    if report is not None and report.error.startswith(f"version {wanted.version}:"):
        return Twin(Standing.DRIFT, f"its edge refuses what is asked: {report.error}")
    if report is None and not asked.hash:
        return None
    waited_s = max(0, now_us - wanted.updated_us) / 1e6
    has = "reports no configuration" if report is None else f"has version {report.version}"
    why = f"its edge {has}, version {wanted.version} is asked for {waited_s:.0f} s"
    return Twin(Standing.DRIFT if waited_s > DRIFT_AFTER_S else Standing.PENDING, why)
