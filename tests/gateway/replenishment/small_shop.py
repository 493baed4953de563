"""A small shop for the tests of replenishment: two floor zones, two back rooms, one of each other kind."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from gateway.replenishment.places import Place, Role
from gateway.replenishment.refill import RefillRules, decide
from gateway.replenishment.stock import Held, Refused, SkuRow, Unit, Untagged
from gateway.replenishment.targets import Target
from gateway.replenishment.task import Decisions, RefillTask, TaskState, Urgency, Wanted

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NOW = 1_000 * HOUR
SHIRT, COAT = "09506000134352", "09506000134369"
A, B, BACK, STORE, FIT, POS, WINDOW, DOCK = "FLOOR_A", "FLOOR_B", "BACK", "STORE", "FIT", "POS", "WINDOW", "DOCK"

PLACES = {
    place.zone: place
    for place in (
        Place(DOCK, Role.RECEIVING, walk=0),
        Place(BACK, Role.BACK, walk=1),
        Place(STORE, Role.BACK, walk=2),
        Place(A, Role.FLOOR, "women", walk=3),
        Place(B, Role.FLOOR, "men", walk=4),
        Place(FIT, Role.TRYING, walk=5),
        Place(POS, Role.OTHER, walk=6),
        Place(WINDOW, Role.WINDOW, walk=7),
    )
}
RULES = RefillRules(settle_us=0)
"""Decides at once; `SETTLED` waits."""
SETTLED = RefillRules()


def blind(*zones: str) -> dict[str, Place]:
    return {zone: replace(place, live=zone not in zones) for zone, place in PLACES.items()}


def units(zone: str, count: int, chance: float = 0.97, held: Held = Held.FREE, since_us: int = 0) -> tuple[Unit, ...]:
    return tuple(Unit(f"{zone}-{chance}-{held}-{n}", zone, chance, held, since_us) for n in range(count))


def row(*items: Sequence[Unit], gtin: str = SHIRT, low: int = 1, high: int = 2, **more: Any) -> SkuRow:
    given: dict[str, Any] = {"department": "women"} | more
    return SkuRow(gtin, Target(low, high), tuple(unit for some in items for unit in some), **given)


def task(quantity: int = 2, **more: Any) -> RefillTask:
    given: dict[str, Any] = {
        "id": "t-1",
        "gtin": SHIRT,
        "quantity": quantity,
        "urgency": Urgency.GAP,
        "due_us": NOW + HOUR,
        "opened_us": NOW - HOUR,
        "from_zones": (BACK,),
        "to_zones": (A,),
    } | more
    return RefillTask(**given)


def task_of(wanted: Wanted, now_us: int = NOW) -> RefillTask:
    """The task that an adapter makes of a wanted one."""
    return RefillTask(
        wanted.dedup,
        wanted.gtin,
        wanted.quantity,
        wanted.urgency,
        wanted.due_us,
        now_us,
        wanted.from_zones,
        wanted.to_zones,
        unread=wanted.unread,
    )


def applied(tasks: Iterable[RefillTask], decisions: Decisions, now_us: int = NOW) -> list[RefillTask]:
    """The tasks after an adapter did what was decided."""
    gone = {one.task for one in decisions.withdrawn}
    changes = {one.task: one for one in decisions.amended}
    kept = []
    for one in tasks:
        if one.id in changes:
            change = changes[one.id]
            one = replace(  # noqa: PLW2901 - the task as it is from here on
                one,
                quantity=change.quantity,
                unread=change.unread,
                urgency=change.urgency,
                due_us=change.due_us,
                from_zones=change.from_zones,
            )
        if one.id not in gone:
            kept.append(one)
    return kept + [task_of(wanted, now_us) for wanted in decisions.opened]


def decided(rows: Sequence[SkuRow], tasks: Sequence[RefillTask] = (), places: Any = PLACES, **more: Any) -> Decisions:
    return decide(rows, tasks, places, more.pop("rules", RULES), more.pop("now_us", NOW), **more)


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value in two of three draws: shops in which nothing can happen show nothing."""
    return st.sampled_from([usual] * 2 * len(others) + list(others))


CHANCES = mostly(0.97, 0.2, 0.45, 0.5, 0.6, 0.85, 0.9, 1.0)
GTINS = [f"0950600013{number:04}" for number in range(6)]


@st.composite
def some_units(draw: st.DrawFn) -> tuple[Unit, ...]:
    zones = mostly(BACK, A, B, STORE, FIT, POS, WINDOW, DOCK, "NO_MORE")
    held = mostly(Held.FREE, Held.CART, Held.ORDER)
    since = st.sampled_from([0, NOW - HOUR, NOW - MINUTE])
    count = draw(st.integers(0, 6))
    return tuple(Unit(str(n), draw(zones), draw(CHANCES), draw(held), draw(since)) for n in range(count))


@st.composite
def some_row(draw: st.DrawFn, gtin: str = SHIRT) -> SkuRow:
    low = draw(st.sampled_from([1, 2, 3, 0]))
    few = st.integers(0, 2)
    untagged = Untagged(draw(few), draw(few), draw(few)) if draw(mostly(False, True)) else Untagged()
    serials = st.frozensets(st.sampled_from(["0", "1", "2"]))
    looked = draw(mostly(0, NOW - 9 * HOUR, NOW - HOUR))
    return SkuRow(
        gtin,
        Target(low, low + draw(few)),
        draw(some_units()),
        department=draw(mostly("women", "", "men", "shoes")),
        core=draw(st.booleans()),
        homes=draw(mostly(frozenset[str](), frozenset({A}), frozenset({A, B}), frozenset({"GONE"}))),
        untagged=untagged,
        unplaced=draw(mostly(0, 1)),
        wanting=draw(mostly(0, 1)),
        refused=Refused(looked, draw(serials)) if looked else None,
    )


@st.composite
def some_rows(draw: st.DrawFn) -> list[SkuRow]:
    return [draw(some_row(gtin)) for gtin in draw(st.permutations(GTINS))[: draw(st.integers(1, 4))]]


@st.composite
def some_places(draw: st.DrawFn) -> dict[str, Place]:
    if draw(st.booleans()):
        return PLACES
    since, live = mostly(0, NOW - MINUTE // 2), mostly(True, False)
    return {zone: replace(place, live=draw(live), since_us=draw(since)) for zone, place in PLACES.items()}


@st.composite
def some_tasks(draw: st.DrawFn) -> list[RefillTask]:
    """Tasks, sometimes several of one SKU: two processes may have raced."""
    found = []
    for number, gtin in enumerate(draw(st.lists(st.sampled_from(GTINS), max_size=3))):
        state = draw(mostly(TaskState.OPEN, TaskState.CLAIMED, TaskState.DONE))
        quantity = draw(st.integers(1, 4))
        found.append(
            task(
                quantity,
                id=f"t-{number}",
                gtin=gtin,
                state=state,
                moved=draw(st.integers(0, quantity - 1)),
                opened_us=NOW - draw(st.integers(1, 3)) * HOUR,
                done_us=NOW - MINUTE if state is TaskState.DONE else None,
                urgency=draw(st.sampled_from(list(Urgency))),
            )
        )
    return found
