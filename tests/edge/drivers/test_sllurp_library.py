"""The library stays outside of the daemon's process, is asked for by name, and what its process says is checked."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import sllurp_child, sllurp_lines
from edge.config import SiteOfEdge
from edge.drivers import build_driver
from edge.drivers.sllurp import MissingLibraryError
from edge.service import build_drivers
from firmware_config.profile import ProfileError
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from tests.edge.drivers.contract import rig_host
from tests.edge.drivers.sllurp_bench import PACKAGES, R420, ROOT, asked, child_says
from tests.edge.llrp.store_reader import SITE
from wire.site_file import parse_site

# -- the library stays outside


def test_only_the_child_imports_the_library() -> None:
    importing = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text if "sllurp" in text else "")):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module"
                names += [ast.literal_eval(node.args[0])] if called and isinstance(node, ast.Call) else []
                if any(str(name).split(".")[0] == "sllurp" for name in names):
                    importing.add(path.relative_to(ROOT).as_posix())
    assert importing == {"edge/sllurp_child.py"}


def test_the_child_knows_nothing_of_the_package() -> None:
    tree = ast.parse(Path(sllurp_child.__file__).read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in modules} <= sys.stdlib_module_names


async def test_the_daemon_s_process_never_loads_it() -> None:
    program = """
import asyncio, sys
from edge.config import SiteOfEdge
from edge.drivers import build_driver
from tests.edge.drivers.sllurp_bench import SITE, asked, rig_host
from tests.edge.drivers.contract import Told
async def main():
    told = Told()
    driver = build_driver(asked("HOST"), SITE, rig_host())
    driver.start(told.sink())
    while not told.times("up"):
        await asyncio.sleep(0.02)
    await driver.stop()
    print([name for name in sys.modules if name.split(".")[0] == "sllurp"])
asyncio.run(main())
"""
    async with ReaderServer("R1", load_persona(R420)) as reader:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program.replace("HOST", reader.address), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert out.decode().splitlines()[-1] == "[]"


def test_without_the_library_a_person_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sllurp", None)
    with pytest.raises(MissingLibraryError, match=r"^device R1: driver 'sllurp' .*: pip install lastunit\[sllurp\] "):
        build_driver(asked("127.0.0.1"), SITE, rig_host())


async def test_a_library_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """Installed when the daemon started, broken now."""
    (tmp_path / "sllurp").mkdir()
    (tmp_path / "sllurp" / "__init__.py").write_text("raise ImportError('half an installation')")
    said = await child_says({"host": "127.0.0.1"}, PYTHONPATH=str(tmp_path))
    assert said[-1] == {"kind": "lost", "reason": "sllurp: ImportError: half an installation"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"profile": "nonsense"}, "device R1: profile 'nonsense': there is none of this name"),
        ({"address": "reader-7:0"}, "device R1: address: 'reader-7:0', expected host or host:port, port 1 to 65535"),
        ({"antennas": ()}, "device R1: antennas: an LLRP reader needs at least one"),
        ({"options": {"keepalive_s": 0.1}}, r"device R1: keepalive_s: 0.1, expected 0.5 to 60.0"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ProfileError, match=problem):
        build_driver(replace(asked("127.0.0.1"), **changes), SITE, rig_host())  # type: ignore[arg-type]


# -- lines


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_line_is_one_or_a_typed_refusal(data: bytes) -> None:
    for line in (data, b'{"kind":"tags","rows":[["30",8,1,-50,' + data + b"]]}"):
        try:
            found = sllurp_lines.parse_line(line)
            if isinstance(found, sllurp_lines.Tags):
                found.reports()
        except ValueError:
            continue


@pytest.mark.parametrize("row", [["3", 8], ["xx", 8], ["3034", 8], ["", 1]])
def test_an_epc_that_is_none_is_refused(row: list[Any]) -> None:
    line = sllurp_lines.parse_line(json.dumps({"kind": "tags", "rows": [[*row, 1, -50, 1, 1, 1, False]]}).encode())
    assert isinstance(line, sllurp_lines.Tags)
    with pytest.raises(ValueError, match=r"hexadecimal|EPC"):
        line.reports()


def test_the_site_file_takes_the_driver() -> None:
    text = """
site: store-1
zones: [{id: A, kind: sales_floor}]
devices: [{id: R1, driver: sllurp, address: 10.0.0.11, keepalive_s: 5, antennas: [{port: 1, zone: A}]}]
"""
    assert set(build_drivers(SiteOfEdge(parse_site(text), "edge-1"), rig_host())) == {"R1"}
