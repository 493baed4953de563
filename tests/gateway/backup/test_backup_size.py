"""How long a backup and its way back take with a database of some size: figures for docs/backup.md."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Float, Integer, create_engine, insert

from gateway.backup.make import make_backup
from gateway.backup.restore import restore_backup
from gateway.storage.engine import parse_url
from gateway.storage.migrate import migrate
from gateway.storage.schema import movement, site_input

RTO_S = 1_800.0
"""What the design asks: half an hour from the decision to a gateway that runs."""

ENTRIES, BODY_BYTES, MOVEMENTS = 100_000, 2_000, 500_000


def value_of(column: "Column[Any]", number: int) -> float | int | str:
    """Return what the `number`th movement says in a column; its two places differ."""
    if isinstance(column.type, Integer):
        return number
    return 0.5 if isinstance(column.type, Float) else f"{column.name[:4]}{number}"


def fill(url: str) -> None:
    """A site's log that does not compress well, and half a million movements."""
    rng = random.Random(5)
    parsed = parse_url(url)
    engine = create_engine(parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed)
    columns = {column.name: column for column in movement.columns}
    with engine.begin() as connection:
        for start in range(0, ENTRIES, 5_000):
            rows: list[dict[str, Any]] = [
                {"site": "s", "n": n, "received_us": n, "kind": "data", "body": rng.randbytes(BODY_BYTES)}
                for n in range(start, start + 5_000)
            ]
            connection.execute(insert(site_input), rows)
        for start in range(0, MOVEMENTS, 10_000):
            rows = [
                {name: value_of(column, number) for name, column in columns.items() if name != "id"}
                for number in range(start + 1, start + 10_001)
            ]
            connection.execute(insert(movement), rows)
    engine.dispose()


@pytest.mark.proof
@pytest.mark.timeout(3_600)
def test_a_database_of_some_size_is_back_well_within_half_an_hour(
    empty_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    migrate(empty_url)
    fill(empty_url)
    begun = time.monotonic()
    made = make_backup(empty_url, tmp_path / "b", program="proof")
    saved_s = time.monotonic() - begun
    begun = time.monotonic()
    restore_backup(tmp_path / "b", empty_url, force=True)
    restored_s = time.monotonic() - begun
    told = {
        "rows": sum(made.manifest.rows.values()),
        "backup_mb": round(made.size_bytes / 1e6),
        "backup_s": round(saved_s, 1),
        "restore_s": round(restored_s, 1),
        "cores": os.cpu_count(),
    }
    for name, value in told.items():
        record_property(name, value)
    print(made.manifest.kind, told)
    assert restored_s < RTO_S
