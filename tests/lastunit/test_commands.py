"""The `lastunit` command as a person types it: in a process of its own, judged by output and exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
}
COMMANDS = (
    "demo",
    "simulate",
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
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = run(tmp_path, *command.split(), "--help")
    assert done.returncode == 0
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
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in complaint(run(tmp_path, "demo", "--seconds", "5", "--port", str(port)))


@pytest.mark.parametrize("words", [("edge", "--site"), ("simulate", "--out", "case", "--site"), ("gateway", "--site")])
def test_a_wrong_site_file_names_file_line_and_key(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "store.yaml").write_text("site: s\nzones:\n  - {id: A, kind: salesfloor}\n")
    told = complaint(run(tmp_path, *words, "store.yaml"))
    assert "store.yaml: line 3: zones[0].kind" in told
    assert "salesfloor" in told


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
    assert {"reads.csv", "truth.csv", "items.csv", "events.csv"} <= set(names)
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
