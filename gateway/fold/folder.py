"""Folding one entry: the state moves, and what follows for the ledger and the zones comes out.

Pure: no IO, no clock, no randomness; `received_us` of an entry is the only time there is. Entries are folded in the
order of their numbers, each once.

* `site`: the description of the site. Zones that are new are empty; what is known about items stays.
* `model`: the sensor model of the site, or that it has none any more; what is known about items stays.
* `data`: a durable message. Of a `ReadBatch` the antennas that the sending edge owns are kept, EPCs become item
  numbers, and the tracker decides. A `CountBatch` is part of a cycle count, a `ScanBatch` may hold sales and
  receipts (`gateway.fold.witness`). All other kinds only count.
* `evidence`: what was sold, received, returned, counted or put somewhere; the tracker decides what that means.
* `tick`: time passes. The gateway's logged time never runs backwards. With it probabilities are published
  (`gateway.fold.publish`) and the accuracy is measured (`gateway.fold.measure`).

The folder keeps the places of items itself and takes from the tracker only where an item is *now*: a movement always
leaves the place that the ledger has it in, so debits equal credits whatever a tracker says.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.fold.evidence import decode_evidence
from gateway.fold.limits import MEASURE_US
from gateway.fold.measure import measure, of_count
from gateway.fold.outputs import Outputs, ZoneReport
from gateway.fold.publish import Publisher
from gateway.fold.resolve import Resolver
from gateway.fold.state import NEVER, FoldState
from gateway.fold.witness import Heard, Witness
from gateway.ledger.movement import Movement
from gateway.presence.tracker import Inventory, Tracker, Window, ZoneChange
from gateway.storage.input_log import Entry, Kind
from wire.epc import CompanyPrefixes
from wire.errors import WireError
from wire.limits import ID_MAX_CHARS
from wire.messages import AntennaLook, CountBatch, DeviceEvents, Gap, ReadBatch, ScanBatch, decode_durable
from wire.observations import Observations
from wire.site import OUT, Site

CAUSE_MAX_CHARS: Final = ID_MAX_CHARS // 2
FIGURE_MAX: Final = 2**63 - 1
"""Where a count that an edge gives stops: a snapshot holds no larger number, and would fail for ever."""


class FoldError(RuntimeError):
    """Our bug: entries out of order, or data before any description of the site."""


class Folder:
    """Folds a site's entries into a state."""

    def __init__(self, state: FoldState) -> None:
        self.state = state
        self._zone_of: dict[tuple[str, int], str] = {}
        self._edge_of: dict[str, str] = {}
        self._covered: tuple[str, ...] = ()
        self._resolver = Resolver(state, CompanyPrefixes([]))
        self._witness: Witness | None = None
        self._publisher: Publisher | None = None
        if state.site is not None:
            self._read_site(state.site)

    def _read_site(self, site: Site) -> None:
        counts_as = {zone.id: zone.counts_as for zone in site.zones}
        self._zone_of = {antenna: counts_as[zone] for antenna, zone in site.zone_of_antenna().items()}
        self._edge_of = {device.id: device.edge for device in site.devices}
        self._covered = tuple(sorted(set(self._zone_of.values())))
        self._resolver = Resolver(self.state, CompanyPrefixes(list(site.company_prefixes)))
        self._witness = Witness(self.state, self._resolver, site)
        assert self.state.tracker is not None
        self._publisher = Publisher(self.state, self.state.tracker)

    def fold(self, entry: Entry) -> Outputs:
        """Fold the next entry. Raises `FoldError` for any but the next."""
        state = self.state
        if entry.n != state.n + 1:
            raise FoldError(f"entry {entry.n} after {state.n}: the log has no holes")
        outputs = Outputs()
        if entry.kind is Kind.SITE:
            self._read_site(state.enter_site(entry.body))
            outputs.site_changed = True
            assert self._publisher is not None
            outputs.publish((state.items[number], chance) for number, chance in self._publisher.publish_all().items())
        elif state.tracker is None:
            raise FoldError(f"entry {entry.n} is {entry.kind.value!r}: the site is described first")
        elif entry.kind is Kind.MODEL:
            assert state.site is not None
            state.enter_model(entry.body)
            self._read_site(state.site)
        elif entry.kind is Kind.TICK:
            self._tick(entry, state.tracker, outputs)
        elif entry.kind is Kind.EVIDENCE:
            self._evidence(entry, state.tracker, outputs)
        else:
            self._data(entry, state.tracker, outputs)
        state.n = entry.n
        return outputs

    def _tick(self, entry: Entry, tracker: Tracker, outputs: Outputs) -> None:
        state = self.state
        state.now_us = max(state.now_us, entry.received_us)
        self._move(entry.n, tracker.tick(entry.received_us), outputs)
        self._report_zones(tracker, outputs)
        state.figures["counts_expired"] += state.open_counts.expire(state.now_us)
        assert self._publisher is not None
        if self._publisher.due():
            outputs.publish((state.items[number], chance) for number, chance in self._publisher.refresh().items())
        if state.now_us - state.measured_us >= MEASURE_US:
            state.measured_us = state.now_us
            outputs.figures += measure(state, tracker)

    def _evidence(self, entry: Entry, tracker: Tracker, outputs: Outputs) -> None:
        assert self._witness is not None
        try:
            said = decode_evidence(entry.body)
        except WireError:
            self.state.figures["undecodable"] += 1
            return
        self._hear(entry.n, tracker, [self._witness.entry(said, entry.received_us)], outputs)

    def _hear(self, n: int, tracker: Tracker, pieces: Iterable[Heard], outputs: Outputs) -> None:
        """Put evidence before the tracker, and say what it means to the book and about the count."""
        state = self.state
        for heard in pieces:
            outputs.lines += [(n, line) for line in heard.lines]
            if heard.evidence is None:
                continue
            state.meet_new()
            if heard.count is not None:
                outputs.counts.append((n, heard.count))
                outputs.figures += of_count(heard.count, lambda number: state.items[number].gtin)
            self._move(n, tracker.witness(heard.evidence), outputs)
            state.touched.update(heard.evidence.items.tolist())

    def _data(self, entry: Entry, tracker: Tracker, outputs: Outputs) -> None:
        figures = self.state.figures
        try:
            message = decode_durable(entry.body)
            columns = message.observations() if isinstance(message, ReadBatch) else None
        except WireError:
            figures["undecodable"] += 1  # the ingest checks bodies; one that an older program let in costs itself only
            return
        assert self._witness is not None
        match message:
            case ReadBatch():
                assert columns is not None
                figures["read_batches"] += 1
                window = self._window(message, columns, entry.received_us)
                self._note_looks(window)
                self.state.meet_new()
                self.state.touched.update(window.item.tolist())
                self._move(entry.n, tracker.observe(window), outputs)
            case ScanBatch():
                figures["scans"] += len(message.scans)
                self._hear(entry.n, tracker, self._witness.scans(message, entry.received_us), outputs)
            case CountBatch():
                heard = self._witness.count_part(message, entry.received_us)
                self.state.meet_new()
                self._hear(entry.n, tracker, [] if heard is None else [heard], outputs)
            case DeviceEvents():
                figures["device_events"] += len(message.events)
            case Gap():
                figures["gaps"] += 1

    def _window(self, batch: ReadBatch, columns: Observations, received_us: int) -> Window:
        """Resolve a batch: antennas that the sending edge owns, and EPCs that are items.

        A window that ends after its receipt comes from a clock that is ahead: it is set back as a whole, for an item
        that was seen tomorrow would be deaf until then.
        """
        figures = self.state.figures
        known = np.array(
            [
                (look.device, look.port) in self._zone_of and self._edge_of[look.device] == batch.edge
                for look in batch.antennas
            ],
            bool,
        )
        antenna = columns.antenna.astype(np.int32)
        placed = known[antenna] if len(antenna) else np.zeros(0, bool)
        items = self._resolver.items(columns)
        rows = np.flatnonzero(placed & (items >= 0))
        figures["observations"] += len(columns)
        figures["observations_unknown_antenna"] += int((~placed).sum())
        figures["looks_unknown_antenna"] += int((~known).sum())
        foreign = figures["foreign_reads_at_edge"] + sum(look.foreign for look in batch.antennas)
        figures["foreign_reads_at_edge"] = min(foreign, FIGURE_MAX)
        table = [look for look, good in zip(batch.antennas, known.tolist(), strict=True) if good]
        renumbered = (np.cumsum(known) - 1).astype(np.int32)
        end_us = min(batch.window_start_us + batch.window_ms * 1_000, received_us)
        start_us = end_us - batch.window_ms * 1_000
        return Window(
            start_us=start_us,
            end_us=end_us,
            antennas=tuple((look.device, look.port) for look in table),
            inventory_ms=np.array([look.inventory_ms for look in table], np.int32),
            item=items[rows],
            antenna=renumbered[antenna[rows]] if len(rows) else np.zeros(0, np.int32),
            count=columns.count[rows].astype(np.int32),
            rssi_peak_cdbm=columns.rssi_peak[rows].astype(np.int32),
            rssi_mean_cdbm=columns.rssi_mean[rows].astype(np.int32),
            first_us=np.minimum(_instants(start_us, columns.first[rows]), end_us),
            last_us=np.minimum(_instants(start_us, columns.last[rows]), end_us),
            settings=tuple(_inventories(table)),
        )

    def _note_looks(self, window: Window) -> None:
        """Remember the newest look at each zone."""
        looked = self.state.looked_us
        for antenna, inventory_ms in zip(window.antennas, window.inventory_ms.tolist(), strict=True):
            if inventory_ms > 0:
                zone = self._zone_of[antenna]
                looked[zone] = max(looked.get(zone, 0), window.end_us)

    def _move(self, n: int, changes: list[ZoneChange], outputs: Outputs) -> None:
        """Turn the tracker's decisions into movements, and publish the probabilities of what moved."""
        state = self.state
        moved = []
        for change in changes:
            key, place = state.items[change.item], state.places[change.item]
            credit = OUT if place == NEVER else place
            if credit != change.from_zone:
                state.figures["tracker_disagrees"] += 1
            state.says_probability |= change.probability is not None
            state.places[change.item] = change.to_zone
            if credit == change.to_zone:
                continue
            state.m += 1
            state.figures["movements"] += 1
            moved.append(change.item)
            outputs.movements.append(
                Movement(
                    m=state.m,
                    n=n,
                    gtin=key.gtin,
                    serial=key.serial,
                    credit=credit,
                    debit=change.to_zone,
                    happened_us=change.happened_us,
                    first_read_us=change.first_read_us,
                    decided_us=change.decided_us,
                    cause=change.cause[:CAUSE_MAX_CHARS],
                    probability=change.probability,
                )
            )
        assert self._publisher is not None
        published = self._publisher.publish(sorted(set(moved)), anyhow=True) if moved else {}
        outputs.publish((state.items[number], chance) for number, chance in published.items())

    def _report_zones(self, tracker: Tracker, outputs: Outputs) -> None:
        """Say of every zone with antennas whether it is looked at; one that never was, or lost them, is blind."""
        state = self.state
        blind = tracker.blind_zones()
        for zone in sorted({*self._covered, *state.live_since_us, *state.blind_since_us}):
            live = zone in self._covered and zone not in blind
            since, other = state.blind_since_us, state.live_since_us
            if live:
                since, other = other, since
            turned = zone not in since
            if turned:
                since[zone] = state.now_us
                other.pop(zone, None)
            outputs.zones[zone] = ZoneReport(zone, live, state.looked_us.get(zone, 0), since[zone], turned)


def _inventories(table: list[AntennaLook]) -> Iterable[Inventory]:
    """Yield how the antennas of a window inventory, where the window says it."""
    for number, look in enumerate(table):
        said = look.settings
        if said is not None and (said.session is not None or said.target is not None):
            single = None if said.target is None else said.target == "single"
            yield Inventory(number, said.session, single)


def _instants(start_us: int, offsets_ms: NDArray[np.int32]) -> NDArray[np.int64]:
    return start_us + offsets_ms.astype(np.int64) * 1_000
