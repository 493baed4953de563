"""The audit of what we ship: run as a program against a service of advisories of our own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from deploy import audit
from tests.servers.mosquitto import free_port

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "audit.py"
HOLE = {
    "id": "PYSEC-2099-1",
    "summary": "made up",
    "aliases": ["CVE-2099-1"],
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


@contextmanager
def advisories(*, of: str = "", status: int = 200) -> Iterator[str]:
    """A service in the form of OSV's that knows a hole of one package."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps({"vulns": [HOLE]} if asked["package"]["name"] == of else {}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    server.shutdown()
    server.server_close()


def locked(folder: Path, **sets: str) -> Path:
    """A folder of locks, with the lines of our own for the packages that are named."""
    requirements = folder / "requirements"
    requirements.mkdir()
    lines = (ROOT / "requirements" / "dev.txt").read_text().split("\n")
    for stem, names in sets.items():
        kept, keeping = [], False
        for line in lines:
            if line and not line.startswith((" ", "#")):
                keeping = line.partition("==")[0] in names.split()
            if keeping:
                kept.append(line)
        (requirements / f"{stem}.txt").write_text("\n".join(kept) + "\n")
    return requirements


def run(requirements: Path, osv: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(SCRIPT), "--requirements", str(requirements)]
    return subprocess.run(
        [*words, "--out", str(requirements.parent / "out"), "--osv", osv], capture_output=True, text=True, check=False
    )


def test_nothing_found_is_clean_and_the_parts_are_listed(tmp_path: Path) -> None:
    requirements = locked(tmp_path, dev="idna anyio msgspec", edge="idna msgspec")
    with advisories() as osv:
        done = run(requirements, osv)
    assert (done.returncode, done.stdout.splitlines()[-1][:5]) == (audit.CLEAN, "clean"), done.stdout + done.stderr
    assert "dev.txt: 3 packages were looked at" in done.stdout
    written = (tmp_path / "out" / "sbom-edge.cdx.json").read_text()
    document = json.loads(written)
    parts = {part["name"]: part for part in document["components"]}
    assert parts.keys() == {"idna", "msgspec"}
    assert parts["msgspec"]["version"] == audit.pins(requirements / "edge.txt")["msgspec"]
    assert parts["msgspec"]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    assert parts["msgspec"]["externalReferences"][0]["hashes"][0]["alg"] == "SHA-256"
    assert document["metadata"]["component"]["name"] == "lastunit"
    assert make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(written) is None
    assert not (tmp_path / "out" / "sbom-dev.cdx.json").exists()
    assert audit.parts(requirements / "edge.txt", tmp_path).read_text() == written, "the same lock, the same bytes"


def test_a_known_hole_is_a_finding(tmp_path: Path) -> None:
    with advisories(of="idna") as osv:
        done = run(locked(tmp_path, dev="idna anyio"), osv)
    assert done.returncode == audit.FINDINGS, done.stdout + done.stderr
    assert "FOUND dev.txt: idna" in done.stdout
    assert "mended in 99.1" in done.stdout


@pytest.mark.parametrize("trouble", ["nobody there", "refuses"])
def test_no_answer_is_never_called_clean(tmp_path: Path, trouble: str) -> None:
    requirements = locked(tmp_path, dev="idna anyio")
    if trouble == "nobody there":
        done = run(requirements, f"http://127.0.0.1:{free_port()}/v1/query")
    else:
        with advisories(status=503) as osv:
            done = run(requirements, osv)
    assert done.returncode == audit.UNKNOWN, done.stdout + done.stderr
    assert "NOT KNOWN dev.txt: the advisories could not be had" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("NOT KNOWN to be clean")


def test_a_package_that_was_passed_over_is_not_clean_either(tmp_path: Path) -> None:
    """pip-audit says so of what a service does not know, and ends with exit code 0."""
    file = locked(tmp_path, dev="idna anyio") / "dev.txt"
    version = audit.pins(file)["anyio"]
    answer = {"dependencies": [{"name": "anyio", "version": version, "vulns": []}]}
    answer["dependencies"].append({"name": "idna", "skip_reason": "Dependency not found on PyPI"})
    report = audit.Report()
    audit.judged(file, json.dumps(answer), report)
    assert (report.code, report.unknown) == (
        audit.UNKNOWN,
        ["dev.txt: 1 of 2 packages were not looked at: idna"],
    )
    audit.judged(file, "no JSON", report)
    assert "no answer that can be read" in report.unknown[-1]


def test_what_is_shipped_today_has_licences_that_are_allowed() -> None:
    report = audit.Report()
    shipped = [file for file in (ROOT / "requirements").glob("*.txt") if file.stem != audit.DEV]
    assert shipped
    for file in shipped:
        audit.licences(file, report)
        assert "sllurp" not in audit.pins(file)
    assert report.findings == []


@pytest.mark.parametrize(
    ("name", "licence", "wrong"),
    [
        ("x", "MIT", ""),
        ("x", "BSD License", ""),
        ("x", "GPL-3.0-only", "not for what we ship"),
        ("x", "MIT OR AGPL-3.0", "not for what we ship"),
        ("x", "GNU General Public License v3", "not for what we ship"),
        ("x", "", "no licence in its metadata"),
        ("x", "Something New", "read it"),
        ("psycopg", "LGPL-3.0-only", ""),
        ("sllurp", "MIT", "optional extra"),
    ],
)
def test_licences_are_judged(name: str, licence: str, wrong: str) -> None:
    found = audit.unwelcome(name, licence)
    assert bool(found) == bool(wrong)
    assert wrong in found


def test_a_gpl_package_in_a_shipped_set_is_a_finding(tmp_path: Path) -> None:
    requirements = locked(tmp_path, edge="idna sllurp")
    report = audit.Report()
    audit.licences(requirements / "edge.txt", report)
    assert len(report.findings) == 1
    assert "sllurp: GPL-3.0-only" in report.findings[0]


def test_without_a_lock_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--requirements", str(tmp_path)]) == audit.CANNOT
    assert "expected requirements/*.txt" in capsys.readouterr().err
