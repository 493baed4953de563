"""`lastunit firmware`: what devices should be. What is here needs no gateway: profiles, models and the radio law."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastunit.commands import firmware_upgrade, fleet
from lastunit.commands.mend import complain, mendable, read_site_file

if TYPE_CHECKING:
    from firmware_config.profile import AnyProfile, Profile, ScannerProfile
    from firmware_config.region import Region
    from firmware_config.site_check import DeviceCheck

app = typer.Typer(
    no_args_is_help=True,
    help="What readers and scanners should be, and what they are: profiles, roll-outs, firmware (docs/firmware.md).",
)

ProfileName = Annotated[str, typer.Argument(help="A profile of `lastunit firmware list`, or a TOML file of your own.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RegionName = Annotated[
    str | None, typer.Option("--region", help="Radio law to check power against: FCC, ETSI or ETSI_UPPER.")
]


def read_profile(name: str) -> "AnyProfile":
    """Return the profile of a name, or of a file: what has a dot, a slash or is there as a file is one.

    Raises `ProfileError` and `OSError`.
    """
    from firmware_config.profile import load_any, parse_any

    path = Path(name)
    if path.suffix == ".toml" or "/" in name or path.is_file():
        return parse_any(_text(path), path.stem, str(path))
    return load_any(name)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise complain(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error


@app.command("list")
def list_profiles(as_json: AsJson = False) -> None:
    """List the profiles that come with the product: one for each kind of device and purpose.

    A name's first part is the device, the last what its antennas are there for where their zone does not say.

        lastunit firmware list

        lastunit firmware show impinj-r700-stock --as impinj-r420
    """
    from firmware_config.profile import Profile, load_any, profile_hash, profile_names

    rows = []
    for name in profile_names():
        profile = load_any(name)
        kind, purpose = ("reader", profile.purpose.value) if isinstance(profile, Profile) else ("scanner", "")
        rows.append([name, kind, profile.vendor, purpose, profile.title, profile_hash(profile)])
    names = ("profile", "kind", "vendor", "purpose", "title", "hash")
    if as_json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
        return
    print(table(("profile", "kind", "vendor", "purpose", "title"), [row[:-1] for row in rows]))


@app.command()
def show(
    name: ProfileName,
    as_model: Annotated[
        str | None,
        typer.Option("--as", help="Show what it becomes on this model: impinj-r420, zebra-fx9600-4, zebra-fx9600-8."),
    ] = None,
    gain_dbi: Annotated[float | None, typer.Option(help="With --as: the antenna's gain, for the radio law.")] = None,
    cable_loss_db: Annotated[float, typer.Option(help="With --as: what the antenna's cable loses.")] = 0.0,
    region: RegionName = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Show only what differs from this profile: what a roll-out changes.")
    ] = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="Print the file as it stands, with its reasons.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a profile: what it asks of each purpose, or what one model makes of it.

    With --as it is rendered through the tables that a real reader of that model answered. Nothing is sent anywhere:
    a reader in a store is asked for its own tables first.

        lastunit firmware show zebra-fx9600-portal

        lastunit firmware show my-portal.toml --as impinj-r420 --gain-dbi 9 --region ETSI

        lastunit firmware show my-portal.toml --against generic-llrp-portal
    """
    from firmware_config.errors import ProfileError
    from firmware_config.profile import Profile, profile_hash, profile_table, profile_text

    with mendable(ProfileError):
        profile = read_profile(name)
        if reasons:
            print(_text(Path(name)) if Path(name).is_file() else profile_text(name), end="")
            return
        if as_model is not None:
            if not math.isfinite(cable_loss_db + (gain_dbi or 0.0)):
                raise complain("--gain-dbi, --cable-loss-db: expected a finite number of decibels")
            _show_rendered(profile, as_model, gain_dbi, cable_loss_db, region_said(region), as_json=as_json)
            return
        if gain_dbi is not None or cable_loss_db or region is not None:
            raise complain("--gain-dbi, --cable-loss-db and --region: only with --as, they are about one antenna")
        if against is not None:
            _show_changes(profile, read_profile(against), as_json=as_json)
            return
        if as_json:
            print(json.dumps({"name": profile.name, "hash": profile_hash(profile), "profile": profile_table(profile)}))
            return
        print(f"{profile.name} ({profile_hash(profile)}): {profile.title}")
        print(_reader_words(profile) if isinstance(profile, Profile) else _scanner_words(profile))


