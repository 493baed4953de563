"""The outbox: rows that the gateway has not acknowledged yet, on the disk of the edge box. One writer, one SQLite file.

Theory of operation
-------------------
`append` makes many rows durable in one transaction (WAL, `synchronous=FULL`: the log is synced before it returns) and
gives them their place in their stream. Nothing is sent before. `delete` removes what an Ack covers; a delete that a
crash undoes is harmless, because the gateway drops what it has.

**Accepted** means: `append` returned. The counters of accepted rows and observations are part of the same transaction,
so `accepted - what the gateway's log holds` is what was lost, whatever was killed when.

**Full (cap)**: bodies and their overhead stay below `max_bytes`, and a row is at most `max_age_s` old. When an append
would break a cap, the *oldest* rows go, some 2 % of the cap at once, and a `Gap` row that names them is appended in
the same transaction. A Gap row that is itself evicted is said again, joined with its neighbour. Age counts the time in
which the daemon *ran*: a box that starts in 1970 and learns the year later evicts nothing for it.

**Full (disk)**: SQLite says so, the transaction is rolled back, `append` raises `OutboxUnavailable`. Durable rows are
never sacrificed for newer ones, because another program may have filled the disk. The next append tries again. A
delete needs room too (SQLite writes what it frees into its log first), so an append leaves free what the deletes after
it may need: an outbox that filled its disk to the last byte could never be emptied again. A file opens on a full disk.

**Damaged**: a file that fails SQLite's check at `open` is set aside under another name and a new one begins;
`fresh_because` says so, and the daemon writes a Gap of cause `stream_lost`. The newest few are kept. A file of readable
text was never an outbox but a path that somebody mistyped: it is refused and left as it is.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Final, NamedTuple

from edge.damaged_file import refuse_text, set_aside
from edge.delivery import HeldRows
from edge.errors import OutboxDamaged, OutboxError, OutboxLocked, OutboxUnavailable
from edge.eviction import Evicted, GapRow, OldRow, plan_eviction
from edge.limits import (
    DAMAGED_FILES_MAX,
    DELETE_MAX_ROWS,
    EVICT_SHARE,
    OUTBOX_MAX_AGE_S,
    OUTBOX_MAX_BYTES,
    OUTBOX_MIN_BYTES,
    ROW_OVERHEAD_BYTES,
    VACUUM_PAGES,
)
from edge.outbox_file import (
    give_back,
    held_rows,
    pragma,
    prepare,
    shortage,
    undo_unreported,
    vacuum,
    write_figures,
)

_INSERT: Final = """
INSERT INTO row (stream, seq, body, observations, is_gap, stored_at_us, ran_s) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_OLDEST: Final = """
SELECT id, stream, seq, length(body) + ?, observations,
       CASE WHEN is_gap THEN body ELSE x'' END, stored_at_us, ran_s
FROM row ORDER BY id LIMIT ?
"""

_OLDEST_OF_ALL: Final = "SELECT stored_at_us FROM row ORDER BY id LIMIT 1"
_OLDEST_OF_STREAM: Final = "SELECT stored_at_us FROM row WHERE stream = ? ORDER BY seq LIMIT 1"
_SPAN: Final = "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM row WHERE stream = ?"
_SIZE: Final = "SELECT count(*), coalesce(sum(length(body)), 0) FROM row WHERE stream = ? AND seq <= ?"

_LOCKED: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


class NewRow(NamedTuple):
    """A row to store: the encoded body, and how many observations it carries."""

    body: bytes
    observations: int = 0
    is_gap: bool = False


