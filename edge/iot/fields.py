"""Typed values out of a reader's JSON: what does not fit is as if it were not there. Pure.

A reader's field may be missing by its configuration, null, a number as text, or nonsense. All of that becomes None,
and the parser of the event decides whether the event can live without it.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from edge.iot.limits import EPC_MAX_BYTES, PORT_MAX, TEXT_MAX_CHARS
from wire.limits import RSSI_MAX_CDBM, RSSI_MIN_CDBM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9_-]*={0,2}")
_TIME_MAX_CHARS: Final = 40


def whole(found: Mapping[str, Any], key: str, low: int, high: int) -> int | None:
    """Return a whole number within bounds, or None."""
    value = found.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if low <= value <= high else None


def port(found: Mapping[str, Any], key: str) -> int | None:
    """Return an antenna port, or None."""
    return whole(found, key, 1, PORT_MAX)


def centi(found: Mapping[str, Any], key: str, *, factor: int) -> int | None:
    """Return a signal strength or power in 0.01 dBm, or None; `factor` 1: it is in centi-dBm, 100: in dBm."""
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value * factor) if RSSI_MIN_CDBM <= value * factor <= RSSI_MAX_CDBM else None


def text(found: Mapping[str, Any], key: str) -> str:
    """Return a text, cut to `TEXT_MAX_CHARS` and fit to be shown and sent; empty when there is none."""
    value = found.get(key)
    return value[:TEXT_MAX_CHARS].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def inside(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key; an empty one when there is none."""
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def moment_us(value: object) -> int | None:
    """Return an ISO 8601 time with an offset (`Z`, `+00:00`, `+0000`) as UTC in us, or None.

    More than six decimals are cut. A time without an offset is none: nobody says whose it is.
    """
    if not isinstance(value, str) or len(value) > _TIME_MAX_CHARS:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return None
        since_us = (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    return since_us if since_us >= 0 else None


def hex_epc(value: object) -> bytes | None:
    """Return an EPC from its hexadecimal digits, in either case, or None."""
    if not isinstance(value, str) or not 0 < len(value) <= 2 * EPC_MAX_BYTES:
        return None
    try:
        return bytes.fromhex(value) if " " not in value else None
    except ValueError:
        return None


def base64_epc(value: object) -> bytes | None:
    """Return an EPC from base64 in either alphabet (RFC 4648 sections 4 and 5), padded or not, or None."""
    if not isinstance(value, str) or not 0 < len(value) <= 2 * EPC_MAX_BYTES or not _BASE64.fullmatch(value):
        return None
    digits = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        epc = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        return None
    return epc if 0 < len(epc) <= EPC_MAX_BYTES else None
