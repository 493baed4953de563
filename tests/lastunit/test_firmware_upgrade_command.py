"""`lastunit firmware upgrade`: what it asks for, and what it says to readers that it cannot upgrade."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from edge.iot.impinj_upgrade import Upgrade
from lastunit.commands.firmware_upgrade import upgrade
from simulator.json_readers.impinj import ImpinjReader

SITE = """
site: store-001
name: Main Street
timezone: UTC
zones:
  - {{id: FLOOR, kind: sales_floor}}
devices:
  - id: R7
    driver: impinj_iot
    address: {address}
    tls: false
    username_file: {folder}/name
    password_file: {folder}/password
    antennas: [{{port: 1, zone: FLOOR}}]
  - id: R1
    driver: llrp
    address: 10.0.0.7
    profile: zebra-fx9600-stock
    antennas: [{{port: 1, zone: FLOOR}}]
"""
app = typer.Typer()
app.command()(upgrade)


@contextmanager
def reader() -> Iterator[ImpinjReader]:
    """An emulated R700 in a thread of its own: the command has an event loop of its own, too."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = asyncio.run_coroutine_threadsafe(_reader(), loop).result(10)
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(made.vanish(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _reader() -> ImpinjReader:
    return await ImpinjReader().__aenter__()


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    return written(tmp_path, "127.0.0.1:9")


def written(folder: Path, address: str) -> Path:
    (folder / "name").write_text("root\n")
    (folder / "password").write_text("impinj\n")
    (folder / "image.upgx").write_bytes(b"UPGRADE 8.4.1.240 ")
    (folder / "site.yaml").write_text(SITE.format(address=address, folder=folder))
    return folder / "site.yaml"


def run(site: Path, device: str, *more: str) -> tuple[int, str, str]:
    image = str(site.with_name("image.upgx"))
    result = CliRunner().invoke(app, [device, "--site", str(site), "--image", image, *more])
    return result.exit_code, result.stdout, result.stderr


def test_an_r700_is_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Upgrade.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Upgrade.__init__.__kwdefaults__, "pause_s", 0.02)
    with reader() as there:
        code, out, _ = run(written(tmp_path, there.address), "R7", "--json")
        assert (code, json.loads(out)) == (
            0,
            {"device": "R7", "upgraded": True, "before": "8.2.0.240", "after": "8.4.1.240"},
        )
        code, out, err = run(tmp_path / "site.yaml", "R7")
        assert (code, out) == (1, "")
        assert "still runs 8.4.1.240" in err
    assert "impinj" not in err


def test_other_readers_get_the_steps(site_file: Path) -> None:
    code, out, err = run(site_file, "R1")
    assert code == 2
    assert "R1 (driver llrp) has no open way" in err
    assert out.startswith("Zebra FX9600")
    assert "  1. " in out


def test_what_has_to_be_mended_is_named(site_file: Path) -> None:
    code, _, err = run(site_file, "R9")
    assert (code, "there is no device 'R9'; there are R7, R1" in err) == (2, True)
    site_file.write_text("\n".join(line for line in site_file.read_text().splitlines() if "_file:" not in line))
    code, _, err = run(site_file, "R7")
    assert (code, "give username_file and password_file" in err) == (2, True)
    code, _, err = run(site_file.with_name("none.yaml"), "R7")
    assert (code, "none.yaml" in err) == (2, True)
