"""`lastunit dashboards` as a person calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dashboards.documented_grafana import TOKEN, DocumentedGrafana


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lastunit", "dashboards", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_build_writes_files_and_check_tells_what_is_not_theirs(tmp_path: Path) -> None:
    assert run(tmp_path, "build", "--out", "made").returncode == 0
    assert run(tmp_path, "build", "--out", "made", "--check").returncode == 0
    board = tmp_path / "made" / "boards" / "chain.json"
    board.write_text(board.read_text().replace("Chain overview", "Mine"))
    (tmp_path / "made" / "boards" / "extra.json").write_text("{}")
    (tmp_path / "made" / "boards" / "loss.json").unlink()
    checked = run(tmp_path, "build", "--out", "made", "--check")
    assert checked.returncode == 1
    assert checked.stderr.splitlines() == [
        "made/boards/loss.json: missing",
        "made/boards/chain.json: differs",
        "made/boards/extra.json: not one of ours",
        "mend: lastunit dashboards build --out made",
    ]
    assert board.read_text().count("Mine") > 0, "--check writes nothing"


def test_push_brings_a_grafana_there_and_then_leaves_it_alone(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "password").write_text("hush")
    with DocumentedGrafana() as grafana:
        words = ["push", "--url", grafana.url, "--token-file", "token", "--series-url", "http://influx:8086"]
        words += ["--series-user", "grafana", "--series-password-file", "password"]
        dry = run(tmp_path, *words, "--dry-run")
        assert dry.returncode == 0, dry.stderr
        assert "(nothing was written)" in dry.stderr
        assert not grafana.kept.wrote
        first = run(tmp_path, *words)
        assert first.returncode == 0, first.stderr
        assert "+ board 'Replenishment' (lastunit-replenishment): made" in first.stdout
        assert len(grafana.kept.boards) == 7
        wrote = len(grafana.kept.wrote)
        again = run(tmp_path, *words, "--json")
        assert {json.loads(line)["did"] for line in again.stdout.splitlines()} == {"same"}
        assert len(grafana.kept.wrote) == wrote
        everything = "".join(one.stdout + one.stderr for one in (dry, first, again))
        assert TOKEN not in everything
        assert "hush" not in everything


def test_what_grafana_refuses_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with DocumentedGrafana() as grafana:
        grafana.broken["rule-groups"] = 403
        done = run(tmp_path, "push", "--url", grafana.url, "--token-file", "token")
    assert done.returncode == 1
    assert "! rule group" in done.stdout


@pytest.mark.parametrize(
    ("token", "url", "told"),
    [
        (None, "http://127.0.0.1:1", "token: No such file or directory: expected a file with the secret in it"),
        ("", "http://127.0.0.1:1", "token: expected one line with the secret, found 0"),
        ("a\nb", "http://127.0.0.1:1", "token: expected one line with the secret, found 2"),
        ("a", "grafana:3000", "grafana:3000: expected http://host:port"),
        ("a", "http://127.0.0.1:1", "is Grafana there?"),
    ],
)
def test_what_a_person_has_to_mend_is_exit_code_2_and_one_line(
    tmp_path: Path, token: str | None, url: str, told: str
) -> None:
    if token is not None:
        (tmp_path / "token").write_text(token)
    done = run(tmp_path, "push", "--url", url, "--token-file", "token")
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
