"""Books to be saved and brought back: what is in them, and a backup of them."""

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect, text

from gateway.backup.make import Backup, make_backup
from gateway.relay import relay, take_feed
from gateway.storage import lease
from gateway.storage.engine import Database, parse_url
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.shop_day import day
from tests.gateway.small_store import SITE_FILE, ManualClock


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, sorted."""
    parsed = parse_url(url)
    engine = create_engine(parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed)
    with engine.connect() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))), key=repr)
            for name in inspect(connection).get_table_names()
        }
    engine.dispose()
    return found


def run_sql(url: str, *statements: str) -> None:
    parsed = parse_url(url)
    engine = create_engine(parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


async def fill(url: str, seconds: int = 30) -> None:
    """Let a small store live for some seconds: log, ledger, counts, relayed changes."""
    database = Database(url)
    rig = await LogRig(database).open()
    await rig.log(day(3, seconds))
    assert await fold_all(await rig.fold()) > seconds
    clock = ManualClock()
    async with database.write() as connection:
        fence = await take_feed(connection, "me", clock(), 1)
        assert fence is not None
        assert (await relay(connection, fence))[1] > 0
        await lease.release(connection, "relay", "me", fence)
    await database.close()


def saved(url: str, target: Path, **more: Any) -> Backup:
    return make_backup(url, target, program="1.2.3", **more)


def scratch_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def site_file(folder: Path) -> Path:
    file = folder / "main street.yaml"
    file.write_text(SITE_FILE)
    return file
