"""A profile that a person names or sends, as it travels: by value, with its hash."""

from dataclasses import dataclass

from firmware_config.profile import (
    Profile,
    ProfileError,
    load_any,
    profile_from_table,
    profile_hash,
    profile_names,
    profile_table,
)
from gateway.fleet.device import Setting
from gateway.fleet.errors import UnusableProfileError
from gateway.fleet.plan import ANY_VENDOR
from wire.configuration import Table
from wire.errors import WireError


@dataclass(frozen=True, slots=True)
class Given:
    """A profile: its name and hash, its table, whether it is for scanners, and whose devices it is for."""

    setting: Setting
    table: Table
    scanner: bool
    vendor: str


def given_profile(name: str, table: Table | None = None) -> Given:
    """Return one of our own profiles by its name, or the one in `table` under this name. Raises `UnusableProfileError`.

    The table is normalised first: two spellings of the same profile have one hash.
    """
    if table is not None and name in profile_names():
        whole = profile_hash(load_any(name))
        if _hash_of(name, table) != whole:
            raise UnusableProfileError(f"profile {name!r}: one that comes with us has this name; choose another")
    try:
        profile = load_any(name) if table is None else profile_from_table(table, name)
        whole_table = profile_table(profile)
        setting = Setting(name, profile_hash(profile))
    except (ProfileError, WireError) as error:
        raise UnusableProfileError(str(error)) from error
    vendor = profile.vendor if isinstance(profile, Profile) else ANY_VENDOR
    return Given(setting, whole_table, not isinstance(profile, Profile), vendor)


def _hash_of(name: str, table: Table) -> str:
    try:
        return profile_hash(profile_from_table(table, name))
    except (ProfileError, WireError) as error:
        raise UnusableProfileError(str(error)) from error