@app.command()
def validate(
    files: Annotated[list[Path] | None, typer.Argument(help="Profiles of your own (TOML).")] = None,
    site: Annotated[
        Path | None, typer.Option("--site", help="Check them, or what the site file names, for its devices.")
    ] = None,
    region: RegionName = None,
    as_json: AsJson = False,
) -> None:
    """Check profiles before anything runs them: each wrong value with its line, its key and what may stand there.

    With --site also: does each fit the site's devices, has it a section for each purpose, can the driver be told all
    of it, and is its power lawful with the antenna's gain and cable. The region is a device's own `region`, else
    --region; a reader that says another one itself is checked again when it connects.

    Exit code 0: good. 1: can be used, and something is not as asked. 2: a file has to be mended.

        lastunit firmware validate my-portal.toml

        lastunit firmware validate my-portal.toml --site store-001.yaml --region ETSI
    """
    from firmware_config.errors import ProfileError
    from firmware_config.profile import profile_hash
    from firmware_config.site_check import check_site

    if not files and site is None:
        raise complain("say which: files of profiles, a site file (--site), or both")
    if region is not None and site is None:
        raise complain("--region: only with --site, which says what each antenna radiates")
    profiles = _profiles_in(files or [])
    checks: tuple[DeviceCheck, ...] = ()
    if site is not None:
        with mendable(ProfileError):
            checks = check_site(read_site_file(site), profiles, region_said(region))
    if as_json:
        said = [{"name": profile.name, "hash": profile_hash(profile)} for profile in profiles]
        print(json.dumps({"profiles": said, "devices": [asdict(check) for check in checks]}))
    else:
        for profile in profiles:
            print(f"{profile.name} ({profile_hash(profile)}): good")
        for check in checks:
            _say(check)
    raise typer.Exit(1 if any(check.problems for check in checks) else 0)


def _profiles_in(files: "list[Path]") -> "list[AnyProfile]":
    """Return the profiles of files; exit with 2 and every complaint when any cannot be used."""
    from firmware_config.errors import ProfileError
    from firmware_config.profile import parse_any

    profiles, bad = [], []
    for file in files:
        try:
            profiles.append(parse_any(_text(file), file.stem, str(file)))
        except ProfileError as error:
            bad.append(str(error))
        except OSError as error:
            bad.append(f"{error.strerror or error}: {file}")
    if bad:
        raise complain("\n".join(bad))
    return profiles


