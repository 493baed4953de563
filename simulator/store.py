"""A store in software: goods, people, radio and readers, one second at a time.

`Store` puts the parts together. It is deterministic: the same site, level and seed give the same life, and with the
same settings of the readers the same reads. It keeps no clock: the caller says which second comes next.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.air import Air, Reads
from simulator.antennas import Antennas, PlacedAntenna
from simulator.catalogue import Catalogue, make_catalogue
from simulator.errors import StoreError, WrongSecondError
from simulator.events import Move, StoreEvent
from simulator.fixtures import Fixtures
from simulator.floorplan import FloorPlan
from simulator.goods import Goods, State, Tagset
from simulator.levels import Level, level_of
from simulator.life import Life
from simulator.looking import Looking
from simulator.radio import Radio
from simulator.tags import make_tags
from wire.site import OUT, Site, ZoneKind

ITEMS_PER_M2: Final = 3.0
"""A sparse apparel store; real ones hang up to 20 pieces on a square metre: say so with `items`."""

ITEMS_MIN: Final = 40
ITEMS_MAX: Final = 200_000
"""Links of all tags to all antennas are held in memory: 4 bytes each, 80 MB for 200,000 items and 100 antennas."""

FOREIGN_POOL: Final = 60
FOREIGN_MAX: Final = 2_000
"""Foreign tags that walk about near a store of 900 items; and at most."""

DELIVERY_AT: Final = 0.3
"""Deliveries come at 30 % of the hours that were asked for, and again after each such time."""

DELIVERY_MIN_S: Final = 10.0
BUSY_MAX: Final = 100.0
SEED_MAX: Final = 2**63


class Store:
    """A simulated store.

    Args:
        site: any site: with outlines, with antenna positions only, or with neither.
        level: "easy", "realistic", "hostile", or a `Level`.
        seed: 0 or more; everything random follows from it.
        items: pieces of stock; None: by floor area.
        reserve: further pieces, as a share of `items`, that come with later deliveries (for long runs).
        hours: for how long the store will run; sets when deliveries come.
        busy: factor on shoppers, returns and replenishment.
        haste: divides how long people stand about; not how fast they walk.

    Raises:
        StoreError: a parameter out of range.
    """

    def __init__(
        self,
        site: Site,
        level: str | Level = "realistic",
        seed: int = 1,
        *,
        items: int | None = None,
        reserve: float = 0.0,
        hours: float = 3.0,
        busy: float = 1.0,
        haste: float = 1.0,
    ) -> None:
        _check(items=items, seed=seed, reserve=reserve, hours=hours, busy=busy, haste=haste)
        self.site = site
        self.level = level_of(level)
        goods_rng, place_rng, life_rng, radio_rng, air_rng = (
            np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(5)
        )
        self.plan = FloorPlan(site)
        self.zones: tuple[str, ...] = (*self.plan.names, OUT)
        self._antennas = Antennas(site, self.plan)
        stock = items if items is not None else _default_items(self.plan)
        departments = tuple(
            dict.fromkeys(zone.department for zone in site.zones if zone.department and zone.kind in _SELLS)
        )
        self.catalogue: Catalogue = make_catalogue(
            round(stock * (1 + reserve)), goods_rng, prefixes=site.company_prefixes, departments=departments
        )
        foreign = FOREIGN_POOL * max(1.0, stock / 900 * busy) if self.level.foreign_share else 0
        self._tags = make_tags(self.catalogue, int(min(FOREIGN_MAX, foreign)), goods_rng)
        self.items, self.tags = self._tags.items, len(self._tags.epcs)
        self._goods = Goods(self.tags, self.items, self.plan)
        self._life = Life(
            self._goods,
            Fixtures(self.plan, self._antennas, self.catalogue, self._tags, place_rng),
            self.level,
            life_rng,
            product=self._tags.product,
            min_floor=np.array([product.min_floor for product in self.catalogue.products]),
            busy=busy,
            haste=haste,
            delivery_every_s=max(DELIVERY_MIN_S, DELIVERY_AT * hours * 3_600),
        )
        self._radio = Radio(self._antennas, self.plan.walls, self.level, self.tags, radio_rng)
        self._air = Air(self._antennas, self.level, self.tags, self.items, air_rng)
        self._looking = {name: self._everything(name) for name in self._antennas.devices}
        self._outages = self._plan_outages()
        self._next_s = 0
        self.moves: tuple[Move, ...] = ()
        self._life.open(stock)
        self._settle()
        self._life.let_in()
        self._settle()

    # -- time

    def step(self, t_s: int) -> Reads:
        """Let second `t_s` pass and return what the looking readers saw in it.

        `moves` and `events` hold what happened in it. Raises `WrongSecondError` unless `t_s` is the next one (0 first).
        """
        if t_s != self._next_s:
            raise WrongSecondError(f"second {t_s}: expected {self._next_s}; a store's life has no gaps")
        self._next_s += 1
        self._life.second(t_s)
        items, before, now = self._settle()
        self.moves = tuple(
            Move(t_s, item, a, b) for item, a, b in zip(items.tolist(), before.tolist(), now.tolist(), strict=True)
        )
        active = {name: how for name, how in self._looking.items() if not self.is_out(name, t_s)}
        return self._air.second(t_s, self._radio, active)

    @property
    def next_s(self) -> int:
        """The second that `step` takes next."""
        return self._next_s

    @property
    def events(self) -> tuple[StoreEvent, ...]:
        """What happened in the last second."""
        return tuple(self._life.events)

    # -- readers

    @property
    def antennas(self) -> tuple[PlacedAntenna, ...]:
        """All antennas; their positions are the antenna numbers of `Reads`."""
        return self._antennas.placed

    def set_looking(self, device: str, looking: Looking | None) -> None:
        """Say what a reader inventories from the next second on; None: nothing.

        Raises `UnknownDeviceError`, `UnknownPortError`, `StoreError` (session).
        """
        self._antennas.of_device(device)
        if looking is None:
            self._looking.pop(device, None)
            return
        self._antennas.check(device, looking)
        if looking.session is not None and not 0 <= looking.session <= 3:
            raise StoreError(f"session {looking.session} of device {device!r}: expected 0 to 3")
        # The order of devices decides who reads an S1 tag first: always the site file's.
        changed = {**self._looking, device: looking}
        self._looking = {name: changed[name] for name in self._antennas.devices if name in changed}

    def looking(self, device: str) -> Looking | None:
        """What a reader inventories now. Raises `UnknownDeviceError`."""
        self._antennas.of_device(device)
        return self._looking.get(device)

    def is_out(self, device: str, t_s: int) -> bool:
        """Whether the level lets a reader fail in this second."""
        return any(name == device and low <= t_s < high for name, low, high in self._outages)

    def reads_of(self, reads: Reads, device: str) -> Reads:
        """Only one device's reads and looks. Raises `UnknownDeviceError`."""
        mine = np.zeros(len(self._antennas), bool)
        mine[self._antennas.of_device(device)] = True
        return reads.of_antennas(mine)

    # -- tags and truth

    @property
    def epcs(self) -> NDArray[np.uint8]:
        """EPCs of all tags: uint8 [tags, 12]; items first, then foreign tags."""
        return self._tags.epcs

    def epc(self, tag: int) -> bytes:
        """EPC of a tag."""
        return self._tags.epc(tag)

    def epc_hex(self, tag: int) -> str:
        """EPC of a tag, 24 capital hex digits."""
        return self._tags.epc(tag).hex().upper()

    def gtin(self, tag: int) -> str:
        """GTIN-14 of an item; empty for a foreign tag."""
        return self.catalogue.products[self._tags.product[tag]].gtin if tag < self.items else ""

    def truth(self) -> NDArray[np.int16]:
        """Zone of every item now: positions in `zones`; an exit zone's goods count as its `counts_as` zone."""
        return self._goods.zone.copy()

    def positions(self) -> NDArray[np.float32]:
        """Place of every tag [tags, 2], metres; NaN for tags that are gone."""
        place = np.stack([self._goods.x, self._goods.y], axis=1).astype(np.float32)
        place[self._goods.state == State.GONE] = np.nan
        return place

    def people(self) -> list[tuple[float, float, int]]:
        """Everybody in the store or in front of its doors: x, y in metres, level."""
        return [person.place for person in self._life.people]

    def _settle(self) -> tuple[Tagset, NDArray[np.int16], NDArray[np.int16]]:
        """Bring truth and radio links up to date. Returns the items whose zone changed, from where and to where."""
        touched = self._goods.touched()
        changed = self._goods.settle(touched)
        self._radio.update(self._goods, touched)
        return changed

    # -- set-up

    def _everything(self, device: str) -> Looking:
        return Looking(tuple(self.antennas[int(n)].port for n in self._antennas.of_device(device)))

    def _plan_outages(self) -> tuple[tuple[str, float, float], ...]:
        """Device, first second and end of each of the level's outages: the last device that looks at such a zone."""
        planned = []
        for outage in self.level.outages:
            names = [antenna.device for antenna in self.antennas if antenna.kind is outage.kind]
            if names:
                start = outage.start_h * 3_600
                planned.append((names[-1], start, start + outage.minutes * 60))
        return tuple(planned)


