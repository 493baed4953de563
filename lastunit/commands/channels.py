"""`lastunit channels`: how a channel weighs sites against each other when the gateway chooses them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastunit.commands.gateway import ConfigFile, DatabaseUrl
from lastunit.commands.keys import AsJson, clock_us, written
from lastunit.commands.mend import complain, mendable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from gateway.sourcing.rules import SourcingRules

app = typer.Typer(
    no_args_is_help=True,
    help="Channels: who is served from where. A channel is made with its first key (`lastunit keys create`).",
)


@app.callback()
def channels() -> None:
    """Channels: who is served from where."""


@app.command()
def rules(
    channel: Annotated[str, typer.Option(help="The channel: web, pos, erp ...")],
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A YAML or JSON file with the rules; what it leaves out is the default."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the rules as they are: such a file.")] = False,
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show or set the sourcing rules of a channel: prices for what is inconvenient, limits for what must not be.

    The cheapest plan wins. Prices: parcel, pick (a unit), km, day, miss (a unit that may not be found), last_unit,
    overstock (above overstock_from units). Limits: keep (units for walk-ins), sure (of each unit), parcels (1 to 3),
    avoid (sites that never send). How fast parcels are: carrier_days, carrier_km (in a day). docs/sourcing.md explains
    each.

    A file holds all of them: what it does not name goes back to its default, so an empty file takes all rules back.
    Running gateways take them within ten seconds.

        lastunit channels rules --channel web --show > rules.yaml

        lastunit channels rules --channel web --file rules.yaml
    """
    if file is not None and show:
        raise complain("--file sets the rules, --show prints them: one of the two")
    if file is None:
        _show(channel, config, database, as_json=as_json)
        return
    wanted = _read(file)

    async def work(connection: "AsyncConnection") -> tuple[bool, frozenset[str]]:
        from gateway.keys.store import known_sites
        from gateway.sourcing.channel_rules import set_rules

        done = await set_rules(connection, channel, wanted, clock_us())
        return done, await known_sites(connection, wanted.avoid)

    done, known = written(config, database, work, writes=True)
    for site in sorted(wanted.avoid - known):
        print(f"lastunit: avoid: site {site!r} is not in this database yet", file=sys.stderr)
    if as_json:
        _print_json(channel, wanted)
        return
    print(f"channel {channel} has these rules now" if done else f"channel {channel} had these rules before")


def _show(channel: str, config: Path | None, database: str | None, *, as_json: bool) -> None:
    import yaml

    from gateway.sourcing.rules import plain_rules

    async def work(connection: "AsyncConnection") -> "SourcingRules":
        from gateway.sourcing.channel_rules import rules_of

        return await rules_of(connection, channel)

    found = written(config, database, work, writes=False)
    if as_json:
        _print_json(channel, found)
        return
    print(yaml.safe_dump(plain_rules(found), sort_keys=False, default_flow_style=False), end="")


def _print_json(channel: str, found: "SourcingRules") -> None:
    import json

    from gateway.sourcing.rules import plain_rules

    print(json.dumps({"channel": channel, "rules": plain_rules(found)}))


def _read(file: Path) -> "SourcingRules":
    """Return the rules of a file; what cannot be used exits with 2, naming file, key and what may stand there."""
    import yaml

    from gateway.sourcing.limits import RULES_MAX_BYTES
    from gateway.sourcing.rules import RulesError, parse_rules

    with mendable():
        raw = file.read_bytes()
    if len(raw) > RULES_MAX_BYTES:
        raise complain(f"{file}: {len(raw)} bytes, expected rules of at most {RULES_MAX_BYTES}")
    try:
        plain: Any = yaml.safe_load(raw.decode())
        return parse_rules({} if plain is None else plain)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise complain(f"{file}: not YAML: {' '.join(str(error).split())[:300]}") from error
    except RulesError as error:
        raise complain(f"{file}: {error}") from error
