"""`lastunit keys`: who may ask the gateway, for what, and how fast."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lastunit.commands.gateway import ConfigFile, DatabaseUrl, load
from lastunit.commands.mend import complain, mendable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from gateway.availability import Policy
    from gateway.keys.key import Key
    from gateway.keys.store import NewKey
    from gateway.pairing.store import Screen

app = typer.Typer(
    no_args_is_help=True,
    help="Keys of the HTTP side. Until the first is made, only the gateway's own machine may ask; from then on nobody "
    "without a key.",
)

_T = TypeVar("_T")

ALL = "all"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def clock_us() -> int:
    """Return what time it is, UTC microseconds."""
    return time.time_ns() // 1_000


def written(
    config: Path | None, database: str | None, work: "Callable[[AsyncConnection], Awaitable[_T]]", *, writes: bool
) -> _T:
    """Do `work` in one transaction of a database that is there and up to date; errors of a person exit with 2."""
    from gateway.storage.engine import Database
    from gateway.storage.errors import StorageError
    from gateway.storage.readiness import require_current, told

    async def run(url: str) -> _T:
        books = Database(url)
        try:
            async with books.write() if writes else books.read() as connection:
                return await work(connection)
        finally:
            await books.close()

    with mendable(StorageError):
        url = load(config, database).database_url.get_secret_value()
        require_current(url)
        with told(url):
            return asyncio.run(run(url))


def _names(text: str) -> frozenset[str]:
    return frozenset(name for name in (part.strip() for part in text.split(",")) if name)


def _expires_us(text: str | None, now_us: int) -> int | None:
    from gateway.keys.duration import DurationError, duration_s

    if text is None:
        return None
    try:
        return now_us + duration_s(text) * 1_000_000
    except DurationError as error:
        raise complain(f"--expires {error}") from error


@app.command()
def create(
    channel: Annotated[
        str, typer.Option(help="Who asks: web, pos, erp ... The channel is made with its first key; keys share it.")
    ],
    scopes: Annotated[
        str, typer.Option(help="What it may do, by commas; `lastunit keys scopes` lists them.")
    ] = "stock:read",
    sites: Annotated[str | None, typer.Option(help="Only these sites, by commas; all sites without it.")] = None,
    name: Annotated[str, typer.Option(help="What the key is for, as `keys list` shows it.")] = "",
    ttl_s: Annotated[
        int | None, typer.Option(help="How long a hold of the channel lasts that says nothing else.")
    ] = None,
    safety: Annotated[
        int | None, typer.Option(help="Units kept back from the channel, of each SKU at each site.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(help="How sure a promise to the channel must be, 0.5 to 0.999.")
    ] = None,
    when_blind: Annotated[
        str | None, typer.Option(help="What a blind zone's units count for the channel: keep, zero, or cap (one unit).")
    ] = None,
    holds_max: Annotated[int | None, typer.Option(help="Open holds of one key of the channel.")] = None,
    rate: Annotated[float, typer.Option(help="Requests a second of this key, in the long run.")] = 50.0,
    burst: Annotated[int, typer.Option(help="Requests of this key at once.")] = 100,
    expires: Annotated[
        str | None, typer.Option(help="How long it lasts, such as 90d or 12h; for ever without it.")
    ] = None,
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and its channel if there is none yet. The key is printed once: only its hash is kept.

    What is said of the channel (--ttl-s, --safety, --confidence, --when-blind, --holds-max) holds for all its keys;
    what is left out stays as it is: 900 s, 0 units, 0.95, keep, 1000 holds for a new one.

        lastunit keys create --channel web --scopes stock:read,hold:write --confidence 0.95 --expires 90d

        lastunit keys create --channel shopfloor --scopes stock:read,staff:read --sites store-001 --name "tablet 3"
    """
    import secrets

    import msgspec

    from gateway.keys.scopes import ScopeError, scopes_of
    from gateway.keys.store import ChannelChange, NewKey, create_key, known_sites, upsert_channel
    from gateway.keys.token import ENTROPY_BYTES, mint

    now_us = clock_us()
    try:
        wanted = scopes_of(_names(scopes))
    except ScopeError as error:
        raise complain(f"--scopes: {error}") from error
    key = NewKey(
        channel=channel,
        scopes=wanted,
        name=name,
        sites=None if sites is None else _names(sites),
        rate_per_s=rate,
        burst=burst,
        expires_us=_expires_us(expires, now_us),
    )
    change = ChannelChange(confidence, safety, ttl_s, when_blind, holds_max)
    minted = mint(secrets.token_bytes(ENTROPY_BYTES))

    async def work(connection: "AsyncConnection") -> "tuple[Policy, frozenset[str]]":
        policy = await upsert_channel(connection, channel, change, now_us)
        await create_key(connection, minted, key, now_us)
        return policy, await known_sites(connection, key.sites or ())

    policy, known = written(config, database, work, writes=True)
    for site in sorted((key.sites or frozenset()) - known):
        print(f"lastunit: site {site!r} is not in this database yet", file=sys.stderr)
    if as_json:
        told = {"id": minted.id, "key": minted.token, **_told_of(key), **_told_of_channel(policy)}
        print(msgspec.json.encode(told).decode())
        return
    where = ALL if key.sites is None else ", ".join(sorted(key.sites))
    print(f"key {minted.id} of channel {channel}: {', '.join(sorted(wanted))}; sites: {where}", file=sys.stderr)
    print("It is shown this once only:", file=sys.stderr)
    print(minted.token)


