"""What an edge must remember of its configuration over a restart without a network, as a value and as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from wire.configuration import DesiredConfig, DesiredDevice, Hash, check_desired, table_hash
from wire.errors import MessageError, WireError
from wire.limits import CONFIG_MAX_BYTES, CONFIG_MAX_DEVICES, PROFILE_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KEPT_SCHEMA: Final = 1
KEPT_MAX_BYTES: Final = 2 * CONFIG_MAX_BYTES + CONFIG_MAX_DEVICES * PROFILE_MAX_BYTES
"""The desired configuration, and beside it the profile that each device had before it refused another."""


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The desired configuration in force, and what each device really took.

    `good`: the profile that a device runs because of a desired configuration. It differs from what `desired` names for
    a device that refused that. `profiles` holds the tables of those that `desired` does not bring along.
    """

    desired: DesiredConfig
    good: Annotated[dict[str, DesiredDevice], Meta(max_length=CONFIG_MAX_DEVICES)]
    profiles: Annotated[dict[Hash, dict[str, Any]], Meta(max_length=CONFIG_MAX_DEVICES)]
    schema: Annotated[int, Meta(ge=1, le=KEPT_SCHEMA)] = KEPT_SCHEMA

    def table(self, profile_hash: str) -> dict[str, Any]:
        """Return a profile's table. Raises `KeyError`."""
        return self.desired.profiles.get(profile_hash) or self.profiles[profile_hash]


def keeping(desired: DesiredConfig, good: Iterable[DesiredDevice], tables: Mapping[str, dict[str, Any]]) -> Kept:
    """Return what to keep; `tables` has the profile of each device in `good`, maybe more."""
    by_device = {device.device: device for device in good}
    beside = {device.profile_hash for device in by_device.values()} - desired.profiles.keys()
    return Kept(desired=desired, good=by_device, profiles={key: tables[key] for key in sorted(beside)})


def encode_kept(kept: Kept) -> bytes:
    """Return it as JSON."""
    return msgspec.json.encode(kept)


def decode_kept(data: bytes) -> Kept:
    """Parse and check it. Raises `MessageError` with the place."""
    try:
        kept = msgspec.json.decode(data, type=Kept)
        check_desired(kept.desired)
        for key, table in kept.profiles.items():
            if table_hash(table) != key:
                raise MessageError(f"profiles.{key}: the table has another hash")
        for device in kept.good.values():
            kept.table(device.profile_hash)
    except KeyError as error:
        raise MessageError(f"good: profile {error} is not there") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(str(error)) from error
    except WireError as error:
        raise MessageError(str(error)) from error
    return kept
