"""What the gateway believes of each size in each store, as the real cores take it: by readers, or by a record on paper.

The gateway keeps this in its database and builds a `SkuPicture` from rows; here the same picture is built from memory.
What follows from it is the gateway's own: `mend` (holds that lost their unit), `ladder` (what can be promised) and, for
orders, `gateway.holds.decide`. Readers are the sight model (`simulator.chain.sight`); the till names each piece.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from bench.chain.agenda import Agenda, nobody
from gateway.availability import encode_ladder
from gateway.ledger.picture import AVAILABLE, MISSING, SOLD, HeldLine, Hold, LineKey, SkuKey, SkuPicture, Unit, mend
from simulator.chain.demand import Sku
from simulator.chain.goods import IN_HAND, Item
from simulator.chain.sight import Belief, Sight, SightFigures, Step
from simulator.chain.watch import GONE
from wire.site import OUT

ZONES: Final = ("BACK", "FLOOR_A", "FLOOR_B", "FIT", "POS", OUT)
"""The zones of a store, in the order of `simulator.chain.watch.KINDS`."""

SHORT_MIN: Final = 30.0
"""Steps of a belief below this pass on the clock, longer ones while the store is open."""

_OWN: Final = ("own", AVAILABLE)


class Place(NamedTuple):
    """A SKU (number) in a store (number)."""

    shop: int
    sku: int


class Told(NamedTuple):
    """A belief that changed: which piece is now said to be where."""

    place: Place
    serial: str
    before: int
    after: int
    chance: float


OnChange = Callable[[Place], None]
OnLines = Callable[[Place, set[LineKey]], None]
OnMove = Callable[[Told], None]


class Books(ABC):
    """What is common: holds, what can be promised, and who is told of a change."""

    def __init__(self, sites: tuple[str, ...], skus: tuple[Sku, ...]) -> None:
        self._sites, self._skus = sites, skus
        self._lines: dict[Place, dict[LineKey, HeldLine]] = defaultdict(dict)
        self._ladders: dict[Place, bytes] = {}
        self.on_change: OnChange = nobody
        self.on_lines: OnLines = nobody

    def key(self, place: Place) -> SkuKey:
        """Return the gateway's name of it."""
        return SkuKey(self._sites[place.shop], self._skus[place.sku].gtin)

    @abstractmethod
    def picture(self, place: Place) -> SkuPicture:
        """Return what is known of a SKU in a store now."""

    @abstractmethod
    def units(self, place: Place) -> int:
        """Return the units that the books say to be there."""

    @abstractmethod
    def _keep(self, place: Place, picture: SkuPicture) -> None:
        """Take over what mending did to the items of a picture."""

    def ladder(self, place: Place) -> bytes:
        """Return what can be promised, as the row of stock holds it."""
        if place not in self._ladders:
            self._ladders[place] = encode_ladder(self.picture(place).ladder())
        return self._ladders[place]

    def settle(self, place: Place) -> None:
        """Say that something changed: mends holds, and tells who listens."""
        self._ladders.pop(place, None)
        if self._lines.get(place):
            picture = self.picture(place)
            mended = mend(picture)
            if mended.lines:
                self._keep(place, picture)
                self.on_lines(place, mended.lines)
        self.on_change(place)

    def lines(self, place: Place) -> dict[LineKey, HeldLine]:
        """Return the lines of active holds."""
        return self._lines[place]

    def promised(self, place: Place) -> int:
        """Return the units that buyers were promised and that nobody has picked yet."""
        return sum(line.quantity for line in self._lines[place].values())

    def hold(self, place: Place, key: LineKey, line: HeldLine, serials: tuple[str, ...]) -> None:
        """Keep what was granted to a line."""
        self._lines[place][key] = line
        self._bind(serials, key)
        self.settle(place)

    def let_go(self, place: Place, key: LineKey) -> None:
        """A line is over."""
        self._lines[place].pop(key, None)
        self._unbind(place, key)
        self.settle(place)

    def _bind(self, serials: tuple[str, ...], key: LineKey) -> None:  # noqa: B027 - paper binds none
        """Bind items; on paper there are none."""

    def _unbind(self, place: Place, key: LineKey) -> None:  # noqa: B027 - paper binds none
        """Free the items of a line; on paper there are none."""

    @abstractmethod
    def where(self, place: Place, key: LineKey) -> tuple[str, int] | None:
        """Return the item that is bound to a line and its believed place, if it names one."""

    @abstractmethod
    def knows(self, item: Item) -> bool:
        """Whether a picker can take a piece for an order: readers have to know it by name."""

    @abstractmethod
    def missed(self, place: Place, key: LineKey) -> None:
        """Somebody looked for a line's unit in vain."""

    @abstractmethod
    def picked(self, place: Place, key: LineKey, item: Item) -> None:
        """Somebody took a piece for a line, whichever was bound to it; the line is served."""

    @abstractmethod
    def came(self, item: Item, noted: int) -> None:
        """A piece came to a store; the papers call it `noted`."""

    @abstractmethod
    def moved(self, item: Item) -> None:
        """A piece was carried to another place, or out."""

    @abstractmethod
    def sold(self, item: Item) -> None:
        """The till sold a piece."""


