"""The file of seals, when two write it at once, and when there is no room for a line."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.ledger import seal
from gateway.storage.engine import Database
from lastunit.cli import app
from tests.security.test_seals import file as file  # noqa: PLC0414 - the fixture: books with movements and postings

ROOT = Path(__file__).parents[2]


def words(database: Path, seals: Path) -> list[str]:
    return ["gateway", "seal", str(seals), "--database", f"sqlite:///{database}"]


def python(code: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_two_at_once_do_not_break_the_chain(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing takes minutes on a large database, and a timer does not know that a person does the same."""
    seals = tmp_path / "seals.ndjson"
    assert CliRunner().invoke(app, words(file, seals)).exit_code == 0
    alone = seal.next_seal

    async def overtaken(database: Database, last: str, now_us: int) -> str:
        line = await alone(database, last, now_us)
        other = python("import sys; from lastunit.cli import app; app(sys.argv[1:])", *words(file, seals))
        assert other.returncode == 0, other.stderr
        return line

    monkeypatch.setattr(seal, "next_seal", overtaken)
    done = CliRunner().invoke(app, words(file, seals))
    assert [one.n for one in seal.read(seals.read_text().splitlines())] == [1, 2]
    assert done.exit_code == 2
    assert "seal it again" in done.output


def test_a_line_for_which_there_is_no_room_leaves_the_file_as_it_was(file: Path, tmp_path: Path) -> None:
    seals = tmp_path / "seals.ndjson"
    assert CliRunner().invoke(app, words(file, seals)).exit_code == 0
    before = seals.read_bytes()
    full = (
        "import resource, sys; from pathlib import Path; from lastunit.commands.seal import append\n"
        "file = Path(sys.argv[1]); lines = file.read_text().splitlines(); most = file.stat().st_size + 50\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
        "append(file, lines, 'x' * 1000)\n"
    )
    done = python(full, seals)
    assert "File too large" in done.stderr
    assert seals.read_bytes() == before
