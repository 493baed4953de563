"""What a look and a turn ask of the database goes by an index: never through all items or a site's whole ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import event, insert

from gateway.exceptions import reader
from gateway.exceptions.alarm import Kind, State
from gateway.exceptions.desk import Alarms
from gateway.exceptions.facts import ItemName
from gateway.exceptions.store import open_alarms
from gateway.ledger.accounts import states_of
from gateway.ledger.post import _inside_others
from gateway.storage.engine import Database
from gateway.storage.schema import sku, stock_count
from tests.gateway.exceptions.test_exceptions_process import DEPARTMENTS
from tests.gateway.replenishment.refill_rig import MINUTE, SETTLED, SHIRT_M, SHIRT_S, SITE, Staff, Store

WHOLE = ("SCAN item", "SCAN disposition", "SCAN movement", "SCAN task", "SCAN alarm")
ONE_SITE = (
    "movement USING INDEX sqlite_autoindex_movement_1 (site=?)",
    "item USING INDEX ix_item_site_gtin_zone (site=?)",
    "alarm USING INDEX ix_alarm_site_id (site=?)",
    "alarm USING INDEX sqlite_autoindex_alarm_2 (site=?)",
)


@contextmanager
def asked(database: Database) -> Iterator[dict[str, Any]]:
    """Collect what is asked of SQLite."""
    seen: dict[str, Any] = {}

    def note(_1: Any, _2: Any, statement: str, given: Any, _3: Any, _4: Any) -> None:
        if statement.startswith("SELECT"):
            seen.setdefault(statement, given)

    engines = (database.reading.sync_engine, database.writing.sync_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def without_index(database: Database, seen: dict[str, Any]) -> list[str]:
    found = []
    async with database.read() as connection:
        for statement, given in seen.items():
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            plan = [str(row["detail"]) for row in rows.mappings()]
            found += [f"{step}: {statement}" for step in plan if step.startswith(WHOLE) or step.endswith(ONE_SITE)]
    return found


async def test_a_turn_of_refill(sqlite_database: Database) -> None:
    store = await Store(sqlite_database).stock_up()
    await store.put("1", "2", zone="BACK", chance=0.98)
    staff = Staff(store)
    with asked(sqlite_database) as seen:
        await staff.work()
        await staff.after(SETTLED)
        await staff.after(MINUTE)
        assert len(await store.tasks()) == 1
    assert any("decided_us" in statement for statement in seen), "movements since the task began were asked for"
    assert await without_index(sqlite_database, seen) == []


async def test_a_look_at_exceptions(sqlite_database: Database) -> None:
    await Store(sqlite_database).stock_up()
    names = [ItemName(SHIRT_S, "1"), ItemName(SHIRT_M, "2")]
    cells = [{"site": SITE.id, "gtin": name.gtin, "zone": "FLOOR", "quantity": 1} for name in names]
    async with sqlite_database.write() as connection:
        await connection.execute(insert(stock_count), cells)
        await connection.execute(sku.update().values(department="Men"))
    with asked(sqlite_database) as seen:
        async with sqlite_database.read() as connection:
            await reader.states_of(connection, names)
            await reader.inside_of(connection, SITE.id, names)
            site = replace(DEPARTMENTS, id=SITE.id)
            assert len(await reader.misplaced(connection, site)) == len(cells)
            await reader.departures(connection, SITE.id, 1)
            await open_alarms(connection, SITE.id, [Kind.SIZE_GAP])
        alarms = Alarms(sqlite_database, lambda: 1)
        for state in (None, State.OPEN, State.ACKNOWLEDGED):  # few among those of 90 days
            await alarms.listed(SITE.id, state=state)
    assert await without_index(sqlite_database, seen) == []


async def test_a_commit_of_the_ledger(sqlite_database: Database) -> None:
    names = [(SHIRT_S, "1"), (SHIRT_M, "2")]
    with asked(sqlite_database) as seen:
        async with sqlite_database.write() as connection:
            await states_of(connection, names)
            await _inside_others(connection, SITE.id, names)
    assert await without_index(sqlite_database, seen) == []


async def test_a_board_of_tasks(sqlite_database: Database) -> None:
    store = await Store(sqlite_database).stock_up()
    await store.put("1", "2", zone="BACK", chance=0.98)
    staff = Staff(store)
    await staff.work()
    await staff.after(SETTLED)
    assert len((await store.one()).serials) == 2
    with asked(sqlite_database) as seen:
        assert len(await store.desk().waiting(SITE.id, 10)) == 1
    assert await without_index(sqlite_database, seen) == []
