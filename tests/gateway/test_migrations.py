"""The migrations and the tables in code are the same thing, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.exc import IntegrityError

from gateway.storage.engine import Database, parse_url
from gateway.storage.errors import UrlError
from gateway.storage.migrate import migrate
from gateway.storage.tables import metadata

HEAD = "0009"


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    parsed = parse_url(url)
    engine = create_engine(parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def described(connection: Connection) -> dict[str, Any]:
    """Everything that can be read back of the tables."""
    found = inspect(connection)
    return {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(table)
            ],
            "key": found.get_pk_constraint(table),
            "checks": sorted(check["name"] or "" for check in found.get_check_constraints(table)),
            "unique": sorted(unique["name"] or "" for unique in found.get_unique_constraints(table)),
            "indexes": sorted(
                (index["name"] or "", tuple(index["column_names"]), bool(index["unique"]))
                for index in found.get_indexes(table)
            ),
        }
        for table in sorted(found.get_table_names())
        if table != "alembic_version"
    }


def test_migrations_give_the_tables_of_the_code(empty_url: str) -> None:
    assert migrate(empty_url) == HEAD
    with connected(empty_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        migrated = described(connection)
    migrate(empty_url, "base")
    with connected(empty_url) as connection:
        assert described(connection) == {}
        metadata.create_all(connection)
        assert described(connection) == migrated
        connection.rollback()
    assert migrated.keys() == metadata.tables.keys()


def test_a_log_is_kept_and_takes_evidence_from_then_on(empty_url: str) -> None:
    assert migrate(empty_url, "0001") == "0001"
    entry = "INSERT INTO site_input (site, n, received_us, kind, body) VALUES ('s', {}, 5, '{}', '')"
    with connected(empty_url) as connection:
        for n, kind in enumerate(("site", "data", "tick"), 1):
            connection.exec_driver_sql(entry.format(n, kind))
        connection.exec_driver_sql("INSERT INTO site_fold VALUES ('s', 3, 1, 7, '')")
        connection.commit()
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(entry.format(4, "evidence"))
    migrate(empty_url)
    with connected(empty_url) as connection:
        kept = connection.exec_driver_sql("SELECT n, received_us, kind FROM site_input ORDER BY n").all()
        assert [tuple(row) for row in kept] == [(1, 5, "site"), (2, 5, "data"), (3, 5, "tick")]
        assert connection.exec_driver_sql("SELECT rules, rules_n FROM site_fold").one() == (None, None)
        connection.exec_driver_sql(entry.format(4, "evidence"))
        connection.commit()
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(entry.format(5, "gossip"))
    with pytest.raises(IntegrityError):
        migrate(empty_url, "0001")  # the program of then could not fold this log
    with connected(empty_url) as connection:
        connection.exec_driver_sql("DELETE FROM site_input WHERE n = 4")
        connection.commit()
    assert migrate(empty_url, "0001") == "0001"


def test_the_comparison_would_see_a_missing_column(sqlite_url: str) -> None:
    with connected(sqlite_url) as connection:
        connection.exec_driver_sql("ALTER TABLE sku DROP COLUMN price")
        context = MigrationContext.configure(connection)
        assert [difference[0] for difference in compare_metadata(context, metadata)] == ["add_column"]


def test_again_is_harmless(empty_url: str) -> None:
    assert [migrate(empty_url) for _ in range(2)] == [HEAD, HEAD]


def test_two_gateways_that_start_at_once_take_turns(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(migrate, [empty_url] * 4)) == [HEAD] * 4


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_a_database_that_cannot_be_used(url: str) -> None:
    with pytest.raises(UrlError):
        Database(url)
    with pytest.raises(UrlError):
        migrate(url)


def test_an_error_does_not_show_the_password() -> None:
    with pytest.raises(UrlError) as caught:
        Database("postgresql://user:secret@host:notaport/name")
    assert "secret" not in str(caught.value)
