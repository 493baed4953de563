"""The table in docs/security.md: what it names is there, and tests something."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "security.md").read_text().partition("## The table")[2].partition("\n## ")[0]
ROWS = [line.split(" | ") for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| row")]


def test_every_row_names_controls_and_tests_that_are_there() -> None:
    assert len(ROWS) > 15
    for row in ROWS:
        name, _, where, tests = row
        places = re.findall(r"`([^`]+)`", where)
        named = re.findall(r"`(tests/[^`]+)`", tests)
        assert named, name
        assert places or "everywhere" in where, name
        for place in (*places, *named):
            assert (ROOT / place).exists(), (name, place)
        for file in named:
            assert re.search(r"^(async )?def test_", (ROOT / file).read_text(), re.MULTILINE), file


def test_every_test_of_security_stands_in_the_table() -> None:
    own = {f"tests/security/{file.name}" for file in Path(__file__).parent.glob("test_*.py")}
    assert {file for file in own if file not in TABLE} == {f"tests/security/{Path(__file__).name}"}
