"""`lastunit channels rules`, as typed, and what it writes; the rules in the database on both kinds."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from sqlalchemy import select
from typer.testing import CliRunner

from gateway.keys.store import ChannelChange, KeyStoreError, list_keys, upsert_channel
from gateway.sourcing.channel_rules import read_rules, rules_of, set_rules
from gateway.sourcing.limits import RULES_MAX_BYTES
from gateway.sourcing.rules import DEFAULT, SourcingRules, parse_rules, plain_rules
from gateway.storage.commerce import audit, channel
from gateway.storage.engine import Database
from lastunit.cli import app
from tests.gateway.small_store import T0_US

RULES = SourcingRules(parcel=5.0, avoid=frozenset({"dc-1"}), parcels=1)


@pytest.fixture
def database_words(sqlite_url: str) -> list[str]:
    """The database with one channel."""
    made = CliRunner().invoke(app, ["keys", "create", "--channel", "web", "--database", sqlite_url])
    assert made.exit_code == 0, made.output
    return ["--database", sqlite_url]


def typed(*words: str) -> Any:
    return CliRunner().invoke(app, ["channels", "rules", *words])


def test_rules_are_shown_changed_and_set_again(database_words: list[str], tmp_path: Path) -> None:
    shown = typed("--channel", "web", "--show", *database_words)
    assert shown.exit_code == 0, shown.output
    plain = yaml.safe_load(shown.stdout)
    assert parse_rules(plain) == DEFAULT
    assert typed("--channel", "web", *database_words).stdout == shown.stdout
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(plain | plain_rules(RULES)))
    done = typed("--channel", "web", "--file", str(file), *database_words)
    assert done.stdout == "channel web has these rules now\n"
    assert "avoid: site 'dc-1' is not in this database yet" in done.stderr
    assert typed("--channel", "web", "--file", str(file), *database_words).stdout.endswith("had these rules before\n")
    told = json.loads(typed("--channel", "web", "--json", *database_words).stdout)
    assert (told["channel"], parse_rules(told["rules"])) == ("web", RULES)
    file.write_text("# nothing\n")
    back = typed("--channel", "web", "--file", str(file), "--json", *database_words)
    assert parse_rules(json.loads(back.stdout)["rules"]) == DEFAULT


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("parcels: 9", "parcels: Expected `int` <= 3"),
        ("parcell: 9", "unknown field `parcell`; there are parcel, pick"),
        ("km: .nan", "km: Expected `float` >= 0.0"),
        ("avoid: store-001", "avoid: Expected `array`, got `str`"),
        ("- parcel", "Expected `object`, got `array`"),
        ("a: [", "not YAML: while parsing"),
        ("\x00", "not YAML"),
        ("[" * 3_000, "not YAML"),
        ("#" * (RULES_MAX_BYTES + 1), f"expected rules of at most {RULES_MAX_BYTES}"),
    ],
)
def test_a_file_that_cannot_be_used_names_what_to_mend(
    database_words: list[str], tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    done = typed("--channel", "web", "--file", str(file), *database_words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"lastunit: {file}: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_calls_that_cannot_be_done(database_words: list[str], tmp_path: Path) -> None:
    unknown = typed("--channel", "shop", *database_words)
    assert unknown.exit_code == 2
    assert "channel 'shop': there are web; `lastunit keys create --channel` makes another" in unknown.stderr
    both = typed("--channel", "web", "--show", "--file", str(tmp_path / "x"), *database_words)
    assert (both.exit_code, "one of the two" in both.stderr) == (2, True)
    missing = typed("--channel", "web", "--file", str(tmp_path / "x"), *database_words)
    assert (missing.exit_code, "No such file" in missing.stderr) == (2, True)


async def test_rules_outlive_other_changes_of_the_channel(database: Database) -> None:
    async with database.write() as connection:
        with pytest.raises(KeyStoreError, match="there are no channels yet"):
            await rules_of(connection, "web")
        await upsert_channel(connection, "web", ChannelChange(), T0_US)
        assert await rules_of(connection, "web") == DEFAULT
        assert await set_rules(connection, "web", RULES, T0_US + 1)
        assert not await set_rules(connection, "web", RULES, T0_US + 2)
        await upsert_channel(connection, "web", ChannelChange(safety=3), T0_US + 3)
        await upsert_channel(connection, "pos", ChannelChange(), T0_US + 3)
    async with database.read() as connection:
        assert await read_rules(connection) == {"pos": DEFAULT, "web": RULES}
        held = await connection.scalar(select(channel.c.rules).where(channel.c.name == "web"))
        assert held is not None
        assert msgspec.json.decode(held) == {"parcel": 5.0, "parcels": 1, "avoid": ["dc-1"]}, "only what differs"
        rows = await connection.execute(select(audit).where(audit.c.action == "channel.rules"))
        assert [(row.subject, row.at_us, msgspec.json.decode(row.detail)) for row in rows] == [
            ("web", T0_US + 1, {"parcel": 5.0, "parcels": 1, "avoid": ["dc-1"]})
        ]
        assert await list_keys(connection) == []
    async with database.write() as connection:
        await set_rules(connection, "web", DEFAULT, T0_US + 4)
        assert await connection.scalar(select(channel.c.rules).where(channel.c.name == "web")) is None
