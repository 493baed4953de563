"""docs/counts.md: its examples are counts, its device is one, and it names what the code understands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.handheld.export import NAMES
from edge.handheld.folder import ENDINGS
from edge.handheld.limits import COVERAGE, FILE_MAX_BYTES, FILE_MAX_TAGS, KEPT_MAX_FILES, PART_MAX_EPCS
from gateway.fold.limits import COUNT_COVERAGE
from tests.edge.handheld.test_count_file import read
from wire.device_options import OPTIONS_OF
from wire.limits import MIB
from wire.site import Driver, Site, Zone, ZoneKind
from wire.site_file import parse_site

TEXT = (Path(__file__).parents[3] / "docs" / "counts.md").read_text()
SHOP = Site(
    "s",
    "S",
    "Europe/Berlin",
    (Zone("FLOOR_A", ZoneKind.SALES_FLOOR, True, "FLOOR_A"), Zone("BACK", ZoneKind.BACK_ROOM, True, "BACK")),
    (),
    (),
)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", [*blocks("csv"), *blocks("json")])
def test_every_example_is_a_count_without_a_bad_line(text: str) -> None:
    count = read(text, zone="FLOOR_A", site=SHOP)
    assert (count.bad_lines, count.problems) == (0, ())
    assert count.tags >= 2


def test_there_are_examples() -> None:
    assert (len(blocks("csv")), len(blocks("json")), len(blocks("yaml"))) == (3, 1, 1)


def test_the_device_of_the_example_is_one() -> None:
    (device,) = blocks("yaml")
    indented = "".join(f"  {line}\n" for line in device.splitlines())
    site = parse_site(f"site: s\nzones: [{{id: FLOOR_A, kind: sales_floor}}]\ndevices:\n{indented}")
    assert set(site.devices[0].options) == OPTIONS_OF[Driver.FILE]


def test_it_says_what_the_code_does() -> None:
    assert " ".join(ENDINGS) in TEXT
    for figure in (f"{PART_MAX_EPCS:,} tags", f"{KEPT_MAX_FILES:,} files", f"{FILE_MAX_TAGS:,} tags"):
        assert figure in TEXT
    assert f"{FILE_MAX_BYTES // MIB} MiB" in TEXT
    assert f"the gateway takes {COVERAGE}" in TEXT
    assert COVERAGE == COUNT_COVERAGE, "what the edge lowers for lost lines is what the gateway would take"
    rows = TEXT.split("understood (case", 1)[1].split("All other columns", 1)[0]
    named = {re.sub("[^a-z0-9]", "", word.lower()) for word in re.findall(r"`([^`]+)`", rows)}
    assert named <= {name for names in NAMES.values() for name in names}
    assert all(named & set(names) for names in NAMES.values())
