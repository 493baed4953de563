"""What is forgotten because it is old, on SQLite and PostgreSQL."""

from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select

from edge.limits import OUTBOX_MAX_AGE_S
from gateway import retention
from gateway.retention import KEPT, Retention
from gateway.storage.engine import Database
from gateway.storage.schema import book_line, edge_state, gap, source_event, stream
from tests.gateway.small_store import SITE, T0_US

DAY_US = 86_400_000_000


def row(table: Table, number: int, at_us: int) -> dict[str, Any]:
    """Return a row of one of the tables that are pruned; rows of other numbers have other keys."""
    rows: dict[Table, dict[str, Any]] = {
        stream: {"edge": "box-1", "stream": number.to_bytes(16, "big"), "last_seq": 1, "opened_us": 0},
        source_event: {"id": f"sale {number:06}", "sha256": bytes(32), "answer": b"{}"},
        gap: {"edge": "box-1", "cause": "stream_lost", "from_seq": 1, "to_seq": 2, "detail": ""},
        book_line: {"n": number, "line": 0, "gtin": "09506000134352", "kind": "sale", "units": -1, "source": "s"},
        edge_state: {"edge": f"box-{number}", "what": "health", "at_us": 0, "body": b"{}"},
    }
    time = next(kept.time for kept in KEPT if kept.table is table)
    return {"site": SITE.id, time: at_us} | rows[table]


async def count(database: Database, table: Table) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: str(kept.table.name))
async def test_old_rows_go_and_young_ones_stay(
    kept: retention.Kept, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PRUNE_MAX_ROWS", 7)  # many pages, and rows of both kinds in one
    edge = kept.days * DAY_US
    # Old and young in turn; of the young, the first is one microsecond short of being too old.
    ages = [edge + 1 if number % 3 else edge if number == 0 else 0 for number in range(30)]
    rows = [row(kept.table, number, T0_US - age) for number, age in enumerate(ages)]
    if kept.table is edge_state:  # edges of the site file: for them age alone counts
        for one, name in zip(rows, ["box-1", "box-2"] * 15, strict=True):
            one["edge"] = name
        rows = [rows[1] | {"edge": "box-1"}, rows[0] | {"edge": "box-2"}]
    async with database.write() as connection:
        await connection.execute(insert(kept.table), rows)
    told = Retention(database, [SITE], lambda: T0_US)
    gone = await told.forget()
    assert gone == told.counters()["rows_forgotten"] == (1 if kept.table is edge_state else 20)
    assert await count(database, kept.table) == len(rows) - gone
    assert await told.forget() == 0


async def test_an_edge_that_was_taken_away_is_forgotten_after_a_day_of_silence(database: Database) -> None:
    rows = [
        row(edge_state, 1, T0_US - 2 * DAY_US),  # silent, and in the site file
        row(edge_state, 7, T0_US - DAY_US - 1),  # taken away, silent for longer than a day
        row(edge_state, 8, T0_US - DAY_US),  # taken away, and just silent for a day
        row(edge_state, 9, T0_US - 2 * DAY_US) | {"site": "elsewhere"},  # of a site that another gateway serves
    ]
    async with database.write() as connection:
        await connection.execute(insert(edge_state), rows)
    told = Retention(database, [SITE], lambda: T0_US)
    assert await told.forget() == 1
    assert told.figures.edges_forgotten == 1
    async with database.read() as connection:
        left = (await connection.scalars(select(edge_state.c.edge).order_by(edge_state.c.edge))).all()
    assert left == ["box-1", "box-8", "box-9"]


async def test_what_is_gone_meanwhile_or_young_again_is_not_counted(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(edge_state), [row(edge_state, 7, T0_US)])
    told = Retention(database, [SITE], lambda: T0_US)
    assert await told._delete(edge_state, [(SITE.id, "box-7")], edge_state.c.received_us < T0_US) == 0
    assert await count(database, edge_state) == 1


def test_a_stream_is_remembered_for_longer_than_an_edge_holds_it() -> None:
    days = next(kept.days for kept in KEPT if kept.table is stream)
    assert days * 86_400 > 4 * OUTBOX_MAX_AGE_S


async def test_a_database_that_is_away_is_counted(database: Database) -> None:
    told = Retention(database, [SITE], lambda: T0_US, every_s=0.0)

    def fails(error: Exception) -> None:
        told._failed(error)
        told.stop()

    await database.close()
    async with database.write() as connection:
        await connection.exec_driver_sql("DROP TABLE source_event")
    await told._rounds.run(told.forget, fails)
    assert told.figures.retention_failures == 1
