"""The engine with its snapshot: what the fold keeps in its checkpoints."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence import snapshot
from gateway.presence.engine import Engine
from gateway.presence.item_state import GONE, UNPLACED
from gateway.presence.model import Model
from gateway.presence.physics import NOMINAL, Physics
from gateway.presence.prior import ANYWHERE
from gateway.presence.snapshot import Saved
from gateway.presence.tracker import SnapshotError
from gateway.presence.witness import PendingSale
from wire.site import Site

_NUMBERS: Final = ("now_us", "begun_us", "looked_us", "learned_us", "logged_us", "late", "breaks")
_SIMPLE_ARRAY: Final = 0x97
"""MessagePack: an array of seven."""

_COUNTS: Final = (
    "seg_reads",
    "seg_sum",
    "seg_hits",
    "seg_looks",
    "can_reads",
    "can_sum",
    "can_hits",
    "can_looks",
)
_ZONES: Final = ("zone", "calm_zone", "quick_zone")


class SavedEngine(Engine):
    """An engine that can be written down, and found again, also after the site file changed."""

    def snapshot(self) -> bytes:
        """Return the whole state; equal states give equal bytes."""
        positions, position_zone = snapshot.position_bytes(self.plan)
        return snapshot.encode(
            Saved(
                magic=snapshot.MAGIC,
                version=snapshot.VERSION,
                zones=list(self.plan.zones),
                antennas=list(self.plan.antennas),
                devices=list(self.plan.devices),
                positions=positions,
                position_zone=position_zone,
                met=self.tiers.items.rows,
                items=self.tiers.dump(),
                rows=self.state.rows,
                columns=self.state.dump(),
                quiet=self.resting.state.rows,
                resting=self.resting.state.dump(),
                gtins=self.gtins,
                air=self.air.dump(),
                through=self.judging.likelihood.through.tobytes(),
                home=self.judging.home.dump(),
                quick=self.quick.dump(),
                pending=[(sale.sku, sale.at_us) for sale in self.witnesses.pending],
                numbers={name: getattr(self, name) for name in _NUMBERS} | {"unmatched": self.witnesses.unmatched},
            )
        )

    @classmethod
    def restore(cls, site: Site, data: bytes, physics: Physics = NOMINAL, model: Model | None = None) -> "SavedEngine":
        """Return the engine as a snapshot left it.

        Under another site file antennas, devices and zones are found by name, and positions by place; what hung on
        those that are no more begins anew. Raises `SnapshotError` for other bytes or another version.
        """
        saved = snapshot.decode(data)
        engine = cls(site, physics, model)
        for name in _NUMBERS:
            setattr(engine, name, saved.numbers.get(name, 0))
        engine.witnesses.unmatched = saved.numbers.get("unmatched", 0)
        engine.witnesses.pending = [PendingSale(sku, at_us) for sku, at_us in saved.pending]
        for gtin in saved.gtins:
            engine._sku_of(gtin)
        positions, position_zone = snapshot.position_bytes(engine.plan)
        same = (
            saved.zones == list(engine.plan.zones)
            and [tuple(key) for key in saved.antennas] == list(engine.plan.antennas)
            and saved.devices == list(engine.plan.devices)
            and saved.positions == positions
            and saved.position_zone == position_zone
        )
        try:
            if same:
                engine._load(saved)
            else:
                engine._carry_over(saved)
        except (KeyError, ValueError) as error:
            raise SnapshotError(f"snapshot of the presence engine: {error}") from error
        return engine

    def _load(self, saved: Saved) -> None:
        self.state.load(saved.rows, saved.columns)
        if saved.quiet:
            self.resting.state.load(saved.quiet, saved.resting)
        self.tiers.load(saved.met, saved.items)
        self.air.load(saved.air)
        self.judging.likelihood.through = np.frombuffer(saved.through).copy()
        self.judging.home.load(saved.home, np.array(self.gtins, np.int64))
        self.quick.load(saved.quick)

    def _carry_over(self, saved: Saved) -> None:
        """Take what another site file's engine knew, by names; items at rest in a zone that is no more wake."""
        antenna = snapshot.numbers_of([tuple(key) for key in saved.antennas], list(self.plan.antennas))
        device = snapshot.numbers_of(saved.devices, list(self.plan.devices))
        zone = snapshot.numbers_of(saved.zones, list(self.plan.zones))
        position = snapshot.positions_of(saved, self.plan)
        columns = dict(saved.columns)
        old_mass = np.frombuffer(columns["mass"], np.float32).reshape(saved.rows, len(saved.zones))
        mass = np.zeros((saved.rows, len(self.plan.zones)), np.float32)
        mass[:, zone[zone >= 0]] = old_mass[:, zone >= 0]
        columns["mass"] = mass.tobytes()
        self.state.load(saved.rows, columns)
        quiet = self.resting.state
        if saved.quiet:
            quiet.load(saved.quiet, saved.resting)
        self.tiers.load(saved.met, saved.items)
        for state, counts in ((self.state, _COUNTS), (quiet, ("reads", "hits", "looks"))):
            for name in ("home_device", "exit_device"):
                state[name][:] = _renumbered(state[name], device, -1, keep=(-1,))
            slot = _renumbered(state["slot"], antenna, -1, keep=(-1,))
            state["slot"][:] = slot
            for name in counts:
                state[name][slot < 0] = 0
            form = state["prior"].copy()
            state["prior"][:] = np.where(form >= 0, _renumbered(form, zone, ANYWHERE, keep=()), form)
            for name in ("prior_at", "post_at"):
                state[name][:] = position[state[name]]
        for name in _ZONES:
            self.state[name][:] = _renumbered(self.state[name], zone, UNPLACED, keep=(GONE, UNPLACED))
        late = _renumbered(quiet["late_antenna"], antenna, -1, keep=(-1,))
        quiet["late_antenna"][:] = late
        quiet["mass_zone"][:] = _renumbered(quiet["mass_zone"], zone, -1, keep=(-1,))
        quiet["zone"][:] = _renumbered(quiet["zone"], zone, UNPLACED, keep=(GONE, UNPLACED))
        lost = ((quiet["mass_zone"] < 0).all(1) | (quiet["zone"] == UNPLACED)) & (quiet["item"] >= 0)
        self.air.carry_over(saved.air, antenna, device)
        self.judging.likelihood.renew(self.air.through)
        self.tiers.wake(np.flatnonzero(lost), self.now_us)


def _renumbered(
    numbers: NDArray[np.int16], new: NDArray[np.int64], lost: int, *, keep: tuple[int, ...]
) -> NDArray[np.int16]:
    """Return numbers of things that were renumbered; `lost` for those that are no more."""
    if not len(new):
        return np.full_like(numbers, lost)
    found = np.where(numbers >= 0, new[np.maximum(numbers, 0)], lost)
    found = np.where((numbers >= 0) & (found < 0), lost, found)
    for number in keep:
        found = np.where(numbers == number, number, found)
    return found.astype(np.int16)


def is_simple_snapshot(data: bytes) -> bool:
    """Return whether bytes are of the simple tracker, which stood here before: an array with a number first."""
    return len(data) > 1 and data[0] == _SIMPLE_ARRAY and data[1] < 0x80