class StoredRow(NamedTuple):
    """A row to send."""

    seq: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: `first` to `last` are durable (Gap rows of evictions included)."""

    stream: bytes
    first: int
    last: int
    evicted: tuple[Evicted, ...] = ()


@dataclass(slots=True)
class OutboxFigures:
    """The outbox now, and since its file began (`accepted_*`, `evicted_*`)."""

    rows: int = 0
    size_bytes: int = 0
    accepted_rows: int = 0
    accepted_observations: int = 0
    evicted_rows: int = 0
    evicted_observations: int = 0


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """The caps of one outbox. Raises `OutboxError` for a cap under the least one."""

    max_bytes: int = OUTBOX_MAX_BYTES
    max_age_s: float = OUTBOX_MAX_AGE_S
    max_pages: int | None = None
    """SQLite's own page limit, for boxes with a small partition (and tests of a full disk); None: none."""

    def __post_init__(self) -> None:
        if self.max_bytes < OUTBOX_MIN_BYTES:
            raise OutboxError(f"outbox cap of {self.max_bytes} bytes: the least is {OUTBOX_MIN_BYTES}")
        if self.max_age_s <= 0:
            raise OutboxError(f"outbox age of {self.max_age_s} s: expected more than 0")


@dataclass(slots=True)
class _Totals(OutboxFigures):
    """Running figures and the next sequence of each stream; replaced only when a transaction committed."""

    next_seq: dict[bytes, int] = field(default_factory=dict)