@dataclass(slots=True, eq=False)
class Entry:
    """A piece as readers see it. `lay`: where it truly was before it moved last; nobody but the model uses it."""

    item: Item
    sight: Sight
    belief: Belief
    since_us: int
    lay: int = GONE
    state: str = AVAILABLE
    hold: Hold | None = None
    turn: int = 0

    def unit(self) -> Unit:
        """Return it as the gateway's picture has it."""
        zone = ZONES[self.belief.kind]
        return Unit(self.item.serial, zone, self.belief.sellable, True, self.state, self.hold)


class ReadBooks(Books):
    """Stock by readers."""

    def __init__(
        self, sites: tuple[str, ...], skus: tuple[Sku, ...], agenda: Agenda, figures: SightFigures, seed: int
    ) -> None:
        super().__init__(sites, skus)
        self._agenda, self._figures, self._seed = agenda, figures, seed
        self._entries: dict[str, Entry] = {}
        self._here: dict[Place, list[Entry]] = defaultdict(list)
        self._unplaced: dict[Place, int] = defaultdict(int)
        self.on_move: OnMove = nobody

    def entries(self, place: Place) -> list[Entry]:
        """Return the pieces that the gateway knows, those believed gone left out."""
        return [entry for entry in self._here[place] if entry.belief.kind != GONE]

    def knows(self, item: Item) -> bool:
        return item.serial in self._entries

    def units(self, place: Place) -> int:
        return sum(entry.state == AVAILABLE for entry in self.entries(place))

    def unplaced(self, place: Place) -> int:
        """Return the units that were sold without a name."""
        return self._unplaced[place]

    def picture(self, place: Place) -> SkuPicture:
        return SkuPicture(
            self.key(place),
            [entry.unit() for entry in self.entries(place)],
            lines=self._lines[place],
            unplaced=self._unplaced[place],
        )

    def _keep(self, place: Place, picture: SkuPicture) -> None:  # noqa: ARG002 - the items know their place
        for unit in picture.units:
            self._entries[unit.serial].hold = unit.hold

    def _bind(self, serials: tuple[str, ...], key: LineKey) -> None:
        for serial in serials:
            self._entries[serial].hold = Hold(key.reservation, key.line, picked=False, lapsed=False)

    def _unbind(self, place: Place, key: LineKey) -> None:
        for entry in self._here[place]:
            if entry.hold is not None and (entry.hold.reservation, entry.hold.line) == key:
                entry.hold = None

    def _bound(self, place: Place, key: LineKey) -> Entry | None:
        return next((e for e in self._here[place] if e.hold and (e.hold.reservation, e.hold.line) == key), None)

    def where(self, place: Place, key: LineKey) -> tuple[str, int] | None:
        entry = self._bound(place, key)
        return None if entry is None else (entry.item.serial, entry.belief.kind)

    def missed(self, place: Place, key: LineKey) -> None:
        entry = self._bound(place, key)
        if entry is not None:
            entry.state = MISSING
        self.settle(place)

    def picked(self, place: Place, key: LineKey, item: Item) -> None:
        taken, bound = self._entries[item.serial], self._bound(place, key)
        if bound is not taken and bound is not None:
            bound.hold = taken.hold  # whoever waits for the piece that was taken gets this one
        elif bound is None and taken.hold is not None:
            other = LineKey(taken.hold.reservation, taken.hold.line)
            self._lines[place][other].substitution_needed += 1
        taken.hold = None
        self._forget(taken)
        self._lines[place].pop(key, None)
        self.settle(place)

    def came(self, item: Item, noted: int) -> None:  # noqa: ARG002 - readers see what came, whatever papers say
        if not item.tagged:
            return
        sight = Sight(self._figures, Random(f"{self._seed}/{item.serial}"))
        entry = Entry(item, sight, sight.belief(GONE, GONE, fresh=False), self._agenda.now_us)
        self._entries[item.serial] = entry
        self._here[Place(item.shop, item.sku)].append(entry)
        self.moved(item)

    def lies(self, item: Item) -> None:
        """A piece has lain in its place since long."""
        if not item.tagged:
            return
        sight = Sight(self._figures, Random(f"{self._seed}/{item.serial}"))
        belief, following = sight.opening(item.place)
        entry = Entry(item, sight, belief, self._agenda.now_us, lay=item.place)
        self._entries[item.serial] = entry
        self._here[Place(item.shop, item.sku)].append(entry)
        self._plan(entry, following, fresh=False)

    def moved(self, item: Item) -> None:
        entry = self._entries.get(item.serial)
        if entry is None or item.place == IN_HAND:
            return
        entry.turn += 1
        before, entry.lay = entry.lay, item.place
        self._plan(entry, entry.sight.moved(before, item.place, entry.belief.kind), fresh=True)

    def sold(self, item: Item) -> None:
        place = Place(item.shop, item.sku)
        entry = self._entries.get(item.serial)
        if entry is None:
            self._unplaced[place] += 1  # the till says a size only: nobody knows which piece of it
        else:
            entry.state = SOLD
            self.settle(place)
            self._forget(entry)
        self.settle(place)

    def _forget(self, entry: Entry) -> None:
        entry.turn += 1
        self._here[Place(entry.item.shop, entry.item.sku)].remove(entry)
        del self._entries[entry.item.serial]

    def _plan(self, entry: Entry, step: Step | None, *, fresh: bool) -> None:
        if step is None:
            return
        turn, minutes = entry.turn, step.delay_s / 60
        at = self._agenda.now_min + minutes if minutes < SHORT_MIN else self._agenda.open_after(minutes)
        if at < 1e6:
            self._agenda.at(at, lambda: self._step(entry, turn, step, fresh=fresh))

    def _step(self, entry: Entry, turn: int, step: Step, *, fresh: bool) -> None:
        if turn != entry.turn:
            return
        true, before = entry.item.place, entry.belief
        entry.belief, following = (entry.sight.after_move if fresh else entry.sight.after)(step, true, before.kind)
        place = Place(entry.item.shop, entry.item.sku)
        if entry.belief.kind != before.kind:
            entry.since_us = self._agenda.now_us
            if entry.state == MISSING:
                entry.state = AVAILABLE
            self.on_move(Told(place, entry.item.serial, before.kind, entry.belief.kind, entry.belief.place))
        self._plan(entry, following, fresh=False)
        self.settle(place)


