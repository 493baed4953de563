"""`lastunit gateway seal`, and the check of seals: whether what was written for good is as it was written."""

import asyncio
import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.gateway import ConfigFile, DatabaseUrl, load
from lastunit.commands.mend import mendable

if TYPE_CHECKING:
    from gateway.ledger.seal import Checked
    from gateway.storage.engine import Database

SealFile = Annotated[Path, typer.Argument(help="File of seals, one line each; made when it is not there.")]


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def append(file: Path, lines: list[str], line: str) -> None:
    """Write `line` behind `lines`, whole or not at all. Raises `SealError` when others are there too, `OSError`."""
    from gateway.ledger.seal import SealError

    left = f"{line}\n".encode()
    with file.open("ab", buffering=0) as target:
        fcntl.flock(target, fcntl.LOCK_EX)
        if _lines(file) != lines:
            raise SealError(f"{file}: another process wrote to it meanwhile: seal it again")
        end = os.fstat(target.fileno()).st_size
        try:
            while left:
                left = left[target.write(left) :]
            os.fsync(target.fileno())
        except OSError:
            os.ftruncate(target.fileno(), end)
            raise


def seal(file: SealFile, config: ConfigFile = None, database: DatabaseUrl = None) -> None:
    """Write one more line to a file of seals: hashes over the audit, postings, movements and roll-outs up to now.

    `lastunit gateway verify --seals FILE` finds every byte that was changed behind its back. Run it by a timer, once a
    day, and copy the file to a machine whose keepers cannot write to the database. What is younger than ten minutes is
    sealed the next time.

    A file that was changed itself is not gone on with: exit code 2.

        lastunit gateway seal /var/lib/lastunit/seals.ndjson --config gateway.yaml
    """
    from gateway.ledger.seal import decode, next_seal, read
    from gateway.storage.engine import Database
    from gateway.storage.errors import StorageError
    from gateway.storage.readiness import require_current, told

    async def run(url: str, last: str) -> str:
        books = Database(url)
        try:
            return await next_seal(books, last, time.time_ns() // 1_000)
        finally:
            await books.close()

    with mendable(StorageError):
        lines = _lines(file) if file.exists() else []
        list(read(lines))
        url = load(config, database).database_url.get_secret_value()
        require_current(url)
        with told(url):
            line = asyncio.run(run(url, lines[-1] if lines else ""))
        append(file, lines, line)
    written = decode(line, len(lines) + 1)
    rows = sum(mark.rows for mark in written.marks.values())
    print(f"{file}: seal {written.n} over {rows:,} rows of {len(written.marks)} chains")


def check_seals(file: Path, config: Path | None, database: str | None) -> "Checked":
    """Hash what is sealed again. What a person must mend ends with exit code 2."""
    from gateway.ledger.seal import check
    from gateway.storage.engine import Database
    from gateway.storage.errors import StorageError
    from gateway.storage.readiness import require_current, told

    async def run(books: "Database", lines: list[str]) -> "Checked":
        try:
            return await check(books, lines)
        finally:
            await books.close()

    with mendable(StorageError):
        lines = _lines(file)
        url = load(config, database).database_url.get_secret_value()
        require_current(url)
        with told(url):
            return asyncio.run(run(Database(url), lines))
