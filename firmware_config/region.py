"""How much power the radio law of a place allows at a reader's port: FCC and ETSI, as pure checks.

Theory of operation. A law bounds what leaves the *antenna*, a reader sets what leaves its *port*; between them lie the
cable's loss and the antenna's gain. All figures in dB:

    radiated = power at the port - cable loss + antenna gain

Sources:

* FCC: 47 CFR 15.247(b)(2), frequency hopping in 902-928 MHz over 50 channels or more: at most 1 W (30 dBm) conducted,
  here at the antenna's end of the cable; 15.247(b)(4): for each dB of antenna gain above 6 dBi one dB less. Together:
  36 dBm EIRP.
* ETSI EN 302 208 (V3.3.1, scope; Implementing Decisions (EU) 2017/1483 and 2018/1538): at most 2 W ERP (33 dBm) in
  865-868 MHz and at most 4 W ERP (36 dBm) in 915-921 MHz. ERP is against a half-wave dipole: EIRP is 2.15 dB more.

The gain counts as it stands in the site file, in dBi. For a circular antenna a data sheet says dBic; taking it for dBi
errs towards less power. What a reader's own certificate demands besides (a maximal antenna, a beam width, a minimal
cable) and the law of other places are not checked here: the installer answers for them. Power is never raised.
"""

import math
from enum import StrEnum
from typing import Final, NamedTuple


class Region(StrEnum):
    """A radio law that is checked."""

    FCC = "FCC"
    """902-928 MHz in the United States and where their rules hold."""
    ETSI = "ETSI"
    """865-868 MHz in Europe."""
    ETSI_UPPER = "ETSI_UPPER"
    """915-921 MHz in those countries of Europe that opened it."""


DIPOLE_GAIN_DBI: Final = 2.15
"""ERP is measured against a half-wave dipole, EIRP against a source that radiates alike in all directions."""


class Law(NamedTuple):
    """One region's bounds in dBm; None: it does not bound that."""

    radiated_dbm: float
    conducted_dbm: float | None
    unit: str
    source: str


_LAWS: Final = {
    Region.FCC: Law(36.0, 30.0, "EIRP", "47 CFR 15.247(b)"),
    Region.ETSI: Law(33.0, None, "ERP", "EN 302 208, 865-868 MHz"),
    Region.ETSI_UPPER: Law(36.0, None, "ERP", "EN 302 208, 915-921 MHz"),
}

_BY_STANDARD: Final = {1: Region.FCC, 2: Region.ETSI}
"""LLRP's CommunicationsStandard (RegulatoryCapabilities): 1 is US FCC part 15, 2 is ETSI 302 208."""

_BY_NAME: Final = {
    "FCC": Region.FCC,
    "NA": Region.FCC,
    "US": Region.FCC,
    "ETSI": Region.ETSI,
    "EU": Region.ETSI,
    "EU3": Region.ETSI,
    "ETSI_LOWER": Region.ETSI,
    "ETSI_UPPER": Region.ETSI_UPPER,
}

UPPER_BAND_FROM_KHZ: Final = 915_000


def law_of(region: Region) -> Law:
    """Return the bounds of a region."""
    return _LAWS[region]


def region_of_standard(code: int, lowest_khz: int | None = None) -> Region | None:
    """Return the region of an LLRP CommunicationsStandard, None for one that is not checked.

    `lowest_khz`: the lowest frequency that the reader names, which tells Europe's two bands apart.
    """
    region = _BY_STANDARD.get(code)
    if region is Region.ETSI and lowest_khz is not None and lowest_khz >= UPPER_BAND_FROM_KHZ:
        return Region.ETSI_UPPER
    return region


def region_named(text: str) -> Region | None:
    """Return the region of a name such as `ETSI`, `EU` or `NA` in any case; None for one that is not checked."""
    return _BY_NAME.get(text.strip().upper().replace("-", "_"))


def radiated_dbm(region: Region, power_dbm: float, gain_dbi: float, cable_loss_db: float = 0.0) -> float:
    """Return what leaves the antenna, in the region's own unit: EIRP for the FCC, ERP for ETSI."""
    eirp = power_dbm - cable_loss_db + gain_dbi
    return eirp if _LAWS[region].unit == "EIRP" else eirp - DIPOLE_GAIN_DBI


def highest_dbm(region: Region, gain_dbi: float | None, cable_loss_db: float = 0.0) -> float | None:
    """Return the most power at the reader's port, in dBm, down to 0.01.

    `gain_dbi` None: not known; then only what the law says of conducted power is left, None where it says nothing.
    """
    law = _LAWS[region]
    conducted = None if law.conducted_dbm is None else law.conducted_dbm + cable_loss_db
    if gain_dbi is None:
        return None if conducted is None else _floored(conducted)
    dipole = 0.0 if law.unit == "EIRP" else DIPOLE_GAIN_DBI
    radiated = law.radiated_dbm + dipole - gain_dbi + cable_loss_db
    return _floored(radiated if conducted is None else min(radiated, conducted))


def _floored(dbm: float) -> float:
    """Round down to the 0.01 dB in which readers count: rounding up would be above the law."""
    return math.floor(dbm * 100 + 1e-6) / 100


def power_problem(region: Region, power_dbm: float, gain_dbi: float | None, cable_loss_db: float = 0.0) -> str:
    """Return what the law says against a power at the port, with the most that it allows; empty where nothing."""
    most = highest_dbm(region, gain_dbi, cable_loss_db)
    if most is None or power_dbm <= most + 1e-9:
        return ""
    law = _LAWS[region]
    if gain_dbi is None:
        leaves = f"{power_dbm - cable_loss_db:g} dBm leave the cable, {law.conducted_dbm:g} are allowed"
    else:
        leaves = (
            f"with {gain_dbi:g} dBi and {cable_loss_db:g} dB of cable that is "
            f"{radiated_dbm(region, power_dbm, gain_dbi, cable_loss_db):.4g} dBm {law.unit}, "
            f"{law.radiated_dbm:g} are allowed"
        )
        if law.conducted_dbm is not None and power_dbm - cable_loss_db > law.conducted_dbm:
            leaves += f" and {law.conducted_dbm:g} into the antenna"
    return f"{power_dbm:g} dBm: {leaves} ({region.value}: {law.source}); at most {most:g} dBm"