def _told_of(key: "Key | NewKey") -> dict[str, Any]:
    from gateway.clock import iso

    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "sites": None if key.sites is None else sorted(key.sites),
        "rate": key.rate_per_s,
        "burst": key.burst,
        "expires_at": None if key.expires_us is None else iso(key.expires_us),
    }


def _told_of_channel(policy: "Policy") -> dict[str, Any]:
    return {
        "channel": policy.name,
        "confidence": policy.target,
        "safety": policy.safety,
        "ttl_s": policy.ttl_s,
        "when_blind": policy.when_blind,
        "holds_max": policy.holds_max,
    }


@app.command("list")
def list_all(config: ConfigFile = None, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """All keys that were ever made, those in use first: never a secret. Of a store screen when it was last used.

    lastunit keys list --json
    """
    import msgspec

    from gateway.clock import iso
    from gateway.keys.store import list_keys
    from gateway.pairing.store import list_screens

    async def work(connection: "AsyncConnection") -> "tuple[list[Key], list[Screen]]":
        return await list_keys(connection), await list_screens(connection, most=None)

    now_us = clock_us()
    keys, paired = written(config, database, work, writes=False)
    screens = {screen.key: screen for screen in paired}
    for key in keys:
        standing = key.standing(now_us)
        screen = screens.get(key.id)
        if as_json:
            more = {
                "standing": str(standing),
                "created_at": iso(key.created_us),
                "revoked_at": None if key.revoked_us is None else iso(key.revoked_us),
                "screen": None if screen is None else {"used_at": iso(screen.used_us)},
            }
            print(msgspec.json.encode({"id": key.id, **_told_of(key), **more, **_told_of_channel(key.policy)}).decode())
            continue
        sites = ALL if key.sites is None else ",".join(sorted(key.sites))
        until = "" if key.expires_us is None else f" until {iso(key.expires_us)}"
        named = f"  {key.name}" if key.name else ""
        if screen is not None:
            named += f"  store screen, last used {iso(screen.used_us)}"
        print(f"{key.id}  {standing}{until}  {key.policy.name}  {','.join(sorted(key.scopes))}  sites {sites}{named}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id: the twelve characters after lu_.")],
    config: ConfigFile = None,
    database: DatabaseUrl = None,
) -> None:
    """End a key. Every gateway on this database refuses it within a minute, and ends its open streams.

    lastunit keys revoke 4f7k2m9qx0az
    """
    from gateway.keys.store import revoke_key

    now_us = clock_us()
    key_id = key.removeprefix("lu_").partition("_")[0]  # whoever pastes a whole key means its id

    async def work(connection: "AsyncConnection") -> bool:
        return await revoke_key(connection, key_id, now_us)

    done = written(config, database, work, writes=True)
    print(f"key {key_id} is revoked" if done else f"key {key_id} was revoked before")


@app.command()
def scopes(as_json: AsJson = False) -> None:
    """What a key may do: every scope with its meaning.

    lastunit keys scopes
    """
    import json

    from gateway.keys.scopes import MEANING

    if as_json:
        print(json.dumps(MEANING))
        return
    for scope, meaning in MEANING.items():
        print(f"{scope:14} {meaning}")
