"""The worked example of docs/replenishment.md is what the rules say."""

import doctest
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs" / "replenishment.md"


def test_the_worked_example_is_true() -> None:
    found = doctest.testfile(str(DOCS), module_relative=False)
    assert found.attempted > 25
    assert found.failed == 0
