"""docs/scanners.md says what is there: its example works, and each setting stands in its table."""

from __future__ import annotations

import re
from pathlib import Path

from edge.drivers import build_driver
from edge.scanner.limits import IDLE_S, SCAN_MAX_BYTES, SESSION_IDLE_S
from edge.scanner.scan_text import END
from tests.edge.drivers.contract import rig_host
from wire.device_options import OPTIONS_OF
from wire.site import Driver
from wire.site_file import parse_site

DOC = (Path(__file__).parents[3] / "docs" / "scanners.md").read_text()


def test_the_example_is_a_site_file() -> None:
    example = re.search(r"```yaml\n(.*?)```", DOC, re.DOTALL)
    assert example is not None
    zones = "site: s\nzones: [{id: POS, kind: checkout}, {id: FLOOR_A, kind: sales_floor}]\ndevices:\n"
    site = parse_site(zones + example[1])
    assert len([build_driver(device, site, rig_host()) for device in site.devices]) == 2


def test_every_setting_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.+) \|$", DOC, re.MULTILINE))
    assert OPTIONS_OF[Driver.BARCODE_SERIAL] <= rows.keys()
    assert (rows["idle_ms"], rows["session_idle_s"]) == (f"{IDLE_S * 1_000:g}", f"{SESSION_IDLE_S:g}")
    assert f"barcodes of more than {SCAN_MAX_BYTES} bytes" in DOC
    assert f"`{END}`" in DOC
