"""`lastunit keys`, as typed."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.keys.scopes import ALL_SCOPES, MEANING
from gateway.keys.token import parse_token
from lastunit.cli import app

ROOT = Path(__file__).parents[3]


@pytest.fixture
def database(sqlite_url: str) -> list[str]:
    return ["--database", sqlite_url]


def typed(*words: str) -> Any:
    return CliRunner().invoke(app, ["keys", *words])


def test_a_key_is_made_listed_and_revoked(database: list[str]) -> None:
    made = typed("create", "--channel", "web", "--scopes", "stock:read, hold:write", "--expires", "90d", *database)
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert "\n" not in token, "standard output is the key alone"
    parsed = parse_token(token)
    assert parsed is not None
    assert parsed.id in made.stderr
    assert token not in made.stderr
    listed = typed("list", *database)
    assert parsed.id in listed.stdout
    assert "hold:write,stock:read" in listed.stdout
    assert "live until" in listed.stdout
    assert token[-43:] not in listed.stdout
    assert typed("revoke", parsed.id, *database).stdout == f"key {parsed.id} is revoked\n"
    assert typed("revoke", token, *database).stdout == f"key {parsed.id} was revoked before\n"
    assert f"{parsed.id}  revoked" in typed("list", *database).stdout


def test_json_tells_all_that_was_set_and_the_secret_once(database: list[str]) -> None:
    words = ("--sites", "s2,s1", "--safety", "2", "--confidence", "0.9", "--when-blind", "zero", "--ttl-s", "60")
    more = ("--holds-max", "7", "--rate", "2.5", "--burst", "4", "--name", "tablet 3", "--json")
    made = typed("create", "--channel", "web", *words, *more, *database)
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    key = told.pop("key")
    parsed = parse_token(key)
    assert parsed is not None
    assert told == {
        "id": parsed.id,
        "name": "tablet 3",
        "scopes": ["stock:read"],
        "sites": ["s1", "s2"],
        "rate": 2.5,
        "burst": 4,
        "expires_at": None,
        "channel": "web",
        "confidence": 0.9,
        "safety": 2,
        "ttl_s": 60,
        "when_blind": "zero",
        "holds_max": 7,
    }
    assert made.stderr.count("is not in this database yet") == 2
    listed = json.loads(typed("list", "--json", *database).stdout)
    assert listed.items() >= told.items()
    assert (listed["standing"], listed["revoked_at"]) == ("live", None)
    assert key not in json.dumps(listed)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", "--channel", "web", "--scopes", "stock:raed"), "scope 'stock:raed': expected some of stock:read"),
        (("create", "--channel", "web", "--scopes", ""), "scopes ''"),
        (("create", "--channel", "a b"), "channel 'a b'"),
        (("create", "--channel", "web", "--confidence", "95"), "confidence 95.0: expected 0.5 to 0.999"),
        (
            ("create", "--channel", "web", "--when-blind", "guess"),
            "when_blind 'guess': expected one of keep, zero, cap",
        ),
        (("create", "--channel", "web", "--expires", "soon"), "--expires 'soon'"),
        (("create", "--channel", "web", "--rate", "0"), "rate 0.0"),
        (("revoke", "nope"), "no key 'nope'"),
    ],
)
def test_a_mistake_is_told_and_makes_nothing(database: list[str], words: tuple[str, ...], says: str) -> None:
    done = typed(*words, *database)
    assert done.exit_code == 2
    assert says in done.stderr
    assert typed("list", *database).stdout == ""


def test_no_database_is_made_by_a_typing_mistake(tmp_path: Path) -> None:
    done = typed("create", "--channel", "web", "--database", f"sqlite:///{tmp_path}/lastunti.db")
    assert done.exit_code == 2
    assert "`lastunit gateway migrate` makes it" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_scope_is_explained_here_and_in_the_document() -> None:
    told = typed("scopes").stdout
    document = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z]+:[a-z]+)` \|", document, re.MULTILINE)) == ALL_SCOPES
    assert [scope for scope in ALL_SCOPES if scope not in told] == []
    assert json.loads(typed("scopes", "--json").stdout) == MEANING


def test_the_help_of_keys_loads_no_database() -> None:
    """Help must be quick: nothing of the gateway is imported for it."""
    code = "import sys, lastunit.commands.keys; print([name for name in sys.modules if name.startswith('sqlalchemy')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