def table(head: "tuple[str, ...]", rows: "list[list[str]]") -> str:
    """Return rows as text in columns; the last column is not padded."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def region_said(text: str | None) -> "Region | None":
    """Return the region of --region; exit with 2 for one that is not checked."""
    from firmware_config.region import Region, region_named

    if text is None:
        return None
    found = region_named(text)
    if found is None:
        raise complain(f"--region {text!r}: expected one of {', '.join(Region)}; other laws are not checked here")
    return found


# -- inside


def _power(dbm: float | None) -> str:
    return "the most" if dbm is None else f"{dbm:g} dBm"


def _reader_words(profile: "Profile") -> str:
    rows = []
    for purpose, intent in profile.intents.items():
        trigger = "always"
        if intent.on_s:
            trigger = f"{intent.on_s:g} s on, {intent.off_s:g} s off"
        elif intent.gpi_port:
            timeout = f" for {intent.gpi_timeout_s:g} s" if intent.gpi_timeout_s else ""
            trigger = f"input {intent.gpi_port} {intent.gpi_level}{timeout}"
        modes = ", ".join(map(str, intent.mode_ids))
        rows.append(
            [
                purpose.value + (" *" if purpose is profile.purpose else ""),
                _power(intent.power_dbm),
                f"{intent.session}",
                intent.search.value,
                f"{modes}; else {intent.mode_kind.value}" if modes else intent.mode_kind.value,
                f"{intent.population}",
                f"{intent.dwell_ms} ms" if intent.dwell_ms else "its own",
                trigger,
                intent.air_filter,
            ]
        )
    head = ("purpose", "power", "session", "search", "mode", "population", "dwell", "trigger", "filter")
    vendor = "any reader" if profile.vendor == "any" else profile.vendor
    return (
        f"for {vendor}; keepalive {profile.keepalive_ms} ms, a report after every {profile.report_every_tags} tag(s)\n"
        f"{table(head, rows)}\n* where the zone says no other purpose"
    )


def _scanner_words(profile: "ScannerProfile") -> str:
    expected = {
        "suffix": profile.suffix,
        "prefix": profile.prefix or "none",
        "AIM identifiers": "on" if profile.aim_ids else "off",
        "group separator": profile.group_separator or "GS (0x1D)",
        "baud": f"{profile.baud}" if profile.baud else "the driver's",
        "pause that ends a code": f"{profile.idle_ms} ms" if profile.idle_ms else "the driver's",
    }
    lines = [f"interface {profile.interface}; the driver expects:"]
    lines += [f"  {key}: {value}" for key, value in expected.items()]
    lines += ["set at the scanner, with the barcodes of its manual:"]
    return "\n".join([*lines, *(f"  {i}. {step}" for i, step in enumerate(profile.setup, 1))])


def _show_rendered(
    profile: "AnyProfile",
    model: str,
    gain_dbi: float | None,
    cable_loss_db: float,
    region: "Region | None",
    *,
    as_json: bool,
) -> None:
    from dataclasses import replace

    from firmware_config.inventory import model_named, recorded_facts
    from firmware_config.profile import Profile
    from firmware_config.render import AntennaAsk, render

    if not isinstance(profile, Profile):
        raise complain(f"--as: profile {profile.name!r} is for barcode scanners, no model of a reader")
    facts = recorded_facts(model_named(model))
    facts = facts if region is None else replace(facts, region=region)
    rows: list[list[str]] = []
    found: list[dict[str, Any]] = []
    said = ["no --gain-dbi: what it radiates is not checked"] if facts.region and gain_dbi is None else []
    for purpose in profile.intents:
        plan = render(profile, [AntennaAsk(1, purpose, None, gain_dbi, cable_loss_db)], facts)
        antenna = plan.antennas[0]
        said += [f"{purpose.value}: {text.removeprefix('port 1: ')}" for text in (*plan.problems, *plan.notes)]
        found.append({"problems": plan.problems, "notes": plan.notes, **asdict(antenna)})
        rows.append(
            [
                purpose.value,
                _power(antenna.asked_dbm),
                f"{antenna.power_cdbm / 100:g} dBm (index {antenna.power_index})",
                "its own" if antenna.mode is None else f"{antenna.mode}",
                f"{antenna.session}",
                antenna.target or "its own",
                f"{antenna.population}",
            ]
        )
    if as_json:
        law = facts.region.value if facts.region else None
        print(json.dumps({"name": profile.name, "model": model, "region": law, "antennas": found}))
        return
    law = facts.region.value if facts.region else "no law that is checked here"
    print(f"{profile.name} on a {model} under {law}: {profile.title}")
    print(table(("purpose", "asked", "power", "mode", "session", "target", "population"), rows))
    for line in said:
        print(f"- {line}")


def _show_changes(profile: "AnyProfile", other: "AnyProfile", *, as_json: bool) -> None:
    from firmware_config.difference import profile_changes
    from firmware_config.profile import profile_table

    rows = [[row.what, row.found, row.asked] for row in profile_changes(profile_table(other), profile_table(profile))]
    if as_json:
        print(json.dumps([{"key": key, other.name: before, profile.name: after} for key, before, after in rows]))
    elif rows:
        print(table(("key", other.name, profile.name), rows))
    else:
        print(f"{profile.name} asks for the same as {other.name}")


def _say(check: "DeviceCheck") -> None:
    verdict = "not as asked" if check.problems else "good"
    print(f"{check.device}: {check.profile} ({', '.join(check.purposes) or 'no antennas'}): {verdict}")
    for problem in check.problems:
        print(f"  problem: {problem}")
    for note in check.notes:
        print(f"  note: {note}")


app.command("status")(fleet.status)
app.command("diff")(fleet.diff)
app.command("apply")(fleet.apply)
app.command("stop")(fleet.stop)
app.command("rollback")(fleet.rollback)
app.command("upgrade")(firmware_upgrade.upgrade)
