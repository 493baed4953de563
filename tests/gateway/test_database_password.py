"""A PostgreSQL that asks for a password gets it from a file, with marks in it that mean something in a URL."""

import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from gateway.config import load_config
from gateway.storage.engine import Database
from gateway.storage.readiness import DatabaseError, bring_up_to_date, shown, told
from tests.servers.postgres import Postgres

PASSWORD = "p/a@s:s#w%o r+d"
USER = "asked_for_a_password"


@pytest.fixture
def asking(postgres: Postgres, postgres_url: str) -> str:
    """The URL of a database for a user whose password the server asks for."""
    rules = postgres.folder / "data" / "pg_hba.conf"
    line = f"local all {USER} scram-sha-256\n"
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        if line not in rules.read_text():
            rules.write_text(line + rules.read_text())
            owner.execute(f"CREATE ROLE {USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'".encode())
        owner.execute(b"SELECT pg_reload_conf()")
    url = postgres_url.replace("lastunit@", f"{USER}@")
    until = time.monotonic() + 20
    while _opens_to_anybody(url):  # the server reads its rules again in its own time
        assert time.monotonic() < until
        time.sleep(0.02)
    return url


def _opens_to_anybody(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def configured(folder: Path, url: str, password: str) -> str:
    (folder / "password").write_text(password + "\n")
    (folder / "gateway.yaml").write_text(f"database_url: {url}\ndatabase_password_file: password\n")
    return load_config(folder / "gateway.yaml").database_url.get_secret_value()


async def test_the_password_in_a_file_opens_the_database(tmp_path: Path, asking: str) -> None:
    url = configured(tmp_path, asking, PASSWORD)
    assert bring_up_to_date(url)
    database = Database(url)
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT current_user")) == USER
    await database.close()
    assert PASSWORD not in shown(url)


def test_a_wrong_one_is_told_without_it(tmp_path: Path, asking: str) -> None:
    url = configured(tmp_path, asking, "m4rker-m4rker")
    with pytest.raises(DatabaseError, match="password authentication failed") as caught, told(url):
        bring_up_to_date(url)
    assert "m4rker" not in str(caught.value)
