"""The devices of the fleet as they go out; roll-outs stand in `gateway.http.fleet_rollout_rows`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.clock import iso_or_none
from gateway.fleet.device import Setting
from gateway.fleet.view import DeviceView
from gateway.http.rows import Instant

Standing = Literal["site_file", "as_asked", "adapted", "pending", "drift", "unable", "unreported"]


class ProfileNamed(msgspec.Struct, frozen=True):
    """A profile by name and hash. Null in its place: as the device's site file says."""

    profile: str
    hash: str


class AntennaRow(msgspec.Struct, frozen=True, kw_only=True):
    """One antenna as it was read back."""

    port: int
    purpose: str
    asked_dbm: float | None
    power_dbm: float | None
    mode: int | None
    session: int | None
    target: str | None


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What a device says that it is; empty where it does not say."""

    vendor: str
    model: str
    firmware: str
    serial: str


class KnownBad(msgspec.Struct, frozen=True):
    """Why this firmware should not stay, and who says so."""

    reason: str
    source: str


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as asked; `drift`: somebody should look at it."""

    what: str
    asked: str
    found: str
    why: str
    drift: bool


class FleetDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device: what is asked of it from here, what it runs, whether that is the same.

    `standing`: `drift` is what somebody should look at, `why` says what differs. `good`: its last profile that a
    roll-out found good; null: its site file's. `state` and `reads_per_min` are from its edge's last health.
    """

    site: str
    edge: str
    device: str
    driver: str
    state: str
    online: bool
    reads_per_min: float
    standing: Standing
    why: str
    asked: ProfileNamed | None
    runs: ProfileNamed | None
    good: ProfileNamed | None
    source: Annotated[str, Meta(description="of what it runs: site_file or desired; empty: not reported")]
    reported: Annotated[str, Meta(description="applied, adapted, differs, refused, unable, waiting; empty: nothing")]
    problems: list[str]
    antennas: list[AntennaRow]
    inventory: Inventory | None
    known_bad: list[KnownBad]
    differences: list[Difference]
    asked_version: int
    reported_version: int
    reported_at: Instant | None
    rollout: str | None


class Fleet(msgspec.Struct, frozen=True):
    """Devices by site, edge and name. `next`: the `after` of the next page."""

    devices: list[FleetDevice]
    next: str | None


# -- out


def named(setting: Setting | None) -> ProfileNamed | None:
    """Return a setting; None: the site file's."""
    return ProfileNamed(setting.profile, setting.hash) if setting is not None and setting.hash else None


def device_row(view: DeviceView, bad: list[KnownBad]) -> FleetDevice:
    """Return a device as it is shown."""
    health, said, held = view.health, view.said, view.held
    inventory = said.inventory if said else None
    return FleetDevice(
        site=view.name.site,
        edge=view.name.edge,
        device=view.name.device,
        driver=said.driver if said else health.driver if health else "",
        state=health.state if health and view.online else "offline" if not view.online else "unknown",
        online=view.online,
        reads_per_min=health.reads_per_min if health and view.online else 0.0,
        standing=view.twin.standing.value,
        why=view.twin.why,
        asked=named(held.now) if held else None,
        runs=ProfileNamed(said.profile, said.profile_hash) if said and said.profile_hash else None,
        good=named(held.good) if held else None,
        source=said.source if said else "",
        reported=said.state if said else "",
        problems=list(said.problems) if said else [],
        antennas=[
            AntennaRow(
                port=one.port,
                purpose=one.purpose,
                asked_dbm=one.asked_dbm,
                power_dbm=None if one.power_cdbm is None else one.power_cdbm / 100,
                mode=one.mode,
                session=one.session,
                target=one.target,
            )
            for one in (said.antennas if said else ())
        ],
        inventory=None if inventory is None else Inventory(**msgspec.structs.asdict(inventory)),
        known_bad=bad,
        differences=[Difference(row.what, row.asked, row.found, row.why, row.drift) for row in view.rows],
        asked_version=view.wanted.version if view.wanted else 0,
        reported_version=view.report.version if view.report else 0,
        reported_at=iso_or_none(said.at_us) if said else None,
        rollout=held.rollout or None if held else None,
    )
