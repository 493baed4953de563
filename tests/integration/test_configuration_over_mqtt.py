"""The device twin end to end: a real broker, a real edge daemon, the simulator's readers over real LLRP."""

from pathlib import Path

import pytest

from edge.daemon import EdgeDaemon
from simulator.reader.sighting import Sighting
from tests.edge.configuration.twin import (
    Centre,
    daemon_of,
    desired,
    own_profile,
    readers,
    row,
    running,
    settled,
    site_of,
)
from tests.edge.llrp.store_reader import until
from tests.servers.mosquitto import Mosquitto
from wire.configuration import ReportedConfig

pytestmark = pytest.mark.timeout(60)


async def test_a_profile_by_value_is_read_back_from_an_impinj_reader(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with readers(R1="impinj-r420-like") as there, Centre(mosquitto.url) as centre:
        site = site_of({"R1": there["R1"].address})
        async with running(daemon_of(site, mosquitto.url, tmp_path / "outbox.db")):
            before = await centre.hears(lambda report: settled(report, 0))
            assert row(before, "R1").profile == "impinj-r420-stock"
            assert row(before, "R1").source == "site_file"
            asked = desired(1, {"R1": own_profile()})
            centre.ask(asked)
            found = await centre.hears(lambda report: settled(report, 1))
    assert found.hash == asked.hash
    assert found.error == ""
    device = row(found, "R1")
    assert (device.state, device.problems, device.source) == ("applied", (), "desired")
    assert (device.profile, device.profile_hash) == ("ours", asked.devices[0].profile_hash)
    floor, cabin = device.antennas
    assert (floor.port, floor.purpose, floor.asked_dbm, floor.power_cdbm) == (1, "stock", 21.5, 2_150)
    assert (floor.session, floor.target, floor.mode) == (1, "single", 2)
    assert (cabin.port, cabin.purpose, cabin.power_cdbm, cabin.session) == (2, "fitting_room", 2_000, 1)
    assert device.inventory is not None
    assert (device.inventory.vendor, device.inventory.firmware) != ("", "")


async def test_what_a_reader_cannot_do_is_said_with_the_nearest(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """A FX9600 has no word for the search mode, and its power begins at 10 dBm."""
    text = 'extends = "impinj-r420-stock"\ntitle = "x"\n[stock]\npower_dbm = 3.25\nair_filter = "sgtin"\n'
    async with readers(Z1="zebra-fx9600-4-like") as there, Centre(mosquitto.url) as centre:
        site = site_of({"Z1": there["Z1"].address}, ports=6)
        async with running(daemon_of(site, mosquitto.url, tmp_path / "outbox.db")):
            centre.ask(desired(1, {"Z1": own_profile(text)}))
            found = row(await centre.hears(lambda report: settled(report, 1)), "Z1")
    assert found.state == "adapted"
    said = "\n".join(found.problems)
    assert "port 1: 3.25 dBm asked, the reader's lowest step is 10.0 dBm" in said
    assert "port 5: the reader has ports 1 to 4" in said
    assert "search 'dual' can be told to Impinj readers only" in said
    assert "air_filter: a reader has one for all its antennas" in said
    assert (found.antennas[0].port, found.antennas[0].power_cdbm) == (1, 1_000)
    assert found.inventory is not None
    assert found.inventory.vendor == "Zebra"


async def test_only_the_device_that_is_named_is_touched_and_counts_go_on(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with (
        readers(R1="impinj-r420-like", R2="impinj-r420-like") as there,
        Centre(mosquitto.url) as centre,
    ):
        site = site_of({device: reader.address for device, reader in there.items()})
        async with running(daemon_of(site, mosquitto.url, tmp_path / "outbox.db")) as daemon:
            await centre.hears(lambda report: settled(report, 0))
            there["R1"].feed([Sighting(bytes(12), 96, 1, -5_500, there["R1"].clock.now_us())])
            await until(lambda: reads(daemon, "R1") == 1)
            connections = len([name for name in there["R2"].heard if name == "ADD_ROSPEC"])
            centre.ask(desired(1, {"R1": own_profile()}))
            found = await centre.hears(lambda report: settled(report, 1))
            assert (row(found, "R1").state, row(found, "R2").source) == ("applied", "site_file")
            assert [name for name in there["R2"].heard if name == "ADD_ROSPEC"] == ["ADD_ROSPEC"] * connections
            assert reads(daemon, "R1") == 1
            there["R1"].feed([Sighting(bytes(12), 96, 1, -5_500, there["R1"].clock.now_us())])
            await until(lambda: reads(daemon, "R1") == 2)
            centre.ask(desired(2, {}))
            back = await centre.hears(lambda report: settled(report, 2))
            assert (row(back, "R1").profile, row(back, "R1").source) == ("impinj-r420-stock", "site_file")


async def test_a_restart_without_a_broker_runs_what_was_asked_last(tmp_path: Path, mosquitto: Mosquitto) -> None:
    outbox = tmp_path / "outbox.db"
    async with readers(R1="impinj-r420-like") as there:
        site = site_of({"R1": there["R1"].address})
        async with Centre(mosquitto.url) as centre, running(daemon_of(site, mosquitto.url, outbox)):
            centre.ask(asked := desired(7, {"R1": own_profile()}))
            await centre.hears(lambda report: settled(report, 7))
        mosquitto.kill()
        async with running(daemon_of(site, mosquitto.url, outbox)) as daemon:
            await until(lambda: settled(daemon.reported(), 7))
            found = daemon.reported()
    assert (found.hash, found.error) == (asked.hash, "")
    assert (row(found, "R1").state, row(found, "R1").antennas[0].power_cdbm) == ("applied", 2_150)


async def test_a_damaged_configuration_changes_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The other ways to be broken stand in tests/edge/configuration."""
    async with readers(R1="impinj-r420-like") as there, Centre(mosquitto.url) as centre:
        site = site_of({"R1": there["R1"].address})
        async with running(daemon_of(site, mosquitto.url, tmp_path / "outbox.db")):
            centre.ask(asked := desired(2, {"R1": "impinj-r420-shelf"}))
            before = await centre.hears(lambda report: settled(report, 2))
            added = there["R1"].heard.count("ADD_ROSPEC")
            centre.ask(desired(9, {"R1": own_profile()}, hash="0" * 16))
            after = await centre.hears(lambda report: bool(report.error))
            assert after.error.startswith("version 9: hash: 0000000000000000 is said")
            assert (after.version, after.hash, after.devices) == (2, asked.hash, before.devices)
            assert there["R1"].heard.count("ADD_ROSPEC") == added


async def test_a_refused_profile_leaves_its_device_and_the_others_move_on(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with readers(R1="impinj-r420-like", R2="impinj-r420-like") as there, Centre(mosquitto.url) as centre:
        site = site_of({device: reader.address for device, reader in there.items()})
        outbox = tmp_path / "outbox.db"
        async with running(daemon_of(site, mosquitto.url, outbox)):
            centre.ask(first := desired(1, {"R1": own_profile(), "R2": own_profile()}))
            await centre.hears(lambda report: settled(report, 1))
            centre.ask(desired(2, {"R1": "scanner-generic", "R2": "impinj-r420-shelf", "R9": "impinj-r420-shelf"}))
            found = await centre.hears(lambda report: settled(report, 2))
            check_refused(found, first.devices[0].profile_hash)
        mosquitto.kill()
        async with running(daemon_of(site, mosquitto.url, outbox)) as daemon:
            await until(lambda: row(daemon.reported(), "R1").antennas != ())
            await until(lambda: settled(daemon.reported(), 2))
            check_refused(daemon.reported(), first.devices[0].profile_hash)


def check_refused(found: ReportedConfig, kept_hash: str) -> None:
    kept, other, absent = (row(found, device) for device in ("R1", "R2", "R9"))
    assert (kept.state, kept.profile, kept.profile_hash, kept.source) == ("refused", "ours", kept_hash, "desired")
    assert kept.problems[0].startswith("profile scanner-generic (")
    assert "is for barcode scanners, the device's driver is 'llrp'" in kept.problems[0]
    assert kept.antennas[0].power_cdbm == 2_150
    assert (other.state, other.profile, other.antennas[0].power_cdbm) == ("applied", "impinj-r420-shelf", 2_400)
    assert (absent.state, absent.driver) == ("refused", "unknown")


async def test_the_report_is_retained_and_said_again_at_each_connect(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with readers(R1="impinj-r420-like") as there:
        site = site_of({"R1": there["R1"].address})
        async with running(daemon_of(site, mosquitto.url, tmp_path / "outbox.db")) as daemon:
            await until(lambda: settled(daemon.reported(), 0))
            async with Centre(mosquitto.url) as late:
                await late.hears(lambda report: settled(report, 0))
            mosquitto.kill()  # it forgets what was retained
            mosquitto.start()
            async with Centre(mosquitto.url) as centre:
                await centre.hears(lambda report: settled(report, 0))


def reads(daemon: EdgeDaemon, device: str) -> int:
    return next(one.reads for one in daemon.stats().devices if one.device == device)
