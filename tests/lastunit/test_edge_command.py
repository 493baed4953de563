"""`lastunit edge` and `lastunit simulate` when something is wrong: one text that says what to mend; exit codes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SITE_YAML = """
site: store-1
zones: [{id: FLOOR, kind: sales_floor}]
devices:
  - {id: R1, driver: llrp, address: "127.0.0.1:9", antennas: [{port: 1, zone: FLOOR}]}
  - {id: R2, driver: llrp, address: "127.0.0.1:9", antennas: [{port: 1, zone: FLOOR}]}
"""
EDGE = ("edge", "--site", "store.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "store.yaml").write_text(SITE_YAML)
    (tmp_path / "notes.txt").write_text("what a person wrote\n")
    (tmp_path / "a-folder").mkdir()
    return tmp_path


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lastunit", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--outbox", "store.yaml"), "--outbox store.yaml is the site file itself"),
        (("--outbox", "notes.txt"), "outbox notes.txt: this file is text and never was an outbox"),
        (("--out", "a-folder"), "a-folder is a folder: name the file to write in it, such as a-folder/reads.ndjson"),
        (("--out", "store.yaml", "--append"), "--out store.yaml is the site file itself"),
        (("--append",), "--append goes with --out"),
        (("--raw",), "--raw goes with --out"),
        (("--out", "reads", "--metrics-port", "0"), "--out writes to a file: --broker, --outbox and --metrics-port do"),
        (("--seconds", "5"), "--seconds goes with --out"),
        (("--edge", "edge-9"), "store.yaml: site store-1 has no edge 'edge-9'"),
        (("--edge", "edge-9", "--out", "reads"), "store.yaml: site store-1 has no edge 'edge-9'"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_and_changes_nothing(
    folder: Path, words: tuple[str, ...], told: str
) -> None:
    done = run(folder, *EDGE, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"lastunit: {told}" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(file.name for file in folder.iterdir()) == ["a-folder", "notes.txt", "store.yaml"]
    assert (folder / "store.yaml").read_text() == SITE_YAML
    assert (folder / "notes.txt").read_text() == "what a person wrote\n"


def test_an_edge_without_a_site_file_is_told_so(folder: Path) -> None:
    for words in (("edge",), (*EDGE, "doctor")):
        done = run(folder, *words)
        assert (done.returncode, done.stderr.partition(";")[0]) == (2, "lastunit: --site: say which site file")


def test_a_metrics_port_that_is_taken_is_told_and_nothing_runs_on(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(folder, *EDGE, "--broker", "mqtt://127.0.0.1:9", "--metrics-port", str(port))
    assert done.returncode == 2, done.stderr
    told = f"lastunit: metrics port {port}: Address already in use: choose another one (--metrics-port)"
    assert done.stderr.splitlines()[-1] == told


def test_a_survey_that_no_reader_answered_says_which(folder: Path) -> None:
    done = run(folder, *EDGE, "--out", "reads.ndjson", "--raw", "--seconds", "0.5")
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == "never answered: R1, R2"


def test_a_case_that_is_there_is_overwritten_only_by_force(folder: Path) -> None:
    call = ("simulate", "--site", "store.yaml", "--hours", "0.002", "--items", "20", "--out")
    assert "a-file is a file" in _refused(folder, folder / "a-file", *call, "a-file")
    assert run(folder, *call, "case").returncode == 0
    reads = folder / "case" / "reads.csv"
    written = reads.read_bytes()
    assert "case holds a run already (reads.csv)" in _refused(folder, reads, *call, "case")
    assert run(folder, *call, "case", "--force").returncode == 0
    assert reads.read_bytes() == written
    assert (folder / "case" / "site.yaml").read_text() == SITE_YAML
    (folder / "mine").mkdir()
    refused = _refused(folder, folder / "mine" / "site.yaml", *call, "mine")
    assert "mine/site.yaml is another site file than store.yaml" in refused
    told = run(folder, "simulate", "--help").stdout
    assert all(file.name in told for file in (folder / "case").iterdir())


def _refused(folder: Path, file: Path, *words: str) -> str:
    """Run with something precious in `file`; return what was said when it was left alone."""
    file.write_text("precious")
    done = run(folder, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert file.read_text() == "precious"
    return done.stderr


def test_an_open_broker_elsewhere_is_refused_unless_it_is_asked_for(folder: Path) -> None:
    for broker in ("mqtt://broker.invalid", "mqtts://broker.invalid"):
        done = run(folder, *EDGE, "--edge", "edge-1", "--broker", broker)
        assert done.returncode == 2, done.stderr
        assert f"lastunit: broker {broker}:" in done.stderr
        assert "--identity" in done.stderr
        assert "--insecure-dev" in done.stderr
    assert not (folder / "outbox.db").exists()


@pytest.mark.parametrize(
    ("identity", "words", "told"),
    [
        ('{"site": "store-2", "edge": "edge-1", "broker": "mqtts://b"}', (), "is edge edge-1 of site store-2, not"),
        ('{"site": "store-1", "edge": "e", "broker": "mqtts://b"}', ("--edge", "edge-1"), "is edge e of site store-1"),
        ('{"site": "store-1", "edge": "edge-1"}', (), "--broker: say where the broker is"),
        ('{"site": "store-1"}', (), "identity.json: "),
        ('{"site": "store-1", "edge": "edge-1"}', ("--ca-file", "x"), "--identity holds our certificate"),
        (None, (), "`lastunit enroll` makes it"),
    ],
)
def test_an_identity_that_does_not_fit_is_told(
    folder: Path, identity: str | None, words: tuple[str, ...], told: str
) -> None:
    (folder / "identity").mkdir()
    if identity is not None:
        (folder / "identity" / "identity.json").write_text(identity)
    done = run(folder, *EDGE, "--identity", "identity", *words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
