"""`lastunit firmware status|diff|apply|stop|rollback` against a served gateway: what is printed, and the exit codes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.ingest.admit import admit
from gateway.ingest.arrival import Reported
from gateway.ingest.port import Delivery
from lastunit.cli import app
from tests.gateway.fleet.fleet_rig import PlayedDevice, PlayedEdge
from tests.gateway.http.keyed import OWN, Keyed, filled_file, open_keyed
from wire.configuration import encode_reported

STOCK = 'extends = "generic-llrp-stock"\ntitle = "ours"\n[stock]\npower_dbm = 20\n'


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        yield found


class Desk:
    """A person at a command line with a key."""

    def __init__(self, keyed: Keyed, folder: Path) -> None:
        self.keyed, self.file = keyed, folder / "admin.key"

    async def run(self, *arguments: str) -> tuple[int, str]:
        if not self.file.exists():
            self.file.write_text(await self.keyed.key("device:admin") + "\n")
        asked = ["firmware", *arguments, "--url", self.keyed.url, "--key-file", str(self.file)]
        done = await asyncio.to_thread(CliRunner().invoke, app, asked)
        return done.exit_code, done.output

    async def says(self, *devices: PlayedDevice) -> None:
        """An edge says how its devices are."""
        edge = PlayedEdge(OWN, "box", devices=list(devices))
        for _ in range(5):
            self.keyed.clock.advance(30)
            for device in edge.devices:
                device.reads += 300
            self.keyed.heard.state(edge.state("health", self.keyed.clock()), self.keyed.clock())
        report = edge.report(self.keyed.clock())
        self.keyed.heard.report(report)
        async with self.keyed.database.write() as connection:
            delivery = Delivery("r", encode_reported(report), self.keyed.clock())
            await admit(connection, [Reported(delivery, report)], self.keyed.clock())


@pytest.fixture
def desk(keyed: Keyed, tmp_path: Path) -> Desk:
    return Desk(keyed, tmp_path)


async def test_status_and_diff(desk: Desk) -> None:
    await desk.says(PlayedDevice("gate"), PlayedDevice("dock"))
    code, said = await desk.run("status")
    assert code == 0, said
    assert "2 devices, 0 to look at" in said
    assert "Impinj Speedway R420" in said
    code, said = await desk.run("diff")
    assert (code, said) == (0, "all is as asked\n")
    wrong = PlayedDevice("gate", problems=("port 1: 24 dBm read back",), hash="0" * 16, profile="other")
    await desk.says(wrong, PlayedDevice("dock"))
    code, said = await desk.run("status", "--drift", "--json")
    assert code == 1, said
    (only,) = [json.loads(line) for line in said.splitlines()]
    assert (only["device"], only["standing"]) == ("gate", "drift")
    code, said = await desk.run("diff", "--site", OWN)
    assert code == 1, said
    assert "which is asked of it no more" in said


async def test_a_rollout_by_hand(desk: Desk, tmp_path: Path) -> None:
    await desk.says(PlayedDevice("gate"), PlayedDevice("dock"))
    file = tmp_path / "ours.toml"
    file.write_text(STOCK)
    code, said = await desk.run("apply", str(file), "--canary", "1", "--dry-run")
    assert code == 0, said
    assert "2 devices in 2 waves" in said
    assert "no roll-out" in (await desk.run("rollback"))[1]
    code, said = await desk.run("apply", str(file), "--canary", "1", "--by", "Kim", "--id", "one", "--json")
    begun = json.loads(said)
    assert (code, begun["stage"], begun["profile"], begun["by"]) == (0, "planned", "ours", "Kim")
    again = json.loads((await desk.run("apply", str(file), "--canary", "1", "--by", "Kim", "--id", "one", "--json"))[1])
    assert again["id"] == begun["id"]
    code, said = await desk.run("apply", "generic-llrp-stock")
    assert code == 2, said
    assert "is under way for it" in said
    code, said = await desk.run("stop", begun["id"])
    assert code == 0, said
    assert "stop is asked for" in said
    assert begun["id"] in (await desk.run("status"))[1]


async def test_what_a_person_has_to_mend(desk: Desk, tmp_path: Path) -> None:
    await desk.says(PlayedDevice("gate"))
    bad = tmp_path / "bad.toml"
    bad.write_text(STOCK.replace("20", "77"))
    code, said = await desk.run("apply", str(bad))
    assert code == 2, said
    assert "bad.toml" in said
    assert "power_dbm" in said
    assert "36" in said, "the most that is allowed"
    assert (await desk.run("stop", "nothing"))[0] == 2
    assert (await desk.run("apply", "nothing-like-it"))[0] == 2
    desk.file.write_text("lu_short")
    code, said = await desk.run("status")
    assert (code, "holds no key" in said) == (2, True)
    desk.file.unlink()
    desk.file.mkdir()
    assert (await desk.run("status"))[0] == 2


async def test_a_key_without_the_scope(desk: Desk) -> None:
    desk.file.write_text(await desk.keyed.key("stock:read"))
    code, said = await desk.run("status")
    assert (code, "device:admin" in said) == (2, True)
