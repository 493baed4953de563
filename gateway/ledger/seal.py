"""Seals over what was written for good: a chain of hashes, kept outside of the database.

Theory of operation. Rows of the audit, of postings, movements and roll-outs are never changed; triggers and rights see
to that (`deploy/postgres-roles.sql`). Whoever owns the database, or its disk, can do it all the same. So now and then a
seal is written: one line that says how far each of these tables had come and the hash of all its rows up to there,

    h(0) = SHA-256(name);  h(i) = SHA-256(h(i-1), row i),

rows in the order of their keys, each as the MessagePack of its columns. A seal holds the hash of the line before it, so
that no line can be taken out or made anew without the last ones being known to somebody else: copy the file elsewhere.
Checking hashes all rows again. One byte that changed, a row that went or came between others, is seen at the first seal
behind it, which says between which keys it stands.

A row is sealed when it is `SETTLED_S` old: on PostgreSQL two transactions at once may commit in another order than
their keys, and a row that came late would look like one that was put in.

The columns stand here and not in the schema: a column that a later version adds changes no hash of before.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Table, and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.commerce import audit, posting
from gateway.storage.engine import Database
from gateway.storage.fleet import fleet_event
from gateway.storage.schema import movement
from wire.errors import WireError

SETTLED_S: Final = 600
"""No transaction of ours takes a tenth of it."""

PAGE_ROWS: Final = 5_000
"""Rows in memory: some megabytes."""

LINE_MAX_BYTES: Final = 4 * 1024 * 1024
"""A line has some 120 bytes for each site."""

_ROW: Final = msgspec.msgpack.Encoder()


class SealError(WireError):
    """A file of seals that cannot be gone on with, or that was changed; the text names the line."""

    code = "seal"


@dataclass(frozen=True, slots=True)
class Kind:
    """A table whose rows stay: `key` is its last order, `at` the time of a row, `by_site` when keys are each site's."""

    table: Table
    key: str
    at: str
    columns: tuple[str, ...]
    by_site: bool = False


KINDS: Final = (
    Kind(audit, "id", "at_us", ("id", "at_us", "actor", "action", "site", "subject", "detail")),
    Kind(
        fleet_event,
        "id",
        "at_us",
        ("id", "at_us", "rollout", "actor", "by", "what", "site", "edge", "device", "detail"),
    ),
    Kind(
        posting,
        "id",
        "recorded_us",
        (
            *("id", "site", "gtin", "serial", "owner", "credit", "debit", "quantity", "cause", "source", "actor"),
            *("happened_us", "recorded_us"),
        ),
    ),
    Kind(
        movement,
        "m",
        "decided_us",
        (
            *("site", "m", "n", "gtin", "serial", "credit", "debit", "quantity", "happened_us", "first_read_us"),
            *("decided_us", "cause", "probability"),
        ),
        by_site=True,
    ),
)


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a table had come: its last key, how many rows, and the hash over all of them."""

    upto: int
    rows: int
    sha256: str


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: marks by table (movements by site, `movement/<site>`), and the hash of the line before."""

    n: int
    at_us: int
    before: str
    marks: dict[str, Mark]


@dataclass(slots=True)
class Checked:
    """What a check found; `faults` empty: every sealed row is as it was."""

    seals: int = 0
    rows: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Chain:
    """The rows of one table, or of one site's in it."""

    kind: Kind
    site: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind.table.name}/{self.site}" if self.site else self.kind.table.name

    @property
    def mine(self) -> ColumnElement[bool]:
        return self.kind.table.c.site == self.site if self.site else true()

    @property
    def start(self) -> Mark:
        return Mark(0, 0, hashlib.sha256(self.name.encode()).hexdigest())

    async def settled(self, connection: AsyncConnection, before_us: int) -> int:
        """Return the last key of what is old enough, 0 for none."""
        columns = self.kind.table.c
        wanted = select(func.max(columns[self.kind.key])).where(self.mine, columns[self.kind.at] <= before_us)
        return int(await connection.scalar(wanted) or 0)

    async def go_on(self, connection: AsyncConnection, mark: Mark, upto: int) -> Mark:
        """Return the mark at the key `upto`: the hash goes on over the rows behind `mark`."""
        columns = [self.kind.table.c[name] for name in self.kind.columns]
        key = self.kind.table.c[self.kind.key]
        digest, rows, last = bytes.fromhex(mark.sha256), mark.rows, mark.upto
        while True:
            wanted = select(*columns).where(and_(self.mine, key > last, key <= upto)).order_by(key).limit(PAGE_ROWS)
            page = (await connection.execute(wanted)).all()
            for row in page:
                digest = hashlib.sha256(digest + _ROW.encode(tuple(row))).digest()
            rows += len(page)
            if len(page) < PAGE_ROWS:
                return Mark(upto, rows, digest.hex())
            last = int(page[-1]._mapping[self.kind.key])  # noqa: SLF001 - SQLAlchemy's public name


