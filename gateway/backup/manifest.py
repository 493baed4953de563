"""What a backup says of itself: `manifest.json`, the first member of the file.

It names every part with its size and hash, so that a part that was cut or changed is seen before anything is
overwritten; and the number of rows of every table in the database's picture that was saved, so that a restored
database can be held against it.
"""

import re
from typing import Final, Literal

import msgspec

from gateway.backup.errors import BackupError

SCHEMA: Final = 1
NAME: Final = "manifest.json"
MAX_BYTES: Final = 1 << 20
"""Of the manifest: some hundred parts and tables take a few kilobytes; a file that says more is none of ours."""

PARTS_MAX: Final = 2_048
"""Database, site files and models: a gateway that serves a thousand sites has two files for each."""

PART_NAME: Final = re.compile(r"(database\.(sqlite\.gz|pgdump)|(sites|models)/\d{4}-[A-Za-z0-9._-]{1,128})")
"""A part can never name a place outside of the folder that it is written to."""

Kind = Literal["sqlite", "postgresql"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One member of the file. `sha256` is of the bytes as they stand there."""

    name: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of it. `made_us` is when the database's picture was taken, UTC microseconds.

    `revision` is that of the tables; `server` is the database's own version; `rows` counts each table.
    """

    schema: int = SCHEMA
    program: str
    made_us: int
    kind: Kind
    server: str
    revision: str
    rows: dict[str, int]
    parts: tuple[Part, ...]

    @property
    def database(self) -> Part:
        """The part that is the database."""
        return next(part for part in self.parts if part.name.startswith("database."))

    @property
    def files(self) -> tuple[Part, ...]:
        """The parts that are site files and models."""
        return tuple(part for part in self.parts if part is not self.database)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode_manifest(data: bytes, where: str) -> Manifest:
    """Return the manifest that `where` begins with. Raises `BackupError`."""
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema != SCHEMA:
            raise BackupError(f"{where}: a backup of form {schema}, and this program reads form {SCHEMA}")
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{where}: not a backup of Last Unit: its manifest says {error}") from error
    names = [part.name for part in manifest.parts]
    if len(names) > PARTS_MAX or len(set(names)) != len(names):
        raise BackupError(f"{where}: {len(names)} parts, expected different ones and at most {PARTS_MAX}")
    if wrong := [name for name in names if not PART_NAME.fullmatch(name)]:
        raise BackupError(f"{where}: a part is called {wrong[0]!r}: not a backup of Last Unit")
    expected = "database.sqlite.gz" if manifest.kind == "sqlite" else "database.pgdump"
    if [name for name in names if name.startswith("database.")] != [expected]:
        raise BackupError(f"{where}: a backup of {manifest.kind} has one part {expected}")
    return manifest


class _Schema(msgspec.Struct):
    schema: int
