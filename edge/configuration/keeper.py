"""Keeps the devices of one edge what the gateway wants them to be, and says what they are.

Theory of operation. A desired configuration comes as bytes, retained at the broker: at each connect, and when it
changes. One task takes the newest: it is believed whole or not at all (`wire.configuration`), and only when its version
is newer than the one in force. Then, for each device, the driver is built with its new profile, which checks the
profile against the device's settings; one that cannot be built leaves that device as it is, and is said. What will
hold is written to the disk (`edge.configuration.file`), and only then are the drivers of those devices replaced whose
profile is another. So a kill at any moment leaves the old configuration or the new one: the next start builds what the
file says, and the device gets it when it comes up.

Before the drivers start for the first time, `load` puts in force what the file holds: no network is needed.

What the devices are is told when it changed, at most once a second, and at each connect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from edge.configuration.file import KeptFileError
from edge.configuration.kept import keeping
from edge.configuration.profiles import OwnProfiles
from edge.configuration.rows import absent_row, readback_of, row_of, same
from edge.limits import CONFIG_AT_ONCE, CONFIG_RETRY_S, CONFIG_TELL_S
from firmware_config.profile import profile_from_table
from wire.configuration import ReportedConfig, check_config_identity, decode_desired, encode_reported, version_said
from wire.errors import WireError
from wire.limits import CONFIG_MAX_DEVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.configuration.file import KeptFile
    from edge.configuration.kept import Kept
    from edge.devices import Devices
    from edge.drivers.port import Driver, Host
    from firmware_config.profile import AnyProfile
    from wire.configuration import DesiredConfig, DesiredDevice, ReportedDevice
    from wire.site import Device, Site

ERROR_MAX_CHARS = 1_500


class Build(Protocol):
    """Builds the driver of a device. Raises `ValueError` for what cannot be used."""

    def __call__(self, device: Device, profile: AnyProfile | None, /) -> Driver:
        """Return a driver that has not been started. `profile` None: as the site file says."""


class _Runs(NamedTuple):
    """What one device runs: `asked` None is its site file's. `refusal`: why it is not what is desired."""

    asked: DesiredDevice | None = None
    refusal: str = ""


_SITE_FILE = _Runs()


class _Step(NamedTuple):
    """What becomes of one device; `driver` None: the one that it has."""

    runs: _Runs
    driver: Driver | None = None


