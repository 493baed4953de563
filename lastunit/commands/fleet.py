"""`lastunit firmware status|diff|apply|stop|rollback`: the fleet behind a gateway, and profiles on their way to it."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastunit.commands.fleet_asking import URL, AsJson, KeyFile, Url, asked, open_gateway, segment
from lastunit.commands.mend import complain, mendable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from gateway.http.fleet_rollout_rows import Rollout, RolloutPlan, Rollouts
    from gateway.http.fleet_rows import FleetDevice

WRONG = 1
"""Exit code: something is not as it should be."""
LOOK_S = 2.0
"""How often --follow looks: as often as the gateway itself."""
WELL = frozenset({"planned", "canary", "watching", "rolling", "done"})
SHOWN = 10

SiteOption = Annotated[str | None, typer.Option("--site", help="Only this site.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who you are: it is written down with what you did.")]
FollowOption = Annotated[bool, typer.Option("--follow", help="Stay, and say what happens, until it is over.")]


def status(
    site: SiteOption = None,
    drift: Annotated[bool, typer.Option("--drift", help="Only devices that are not as they should be.")] = False,
    url: Url = URL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show every device with the profile that it runs, whether that is the one it should, its model and firmware.

    Exit code 1 when a device drifts or runs firmware that is known to be bad, 0 when all is well, 2 when the gateway
    cannot be asked.

        lastunit firmware status --site store-001 --key-file admin.key
    """
    import msgspec

    from gateway.http.fleet_rollout_rows import Rollouts
    from lastunit.commands.firmware import table

    wrong = total = 0
    rows: list[list[str]] = []
    said: list[str] = []
    with open_gateway(url, key_file) as http:
        for device in _devices(http, site):
            bad = device.standing == "drift" or bool(device.known_bad)
            total += 1
            wrong += bad
            if drift and not bad:
                continue
            if as_json:
                print(msgspec.json.encode(device).decode())
            rows.append(_row(device))
            said += _told(device)
        rollouts = asked(http, "GET", "/v1/fleet/rollouts", Rollouts)
    if not as_json:
        print(table(("site", "device", "state", "runs", "standing", "reads/min", "model", "firmware"), rows))
        for line in said:
            print(line)
        print(f"{total} devices, {wrong} to look at")
        _print_rollouts(rollouts)
    if wrong:
        raise typer.Exit(WRONG)


