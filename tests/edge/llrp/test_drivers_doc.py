"""The documents of drivers name every driver, event, purpose and profile that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.drivers import driver_names
from edge.drivers.port import What
from firmware_config.profile import Purpose

DOCS = Path(__file__).parents[3] / "docs"
TEXT = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("drivers.md", "llrp.md"))


@pytest.mark.parametrize("word", [*What, *Purpose, *driver_names()])
def test_it_is_documented(word: str) -> None:
    assert f"`{word}`" in TEXT
