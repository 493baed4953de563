"""What is known against the firmware of devices: our own list, and a chain's own findings beside it."""

from collections.abc import Sequence

from firmware_config.errors import ProfileError
from firmware_config.inventory import KnownBad, known_bad, parse_known_bad
from gateway.config import ConfigError, GatewayConfig
from gateway.fleet.view import DeviceView


def load_findings(config: GatewayConfig) -> tuple[KnownBad, ...]:
    """Read `known_bad_file`; empty without one. Raises `ConfigError` for one that cannot be used, `OSError`."""
    file = config.known_bad_file
    if file is None:
        return ()
    try:
        return parse_known_bad(file.read_bytes().decode("utf-8"), str(file))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    except ProfileError as error:
        raise ConfigError(str(error)) from error


def known_against(view: DeviceView, findings: Sequence[KnownBad]) -> tuple[KnownBad, ...]:
    """Return what is known against a device's firmware; empty: nothing, or it does not say which it has."""
    inventory = view.said.inventory if view.said else None
    if inventory is None:
        return ()
    return known_bad(inventory.vendor, inventory.model, inventory.firmware, findings)
