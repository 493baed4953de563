"""Reader vendors by their IANA private enterprise number, as LLRP names them (DeviceManufacturerName)."""

from typing import Final

IMPINJ: Final = 25_882
ZEBRA: Final = 161
"""Motorola's number: its readers kept it."""

FALLBACK_PROFILE: Final = "generic-llrp-stock"

PROFILE_BY_VENDOR: Final = {IMPINJ: "impinj-r420-stock", ZEBRA: "zebra-fx9600-stock"}
"""For a reader whose site file names no profile. All of them are stock profiles: purposes come from the zones."""