class ConfigurationKeeper:
    """The configuration of one edge.

    Args:
        devices: the drivers, which this replaces.
        build: makes a driver.
        file: where what is in force is kept.
        publish: hands a report to the uplink; False: it was not taken.
    """

    def __init__(
        self,
        site: Site,
        edge: str,
        devices: Devices,
        host: Host,
        *,
        build: Build,
        file: KeptFile,
        publish: Callable[[bytes], bool],
        log: Any,
    ) -> None:
        self._site, self._edge = site.id, edge
        self._known = {device.id: device for device in site.devices_of(edge)}
        self._devices = devices
        self._host = host
        self._build = build
        self._file = file
        self._publish = publish
        self._log = log
        self._own = OwnProfiles(site)
        self._swapping: set[str] = set()
        """Devices whose driver is being replaced: what the old one read back is no news any more."""
        self._kept: Kept | None = None
        self._unwritten: Kept | None = None
        self._write_again_s = 0.0
        self._runs: dict[str, _Runs] = dict.fromkeys(self._known, _SITE_FILE)
        self._error = ""
        self._waiting: bytes | None = None
        self._busy = False
        self._news = asyncio.Event()
        self._rows: dict[str, ReportedDevice] = {}
        self._told: ReportedConfig | None = None
        self._told_s = float("-inf")
        self._untold = ""
        """Why the last report could not be made."""

    # -- what happens

    async def load(self) -> None:
        """Put in force what was asked last, before any driver starts."""
        try:
            kept = await asyncio.to_thread(self._file.read)
            if kept is None:
                return
            check_config_identity(kept.desired, self._site, self._edge)
        except (KeptFileError, WireError) as error:
            self._error = f"what was asked before is not known any more: {error}"[:ERROR_MAX_CHARS]
            self._log.error("configuration_lost", reason=str(error))
            return
        self._kept = kept
        for device, step in self._plan(kept.desired, kept.good, kept.table).items():
            self._runs[device] = step.runs
            if step.driver is not None:
                self._devices.put(device, step.driver)
        self._log.info("configuration_kept", version=kept.desired.version, hash=kept.desired.hash)

    def on_desired(self, payload: bytes) -> None:
        """Take what the gateway wants, as it came; the newest counts."""
        self._waiting = payload
        self._news.set()

    def on_connected(self) -> None:
        """Say what the devices are, to a broker that may have forgotten it."""
        self._told = None
        self._news.set()

    async def run(self) -> None:
        """Take and tell until cancelled."""
        while True:
            try:
                async with asyncio.timeout(CONFIG_TELL_S):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            payload, self._waiting, self._busy = self._waiting, None, True
            if payload is not None:
                await self._take(payload)
            await self._write_in_time()
            self._tell_if_it_can()
            self._busy = False

    @property
    def idle(self) -> bool:
        """Whether everything that came was taken."""
        return not self._busy and self._waiting is None

    def reported(self) -> ReportedConfig:
        """Return what the devices are now."""
        now_us = max(0, self._host.wall_us())
        rows = {device: self._row(known) for device, known in self._known.items()}
        desired = self._kept.desired if self._kept is not None else None
        named = [device.device for device in desired.devices] if desired is not None else []
        if desired is not None:
            rows |= {asked.device: absent_row(asked) for asked in desired.devices if asked.device not in self._known}
        for device, row in rows.items():
            before = self._rows.get(device)
            if before is None or not same(before, row):
                self._rows[device] = msgspec.structs.replace(row, at_us=now_us)
        shown = list(dict.fromkeys((*named, *rows)))[:CONFIG_MAX_DEVICES]
        return ReportedConfig(
            site=self._site,
            edge=self._edge,
            version=0 if desired is None else desired.version,
            hash="" if desired is None else desired.hash,
            at_us=now_us,
            error=self._error,
            devices=tuple(self._rows[device] for device in sorted(shown)),
        )

    # -- taking

    async def _take(self, payload: bytes) -> None:
        """Take a desired configuration; whatever it holds, the edge lives on."""
        if not payload:
            self._log.info("desired_removed", because="the retained message is empty: what is in force stays")
            return
        try:
            desired = decode_desired(payload)
            check_config_identity(desired, self._site, self._edge)
        except WireError as error:
            said = version_said(payload)
            version = "a version that cannot be read" if said is None else f"version {said}"
            self._refuse(f"{version}: {error}")
            return
        if self._is_old(desired):
            return
        try:
            await self._put_in_force(desired)
        except Exception as error:  # noqa: BLE001 - said below
            # Our bug: the same message comes again at each connect, so it must not end the daemon each time.
            self._log.exception("configuration_failed", version=desired.version)
            self._refuse(f"version {desired.version}: our own error: {type(error).__name__}: {error}")

    def _is_old(self, desired: DesiredConfig) -> bool:
        if self._kept is None:
            return False
        ours = self._kept.desired
        if desired.version > ours.version:
            return False
        if (desired.version, desired.hash) != (ours.version, ours.hash):
            self._refuse(f"version {desired.version}: not newer than version {ours.version}, which is in force")
        return True

    def _refuse(self, why: str) -> None:
        self._error = why[:ERROR_MAX_CHARS]
        self._log.error("desired_refused", reason=self._error)

    async def _put_in_force(self, desired: DesiredConfig) -> None:
        good = {device: runs.asked for device, runs in self._runs.items() if runs.asked is not None}
        tables = self._tables()
        plan = self._plan(desired, good, lambda key: desired.profiles.get(key) or tables[key])
        runs = {device: step.runs for device, step in plan.items()}
        kept = keeping(
            desired, [one.asked for one in runs.values() if one.asked is not None], tables | desired.profiles
        )
        await self._write(kept)
        before = self._runs
        self._kept, self._runs, self._error = kept, runs, ""
        changed = {device: step.driver for device, step in plan.items() if step.driver is not None}
        self._swapping = set(changed)
        self._log.info("configuration", version=desired.version, hash=desired.hash, devices=sorted(changed))
        self._tell_if_it_can()
        turns = asyncio.Semaphore(CONFIG_AT_ONCE)

        async def swap(device: str, driver: Driver) -> None:
            try:
                async with turns:
                    problem = await self._devices.replace(device, driver)
            finally:
                self._swapping.discard(device)
            if problem:
                self._runs[device] = before[device]._replace(refusal=problem)

        await asyncio.gather(*(swap(device, driver) for device, driver in changed.items()))

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {} if self._kept is None else {**self._kept.profiles, **self._kept.desired.profiles}

    def _plan(
        self, desired: DesiredConfig, good: Mapping[str, DesiredDevice], table: Callable[[str], dict[str, Any]]
    ) -> dict[str, _Step]:
        """Return what becomes of each device. `good`: the desired profiles that devices run, or ran last."""
        wanted = {asked.device: asked for asked in desired.devices}
        return {
            device.id: self._step(device, wanted.get(device.id), good.get(device.id), table)
            for device in self._known.values()
        }

    def _step(
        self,
        device: Device,
        wanted: DesiredDevice | None,
        good: DesiredDevice | None,
        table: Callable[[str], dict[str, Any]],
    ) -> _Step:
        refusal = ""
        for asked in (wanted, good) if wanted is not None else ():
            if asked is None:
                continue
            try:
                return _Step(_Runs(asked, refusal), self._driver(device, asked, table))
            except Exception as error:  # noqa: BLE001 - a profile of any release may come: it must not end the edge
                reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
                why = f"profile {asked.profile} ({asked.profile_hash}) cannot be used here: {reason}"
                refusal = refusal or why[:ERROR_MAX_CHARS]
                self._log.error("profile_refused", device=device.id, profile=asked.profile, reason=reason)
        return _Step(_Runs(None, refusal), self._site_driver(device))

    def _driver(self, device: Device, asked: DesiredDevice, table: Callable[[str], dict[str, Any]]) -> Driver | None:
        """Return the driver for a profile, None where the device has it. Raises `ValueError` for an unusable one."""
        if asked.profile_hash == self._hash_now(device):
            return None
        return self._build(device, profile_from_table(table(asked.profile_hash), asked.profile))

    def _site_driver(self, device: Device) -> Driver | None:
        """Return the driver for the site file's own profile, None where the device has it."""
        now = self._runs[device.id].asked
        if now is None or now.profile_hash == self._own.of_site_file(device)[1]:
            return None
        return self._build(device, None)

    def _hash_now(self, device: Device) -> str:
        now = self._runs[device.id].asked
        return self._own.of_site_file(device)[1] if now is None else now.profile_hash

    # -- the disk

    async def _write(self, kept: Kept) -> None:
        """Keep it; on a disk that refuses, it holds for this run, and is tried again."""
        self._unwritten, self._write_again_s = None, self._host.monotonic_s() + CONFIG_RETRY_S
        try:
            await asyncio.to_thread(self._file.write, kept)
        except OSError as error:
            self._unwritten = kept
            self._log.error("configuration_not_kept", reason=str(error), then="it holds until the next start")

    async def _write_in_time(self) -> None:
        if self._unwritten is not None and self._host.monotonic_s() >= self._write_again_s:
            await self._write(self._unwritten)

    # -- telling

    def _tell_if_it_can(self) -> None:
        """Tell; a report that cannot be made is not worth an edge that reads."""
        try:
            self._tell()
            self._untold = ""
        except Exception as error:  # noqa: BLE001 - our bug, said once
            why = f"{type(error).__name__}: {error}"
            if why != self._untold:
                self._log.exception("configuration_not_told", error=why)
            self._untold = why

    def _tell(self) -> None:
        """Say what the devices are, if that is news and the last word is long enough ago."""
        now_s = self._host.monotonic_s()
        if self._told is not None and now_s < self._told_s + CONFIG_TELL_S:
            return
        report = self.reported()
        if self._told is not None and msgspec.structs.replace(report, at_us=self._told.at_us) == self._told:
            return
        if self._publish(encode_reported(report)):
            self._told, self._told_s = report, now_s

    def _row(self, device: Device) -> ReportedDevice:
        driver, runs = self._devices.drivers[device.id], self._runs[device.id]
        found = None if device.id in self._swapping else readback_of(driver)
        unsaid = self._own.unsaid(device, found)
        own = self._own.own(device, found)
        return row_of(device, driver, found, runs.asked, own=own, refusal=runs.refusal, unsaid=unsaid)
