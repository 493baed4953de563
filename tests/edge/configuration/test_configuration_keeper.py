"""What becomes of a desired configuration: taken, refused, kept on the disk, with drivers that a test can look into."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import structlog

from edge.configuration.file import KeptFile
from edge.configuration.keeper import ConfigurationKeeper
from edge.configuration.kept import decode_kept
from edge.devices import Devices
from edge.drivers.port import Readback
from edge.limits import CONFIG_RETRY_S
from firmware_config.profile import Profile, ScannerProfile
from tests.edge.configuration.twin import EDGE, SITE_ID, desired, own_profile, row, site_of, states
from tests.edge.fake_driver import FakeDriver, ManualTime, sink_of
from tests.edge.llrp.store_reader import until
from wire.configuration import DeviceInventory, ReportedAntenna, decode_reported, encode_desired
from wire.limits import CONFIG_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from edge.drivers.port import Sink
    from firmware_config.profile import AnyProfile
    from wire.configuration import DesiredConfig
    from wire.site import Device

LOG = structlog.get_logger("test")


class ProfiledDriver(FakeDriver):
    """A driver that takes a profile; it is up when a test says so."""

    def __init__(self, device: str, profile: Profile | None, floor: set[str]) -> None:
        super().__init__(device)
        self.profile = profile
        self.found: Readback | None = None
        self.stuck = self.unstartable = False
        self.may_leave = asyncio.Event()
        self.may_leave.set()
        self._floor = floor

    def start(self, sink: Sink) -> None:
        assert self.device not in self._floor, f"two drivers on {self.device}"
        if self.unstartable:
            raise OSError("no port")
        self._floor.add(self.device)
        super().start(sink)

    async def stop(self) -> None:
        await self.may_leave.wait()
        if self.stuck:
            raise RuntimeError("it holds on")
        await super().stop()
        self._floor.discard(self.device)

    def come_up(self, *problems: str, differences: tuple[str, ...] = ()) -> None:
        antennas = (ReportedAntenna(port=1, power_cdbm=2_000),)
        self.found = Readback(self.profile, antennas, problems, differences, DeviceInventory(model="fake"))

    def configuration(self) -> Readback | None:
        return self.found


class Rig:
    """A keeper with its drivers, a clock and a disk."""

    def __init__(self, folder: Path, *devices: str) -> None:
        self.site = site_of(dict.fromkeys(devices or ("R1", "R2"), "127.0.0.1:1"))
        self.time = ManualTime()
        self.floor: set[str] = set()
        self.built: list[tuple[str, str]] = []
        self.published: list[bytes] = []
        self.takes = True
        self.broken: dict[str, str] = {}
        """Devices whose next driver fails, and when."""
        self.file = KeptFile(folder / "outbox.db.desired")
        self.devices = Devices(
            {device.id: ProfiledDriver(device.id, None, self.floor) for device in self.site.devices},
            sink_of=lambda _device: sink_of(lambda _: None, lambda _: None),
            before_swap=lambda _device: None,
            log=LOG,
        )
        self.keeper = ConfigurationKeeper(
            self.site,
            EDGE,
            self.devices,
            self.time.host(),
            build=self._build,
            file=self.file,
            publish=self._publish,
            log=LOG,
        )

    def _build(self, device: Device, profile: AnyProfile | None, /) -> ProfiledDriver:
        if isinstance(profile, ScannerProfile):
            raise ValueError(f"device {device.id}: no scanner")  # noqa: TRY004 - as the drivers do
        if self.broken.get(device.id) == "build":
            raise KeyError("no such thing")
        self.built.append((device.id, "" if profile is None else profile.name))
        driver = ProfiledDriver(device.id, profile, self.floor)
        driver.unstartable = device.id in self.broken
        return driver

    def _publish(self, payload: bytes) -> bool:
        if self.takes:
            self.published.append(payload)
        return self.takes

    def driver(self, device: str = "R1") -> ProfiledDriver:
        driver = self.devices.drivers[device]
        assert isinstance(driver, ProfiledDriver)
        return driver

    async def take(self, asked: DesiredConfig | bytes) -> None:
        """Let the keeper take this, and wait until it has."""
        self.keeper.on_desired(asked if isinstance(asked, bytes) else encode_desired(asked))
        await until(lambda: self.keeper.idle)


@asynccontextmanager
async def rig(folder: Path, *devices: str) -> AsyncIterator[Rig]:
    made = Rig(folder, *devices)
    await made.keeper.load()
    made.devices.start()
    task = asyncio.create_task(made.keeper.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_device_waits_until_its_new_driver_has_read_back(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.driver().come_up()
        made.driver("R2").come_up()
        assert states(made.keeper.reported()) == {"R1": "applied", "R2": "applied"}
        old = made.driver()
        await made.take(desired(1, {"R1": own_profile()}))
        assert (old.running, made.driver().running, made.driver() is old) == (False, True, False)
        assert states(made.keeper.reported()) == {"R1": "waiting", "R2": "applied"}
        made.driver().come_up("port 1: nearly")
        assert states(made.keeper.reported())["R1"] == "adapted"
        made.driver().come_up("port 1: nearly", differences=("ROSpec.N: asked 1, found 2",))
        found = row(made.keeper.reported(), "R1")
        assert (found.state, found.problems) == ("differs", ("ROSpec.N: asked 1, found 2", "port 1: nearly"))


async def test_a_device_that_takes_no_profile_is_unable(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.driver().found = Readback(None, (), ("somebody else starts it",), takes_profile=False)
        made.devices.drivers["R2"] = FakeDriver("R2")  # it does not know of profiles at all
        found = made.keeper.reported()
        assert states(found) == {"R1": "unable", "R2": "unable"}
        assert row(found, "R1").problems == ("somebody else starts it",)


async def test_what_the_old_driver_read_back_is_not_told_of_the_new_profile(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        old = made.driver()
        old.come_up()
        old.may_leave.clear()
        made.keeper.on_desired(encode_desired(desired(1, {"R1": own_profile()})))
        await until(lambda: made.keeper.reported().version == 1)
        found = row(made.keeper.reported(), "R1")
        assert (found.profile, found.state, found.antennas, old.running) == ("ours", "waiting", (), True)
        assert decode_kept(made.file.path.read_bytes()).desired.version == 1, "kept before a device changes"
        old.may_leave.set()
        await until(lambda: made.keeper.idle)
        assert made.driver() is not old


async def test_only_what_changes_is_replaced(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await made.take(desired(1, {"R1": own_profile(), "R2": own_profile()}))
        await made.take(desired(2, {"R1": own_profile(), "R2": "impinj-r420-shelf"}))
        await made.take(desired(3, {"R1": own_profile()}))
        assert made.built == [("R1", "ours"), ("R2", "ours"), ("R2", "impinj-r420-shelf"), ("R2", "")]


BROKEN = [
    pytest.param(b"{", "a version that cannot be read: payload", id="no JSON"),
    pytest.param(
        encode_desired(desired(9, {"R1": own_profile()}, hash="0" * 16)), "version 9: hash: 0000", id="another hash"
    ),
    pytest.param(
        encode_desired(desired(9, {"R1": own_profile()}, site="store-2")), "version 9: body names store-2", id="site"
    ),
    pytest.param(
        encode_desired(desired(9, {"R1": own_profile()}, edge="edge-2")), "names store-1/edge-2: the topic", id="edge"
    ),
    pytest.param(encode_desired(desired(1, {"R1": own_profile()})), "version 1: not newer than version 2", id="old"),
    pytest.param(encode_desired(desired(2, {})), "version 2: not newer than version 2", id="another of this version"),
    pytest.param(b" " * (CONFIG_MAX_BYTES + 1), "at most 1048576 are read", id="too long"),
    pytest.param(b'{"version": 9, "schema": 99}', "version 9: payload", id="of a later release"),
]


@pytest.mark.parametrize(("payload", "reason"), BROKEN)
async def test_what_is_broken_changes_nothing_and_says_why(tmp_path: Path, payload: bytes, reason: str) -> None:
    async with rig(tmp_path) as made:
        await made.take(asked := desired(2, {"R1": "impinj-r420-shelf"}))
        before, kept, built = made.keeper.reported(), made.file.path.read_bytes(), list(made.built)
        await made.take(payload)
        after = made.keeper.reported()
        assert reason in after.error
        assert (after.version, after.hash, after.devices) == (2, asked.hash, before.devices)
        assert (made.file.path.read_bytes(), made.built) == (kept, built)
        await made.take(desired(10, {}))
        assert made.keeper.reported().error == ""


async def test_the_same_again_and_an_empty_message_say_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await made.take(desired(2, {"R1": own_profile()}))
        await made.take(desired(2, {"R1": own_profile()}))
        await made.take(b"")
        assert (made.keeper.reported().version, made.keeper.reported().error) == (2, "")
        assert len(made.built) == 1


async def test_a_start_puts_in_force_what_was_asked_and_what_was_good(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await made.take(desired(1, {"R1": own_profile(), "R2": own_profile()}))
        await made.take(desired(2, {"R1": "scanner-generic", "R2": "impinj-r420-shelf"}))
    async with rig(tmp_path) as again:
        assert again.built == [("R1", "ours"), ("R2", "impinj-r420-shelf")]
        found = again.keeper.reported()
        assert (found.version, states(found)) == (2, {"R1": "refused", "R2": "waiting"})
        assert row(found, "R1").profile == "ours"
        assert "profile scanner-generic" in row(found, "R1").problems[0]


async def test_a_damaged_file_is_set_aside_and_the_site_file_holds(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await made.take(desired(5, {"R1": own_profile()}))
        whole = made.file.path.read_bytes()
    made.file.path.write_bytes(whole[:-20])
    async with rig(tmp_path) as again:
        found = again.keeper.reported()
        assert (found.version, row(found, "R1").source, again.built) == (0, "site_file", [])
        assert "is damaged" in found.error
        assert made.file.path.with_name("outbox.db.desired.damaged").read_bytes() == whole[:-20]
        await again.take(desired(5, {"R1": own_profile()}))
        assert (again.keeper.reported().version, again.keeper.reported().error) == (5, "")


async def test_a_file_of_another_edge_is_not_obeyed(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await made.take(desired(5, {"R1": own_profile()}))
    other = made.file.path.read_bytes().replace(SITE_ID.encode(), b"store-9")
    made.file.path.write_bytes(other)
    async with rig(tmp_path) as again:
        assert again.keeper.reported().version == 0
        assert "names store-9/edge-1" in again.keeper.reported().error


async def test_a_disk_that_refuses_is_tried_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        fresh = made.file.path.with_name("outbox.db.desired.new")
        fresh.mkdir()  # a file of this name cannot be written
        await made.take(desired(1, {"R1": own_profile()}))
        assert made.keeper.reported().version == 1
        assert not made.file.path.exists()
        fresh.rmdir()
        made.time.pass_s(CONFIG_RETRY_S)
        await made.take(b"")
        assert made.file.path.exists()


async def test_a_driver_that_cannot_be_stopped_stays(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        old = made.driver()
        old.stuck = True
        await made.take(desired(1, {"R1": own_profile(), "R2": own_profile()}))
        assert made.driver() is old
        found = row(made.keeper.reported(), "R1")
        assert (found.state, found.source) == ("refused", "site_file")
        assert "could not be stopped (RuntimeError: it holds on)" in found.problems[0]
        assert made.driver("R2").profile is not None
        old.stuck = False


async def test_a_driver_that_cannot_be_built_or_started_costs_its_own_device_only(tmp_path: Path) -> None:
    async with rig(tmp_path, "R1", "R2", "R3") as made:
        made.broken = {"R1": "build", "R2": "start"}
        await made.take(desired(1, dict.fromkeys(("R1", "R2", "R3"), own_profile())))
        found = made.keeper.reported()
        assert (found.version, found.error) == (1, "")
        assert "cannot be used here: KeyError: 'no such thing'" in row(found, "R1").problems[0]
        assert "did not start (OSError: no port): start the edge anew" in row(found, "R2").problems[0]
        assert states(found) == {"R1": "refused", "R2": "refused", "R3": "waiting"}
        assert made.driver("R3").running


async def test_a_report_that_cannot_be_made_does_not_end_the_edge(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.driver().come_up("\ud800")  # half a character: no JSON
        made.keeper.on_connected()
        await made.take(b"")
        assert made.published == []
        made.driver().come_up("mended")
        made.time.pass_s(1.0)
        await made.take(b"")
        assert len(made.published) == 1


async def test_reads_are_counted_on_over_a_change(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.driver().counted = 7
        await made.take(desired(1, {"R1": own_profile()}))
        made.driver().counted = 2
        assert made.devices.health("R1").reads == 9


async def test_reports_are_told_when_they_change_and_not_more_than_once_a_second(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.keeper.on_connected()
        await until(lambda: len(made.published) == 1)
        made.driver().come_up()
        await made.take(b"")  # a turn of the keeper within the same second
        assert len(made.published) == 1
        made.time.pass_s(1.0)
        await made.take(b"")
        assert len(made.published) == 2
        made.time.pass_s(60.0)
        await made.take(b"")
        assert len(made.published) == 2
        first, second = (decode_reported(payload) for payload in made.published)
        assert (states(first)["R1"], states(second)["R1"]) == ("waiting", "applied")
        assert row(second, "R1").at_us > row(first, "R1").at_us
        assert row(second, "R2").at_us == row(first, "R2").at_us


async def test_a_report_that_was_not_taken_is_told_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.takes = False
        made.keeper.on_connected()
        await made.take(b"")
        made.takes = True
        made.time.pass_s(1.0)
        await made.take(b"")
        assert len(made.published) == 1