class Outbox:
    """One outbox file. Not safe for threads: use it from the thread that opened it (`edge.outbox_thread`)."""

    def __init__(self, path: Path, site: str, edge: str, limits: OutboxLimits | None = None) -> None:
        """Open or create the file.

        Raises:
            OutboxLocked: another process has it open.
            OutboxUnavailable: the disk refused.
            OutboxError: a text, a database of another program, or of a newer one of ours, stands there.
        """
        self.path = path
        self.fresh_because = ""
        self._site, self._edge = site, edge
        self._limits = limits or OutboxLimits()
        self._ran_before_s = 0.0
        self._started_s: float | None = None
        self._totals = _Totals()
        self._loaded = False
        self._db: sqlite3.Connection | None = None
        self._db = self._open()

    # -- open and close

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except OutboxDamaged as damage:
            with self._translated():
                refuse_text(self.path)
                aside, removed = set_aside(self.path)
            db = self._connect()
            self.fresh_because = f"{damage}; the damaged file is now {aside.name}"
            if removed:
                self.fresh_because += f"; removed, since {DAMAGED_FILES_MAX} are kept: {', '.join(removed)}"
            return db

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, isolation_level=None, timeout=0.0)
            try:
                if prepare(db, self.path, max_pages=self._limits.max_pages):
                    self.fresh_because = "new outbox file"
                self._load(db)
            except BaseException:
                db.close()
                raise
            return db

    def _load(self, db: sqlite3.Connection) -> None:
        """Take the figures from the file. Opened again in the same run, the file follows what this run knows."""
        if self._loaded:
            undo_unreported(db, self._totals.next_seq, _lasting(self._totals, self._ran_before_s))
        rows, size = db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM row").fetchone()
        figures = dict(db.execute("SELECT name, value FROM figure"))
        self._ran_before_s = figures.pop("ran_s", 0.0)
        self._started_s = None
        counted = {name: int(value) for name, value in figures.items()}
        next_seq = {held.stream: held.last + 1 for held in held_rows(db)} | self._totals.next_seq
        self._totals = _Totals(rows, size + rows * ROW_OVERHEAD_BYTES, **counted, next_seq=next_seq)
        self._loaded = True

    def close(self) -> None:
        """Close the file; every row that `append` accepted is in it."""
        if self._db is not None:
            self._db.close()
            self._db = None

    # -- rows

    def append(self, stream: bytes, rows: Sequence[NewRow], now_us: int, now_s: float) -> Appended:
        """Make `rows` durable at the end of `stream`, evicting the oldest when a cap asks for it.

        `now_us` is UTC (told to people in Gap rows), `now_s` monotonic (for ages). Raises `OutboxUnavailable` when
        the disk takes nothing; then nothing has changed.
        """
        assert rows, "an append needs rows"
        self._keep_spare(rows)
        ran_s = self._ran_s(now_s)
        with self._transaction() as (db, totals):
            first = totals.next_seq.get(stream, 1)
            _, last = self._insert(totals, stream, rows, now_us, ran_s)
            totals.accepted_rows += len(rows)
            totals.accepted_observations += sum(row.observations for row in rows)
            evicted, gaps = self._evict(db, totals, ran_s, keep=len(rows))
            if gaps:
                told = [NewRow(gap.body(self._site, self._edge, now_us), is_gap=True) for gap in gaps]
                _, last = self._insert(totals, stream, told, now_us, ran_s)
            write_figures(db, _lasting(totals, ran_s))
        return Appended(stream, first, last, evicted)

    def _insert(
        self, totals: _Totals, stream: bytes, rows: Sequence[NewRow], now_us: int, ran_s: float
    ) -> tuple[int, int]:
        first = totals.next_seq.get(stream, 1)
        numbered = enumerate(rows, first)
        self._connection().executemany(
            _INSERT, [(stream, seq, row.body, row.observations, row.is_gap, now_us, ran_s) for seq, row in numbered]
        )
        totals.next_seq[stream] = first + len(rows)
        totals.rows += len(rows)
        totals.size_bytes += sum(len(row.body) + ROW_OVERHEAD_BYTES for row in rows)
        return first, first + len(rows) - 1

    def _evict(
        self, db: sqlite3.Connection, totals: _Totals, ran_s: float, keep: int
    ) -> tuple[tuple[Evicted, ...], list[GapRow]]:
        """Remove the oldest rows that a cap asks for, never the newest `keep`; return them as ranges and as gaps."""
        cap = self._limits.max_bytes
        spare = totals.size_bytes - int(cap * (1 - EVICT_SHARE)) if totals.size_bytes > cap else 0
        oldest = db.execute("SELECT ran_s FROM row ORDER BY id LIMIT 1").fetchone()[0]
        too_old_s = ran_s - self._limits.max_age_s
        if spare <= 0 and oldest >= too_old_s:
            return (), []
        cursor = db.execute(_OLDEST, (ROW_OVERHEAD_BYTES, totals.rows - keep))
        plan = plan_eviction((OldRow(*row) for row in cursor), spare_bytes=spare, too_old_s=too_old_s)
        cursor.close()
        if not plan.rows:
            return (), []
        db.execute("DELETE FROM row WHERE id <= ?", (plan.last_id,))
        totals.rows -= plan.rows
        totals.size_bytes -= plan.size_bytes
        totals.evicted_rows += plan.rows
        totals.evicted_observations += plan.observations
        return plan.evicted, plan.gaps

    def read(self, stream: bytes, first: int, last: int) -> list[StoredRow]:
        """Return the rows `first` to `last` of a stream that are still held, in order."""
        with self._translated():
            found = self._connection().execute(
                "SELECT seq, body FROM row WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq", (stream, first, last)
            )
            return [StoredRow(seq, body) for seq, body in found]

    def delete(self, upto: dict[bytes, int]) -> int:
        """Remove, for each stream, the rows up to and including its sequence. Returns how many went.

        One transaction for each `DELETE_MAX_ROWS`; cut short between two, what went is gone and the rest stays.
        """
        removed = sum(self._delete_part(part) for part in self._parts(upto))
        with self._translated():
            if pragma(self._connection(), "freelist_count") > 2 * VACUUM_PAGES:
                vacuum(self._connection())
        return removed

    def _parts(self, upto: dict[bytes, int]) -> Iterator[list[tuple[bytes, int]]]:
        """Cut a delete into parts of at most `DELETE_MAX_ROWS` rows; small ones of many streams go together."""
        part: list[tuple[bytes, int]] = []
        room = DELETE_MAX_ROWS
        for stream, wanted in upto.items():
            with self._translated():
                first, newest = self._connection().execute(_SPAN, (stream,)).fetchone()
            last = min(wanted, newest)
            # A stream's rows have no holes, so sequences count rows.
            while last - first >= room:
                yield [*part, (stream, first + room - 1)]
                first, part, room = first + room, [], DELETE_MAX_ROWS
            if last >= first:
                part.append((stream, last))
                room -= last - first + 1
        if part:
            yield part

    def _delete_part(self, part: Sequence[tuple[bytes, int]]) -> int:
        removed = 0
        with self._transaction() as (db, totals):
            for stream, seq in part:
                rows, size = db.execute(_SIZE, (stream, seq)).fetchone()
                db.execute("DELETE FROM row WHERE stream = ? AND seq <= ?", (stream, seq))
                totals.rows -= rows
                totals.size_bytes -= size + rows * ROW_OVERHEAD_BYTES
                removed += rows
        return removed

    # -- questions

    def held(self) -> list[HeldRows]:
        """Return the streams that hold rows, the oldest first."""
        with self._translated():
            return held_rows(self._connection())

    def oldest_us(self, stream: bytes | None = None) -> int | None:
        """Return when the oldest held row (of one stream, or of all) was stored, UTC us; None when none is held."""
        which, values = (_OLDEST_OF_ALL, ()) if stream is None else (_OLDEST_OF_STREAM, (stream,))
        with self._translated():
            found = self._connection().execute(which, values).fetchone()
        return None if found is None else int(found[0])

    def figures(self) -> OutboxFigures:
        """Return the outbox's figures; asks no disk."""
        return OutboxFigures(**{one.name: getattr(self._totals, one.name) for one in fields(OutboxFigures)})

    # -- inside

    def _keep_spare(self, rows: Sequence[NewRow]) -> None:
        """Raise `OutboxUnavailable` when these rows would take the room on the disk that deletes need."""
        new = sum(len(row.body) + ROW_OVERHEAD_BYTES for row in rows)
        held = self._totals.size_bytes
        with self._translated():
            if not shortage(self.path, held_bytes=held, new_bytes=new):
                return
            give_back(self._connection())
            short = shortage(self.path, held_bytes=held, new_bytes=new)
        if short:
            raise OutboxUnavailable(f"{self.path}: {short}")

    def _ran_s(self, now_s: float) -> float:
        """Seconds that a daemon ran on this file, over all its runs."""
        if self._started_s is None:
            self._started_s = now_s
        return self._ran_before_s + now_s - self._started_s

    @contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, _Totals]]:
        """One transaction over the file and a copy of the totals, which is taken over when the commit is durable."""
        totals = replace(self._totals, next_seq=dict(self._totals.next_seq))
        with self._translated():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db, totals
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        self._totals = totals

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours. After a failed disk access the connection is not trusted any more."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _LOCKED:
                raise OutboxLocked(f"{self.path}: another process holds this outbox") from error
            if code in _DAMAGED:
                raise OutboxDamaged(f"{self.path}: {error}") from error
            if code == sqlite3.SQLITE_IOERR:
                self._distrust()
            raise OutboxUnavailable(f"{self.path}: {error}") from error
        except OSError as error:
            raise OutboxUnavailable(f"{self.path}: {error}") from error

    def _distrust(self) -> None:
        """Drop the connection: after a failed sync its pages in memory may be newer than those on the disk."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            started_s, ran_before_s = self._started_s, self._ran_before_s
            self._db = self._connect()
            self._started_s, self._ran_before_s = started_s, ran_before_s
        return self._db


def _lasting(totals: _Totals, ran_s: float) -> dict[str, float]:
    """The figures that outlive a run."""
    names = ("accepted_rows", "accepted_observations", "evicted_rows", "evicted_observations")
    return {name: getattr(totals, name) for name in names} | {"ran_s": ran_s}
