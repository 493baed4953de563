"""`lastunit gateway`: the gateway, its database, and the checks of its books."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lastunit.commands.mend import mendable

if TYPE_CHECKING:
    from gateway.config import GatewayConfig
    from gateway.storage.engine import Database

app = typer.Typer()

# The defaults as the help says them; a test holds them against `GatewayConfig`, whose import would slow every help.
DATABASE = "sqlite:///lastunit.db"
BROKER = "mqtt://127.0.0.1:1883"
PORT = 8080

_T = TypeVar("_T")

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="YAML file; its keys stand in docs/gateway.md. Environment LASTUNIT_GATEWAY_<KEY> goes before it.",
    ),
]
SiteFiles = Annotated[list[Path] | None, typer.Option("--site", help="Site file; may stand several times.")]
ModelFiles = Annotated[
    list[Path] | None,
    typer.Option("--model", help="Sensor model of a site (docs/calibrate.md); may stand several times."),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", help=f"sqlite:///FILE or postgresql://USER@HOST/NAME; {DATABASE} by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a site.")]


def load(config: Path | None, database: str | None = None, **more: Any) -> "GatewayConfig":
    """Return the configuration: options before environment before file."""
    from gateway.config import load_config

    return load_config(config, database_url=database, **more)


@app.callback(invoke_without_command=True)
def gateway(
    context: typer.Context,
    config: ConfigFile = None,
    site: SiteFiles = None,
    model: ModelFiles = None,
    database: DatabaseUrl = None,
    broker: Annotated[
        str | None, typer.Option(help=f"mqtt://HOST:PORT or mqtts://HOST:PORT; {BROKER} by default.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help=f"HTTP port, {PORT} by default; 0 takes a free one.")
    ] = None,
    insecure_dev: Annotated[
        bool,
        typer.Option(
            "--insecure-dev", help="Take an open broker, secrets in URLs, well-known passwords. Never in production."
        ),
    ] = False,
) -> None:
    """Run the gateway: ingest, presence, ledger, availability, HTTP. Until SIGTERM or Ctrl-C.

    The database is made or brought up to date first.

    The HTTP side listens on the loopback only, until API keys exist.

        lastunit gateway --site store-001.yaml --broker mqtt://127.0.0.1:1883 --database sqlite:///lastunit.db

        lastunit gateway --site store-001.yaml --model model.json
    """
    if context.invoked_subcommand is not None:
        return
    from gateway.app import run_gateway
    from gateway.http.app import create_app
    from gateway.http.serve import NotLoopbackError
    from gateway.storage.errors import UrlError
    from gateway.storage.readiness import DatabaseError

    with mendable(NotLoopbackError, UrlError, DatabaseError):
        files = {"sites": _absolute(site), "models": _absolute(model)}
        unsafe = True if insecure_dev else None
        chosen = load(config, database, broker_url=broker, http_port=port, insecure_dev=unsafe, **files)
        run_gateway(chosen, create_app)


def _absolute(paths: list[Path] | None) -> list[Path] | None:
    """Paths of the command line are relative to where it was typed, not to the configuration file."""
    return [path.absolute() for path in paths] if paths else None


@app.command()
def migrate(config: ConfigFile = None, database: DatabaseUrl = None) -> None:
    """Make the database, or bring it up to date. `lastunit gateway` does this by itself."""
    from gateway.storage.errors import StorageError
    from gateway.storage.readiness import bring_up_to_date

    with mendable(StorageError):
        url = load(config, database).database_url.get_secret_value()
        print(f"database is at revision {bring_up_to_date(url)}")


def _each_site(
    config: Path | None, database: str | None, work: Callable[["Database", str], Awaitable[_T]]
) -> list[tuple[str, _T]]:
    """Do `work` on the books of every site in a database that is there and up to date."""
    from gateway.storage.engine import Database
    from gateway.storage.errors import StorageError
    from gateway.storage.readiness import require_current, told

    async def run(url: str) -> list[tuple[str, _T]]:
        books = Database(url)
        try:
            return [(site, await work(books, site)) for site in await _sites(books)]
        finally:
            await books.close()

    with mendable(StorageError):
        url = load(config, database).database_url.get_secret_value()
        require_current(url)
        with told(url):
            return asyncio.run(run(url))


async def _sites(books: "Database") -> list[str]:
    from sqlalchemy import select

    from gateway.storage.schema import site_fold

    async with books.read() as connection:
        return list(await connection.scalars(select(site_fold.c.site).order_by(site_fold.c.site)))


@app.command()
def verify(
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    seals: Annotated[
        Path | None, typer.Option(help="File of seals (`lastunit gateway seal`): check what is sealed, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every site's books: counts = items = ledger, debits = credits. Exit code 1 when something disagrees.

    Exit code 2 when they cannot be checked: no such database, one of another version, seals that were changed.
    """
    import msgspec

    from gateway.ledger.verify import verify

    verdicts = [verdict for _, verdict in _each_site(config, database, verify)]
    for verdict in verdicts:
        if as_json:
            print(msgspec.json.encode(verdict).decode())
            continue
        state = "good" if verdict.good else f"{verdict.faults:,} FAULTS"
        print(f"{verdict.site}: {state}; {verdict.movements:,} movements, {verdict.items_present:,} items present")
        for fault in verdict.shown:
            print(f"  {fault}")
    sealed = _sealed(seals, config, database, as_json=as_json) if seals is not None else True
    if not (sealed and all(verdict.good for verdict in verdicts)):
        raise typer.Exit(1)


def _sealed(seals: Path, config: Path | None, database: str | None, *, as_json: bool) -> bool:
    """Check a file of seals and say what was found; whether all is as it was sealed."""
    import msgspec

    from lastunit.commands.seal import check_seals

    checked = check_seals(seals, config, database)
    if as_json:
        print(msgspec.json.encode(checked).decode())
    else:
        state = f"{len(checked.faults):,} CHANGED" if checked.faults else "as it was sealed"
        print(f"{seals}: {state}; {checked.seals:,} seals, {checked.rows:,} rows")
        for fault in checked.faults:
            print(f"  {fault}")
    return not checked.faults


@app.command("rebuild-counts")
def rebuild_counts(config: ConfigFile = None, database: DatabaseUrl = None) -> None:
    """Write every site's counts again from its ledger; says how many rows were wrong."""
    from gateway.ledger.verify import rebuild_counts as rebuild

    for site, wrong in _each_site(config, database, rebuild):
        print(f"{site}: {wrong:,} rows were wrong and are right now")
