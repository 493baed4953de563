"""`lastunit dashboards`: Grafana boards and alert rules, as files or brought to a Grafana."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.mend import complain

if TYPE_CHECKING:
    from dashboards.push import Outcome, Report

app = typer.Typer(
    no_args_is_help=True,
    help="Grafana boards and alert rules. They ask InfluxDB (InfluxQL) for what the gateway writes; docs/boards.md "
    "says how the three are put together.",
)

Runbooks = Annotated[
    str,
    typer.Option("--runbooks-url", metavar="URL", help="Where the folder docs/runbooks is served; alerts link to it."),
]

_RUNBOOKS = "docs/runbooks"


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Write into this folder.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 when the folder has anything else than these.")
    ] = False,
    runbooks: Runbooks = _RUNBOOKS,
) -> None:
    """Write boards, alert rules and provisioning as files that Grafana reads by itself.

    The same program writes the same bytes. `deploy/grafana` is such a folder.
    """
    from dashboards.build import files

    made = files(runbooks)
    if check:
        _checked(out, made)
        return
    for name, content in sorted(made.items()):
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise complain(f"{path}: {error.strerror}: choose another folder with --out") from error
    for name in _strangers(out, made):
        print(f"{out / name}: not one of ours any more: delete it, or Grafana shows it", file=sys.stderr)
    print(f"{len(made)} files in {out}")


def _checked(out: Path, made: dict[str, bytes]) -> None:
    wrong = [f"{out / name}: missing" for name in sorted(made) if not (out / name).is_file()]
    wrong += [
        f"{out / name}: differs"
        for name, content in sorted(made.items())
        if (out / name).is_file() and (out / name).read_bytes() != content
    ]
    wrong += [f"{out / name}: not one of ours" for name in _strangers(out, made)]
    if wrong:
        print("\n".join([*wrong, f"mend: lastunit dashboards build --out {out}"]), file=sys.stderr)
        raise typer.Exit(1)
    print(f"{len(made)} files in {out} are as they should be")


def _strangers(out: Path, made: dict[str, bytes]) -> list[str]:
    there = [*out.glob("boards/*.json"), *out.glob("provisioning/*/*.yaml")]
    return sorted(name for path in there if (name := path.relative_to(out).as_posix()) not in made)


@app.command()
def push(
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Grafana's address.")],
    token_file: Annotated[
        Path, typer.Option("--token-file", metavar="FILE", help="A file with a service account's token, role Admin.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete boards of ours that are none of these any more.")
    ] = False,
    series_url: Annotated[
        str, typer.Option("--series-url", metavar="URL", help="InfluxDB's address, as Grafana reaches it.")
    ] = "",
    series_database: Annotated[
        str, typer.Option("--series-database", metavar="NAME", help="Its database.")
    ] = "lastunit",
    series_user: Annotated[str, typer.Option("--series-user", metavar="NAME", help="InfluxDB 1: its user.")] = "",
    series_password_file: Annotated[
        Path | None, typer.Option("--series-password-file", metavar="FILE", help="InfluxDB 1: the user's password.")
    ] = None,
    series_token_file: Annotated[
        Path | None,
        typer.Option("--series-token-file", metavar="FILE", help="InfluxDB 2 and 3: a token that may read."),
    ] = None,
    runbooks: Runbooks = _RUNBOOKS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
) -> None:
    """Bring a Grafana to these boards, alert rules and data source. What is so already is not written.

    Without --series-url the data source is left as it is. Exit code 1: Grafana refused something.
    """
    from dashboards.build import Series, artefacts
    from dashboards.grafana import HttpGrafana
    from dashboards.push import PushError
    from dashboards.push import push as pushed

    series: Series | None = None
    if series_url:
        password = _secret(series_password_file) if series_password_file else ""
        token = _secret(series_token_file) if series_token_file else ""
        series = Series(series_url, series_database, series_user, password, token)
    try:
        with HttpGrafana(url, _secret(token_file)) as grafana:
            print(f"Grafana {grafana.version()} at {url}", file=sys.stderr)
            report = pushed(
                grafana,
                artefacts(series, runbooks),
                dry_run=dry_run,
                prune=prune,
                said=_print_json if as_json else print,
            )
    except PushError as error:
        raise complain(str(error)) from error
    _end(report, dry_run=dry_run)


def _print_json(outcome: "Outcome") -> None:
    told = {"kind": outcome.kind.word, "uid": outcome.uid, "title": outcome.title, "did": outcome.did.value}
    print(json.dumps(told | {"lines": outcome.lines}, ensure_ascii=False))


def _end(report: "Report", *, dry_run: bool) -> None:
    from dashboards.push import Did

    counts = ", ".join(f"{number} {did.value}" for did in Did if (number := report.count(did)))
    print(f"{counts}{' (nothing was written)' if dry_run else ''}", file=sys.stderr)
    if report.failed:
        raise typer.Exit(1)


def _secret(path: Path) -> str:
    """Return the text of a file of a secret; a secret never stands in a call."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise complain(f"{path}: {said}: expected a file with the secret in it") from error
    if not text or "\n" in text:
        raise complain(f"{path}: expected one line with the secret, found {len(text.splitlines())}")
    return text
