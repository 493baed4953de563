"""What a roll-out was asked for, as it is kept with it: whom it is for and how fast it goes."""

import msgspec

from gateway.fleet.plan import ANY_VENDOR, Targets
from gateway.fleet.rollout_values import Pace


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """As JSON in `fleet_rollout.settings`. Empty lists: not narrowed by this."""

    sites: list[str] = []
    models: list[str] = []
    devices: list[str] = []
    scanner: bool = False
    vendor: str = ANY_VENDOR
    canaries: int
    apply_s: float
    watch_s: float
    settle_s: float
    baseline_s: float
    measure_s: float

    def targets(self) -> Targets:
        """Return whom it is for."""
        return Targets(
            sites=frozenset(self.sites),
            models=frozenset(self.models),
            devices=frozenset(self.devices),
            scanner=self.scanner,
            vendor=self.vendor,
        )

    def pace(self) -> Pace:
        """Return how fast it goes."""
        return Pace(
            canaries=self.canaries,
            apply_s=self.apply_s,
            watch_s=self.watch_s,
            settle_s=self.settle_s,
            baseline_s=self.baseline_s,
            measure_s=self.measure_s,
        )


def settings_of(targets: Targets, pace: Pace) -> Settings:
    """Return what is kept of these."""
    return Settings(
        sites=sorted(targets.sites),
        models=sorted(targets.models),
        devices=sorted(targets.devices),
        scanner=targets.scanner,
        vendor=targets.vendor,
        canaries=pace.canaries,
        apply_s=pace.apply_s,
        watch_s=pace.watch_s,
        settle_s=pace.settle_s,
        baseline_s=pace.baseline_s,
        measure_s=pace.measure_s,
    )