_SELLS: Final = frozenset({ZoneKind.SALES_FLOOR, ZoneKind.WINDOW})


def _default_items(plan: FloorPlan) -> int:
    """Stock by floor area."""
    zones = plan.of_kind(ZoneKind.SALES_FLOOR, ZoneKind.WINDOW, ZoneKind.BACK_ROOM) or tuple(range(len(plan.zones)))
    area = sum(plan.area_m2(zone) for zone in zones)
    return int(np.clip(round(ITEMS_PER_M2 * area), ITEMS_MIN, ITEMS_MAX))


def _check(*, items: int | None, seed: int, reserve: float, hours: float, busy: float, haste: float) -> None:
    if items is not None and not 1 <= items <= ITEMS_MAX:
        raise StoreError(f"items {items}: expected 1 to {ITEMS_MAX}")
    if not 0 <= seed < SEED_MAX:
        raise StoreError(f"seed {seed}: expected 0 or more")
    if not 0 <= reserve <= 10:
        raise StoreError(f"reserve {reserve}: expected a share from 0 to 10")
    if not 0 < hours <= 24 * 366:
        raise StoreError(f"hours {hours}: expected more than 0, at most a year")
    for name, value in (("busy", busy), ("haste", haste)):
        if not 0 < value <= BUSY_MAX:
            raise StoreError(f"{name} {value}: expected more than 0, at most {BUSY_MAX:g}")
