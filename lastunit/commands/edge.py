"""`lastunit edge`: the daemon of a store, tag reads to a file, and a look at every device (`doctor`)."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from lastunit import __version__
from lastunit.commands.mend import complain, mendable, read_site_file

if TYPE_CHECKING:
    from edge.reads_file import ReadsFileFigures
    from edge.uplink.broker_url import Credentials

app = typer.Typer()

BROKER = "mqtt://127.0.0.1:1883"
_TO_FILE = "Only with --out: "
_TO_BROKER = "Only without --out: "

SiteFile = Annotated[
    Path | None, typer.Option("--site", help="The site file: zones, readers, antennas (docs/site-file.md).")
]
EdgeName = Annotated[str, typer.Option("--edge", help="Which edge of the site this is; not needed when it has one.")]

CaFile = Annotated[Path | None, typer.Option(help="CA of the broker's certificate (mqtts).")]
CertFile = Annotated[Path | None, typer.Option(help="Our client certificate (mqtts).")]
KeyFile = Annotated[Path | None, typer.Option(help="Its key.")]
UsernameFile = Annotated[Path | None, typer.Option(help="File with the broker's user name.")]
PasswordFile = Annotated[Path | None, typer.Option(help="File with its password.")]
IdentityDir = Annotated[
    Path | None,
    typer.Option(
        help="Directory of `lastunit enroll`: in place of --ca-file, --cert-file, --key-file, --edge and --broker."
    ),
]
InsecureDev = Annotated[
    bool,
    typer.Option("--insecure-dev", help="Take an open broker and well-known passwords. Never in a store."),
]


@app.callback(invoke_without_command=True)
def edge(
    context: typer.Context,
    site: SiteFile = None,
    name: EdgeName = "",
    broker: Annotated[
        str | None, typer.Option(help=f"{_TO_BROKER}MQTT broker, {BROKER} by default; mqtts:// for TLS.")
    ] = None,
    outbox: Annotated[
        Path | None,
        typer.Option(help=f"{_TO_BROKER}file that keeps what the gateway has not taken; outbox.db by default."),
    ] = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    username_file: UsernameFile = None,
    password_file: PasswordFile = None,
    identity: IdentityDir = None,
    out: Annotated[
        Path | None, typer.Option(help="Write tag reads to this file (NDJSON) instead of to a broker.")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help=f"{_TO_FILE}nothing filtered, nothing merged. A file is always so.")
    ] = False,
    append: Annotated[bool, typer.Option(help=f"{_TO_FILE}append when the file is there.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.1, help=f"{_TO_FILE}end after so many seconds.")] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help=f"{_TO_BROKER}Prometheus metrics on this port of 127.0.0.1; 0 takes a free one."
        ),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    insecure_dev: InsecureDev = False,
) -> None:
    """Poll a store's readers and publish what they see, whatever happens to the network in between.

    Runs until SIGTERM or Ctrl-C. What the gateway has not taken waits in the outbox, also over a restart. With --out,
    exit code 1 says that lines were dropped or that no reader ever answered.

        lastunit edge --site store-001.yaml --identity /var/lib/lastunit/identity

        lastunit edge --site store-001.yaml --out reads.ndjson --raw --seconds 60

        lastunit edge doctor --site store-001.yaml
    """
    if context.invoked_subcommand is not None:
        return
    from edge.config import EdgeConfig
    from edge.errors import EdgeError
    from edge.service import run_edge
    from edge.uplink.broker_url import Credentials

    if site is None:
        raise complain("--site: say which site file; docs/site-file.md shows one")
    if out is not None and (broker or outbox or metrics_port is not None):
        raise complain("--out writes to a file: --broker, --outbox and --metrics-port do not go with it")
    for option, given in (("--raw", raw), ("--append", append), ("--seconds", seconds is not None)):
        if out is None and given:
            raise complain(f"{option} goes with --out: say which file to write tag reads to")
    with mendable(EdgeError):
        if out is not None:
            _survey(site, name, out, append=append, seconds=seconds, log_level=log_level)
            return
        credentials = Credentials(ca_file, cert_file, key_file, username_file, password_file)
        who = _who(site, broker, name, credentials, identity)
        run_edge(
            EdgeConfig(
                site,
                who.broker,
                who.edge,
                outbox or Path("outbox.db"),
                credentials=who.credentials,
                log_level=log_level,
                metrics_port=metrics_port,
                version=__version__,
                insecure_dev=insecure_dev,
            )
        )


class _Who(NamedTuple):
    broker: str
    edge: str
    credentials: "Credentials"


def _who(site_file: Path, broker: str | None, edge: str, credentials: "Credentials", folder: Path | None) -> _Who:
    """Return where the broker is and who we are there, as the options or the directory of `enroll` say it."""
    if folder is None:
        return _Who(broker or BROKER, edge, credentials)
    from edge.identity import CA, EDGE, read_identity
    from edge.uplink.broker_url import Credentials

    if credentials != Credentials():
        raise complain("--identity holds our certificate: no other file goes with it")
    known = read_identity(folder)
    site = read_site_file(site_file)
    if site.id != known.site or edge not in {"", known.edge}:
        wanted = f"edge {edge or '(any)'} of site {site.id}"
        raise complain(
            f"--identity {folder} is edge {known.edge} of site {known.site}, not {wanted}: enrol this box anew"
        )
    if not (broker or known.broker):
        raise complain(f"--broker: say where the broker is; {folder} was told of none (`broker_public_url`)")
    certificate = folder / EDGE
    return _Who(broker or known.broker, known.edge, Credentials(folder / CA, certificate, certificate))


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


@app.command()
def doctor(
    site: SiteFile = None,
    name: EdgeName = "",
    broker: Annotated[
        str | None, typer.Option(help=f"MQTT broker of the gateway, {BROKER} by default; mqtts:// for TLS.")
    ] = None,
    outbox: Annotated[Path, typer.Option(help="The daemon's outbox.")] = Path("outbox.db"),
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    username_file: UsernameFile = None,
    password_file: PasswordFile = None,
    identity: IdentityDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a finding.")] = False,
) -> None:
    """Look at the box, the broker and every device, and say in plain words what to do.

    Changes nothing: readers are greeted and left, nothing is published. It may run beside the daemon; what that holds
    is then said to be held. Exit code 1: something must be mended.

        lastunit edge doctor --site store-001.yaml --broker mqtt://broker:1883
    """
    from edge.config import EdgeConfig, read_site
    from edge.doctor.examine import examine
    from edge.doctor.finding import is_healthy
    from edge.errors import EdgeError
    from edge.service import system_host
    from edge.uplink.broker_url import Credentials

    if site is None:
        raise complain("--site: say which site file; docs/site-file.md shows one")
    with mendable(EdgeError):
        credentials = Credentials(ca_file, cert_file, key_file, username_file, password_file)
        who = _who(site, broker, name, credentials, identity)
        config = EdgeConfig(site, who.broker, who.edge, outbox, credentials=who.credentials)
        chosen = read_site(site, who.edge)
        findings = asyncio.run(examine(chosen, config, system_host(), _looked_at))
    for finding in findings:
        if as_json:
            print(json.dumps(finding.as_dict()))
            continue
        print(f"{_SIGNS[finding.verdict]:7}  {finding.subject}: {finding.text}")
        if finding.do:
            print(f"         -> {finding.do}")
    if not is_healthy(findings):
        raise typer.Exit(1)


_SIGNS = {"ok": "ok", "warning": "look", "problem": "MEND"}


def _looked_at(subject: str) -> None:
    print(f"looked at {subject}", file=sys.stderr)
