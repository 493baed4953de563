"""The `lastunit` command: one front door to every program.

Exit codes: 0 done, 1 done but something is wrong (rejected rows, failed checks), 2 the call or a file has to be mended.
"""

import sys
from typing import Annotated

import typer

from lastunit import __version__
from lastunit.commands import (
    backup,
    ca,
    calibrate,
    catalogue,
    channels,
    dashboards,
    demo,
    edge,
    enroll,
    epc,
    firmware,
    gateway,
    gs1,
    keys,
    pair,
    reconcile,
    replay,
    score,
    seal,
    simulate,
)

app = typer.Typer(
    name="lastunit",
    help="Which item, in which size, is where in every store, right now.",
    epilog="Start with `lastunit demo`: two whole stores on this machine, nothing else needed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("replay")(replay.replay)
app.command("calibrate")(calibrate.calibrate)
app.command("score")(score.score)
app.add_typer(edge.app, name="edge")
gateway.app.command("backup")(backup.backup)
gateway.app.command("restore")(backup.restore)
gateway.app.command("seal")(seal.seal)
app.add_typer(gateway.app, name="gateway")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(firmware.app, name="firmware")
app.add_typer(keys.app, name="keys")
app.command("pair")(pair.pair)
app.add_typer(ca.app, name="ca")
app.command("enroll")(enroll.enroll)
app.add_typer(channels.app, name="channels")
app.add_typer(reconcile.app, name="reconcile")
app.add_typer(dashboards.app, name="dashboards")
app.add_typer(epc.app, name="epc")
app.add_typer(gs1.app, name="gs1")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"lastunit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Which item, in which size, is where in every store, right now."""


_EXTRA_OF = {
    "aiomqtt": "gateway",
    "aiosqlite": "gateway",
    "alembic": "gateway",
    "amqtt": "demo",
    "cryptography": "gateway",
    "fastapi": "gateway",
    "grafana_client": "dashboards",
    "grafana_foundation_sdk": "dashboards",
    "httpx": "demo",
    "paho": "edge",
    "prometheus_client": "edge",
    "psycopg": "postgres",
    "segno": "gateway",
    "serial": "edge",
    "sqlalchemy": "gateway",
    "uvicorn": "gateway",
}


def main() -> None:
    """Run the command. A part that is not installed is told with the line to type."""
    try:
        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA_OF:
            raise
        print(f"lastunit: {package} is not installed: pip install 'lastunit[{_EXTRA_OF[package]}]'", file=sys.stderr)
        sys.exit(2)