async def _chains(connection: AsyncConnection, known: Mapping[str, Mark]) -> list[_Chain]:
    """Return the chains that there are, or were when `known` was written."""
    found = []
    for kind in KINDS:
        if not kind.by_site:
            found.append(_Chain(kind))
            continue
        sites = set(await connection.scalars(select(kind.table.c.site).distinct()))
        before = f"{kind.table.name}/"
        sites |= {name.removeprefix(before) for name in known if name.startswith(before)}
        found += [_Chain(kind, site) for site in sorted(sites)]
    return found


async def next_seal(database: Database, last: str, now_us: int, *, settled_s: int = SETTLED_S) -> str:
    """Return the line that follows the line `last` (empty: the first). Raises `SealError`."""
    before = decode(last, 0) if last else Seal(0, 0, "", {})
    marks: dict[str, Mark] = {}
    async with database.read() as connection:
        for chain in await _chains(connection, before.marks):
            mark = before.marks.get(chain.name, chain.start)
            upto = max(mark.upto, await chain.settled(connection, now_us - settled_s * 1_000_000))
            marks[chain.name] = await chain.go_on(connection, mark, upto)
    return encode(Seal(before.n + 1, now_us, digest_of(last) if last else "", marks))


async def check(database: Database, lines: Sequence[str]) -> Checked:
    """Hash all that is sealed again, and compare. Raises `SealError` for a file that was changed itself."""
    seals = list(read(lines))
    checked = Checked(len(seals))
    if not seals:
        return checked
    async with database.read() as connection:
        for chain in await _chains(connection, seals[-1].marks):
            await _check(connection, chain, seals, checked)
    return checked


async def _check(connection: AsyncConnection, chain: _Chain, seals: Sequence[Seal], checked: Checked) -> None:
    """Follow one chain from seal to seal, up to the first that is wrong."""
    mark = chain.start
    for seal in seals:
        said = seal.marks.get(chain.name)
        if said is None:
            continue
        found = await chain.go_on(connection, mark, said.upto)
        if found != said:
            rows = f"{found.rows - mark.rows:,} rows, {said.rows - mark.rows:,} were sealed"
            between = f"{chain.kind.key} {mark.upto + 1:,} to {said.upto:,}"
            checked.faults.append(f"{chain.name}: changed between {between} (seal {seal.n}): {rows}")
            return
        mark = found
    checked.rows += mark.rows


def read(lines: Sequence[str]) -> Iterator[Seal]:
    """Yield the seals of a file. Raises `SealError` when they are no chain."""
    before = ""
    for number, line in enumerate(lines, 1):
        seal = decode(line, number)
        if seal.n != number or seal.before != before:
            raise SealError(f"line {number}: it does not follow the line before; one was changed, or taken out")
        before = digest_of(line)
        yield seal


def encode(seal: Seal) -> str:
    """Return a seal as its line, without the end of line."""
    return msgspec.json.encode(seal, order="sorted").decode()


def decode(line: str, number: int) -> Seal:
    """Return the seal of a line. Raises `SealError`."""
    try:
        if len(line) > LINE_MAX_BYTES:
            raise SealError(f"line {number} has {len(line):,} characters, expected at most {LINE_MAX_BYTES:,}")
        seal = msgspec.json.decode(line, type=Seal)
        digests: list[Any] = [bytes.fromhex(mark.sha256) for mark in seal.marks.values()]
    except (msgspec.DecodeError, ValueError) as error:
        raise SealError(f"line {number}: no seal: {error}") from None
    if any(len(digest) != hashlib.sha256().digest_size for digest in digests):
        raise SealError(f"line {number}: no seal: a hash of another length")
    return seal


def digest_of(line: str) -> str:
    """Return what the next line says of this one."""
    return hashlib.sha256(line.encode()).hexdigest()
