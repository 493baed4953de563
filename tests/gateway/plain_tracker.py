"""A tracker with evidence and probabilities that a test can follow in its head; no engine, but the whole port.

An item is where it was read last. Its probability there is 0.6 after one read, and nearer to one by half with each
further read in that zone; the rest is `OUT`. With each tick of silence beyond `SILENT_US` it falls back to 0.6.
Evidence is believed at once.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.fold.state import Presence
from gateway.presence.model import Model
from gateway.presence.tracker import Evidence, EvidenceKind, Inventory, Window, ZoneChange
from wire.site import OUT, Site, ZoneKind

SILENT_US: Final = 60_000_000
UNSEEN: Final = 0.3
CAUSES: Final = {
    EvidenceKind.SALE: "sold",
    EvidenceKind.RECEIPT: "received",
    EvidenceKind.RETURN: "returned",
    EvidenceKind.COUNT: "counted",
    EvidenceKind.PLACE: "placed",
}


class _Saved(msgspec.Struct, array_like=True):
    gtins: list[str]
    place: list[str]
    sure: list[float]
    seen_us: list[int]
    now_us: int
    settings: list[tuple[int, int | None, bool | None]]


class PlainTracker:
    """See the module's text. `revision` and `lag_zone` make another set of rules of it."""

    def __init__(self, site: Site, *, revision: int = 1, deaf_to: str = "") -> None:
        self.revision = revision
        self._deaf_to = deaf_to
        self._zones = tuple(dict.fromkeys(zone.counts_as for zone in site.zones))
        counts_as = {zone.id: zone.counts_as for zone in site.zones}
        self._zone_of = {key: counts_as[zone] for key, zone in site.zone_of_antenna().items()}
        self._new_goods = next(zone.id for zone in site.zones if zone.kind is ZoneKind.BACK_ROOM)
        self._saved = _Saved([], [], [], [], 0, [])
        self.heard: list[Evidence] = []
        self.model: Model | None = None

    @property
    def zones(self) -> tuple[str, ...]:
        return self._zones

    @property
    def met(self) -> list[str]:
        return self._saved.gtins

    @property
    def settings(self) -> list[tuple[int, int | None, bool | None]]:
        return self._saved.settings

    def meet(self, gtins: Sequence[str]) -> None:
        self._saved.gtins += gtins
        self._saved.place += [OUT] * len(gtins)
        self._saved.sure += [1.0] * len(gtins)
        self._saved.seen_us += [0] * len(gtins)

    def observe(self, window: Window) -> list[ZoneChange]:
        saved = self._saved
        saved.settings += [(said.antenna, said.session, said.single_target) for said in window.settings]
        changes = []
        for item, antenna, last_us in zip(
            window.item.tolist(), window.antenna.tolist(), window.last_us.tolist(), strict=True
        ):
            zone = self._zone_of[window.antennas[antenna]]
            saved.seen_us[item] = last_us
            if zone == saved.place[item]:
                saved.sure[item] = (1 + saved.sure[item]) / 2
            elif zone != self._deaf_to:
                changes.append(self._put(item, zone, 0.6, last_us, "moved"))
        return sorted(changes, key=lambda change: change.item)

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        self.heard.append(evidence)
        saved, items = self._saved, evidence.items.tolist()
        if evidence.gtin:
            there = [i for i, gtin in enumerate(saved.gtins) if gtin == evidence.gtin and saved.place[i] != OUT]
            items = there[: evidence.quantity]
        zone = OUT if evidence.kind is EvidenceKind.SALE else evidence.zone or self._new_goods
        if evidence.kind is EvidenceKind.COUNT:
            for i, place in enumerate(saved.place):
                if place == zone and i not in items:
                    saved.sure[i] = min(saved.sure[i], UNSEEN)
        if evidence.kind is EvidenceKind.MISS:
            for item in items:
                if saved.place[item] == zone:
                    saved.sure[item] = min(saved.sure[item], UNSEEN)
            return []
        cause = CAUSES[evidence.kind]
        changes = []
        for item in items:
            if saved.place[item] == zone:
                saved.sure[item] = 0.999
            else:
                changes.append(self._put(item, zone, 0.97, evidence.at_us, cause))
        return changes

    def _put(self, item: int, zone: str, sure: float, at_us: int, cause: str) -> ZoneChange:
        saved = self._saved
        was, saved.place[item], saved.sure[item] = saved.place[item], zone, sure
        saved.seen_us[item] = max(saved.seen_us[item], at_us)
        return ZoneChange(item, was, zone, at_us, at_us, at_us, sure, cause)

    def tick(self, now_us: int) -> list[ZoneChange]:
        saved = self._saved
        saved.now_us = max(saved.now_us, now_us)
        for item, seen_us in enumerate(saved.seen_us):
            if saved.place[item] != OUT and saved.now_us - seen_us > SILENT_US:
                saved.sure[item] = min(saved.sure[item], 0.6)
        return []

    def blind_zones(self) -> frozenset[str]:
        return frozenset()

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        column = {zone: i for i, zone in enumerate((*self._zones, OUT))}
        found = np.zeros((len(items), len(column)), np.float32)
        for row, item in enumerate(items.tolist()):
            found[row, -1] = 1.0 - self._saved.sure[item]
            found[row, column[self._saved.place[item]]] += self._saved.sure[item]
        return found

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self._saved)


def plain(*, revision: int = 1, deaf_to: str = "") -> Presence:
    """Return how to make plain trackers; bytes that are of another tracker give one that has met nothing."""

    def make(site: Site, model: Model | None) -> PlainTracker:
        tracker = PlainTracker(site, revision=revision, deaf_to=deaf_to)
        tracker.model = model
        return tracker

    def restore(site: Site, snapshot: bytes, model: Model | None) -> PlainTracker:
        tracker = make(site, model)
        saved: Any = msgspec.msgpack.decode(snapshot)
        if len(saved) == len(_Saved.__struct_fields__):
            tracker._saved = msgspec.convert(saved, _Saved)
        return tracker

    return Presence(make, restore)


__all__ = ["Inventory", "PlainTracker", "plain"]
