"""People of one store: so many pairs of hands, orders first (`gateway.tasks.order`), then what is to be brought out."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

from bench.chain.agenda import Scene, nobody
from bench.chain.books import ZONES, Books
from bench.chain.web import Line, Part, Web
from gateway.tasks.order import rank
from simulator.chain.goods import IN_HAND, Item
from simulator.chain.watch import BACK

_WALK = {zone: number for number, zone in enumerate(ZONES)}


class Job(Protocol):
    """A round of refilling: how long it takes, and what is true when it is done."""

    minutes: float

    def done(self) -> None:
        """Carry out what was done."""
        ...


class Staff:
    """Works through orders and rounds while the store is open. `rounds`: gives the next round, None: there is none."""

    def __init__(self, scene: Scene, shop: int, books: Books, web: Web) -> None:
        self._chain, self._goods, self._agenda, self._seed = scene.chain, scene.goods, scene.agenda, scene.seed
        self._shop, self._books, self._web = shop, books, web
        self._free = max(1, round(scene.chain.hands * scene.chain.shops[shop].size))
        self._waiting: list[Part] = []
        self._due = False
        self.rounds: Callable[[], Job | None] = nobody
        self.minutes: dict[str, float] = defaultdict(float)

    def give(self, part: Part) -> None:
        """An order is to be picked."""
        if part not in self._waiting:
            self._waiting.append(part)
        self.look()

    def look(self) -> None:
        """Let whoever has nothing to do look for work, now or when the store opens."""
        if not self._due:
            self._due = True
            self._agenda.at(self._agenda.opening(), self._assign)

    def _assign(self) -> None:
        self._due = False
        if self._agenda.opening() > self._agenda.now_min:
            self.look()
            return
        while self._free:
            part = self._next_part()
            job = None if part is not None else self.rounds()
            if part is not None:
                self._start(self._pick(part), "pick", partial(self._web.finish, part))
            elif job is not None:
                self._start(job.minutes, "refill", job.done)
            else:
                return

    def _start(self, minutes: float, kind: str, done: Callable[[], None]) -> None:
        self._free -= 1
        self.minutes[kind] += minutes

        def end() -> None:
            self._free += 1
            done()
            self.look()

        self._agenda.after(minutes, end)

    def _next_part(self) -> Part | None:
        """Take the part that comes first by the gateway's order of tasks."""
        self._waiting = [part for part in self._waiting if any(self._ready(line) for line in part.waiting)]
        if not self._waiting:
            return None
        now_us = self._agenda.now_us
        first = min(
            self._waiting,
            key=lambda part: rank(
                f"{part.order.number:06d}", part.due_us, 0, zones=self._zones(part), walk=_WALK, now_us=now_us
            ),
        )
        self._waiting.remove(first)
        return first

    def _zones(self, part: Part) -> list[str]:
        found = [self._books.where(line.place, line.key) for line in part.waiting]
        return [ZONES[where[1]] for where in found if where is not None]

    def _ready(self, line: Line) -> bool:
        held = self._books.lines(line.place).get(line.key)
        return held is not None and not held.substitution_needed

    def _pick(self, part: Part) -> float:
        """Pick what can be found; returns how long that takes."""
        walk, each = self._chain.pick_min
        minutes = walk
        for line in list(part.waiting):
            again = self._ready(line)
            while again:
                item = self._find(part, line)
                if item is None:
                    minutes += self._chain.miss_min
                    again = self._web.not_found(part, line)
                    continue
                minutes += each
                self._goods.move(item, IN_HAND)
                self._web.took(part, line, item)
                again = False
        return minutes

    def _find(self, part: Part, line: Line) -> Item | None:
        """Look where the hint says, then where the size belongs, then in the back room."""
        where = self._books.where(line.place, line.key)
        places = ([where[1]] if where is not None else []) + [self._goods.home(line.place.sku), BACK]
        seen = [item for place in dict.fromkeys(places) for item in self._goods.at(*line.place, place)]
        seen = [item for item in seen if self._books.knows(item)]
        if where is not None:
            seen.sort(key=lambda item: item.serial != where[0])
        dice = Random(f"{self._seed}/{part.order.number}/{line.place.sku}/{self._shop}/{line.attempts}")
        return next((item for item in seen if dice.random() < self._chain.finds), None)