def diff(site: SiteOption = None, url: Url = URL, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show what is asked of devices beside what was read back, wherever they differ.

    Exit code 1 when a device drifts; one that does the nearest it can, or is not up yet, is shown and is no drift.

        lastunit firmware diff --site store-001
    """
    import msgspec

    from lastunit.commands.firmware import table

    drifts = 0
    rows: list[list[str]] = []
    with open_gateway(url, key_file) as http:
        for device in _devices(http, site):
            drifts += device.standing == "drift"
            for one in device.differences:
                rows.append([device.site, device.device, one.what, one.asked, one.found, one.why])
                if as_json:
                    told = {"site": device.site, "device": device.device} | msgspec.structs.asdict(one)
                    print(msgspec.json.encode(told).decode())
            if device.standing == "drift" and not device.differences:
                name = device.asked.profile if device.asked else "site file"
                runs = device.runs.profile if device.runs else "nothing known"
                rows.append([device.site, device.device, "profile", name, runs, device.why])
                if as_json:
                    told = {"site": device.site, "device": device.device, "what": "profile", "why": device.why}
                    print(msgspec.json.encode(told).decode())
    if not as_json:
        print(table(("site", "device", "what", "asked", "found", "why"), rows) if rows else "all is as asked")
    if drifts:
        raise typer.Exit(WRONG)


def apply(
    profile: Annotated[
        str,
        typer.Argument(help="A profile of `lastunit firmware list`, or a TOML file of your own.", show_default=False),
    ],
    site: Annotated[list[str] | None, typer.Option("--site", help="Only this site; may stand several times.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model, such as R700.")] = None,
    device: Annotated[list[str] | None, typer.Option("--device", help="Only this device: ID or SITE/ID.")] = None,
    canary: Annotated[int, typer.Option("--canary", min=1, max=100, help="How many devices get it first.")] = 2,
    watch_s: Annotated[float, typer.Option(help="How long each wave's reads are watched, seconds.")] = 600.0,
    apply_s: Annotated[float, typer.Option(help="Until when a device must be up with it, seconds.")] = 300.0,
    settle_s: Annotated[float, typer.Option(help="Reads right after the change that do not count, seconds.")] = 15.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would get it when, and do nothing.")] = False,
    follow: FollowOption = False,
    by: ByOption = None,
    name: Annotated[
        str | None, typer.Option("--id", help="A name for this request: sent again, it begins nothing twice.")
    ] = None,
    url: Url = URL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Roll a profile out: to canaries first, then in waves four times as large each, every wave watched.

    It stops by itself, and brings the devices of that wave back, when one of them refuses the profile, runs something
    else, does not come up, or reads less than half of what it read before. Without --follow the command ends at once
    and the gateway goes on. Exit code 1 when it was stopped, 2 when it could not begin.

        lastunit firmware apply impinj-r700-stock --model R700 --canary 2 --dry-run

        lastunit firmware apply our-dock.toml --site store-001 --canary 1 --follow --by Kim
    """
    from secrets import token_hex

    from gateway.http.fleet_rollout_rows import RolloutAnswer

    body = _body(profile) | {
        "sites": site or [],
        "models": model or [],
        "devices": device or [],
        "canaries": canary,
        "watch_s": watch_s,
        "apply_s": apply_s,
        "settle_s": settle_s,
        "dry_run": dry_run,
    }
    body |= {"by": by} if by else {}
    headers = {"Idempotency-Key": name or token_hex(16)}
    with open_gateway(url, key_file) as http:
        answer = asked(http, "POST", "/v1/fleet/rollouts", RolloutAnswer, json=body, headers=headers)
        if answer.plan is not None and (dry_run or not as_json):
            _print_plan(answer.plan, as_json=as_json)
        if answer.rollout is None:
            return
        _begun(http, answer.rollout, follow=follow, as_json=as_json, well=WELL)


def stop(
    rollout: Annotated[str, typer.Argument(help="The id of a roll-out, as `lastunit firmware status` prints it.")],
    follow: FollowOption = False,
    by: ByOption = None,
    url: Url = URL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Stop a roll-out: nobody else gets the profile, and the devices of the wave under way are brought back.

    Devices of earlier waves, which did well, keep it: `lastunit firmware rollback` brings all of them back.
    """
    _act(rollout, "stop", follow=follow, by=by, url=url, key_file=key_file, as_json=as_json)


def rollback(
    rollout: Annotated[
        str | None, typer.Argument(help="The id of a roll-out; without it the newest one.", show_default=False)
    ] = None,
    follow: FollowOption = False,
    by: ByOption = None,
    url: Url = URL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Bring every device of a roll-out back to its last good profile of before, or to its site file's.

    lastunit firmware rollback --follow --by Kim
    """
    _act(rollout, "rollback", follow=follow, by=by, url=url, key_file=key_file, as_json=as_json)


# -- asking


def _act(name: str | None, what: str, *, follow: bool, by: str | None, url: str, key_file: Any, as_json: bool) -> None:
    from gateway.http.fleet_rollout_rows import Rollout, Rollouts

    with open_gateway(url, key_file) as http:
        if name is None:
            known = asked(http, "GET", "/v1/fleet/rollouts", Rollouts).rollouts
            name = next((one.id for one in known if one.stage not in {"rolled_back", "rolling_back"}), None)
            if name is None:
                raise complain("there is no roll-out to bring back")
        path = f"/v1/fleet/rollouts/{segment(name)}:{what}"
        done = asked(http, "POST", path, Rollout, json={"by": by} if by else {})
        _begun(http, done, follow=follow, as_json=as_json, well=frozenset({"stopped", "rolling_back", "rolled_back"}))


def _devices(http: "httpx.Client", site: str | None) -> "Iterator[FleetDevice]":
    """Yield the devices of all pages; how many were read so far is told while more are coming."""
    from gateway.http.fleet_rows import Fleet

    parameters: dict[str, str] = {} if site is None else {"site": site}
    total = 0
    while True:
        page = asked(http, "GET", "/v1/fleet", Fleet, params=parameters)
        yield from page.devices
        total += len(page.devices)
        if page.next is None:
            return
        parameters["after"] = page.next
        if sys.stderr.isatty():
            print(f"\r{total:,} devices ", end="", file=sys.stderr, flush=True)


def _body(profile: str) -> dict[str, Any]:
    """Return the profile as it is sent: by its name, or by value when it is a file."""
    from firmware_config.profile import ProfileError, profile_names, profile_table
    from lastunit.commands.firmware import read_profile

    if profile in profile_names():
        return {"profile": profile}
    with mendable(ProfileError):
        read = read_profile(profile)
    return {"profile": read.name, "table": profile_table(read)}


def _begun(http: "httpx.Client", rollout: "Rollout", *, follow: bool, as_json: bool, well: frozenset[str]) -> None:
    """Say where a roll-out is, and stay with it until it is over if that is wished."""
    import msgspec

    from gateway.http.fleet_rollout_rows import Rollout

    seen: set[str] = set()
    try:
        while follow and not rollout.over:
            _print_news(rollout, seen, as_json=as_json)
            time.sleep(LOOK_S)
            rollout = asked(http, "GET", f"/v1/fleet/rollouts/{segment(rollout.id)}", Rollout)
    except KeyboardInterrupt:
        print(f"the roll-out goes on: `lastunit firmware stop {rollout.id}` stops it", file=sys.stderr)
        raise typer.Exit(WRONG) from None
    if follow:
        _print_news(rollout, seen, as_json=as_json)
    if as_json:
        print(msgspec.json.encode(rollout).decode())
    else:
        _print_rollout(rollout)
    if rollout.stage not in well and not rollout.wish:
        raise typer.Exit(WRONG)


# -- printing


def _row(device: "FleetDevice") -> list[str]:
    inventory = device.inventory
    return [
        device.site,
        device.device,
        device.state,
        device.runs.profile if device.runs else "-",
        device.standing,
        f"{device.reads_per_min:.0f}",
        f"{inventory.vendor} {inventory.model}".strip() if inventory else "",
        inventory.firmware if inventory else "",
    ]


def _told(device: "FleetDevice") -> "Iterator[str]":
    where = f"{device.site}/{device.device}"
    if device.standing in {"drift", "adapted"}:
        yield f"{where}: {device.standing}: {device.why}"
    for bad in device.known_bad:
        yield f"{where}: firmware {device.inventory.firmware if device.inventory else ''}: {bad.reason} ({bad.source})"


def _print_rollouts(rollouts: "Rollouts") -> None:
    for one in rollouts.rollouts[:SHOWN]:
        reason = f": {one.reason}" if one.reason else ""
        print(f"roll-out {one.id} of {one.begun_at}: {one.profile}: {one.stage}{reason}")


def _print_plan(plan: "RolloutPlan", *, as_json: bool) -> None:
    import msgspec

    if as_json:
        print(msgspec.json.encode(plan).decode())
        return
    print(f"{plan.profile} ({plan.hash}): {sum(plan.wave_sizes)} devices in {len(plan.wave_sizes)} waves")
    for number, (size, wave) in enumerate(zip(plan.wave_sizes, plan.waves, strict=False), 1):
        names = ", ".join(f"{one.site}/{one.device}" for one in wave[:SHOWN])
        more = f" and {size - SHOWN} more" if size > SHOWN else ""
        print(f"  wave {number}: {names}{more}")
    for one in plan.left_out[:SHOWN]:
        print(f"  left out: {one.site}/{one.device}: {one.why}")
    left = len(plan.left_out) - SHOWN + plan.left_out_more
    if left > 0:
        print(f"  left out: {left} more")
    for note in plan.notes:
        print(f"  note: {note}")


def _print_news(rollout: "Rollout", seen: set[str], *, as_json: bool) -> None:
    """Print the events that were not printed yet; the newest 200 are all that an answer holds."""
    for event in rollout.events:
        where = f" {event.site}/{event.device}" if event.device else ""
        line = f"{event.at}  {event.what}{where}: {event.detail}"
        if line not in seen and not as_json:
            print(line, flush=True)
        seen.add(line)


def _print_rollout(rollout: "Rollout") -> None:
    counts = ", ".join(f"{number} {state}" for state, number in rollout.counts.items())
    print(f"roll-out {rollout.id}: {rollout.stage}, wave {rollout.wave} of {rollout.waves} ({counts})")
    if rollout.reason:
        print(f"  {rollout.reason}")
    if rollout.wish:
        print(f"  {rollout.wish} is asked for")
    for one in rollout.devices:
        if one.state in {"failed", "returning", "absent"} and one.said:
            print(f"  {one.site}/{one.device}: {one.state}: {one.said}")
