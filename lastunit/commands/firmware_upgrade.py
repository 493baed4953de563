"""`lastunit firmware upgrade`: new firmware for one reader, where its maker left an open way; else the steps."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from lastunit.commands.mend import MEND, complain, mendable, read_site_file
from wire.site import Device, Driver


def upgrade(
    device: Annotated[str, typer.Argument(help="The reader, as the site file calls it.")],
    site: Annotated[Path, typer.Option("--site", help="The site file (docs/site-file.md): address and login.")],
    image: Annotated[Path, typer.Option("--image", help="The firmware's file, from the reader's maker.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Bring new firmware onto one reader and see that it runs.

    An Impinj R700 or R720 (driver impinj_iot) takes it over its REST interface: upload, verify, install, restart, and
    the version is read back. It reads no tags for some minutes. The edge daemon may run meanwhile: it comes back by
    itself. For other readers the steps for a person are printed, and the exit code is 2.

    Exit code 1: the reader did not take it; what it runs now is said. Try one reader first, and look at its reads.

        lastunit firmware upgrade R7 --site store-001.yaml --image r700-8.4.1.upgx
    """
    from edge.errors import EdgeError
    from edge.iot.access import RestAccess
    from edge.iot.impinj_upgrade import Upgrade, UpgradeError

    with mendable(EdgeError):
        found = _device(site, device)
    if found.driver is not Driver.IMPINJ_IOT:
        raise _steps(found)
    try:
        access = RestAccess(found)
    except ValueError as error:
        raise complain(str(error)) from error
    if not access.has_login:
        raise complain(f"{site}: device {device}: give username_file and password_file: the reader's REST login")
    with mendable(EdgeError):
        try:
            done = asyncio.run(Upgrade(access, _progress).run(image))
        except UpgradeError as error:
            if as_json:
                print(json.dumps({"device": device, "upgraded": False, "reason": str(error)}))
            print(f"lastunit: {device}: {error}", file=sys.stderr)
            raise typer.Exit(1) from error
    if as_json:
        print(json.dumps({"device": device, "upgraded": True, "before": done.before, "after": done.after}))
    else:
        print(f"{device} runs {done.after}; before: {done.before or 'it did not say'}")


def _device(site_file: Path, name: str) -> Device:
    devices = read_site_file(site_file).devices
    for device in devices:
        if device.id == name:
            return device
    raise complain(f"{site_file}: there is no device {name!r}; there are {', '.join(one.id for one in devices)}")


def _steps(device: Device) -> typer.Exit:
    """Print what a person does; what the device is, its profile's name tells."""
    from firmware_config.inventory import models, upgrade_steps

    print(
        f"lastunit: {device.id} (driver {device.driver.value}) has no open way to be upgraded from here.",
        file=sys.stderr,
    )
    known = [model for model in models() if device.profile.startswith(model.profiles)]
    for model in known or models():
        print(f"{model.vendor} {model.model}:")
        for number, step in enumerate(upgrade_steps(model.vendor, model.model), 1):
            print(f"  {number}. {step}")
    return typer.Exit(MEND)


def _progress(text: str) -> None:
    print(text, file=sys.stderr)
