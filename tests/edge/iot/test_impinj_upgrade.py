"""New firmware for an emulated R700 over real HTTP: it takes it, refuses it, falls back, or is no such reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge.iot import impinj_upgrade
from edge.iot.access import RestAccess
from edge.iot.impinj_upgrade import Upgrade, Upgraded, UpgradeError
from simulator.json_readers.impinj import ImpinjReader
from tests.edge.iot.json_sites import impinj_device, login_files

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = b"UPGRADE 8.4.1.240 " + bytes(100_000)
PAUSE_S = 0.02


def image_of(folder: Path, content: bytes = IMAGE) -> Path:
    (folder / "r700.upgx").write_bytes(content)
    return folder / "r700.upgx"


async def upgraded(reader: ImpinjReader, folder: Path, image: Path) -> tuple[Upgraded, list[str]]:
    said: list[str] = []
    access = RestAccess(impinj_device(reader.address, login_files(folder)))
    return await Upgrade(access, said.append, pause_s=PAUSE_S).run(image), said


@pytest.mark.parametrize("by_itself", [False, True])
async def test_it_takes_the_image_and_runs_it(tmp_path: Path, by_itself: bool) -> None:
    async with ImpinjReader() as reader:
        reader.reboots_by_itself = by_itself
        done, said = await upgraded(reader, tmp_path, image_of(tmp_path))
        assert done == Upgraded("8.2.0.240", "8.4.1.240")
        assert reader.firmware == "8.4.1.240"
        assert ("POST /api/v1/system/reboot" in reader.requests) is not by_itself
    assert said[0] == "it runs 8.2.0.240; sending 100,018 bytes"
    assert "installing" in said


async def test_an_image_that_is_none_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async with ImpinjReader() as reader:
        with pytest.raises(UpgradeError, match="did not take the image: Signature verification failed"):
            await upgraded(reader, tmp_path, image_of(tmp_path, b"a picture of a cat"))
        assert reader.firmware == "8.2.0.240"
        assert "POST /api/v1/system/reboot" not in reader.requests


async def test_an_old_version_before_the_restart_is_no_answer(tmp_path: Path) -> None:
    async with ImpinjReader() as reader:
        reader.lingers_s = 0.3
        done, _ = await upgraded(reader, tmp_path, image_of(tmp_path))
        assert done.after == "8.4.1.240"
        versions = reader.requests.count("GET /api/v1/system/image")
        assert versions > 3, "it was asked while it still ran the old one"


@pytest.mark.parametrize("at", ["installing", "restarting"])
async def test_a_login_that_ends_meanwhile_is_told_at_once(tmp_path: Path, at: str) -> None:
    async with ImpinjReader() as reader:

        def say(text: str) -> None:
            if text == at:
                reader._login = "Basic changed"

        access = RestAccess(impinj_device(reader.address, login_files(tmp_path)))
        with pytest.raises(UpgradeError, match="the login is not accepted"):
            await Upgrade(access, say, pause_s=PAUSE_S).run(image_of(tmp_path))


async def test_the_same_version_afterwards_is_no_success(tmp_path: Path) -> None:
    async with ImpinjReader() as reader:
        with pytest.raises(UpgradeError, match=r"still runs 8\.2\.0\.240: it went back"):
            await upgraded(reader, tmp_path, image_of(tmp_path, b"UPGRADE 8.2.0.240 "))


async def test_a_reader_that_says_no_version_afterwards_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impinj_upgrade, "UPGRADE_RESTART_S", 0.5)
    async with ImpinjReader() as reader:

        def say(text: str) -> None:
            if text == "restarting":
                reader.firmware = reader._next_firmware = ""

        access = RestAccess(impinj_device(reader.address, login_files(tmp_path)))
        with pytest.raises(UpgradeError, match=r"not back within 0\.5 s with a version that it says"):
            await Upgrade(access, say, pause_s=PAUSE_S).run(image_of(tmp_path))


async def test_what_keeps_it_from_beginning(tmp_path: Path) -> None:
    async with ImpinjReader(login=("root", "changed")) as reader:
        with pytest.raises(UpgradeError, match="the login is not accepted"):
            await upgraded(reader, tmp_path, image_of(tmp_path))
        with pytest.raises(UpgradeError, match="0 bytes, expected 1 to"):
            await upgraded(reader, tmp_path, image_of(tmp_path, b""))
        with pytest.raises(FileNotFoundError):
            await upgraded(reader, tmp_path, tmp_path / "nothing")
    with pytest.raises(UpgradeError, match="cannot reach it"):
        await upgraded(reader, tmp_path, image_of(tmp_path))
