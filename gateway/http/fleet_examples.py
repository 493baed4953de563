"""The examples of the fleet in the OpenAPI document: two readers of one store, and a profile on its way to them."""

from typing import Final

from gateway.http.fleet_rollout_rows import (
    ActBody,
    PlannedDevice,
    Rollout,
    RolloutAnswer,
    RolloutBody,
    RolloutDevice,
    RolloutEntry,
    RolloutEvent,
    RolloutPlan,
    Rollouts,
)
from gateway.http.fleet_rows import (
    AntennaRow,
    Difference,
    Fleet,
    FleetDevice,
    Inventory,
    ProfileNamed,
)

_SITE: Final = "store-001"
_EDGE: Final = "edge-1"
_ID: Final = "019db3f2-9d20-7a11-9c04-2b7f6a1e0d53"
_AT: Final = "2026-11-22T05:45:00.123Z"
_HASH: Final = "5d1f0c9a7b3e4826"
_NEW: Final = ProfileNamed("dock-readers", _HASH)

DEVICE: Final = FleetDevice(
    site=_SITE,
    edge=_EDGE,
    device="reader-1",
    driver="llrp",
    state="up",
    online=True,
    reads_per_min=1840.0,
    standing="adapted",
    why="port 1: 31 dBm asked, the nearest below is 30 dBm",
    asked=_NEW,
    runs=_NEW,
    good=None,
    source="desired",
    reported="adapted",
    problems=["port 1: 31 dBm asked, the nearest below is 30 dBm"],
    antennas=[
        AntennaRow(port=1, purpose="portal", asked_dbm=31.0, power_dbm=30.0, mode=1002, session=1, target="dual")
    ],
    inventory=Inventory(vendor="Impinj", model="Speedway R420", firmware="5.14.0.240", serial="370-15-04-0271"),
    known_bad=[],
    differences=[
        Difference("state", "applied", "adapted", "port 1: 31 dBm asked, the nearest below is 30 dBm", drift=False)
    ],
    asked_version=4,
    reported_version=4,
    reported_at=_AT,
    rollout=_ID,
)
FLEET: Final = Fleet([DEVICE], f"{_SITE}/{_EDGE}")

BODY: Final = RolloutBody(profile="impinj-r700-stock", sites=[_SITE], models=["R700"], canaries=1, by="Kim")
DRY_RUN: Final = RolloutBody(profile="impinj-r700-stock", sites=[_SITE], dry_run=True)
ACT: Final = ActBody(by="Kim")

ROLLOUT: Final = Rollout(
    id=_ID,
    profile="dock-readers",
    hash=_HASH,
    stage="rolled_back",
    phase="over",
    over=True,
    wave=1,
    waves=2,
    reason="store-001/reader-1: its reads fell from 1840 to 610 a minute, to less than 50%",
    wish="",
    by="Kim",
    canaries=1,
    apply_s=300.0,
    watch_s=600.0,
    begun_at=_AT,
    changed_at="2026-11-22T05:49:12.004Z",
    counts={"back": 1, "left": 1},
    devices=[
        RolloutDevice(
            site=_SITE,
            edge=_EDGE,
            device="reader-1",
            wave=1,
            state="back",
            came_from=None,
            before=1840.0,
            after=610.0,
            said="its reads fell from 1840 to 610 a minute, to less than 50%",
            since="2026-11-22T05:49:12.004Z",
        ),
        RolloutDevice(
            site=_SITE,
            edge=_EDGE,
            device="reader-2",
            wave=2,
            state="left",
            came_from=None,
            before=None,
            after=None,
            said="",
            since=_AT,
        ),
    ],
    devices_left_out=0,
    events=[
        RolloutEvent(
            at=_AT,
            what="begun",
            site="",
            device="",
            detail=f"dock-readers ({_HASH}) for 2 devices in 2 waves",
            by="Kim",
        )
    ],
)
ROLLOUTS: Final = Rollouts(
    [
        RolloutEntry(
            id=_ID,
            profile=ROLLOUT.profile,
            hash=_HASH,
            stage=ROLLOUT.stage,
            over=True,
            reason=ROLLOUT.reason,
            by="Kim",
            begun_at=_AT,
            changed_at=ROLLOUT.changed_at,
        )
    ]
)
PLANNED: Final = RolloutAnswer(
    None,
    RolloutPlan(
        profile="dock-readers",
        hash=_HASH,
        wave_sizes=[1, 1],
        waves=[[PlannedDevice(_SITE, "reader-1", None)], [PlannedDevice(_SITE, "reader-2", None)]],
        left_out=[],
        left_out_more=0,
        notes=["1 devices are not up: they are asked in the last waves, and not waited for"],
    ),
)