class PaperBooks(Books):
    """Stock on record: what papers and the till say. Nobody sees a theft, nor where anything lies."""

    def __init__(self, sites: tuple[str, ...], skus: tuple[Sku, ...], record: dict[Place, int]) -> None:
        super().__init__(sites, skus)
        self._record = defaultdict(int, record)

    def picture(self, place: Place) -> SkuPicture:
        return SkuPicture(self.key(place), untagged={_OWN: max(0, self._record[place])}, lines=self._lines[place])

    def _keep(self, place: Place, picture: SkuPicture) -> None:
        """Nothing: no item is bound."""

    def knows(self, item: Item) -> bool:  # noqa: ARG002 - any piece of the size will do
        return True

    def where(self, place: Place, key: LineKey) -> tuple[str, int] | None:  # noqa: ARG002 - papers name no place
        return None

    def missed(self, place: Place, key: LineKey) -> None:
        """Nobody finds one: no more of it is offered until it is counted or comes in."""
        self._record[place] = sum(line.untagged for other, line in self._lines[place].items() if other != key)
        self.settle(place)

    def picked(self, place: Place, key: LineKey, item: Item) -> None:  # noqa: ARG002 - any piece of the size will do
        self._lines[place].pop(key, None)
        self._record[place] -= 1
        self.settle(place)

    def came(self, item: Item, noted: int) -> None:
        place = Place(item.shop, noted)
        self._record[place] += 1
        self.settle(place)

    def moved(self, item: Item) -> None:
        """Papers say nothing of it."""

    def sold(self, item: Item) -> None:
        place = Place(item.shop, item.sku)
        self._record[place] = max(0, self._record[place] - 1)
        self.settle(place)

    def counted(self, place: Place, units: int) -> None:
        """Somebody counted."""
        self._record[place] = units
        self.settle(place)

    def units(self, place: Place) -> int:
        return self._record[place]
