"""`lastunit edge`: the daemon of a store, or tag reads to a file."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.mend import complain, mendable, read_site_file

if TYPE_CHECKING:
    from edge.reads_file import ReadsFileFigures

BROKER = "mqtt://127.0.0.1:1883"
_TO_FILE = "Only with --out: "
_TO_BROKER = "Only without --out: "


def edge(
    site: Annotated[Path, typer.Option(help="The site file: zones, readers, antennas (docs/site-file.md).")],
    name: Annotated[
        str, typer.Option("--edge", help="Which edge of the site this is; not needed when it has one.")
    ] = "",
    broker: Annotated[
        str | None, typer.Option(help=f"{_TO_BROKER}MQTT broker, {BROKER} by default; mqtts:// for TLS.")
    ] = None,
    outbox: Annotated[
        Path | None,
        typer.Option(help=f"{_TO_BROKER}file that keeps what the gateway has not taken; outbox.db by default."),
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="CA of the broker's certificate (mqtts).")] = None,
    cert_file: Annotated[Path | None, typer.Option(help="Our client certificate (mqtts).")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    username_file: Annotated[Path | None, typer.Option(help="File with the broker's user name.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with its password.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write tag reads to this file (NDJSON) instead of to a broker.")
    ] = None,
    append: Annotated[bool, typer.Option(help=f"{_TO_FILE}append when the file is there.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.1, help=f"{_TO_FILE}end after so many seconds.")] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Poll a store's readers and publish what they see, whatever happens to the network in between.

    Runs until SIGTERM or Ctrl-C. What the gateway has not taken waits in the outbox, also over a restart. With --out,
    exit code 1 says that lines were dropped or that no reader ever answered.

        lastunit edge --site store-001.yaml --broker mqtt://broker:1883

        lastunit edge --site store-001.yaml --out reads.ndjson --seconds 60
    """
    from edge.config import EdgeConfig
    from edge.errors import EdgeError
    from edge.service import run_edge
    from edge.uplink.broker_url import Credentials

    if out is not None and (broker or outbox):
        raise complain("--out writes to a file: --broker and --outbox do not go with it")
    for option, given in (("--append", append), ("--seconds", seconds is not None)):
        if out is None and given:
            raise complain(f"{option} goes with --out: say which file to write tag reads to")
    with mendable(EdgeError):
        if out is not None:
            _survey(site, name, out, append=append, seconds=seconds, log_level=log_level)
            return
        run_edge(
            EdgeConfig(
                site,
                broker or BROKER,
                name,
                outbox or Path("outbox.db"),
                credentials=Credentials(ca_file, cert_file, key_file, username_file, password_file),
                log_level=log_level,
            )
        )


def _survey(site_file: Path, name: str, out: Path, *, append: bool, seconds: float | None, log_level: str) -> None:
    from edge.log import configure_json_logs
    from edge.reads_file import run_edge_to_file
    from edge.service import watch_signals

    configure_json_logs(log_level)
    site = read_site_file(site_file)
    if out.exists() and out.samefile(site_file):
        raise complain(f"--out {out} is the site file itself: choose another file")

    async def run() -> "ReadsFileFigures":
        stopping = watch_signals()
        return await run_edge_to_file(
            site,
            out,
            edge=name,
            site_file=str(site_file),
            append=append,
            seconds=seconds,
            stopping=stopping,
            progress=_progress,
        )

    figures = asyncio.run(run())
    print(file=sys.stderr)
    print(f"{figures.lines:,} lines in {out}, {figures.dropped_lines:,} dropped", file=sys.stderr)
    if figures.never_up:
        print(f"never answered: {', '.join(figures.never_up)}", file=sys.stderr)
    if figures.dropped_lines or len(figures.never_up) == figures.devices:
        raise typer.Exit(1)


def _progress(figures: "ReadsFileFigures") -> None:
    print(
        f"\r{figures.seconds:7.0f} s  {figures.devices_up}/{figures.devices} devices up  {figures.reads:,} tag reads ",
        end="",
        file=sys.stderr,
        flush=True,
    )
