"""What movements and unposted evidence mean to the states of items. Pure.

The fold says where items go; commerce has its own words for what that means. An item that leaves without a sale is
`left_unsold`, unless a sale by SKU still waits for its item: then it is that one. What comes back after it left, was
missing or was on its way is `available` again. An item that was sold stays sold wherever it is seen: only a return
makes it ours. An item that nobody named, which the tracker only took for one that was sold, is `available` again when
the tracker takes that back: then the sale waits for its item anew.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.fold.witness import BookLine
from gateway.ledger.accounts import Because, StateChange
from gateway.ledger.movement import Movement
from gateway.ledger.picture import AVAILABLE, IN_TRANSIT, LEFT_UNSOLD, MISSING, SOLD
from gateway.presence.tracker import EvidenceKind
from wire.site import OUT

ItemName = tuple[str, str]
"""GTIN and serial."""

SOLD_CAUSE: Final = "sold"
"""The cause of a movement of an item that the tracker took for one that was sold."""

_BACK: Final = frozenset({LEFT_UNSOLD, MISSING, IN_TRANSIT})
_NOT_FOUND: Final = frozenset({"counted", "placed"})
"""Causes by which somebody says that an item is not there: nobody saw it leave."""


@dataclass(slots=True)
class Consequences:
    """What is to be posted: states of items, units that are owed from now on, and units whose item is known.

    `taken_back`: units whose item was known, and is not any more; they are posted before `placed`. `corrected`: items
    that were a guess until somebody named them; they are ours again before their `states` are posted.
    """

    states: dict[ItemName, StateChange] = field(default_factory=dict)
    sold_by_sku: list[tuple[str, int, Because]] = field(default_factory=list)
    taken_back: list[tuple[str, Because]] = field(default_factory=list)
    corrected: list[StateChange] = field(default_factory=list)
    placed: list[tuple[str, Because]] = field(default_factory=list)


def consequences(
    states: Mapping[ItemName, str],
    unplaced: Mapping[str, int],
    lines: Iterable[BookLine],
    movements: Iterable[Movement],
    *,
    left: Mapping[str, Iterable[str]] | None = None,
    loose: Mapping[str, int] | None = None,
    elsewhere: Collection[ItemName] = (),
    inside_another: Collection[ItemName] = (),
    guessed: Mapping[ItemName, bool] | None = None,
) -> Consequences:
    """Return what follows for items that are in `states` (others: available).

    `unplaced` units wait for their item, by GTIN; `left` are serials of items that left unsold a short while ago, the
    newest first: a late sale by SKU is theirs. `loose` units without tags are sold before any item is waited for.
    The state of an item that is `elsewhere` was said at another site; one that is `inside_another` is seen there, and
    has not left for nowhere. `guessed` items are sold because the tracker took them for it, not because anybody named
    them; True: a unit that waited for its item was theirs.
    """
    far = _Far(frozenset(elsewhere), frozenset(inside_another))
    reckoning = _Reckoning(states, unplaced, left or {}, loose or {}, far)
    reckoning.guessed |= guessed or {}
    for line in lines:
        if not line.posted:
            reckoning.line(line)
    for moved in movements:
        reckoning.movement(moved)
    return reckoning.found


class _Far(NamedTuple):
    """Items that another site speaks of: their state was `said` there, or they are `seen` there."""

    said: frozenset[ItemName]
    seen: frozenset[ItemName]


class _Reckoning:
    """Goes through lines and movements in order, and remembers the states between them."""

    def __init__(
        self,
        states: Mapping[ItemName, str],
        unplaced: Mapping[str, int],
        left: Mapping[str, Iterable[str]],
        loose: Mapping[str, int],
        far: "_Far",
    ) -> None:
        self.found = Consequences()
        self._states = dict(states)
        self._waiting = dict(unplaced)
        self._left = {gtin: list(serials) for gtin, serials in left.items()}
        self._loose = dict(loose)
        self._far = far
        self.guessed: dict[ItemName, bool] = {}

    def line(self, line: BookLine) -> None:
        """Take a piece of evidence."""
        because = Because(line.kind.value, line.source, "", line.at_us)
        for serial in line.serials:
            name = (line.gtin, serial)
            if line.kind is EvidenceKind.SALE and name in self.guessed:  # the sale that it was taken for is another one
                self._take_back(name, because)
                self.found.corrected.append(self.found.states[name])
            self.guessed.pop(name, None)
            self._let(name, SOLD if line.kind is EvidenceKind.SALE else AVAILABLE, because)
        if line.kind is EvidenceKind.SALE and not line.serials:
            self._sale_by_sku(line.gtin, -line.units, because)

    def movement(self, moved: Movement) -> None:
        """Take a movement."""
        name = (moved.gtin, moved.serial)
        state = self._states.get(name, AVAILABLE)
        because = Because(moved.cause, "", "", moved.happened_us)
        gone, sold = moved.debit == OUT, moved.cause == SOLD_CAUSE
        far = name in self._far.said
        if (gone and (far or name in self._far.seen)) or (state == IN_TRANSIT and not far):
            return  # it is another site's already; or it lies at the dock still and waits for the van
        if state in _BACK and not gone:
            self._let(name, AVAILABLE, because)
        elif state == SOLD and name in self.guessed and not (gone or sold):
            self._take_back(name, because)
        elif state == AVAILABLE and (gone or sold) and self._waiting.get(moved.gtin, 0) > 0:
            self._waiting[moved.gtin] -= 1
            self.found.placed.append((moved.gtin, because))
            self._let(name, SOLD, because)
            self.guessed[name] = True
        elif state == AVAILABLE and sold:
            self._let(name, SOLD, because)
            self.guessed[name] = False
        elif state == AVAILABLE and gone:
            self._let(name, MISSING if moved.cause in _NOT_FOUND else LEFT_UNSOLD, because)

    def _take_back(self, name: ItemName, because: Because) -> None:
        """Let an item that was taken for a sold one be ours again; its sale waits for another."""
        self._let(name, AVAILABLE, because)
        if self.guessed.pop(name):
            self._waiting[name[0]] = self._waiting.get(name[0], 0) + 1
            self.found.taken_back.append((name[0], because))

    def _sale_by_sku(self, gtin: str, units: int, because: Because) -> None:
        late = self._left.get(gtin, [])
        late[:] = [serial for serial in late if self._states.get((gtin, serial), LEFT_UNSOLD) == LEFT_UNSOLD]
        taken, late[:] = late[:units], late[units:]
        for serial in taken:
            self._let((gtin, serial), SOLD, because)
        if owed := units - len(taken):
            self.found.sold_by_sku.append((gtin, owed, because))
            loose = min(owed, self._loose.get(gtin, 0))
            self._loose[gtin] = self._loose.get(gtin, 0) - loose
            self._waiting[gtin] = self._waiting.get(gtin, 0) + owed - loose

    def _let(self, name: ItemName, state: str, because: Because) -> None:
        if self._states.get(name, AVAILABLE) != state:
            self._states[name] = state
            self.found.states[name] = StateChange(*name, state, because)
