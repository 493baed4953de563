"""Seals: one byte of what was written for good that changed is found, whoever changed it, and in whichever table."""

import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.keys.store import ChannelChange, NewKey, create_key, upsert_channel
from gateway.keys.token import ENTROPY_BYTES, mint
from gateway.ledger import seal
from gateway.ledger.seal import SealError, check, next_seal
from gateway.storage.engine import Database
from gateway.storage.metadata import metadata
from lastunit.cli import app
from tests.gateway.small_store import SECOND_US, SHIRT_S, T0_US

LATER_US = T0_US + 3_600 * SECOND_US


@pytest.fixture
def file(filled_once: Path, tmp_path: Path) -> Path:
    """A database with movements and postings of two sites."""
    target = tmp_path / "books.db"
    shutil.copy(filled_once, target)
    names = ", ".join(name for kind in seal.KINDS if kind.table.name == "posting" for name in kind.columns)
    with sqlite3.connect(target) as connection:
        for number in (1, 2):
            row = (number, "store-001", SHIRT_S, str(number), "own", "available", "sold", 1, "sale", "t", "", 1, 1)
            connection.execute(f"INSERT INTO posting ({names}) VALUES ({', '.join('?' * len(row))})", row)
    connection.close()
    return target


@asynccontextmanager
async def opened(file: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{file}")
    try:
        yield database
    finally:
        await database.close()


async def audited(database: Database, at_us: int = T0_US) -> None:
    """Make a key: a row of the audit."""
    async with database.write() as connection:
        await upsert_channel(connection, "web", ChannelChange(), at_us)
        new = NewKey(channel="web", scopes=frozenset({"stock:read"}))
        await create_key(connection, mint(secrets.token_bytes(ENTROPY_BYTES)), new, at_us)


async def sealed(database: Database, times: int = 2) -> list[str]:
    lines: list[str] = []
    for turn in range(times):
        await audited(database, T0_US + turn)
        lines.append(await next_seal(database, lines[-1] if lines else "", LATER_US + turn))
    return lines


def tamper(file: Path, *statements: str) -> None:
    """What somebody can do who owns the file: no trigger is in the way."""
    with sqlite3.connect(file) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        changed = sum(connection.execute(statement).rowcount for statement in statements)
    connection.close()
    assert changed > 0


async def test_what_was_sealed_is_as_it_was(file: Path) -> None:
    async with opened(file) as database:
        lines = await sealed(database, 3)
        await audited(database, LATER_US + 99)
        found = await check(database, lines)
    assert (found.faults, found.seals) == ([], 3)
    marks = seal.decode(lines[-1], 3).marks
    assert marks.keys() == {"audit", "fleet_event", "posting", "movement/store-001", "movement/store-002"}
    assert (marks["audit"].rows, marks["movement/store-001"].rows, marks["movement/store-002"].rows) == (4, 3, 2)
    assert found.rows == sum(mark.rows for mark in marks.values())


@pytest.mark.parametrize(
    ("statement", "chain"),
    [
        ("UPDATE audit SET detail = CAST(replace(CAST(detail AS TEXT), 'stock:read', 'stock:reae') AS BLOB)", "audit"),
        ("UPDATE audit SET at_us = at_us + 1 WHERE id = 3", "audit"),
        ("DELETE FROM audit WHERE id = 2", "audit"),
        ("DELETE FROM audit", "audit"),
        ("UPDATE posting SET serial = serial || '0' WHERE id = 1", "posting"),
        ("UPDATE posting SET quantity = quantity + 1 WHERE id = (SELECT max(id) FROM posting)", "posting"),
        ("UPDATE movement SET debit = 'BACK' WHERE site = 'store-002' AND m = 2", "movement/store-002"),
        (
            "UPDATE movement SET probability = probability + 1e-12 WHERE site = 'store-001' AND m = 1",
            "movement/store-001",
        ),
        ("DELETE FROM movement WHERE site = 'store-002'", "movement/store-002"),
    ],
)
async def test_one_byte_that_changed_is_found(file: Path, statement: str, chain: str) -> None:
    async with opened(file) as database:
        lines = await sealed(database)
        assert (await check(database, lines)).faults == []
    tamper(file, statement)
    async with opened(file) as database:
        (fault,) = (await check(database, lines)).faults
    assert fault.startswith(f"{chain}: changed between ")


async def test_it_says_between_which_keys(file: Path) -> None:
    async with opened(file) as database:
        lines = await sealed(database, 3)
    tamper(file, "UPDATE audit SET actor = 'x' WHERE id = 3")
    async with opened(file) as database:
        assert (await check(database, lines)).faults == [
            "audit: changed between id 3 to 3 (seal 2): 1 rows, 1 were sealed"
        ]


async def test_a_row_that_was_put_between_others_is_found(file: Path) -> None:
    async with opened(file) as database:
        await audited(database)
    tamper(file, "UPDATE audit SET id = id + 10 WHERE id > 1")
    async with opened(file) as database:
        lines = [await next_seal(database, "", LATER_US)]
        assert (await check(database, lines)).faults == []
    tamper(file, "INSERT INTO audit SELECT 5, at_us, actor, action, site, subject, detail FROM audit WHERE id = 1")
    async with opened(file) as database:
        assert (await check(database, lines)).faults == [
            "audit: changed between id 1 to 12 (seal 1): 3 rows, 2 were sealed"
        ]


async def test_young_rows_wait_for_the_next_seal(file: Path) -> None:
    """A transaction that commits late does not look like a row that was put in."""
    async with opened(file) as database:
        await audited(database, LATER_US - (seal.SETTLED_S - 1) * SECOND_US)
        first = await next_seal(database, "", LATER_US)
        assert seal.decode(first, 1).marks["audit"].rows == 0
        second = await next_seal(database, first, LATER_US + SECOND_US)
        assert seal.decode(second, 2).marks["audit"].rows == 2
        assert (await check(database, [first, second])).faults == []


async def test_the_file_itself_cannot_be_changed(file: Path) -> None:
    async with opened(file) as database:
        lines = await sealed(database, 3)
        digest = seal.decode(lines[1], 2).marks["audit"].sha256
        other = lines[1].replace(digest, f"{int(digest[0], 16) ^ 1:x}{digest[1:]}")
        for changed, says in (
            ([lines[0], other, lines[2]], "line 3: it does not follow"),
            ([lines[0], lines[2]], "line 2: it does not follow"),
            ([lines[1], lines[2]], "line 1: it does not follow"),
            ([lines[0], "{}", lines[2]], "line 2: no seal"),
            ([lines[0].replace('"sha256":"', '"sha256":"ab')], "another length"),
            ([lines[0].replace('"sha256":"', '"sha256":"xy')], "no seal"),
        ):
            with pytest.raises(SealError, match=says):
                await check(database, changed)
        assert (await check(database, [lines[0], lines[1][:-3] + lines[1][-3:]])).faults == []
        assert "audit: changed" in (await check(database, [lines[0], other])).faults[0]


def test_pages_make_no_difference(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for number, rows in enumerate((1, 2, 5_000)):
        monkeypatch.setattr(seal, "PAGE_ROWS", rows)
        target = tmp_path / f"seals-{number}"
        done = CliRunner().invoke(app, ["gateway", "seal", str(target), "--database", f"sqlite:///{file}"])
        assert done.exit_code == 0, done.output
        said.append(seal.decode(target.read_text().strip(), 1).marks)
    assert said[0] == said[1] == said[2]


def test_the_command_seals_and_verify_finds_what_changed(file: Path, tmp_path: Path) -> None:
    tamper(file, "DELETE FROM posting")  # of no sale that the books know
    seals, database = tmp_path / "seals.ndjson", ("--database", f"sqlite:///{file}")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["gateway", *words, *database])
        return done.exit_code, done.output

    assert run("seal", str(seals)) == (0, f"{seals}: seal 1 over 5 rows of 5 chains\n")
    assert run("seal", str(seals))[1].startswith(f"{seals}: seal 2 ")
    code, said = run("verify", "--seals", str(seals))
    assert (code, said.splitlines()[-1]) == (0, f"{seals}: as it was sealed; 2 seals, 5 rows")
    assert '"faults":[]' in run("verify", "--seals", str(seals), "--json")[1]
    tamper(file, "UPDATE movement SET probability = 0.5 WHERE site = 'store-001' AND m = 1")
    code, said = run("verify", "--seals", str(seals))
    assert code == 1
    assert f"{seals}: 1 CHANGED" in said
    seals.write_text(seals.read_text().replace('"n":1', '"n":7'))
    for words in (("verify", "--seals", str(seals)), ("seal", str(seals))):
        code, said = run(*words)
        assert code == 2
        assert "line 1: it does not follow" in said


def test_every_column_of_the_tables_is_sealed() -> None:
    """A column that is added later is for a later form of the seals; today none is left out."""
    for kind in seal.KINDS:
        assert set(kind.columns) == {column.name for column in metadata.tables[kind.table.name].columns}
