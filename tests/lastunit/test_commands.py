"""The `lastunit` command as a person types it: in a process of its own, judged by output and exit code."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.config import GatewayConfig
from gateway.storage.readiness import shown, wrong_revision
from lastunit.cli import app
from lastunit.commands import gateway as gateway_command
from simulator.sites import demo_site_text, read_demo_site
from simulator.store import Store

DEMO_KEYS = {
    "reads",
    "observations",
    "batches_sent",
    "batches_acked",
    "lost",
    "items_seen",
    "cell_exact",
    "visible_ms_p50",
    "visible_ms_p99",
    "decision_ms_p99",
    "pipeline_ms_p99",
}
COMMANDS = (
    "demo",
    "simulate",
    "replay",
    "score",
    "calibrate",
    "reconcile",
    "reconcile list",
    "reconcile approve",
    "edge",
    "gateway",
    "gateway migrate",
    "gateway verify",
    "gateway rebuild-counts",
    "catalogue",
    "catalogue import",
    "epc",
    "epc decode",
    "epc encode",
    "gs1",
    "gs1 parse",
)


def run(folder: Path, *words: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lastunit", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | (env or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what a call that has to be mended says: exit code 2, one text, no trace."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) > 5


def test_the_demo_loses_nothing_and_prints_its_figures(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--seconds", "12", "--json", env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.keys() >= DEMO_KEYS
    assert figures["lost"] == 0
    assert figures["reads"] > 100
    assert figures["batches_acked"] == figures["batches_sent"] > 10
    assert figures["items_seen"] > 100
    assert 0 < figures["cell_exact"] <= 1
    assert figures["visible_ms_p50"] > 0
    assert "http://127.0.0.1:" in done.stderr
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in complaint(run(tmp_path, "demo", "--seconds", "5", "--port", str(port)))


@pytest.mark.parametrize("words", [("edge", "--site"), ("simulate", "--out", "case", "--site"), ("gateway", "--site")])
def test_a_wrong_site_file_names_file_line_and_key(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "store.yaml").write_text("site: s\nzones:\n  - {id: A, kind: salesfloor}\n")
    told = complaint(run(tmp_path, *words, "store.yaml"))
    assert "store.yaml: line 3: zones[0].kind" in told
    assert "salesfloor" in told


@pytest.mark.parametrize("words", [("edge", "--site"), ("simulate", "--out", "case", "--site"), ("gateway", "--site")])
def test_a_site_file_that_is_not_utf8_names_the_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "latin.yaml").write_bytes("site: s\nname: Caf\u00e9\n".encode("latin-1"))
    told = complaint(run(tmp_path, *words, "latin.yaml"))
    assert "latin.yaml: line 2: not UTF-8" in told
    assert "save it as UTF-8" in told


def test_a_gateway_without_site_says_so(tmp_path: Path) -> None:
    assert "no site: --site FILE" in complaint(run(tmp_path, "gateway", "--port", "0"))
    assert list(tmp_path.iterdir()) == []


def database_of(folder: Path, kind: str) -> str:
    """Make a database that cannot be used; return its URL."""
    file = folder / f"{kind}.db"
    if kind == "junk":
        file.write_text("this is no database " * 100)
    elif kind == "folder":
        file.mkdir()
    elif kind == "empty":
        file.touch()
    elif kind == "newer":
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
            connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        connection.close()
    elif kind == "refused":
        return "postgresql://someone@127.0.0.1:1/books"
    elif kind == "nowhere":
        return "sqlite:///nowhere/books.db"
    return f"sqlite:///{file.name}"


CHECKS = ("gateway", "verify"), ("gateway", "rebuild-counts")
WRITES = ("gateway", "--site", "store.yaml"), ("gateway", "migrate"), ("catalogue", "import", "goods.csv")


@pytest.mark.parametrize(
    ("kind", "commands", "reason"),
    [
        ("missing", CHECKS, "no file missing.db: a typing mistake? `lastunit gateway migrate` makes it"),
        ("empty", CHECKS, "holds no tables of Last Unit"),
        ("newer", (*CHECKS, *WRITES), "is at revision 9999, newer than this program's"),
        ("junk", (CHECKS[0], *WRITES), "file is not a database"),
        ("folder", (CHECKS[0], WRITES[0]), "folder.db is a folder"),
        ("nowhere", (WRITES[0], WRITES[2]), "no folder nowhere"),
        ("refused", (CHECKS[0], *WRITES), "Connection refused"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, kind: str, commands: tuple[tuple[str, ...], ...], reason: str
) -> None:
    (tmp_path / "store.yaml").write_text(demo_site_text("outlet"))
    (tmp_path / "goods.csv").write_text("gtin,style,colour,size,description\n")
    url = database_of(tmp_path, kind)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    for words in commands:
        extra = ("--port", "0") if "--site" in words else ()
        told = complaint(run(tmp_path, *words, *extra, "--database", url))
        assert told.startswith(f"lastunit: database {url}: ")
        assert reason in told
        assert len(told.splitlines()) == 1
        after = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
        assert after.keys() == before.keys()
        assert words in WRITES or after == before


def test_revisions_are_told_apart() -> None:
    known = ["0003", "0002", "0001"]
    assert wrong_revision(["0003"], known) == ""
    assert "older than this program's 0003: run `lastunit gateway migrate`" in wrong_revision(["0002"], known)
    assert "newer" in wrong_revision(["0004"], known)


def test_no_password_is_shown() -> None:
    shy = shown("postgresql://u:hush@h/d?host=/run/x&password=hush")
    assert "hush" not in shy
    assert "host=" in shy


def test_a_broker_that_never_answers_is_named_and_holds_no_stop_up_for_ever(tmp_path: Path) -> None:
    (tmp_path / "store.yaml").write_text(demo_site_text("outlet"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        words = ("gateway", "--site", "store.yaml", "--port", "0", "--broker", f"mqtt://127.0.0.1:{port}")
        with subprocess.Popen(
            [sys.executable, "-m", "lastunit", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            try:
                said = next(line for line in process.stderr if "broker_connecting" in line)
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=60) == 0
            finally:
                process.kill()
    assert json.loads(said)["port"] == port


def test_the_help_says_the_defaults() -> None:
    config = GatewayConfig.model_fields
    assert config["database_url"].default.get_secret_value() == gateway_command.DATABASE
    assert config["broker_url"].default.get_secret_value() == gateway_command.BROKER
    assert config["http_port"].default == gateway_command.PORT


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"gtin,style\n", "goods.csv: line 1: no column colour, size, description"),
        ("gtin,style,colour,size,description\n1,S,gr\u00fcn,M,x\n".encode("latin-1"), "goods.csv: line 2: not UTF-8"),
    ],
)
def test_a_catalogue_that_cannot_be_used_names_the_file(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "goods.csv").write_bytes(data)
    assert told in complaint(run(tmp_path, "catalogue", "import", "goods.csv"))


def test_a_catalogue_with_tabs_loads(tmp_path: Path) -> None:
    (tmp_path / "goods.csv").write_text("gtin\tstyle\tcolour\tsize\tdescription\n09506000134352\tS1\tnavy\tM\tJacket\n")
    assert "1 of 1 rows loaded" in run(tmp_path, "catalogue", "import", "goods.csv").stdout


@pytest.mark.parametrize(
    "words", [("edge", "--site"), ("simulate", "--site"), ("gateway", "--config"), ("gateway", "--site")]
)
def test_a_missing_file_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "nowhere.yaml" in complaint(run(tmp_path, *words, "nowhere.yaml"))


def test_a_catalogue_row_with_a_bad_check_digit_costs_itself_only(tmp_path: Path) -> None:
    (tmp_path / "goods.csv").write_text(
        "gtin,style,colour,size,description\n"
        "09506000134352,S1,navy,M,Jacket\n"
        "09506000134353,S1,navy,L,Jacket\n"
        "9506000134369,S1,navy,XL,Jacket\n"
    )
    done = run(tmp_path, "catalogue", "import", "goods.csv", "--database", "sqlite:///goods.db", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["rows"], report["loaded"], report["rejected"]) == (3, 2, 1)
    assert report["problems"][0]["line"] == 3
    assert report["problems"][0]["value"] == "09506000134353"
    done = run(tmp_path, "catalogue", "import", "goods.csv", "--database", "sqlite:///goods.db")
    assert "goods.csv: line 3: gtin '09506000134353'" in done.stderr


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "store.yaml").write_text(demo_site_text("outlet"))
    for folder in ("a", "b"):
        done = run(tmp_path, "simulate", "--site", "store.yaml", "--hours", "0.02", "--seed", "5", "--out", folder)
        assert done.returncode == 0, done.stderr
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert {"reads.csv", "truth.csv", "items.csv", "events.csv", "site.yaml"} <= set(names)
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_books_of_an_empty_database_are_good(tmp_path: Path) -> None:
    database = ("--database", "sqlite:///books.db")
    assert "revision" in run(tmp_path, "gateway", "migrate", *database).stdout
    assert run(tmp_path, "gateway", "verify", *database).returncode == 0
    assert run(tmp_path, "gateway", "rebuild-counts", *database).returncode == 0


def test_a_tag_of_the_simulator_says_what_it_is(tmp_path: Path) -> None:
    store = Store(read_demo_site("main-street"), seed=1, items=10)
    done = run(tmp_path, "epc", "decode", store.epc_hex(0))
    assert json.loads(done.stdout)["gtin"] == store.gtin(0)
    assert run(tmp_path, "epc", "decode", "E2801160").returncode == 1
