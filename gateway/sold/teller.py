"""Tells the edges of a site what it sold, and what came back.

Theory of operation. The truth is `disposition`: which items are sold, now. Every edge that begins (`listeners`) is told
the whole list of its site, the newest sales first, page by page; the first page says `anew`, so an edge has just this
list afterwards. From then on it is told what changes: each posting by which an item became sold, or was no longer,
whoever wrote it (the desk, a hold that was handed over, the fold that found the item of a sale by SKU). A posting only
says where to look; told is what is so now, so that telling twice, or late, does no harm.

One task does both, one after the other: a list that was read before a return is never sent after it. The process that
holds a site's fold lease is the one that tells its edges. What the broker does not take is not repeated piece by piece:
that edge gets the whole list again. So nothing has to be remembered, and a restart of either side, a broker that was
away or a new owner of the site all end in the same place. Nothing here is waited for by the ingest or the fold.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.ingest.births import EdgeName
from gateway.limits import RETRY_CAP_S, RETRY_FIRST_S
from gateway.push.publisher import Publisher
from gateway.rounds import pause
from gateway.sold.guesses import Guesses
from gateway.sold.limits import ITEMS_MAX, LATELY_US, PAGE_ITEMS, POLL_S, POSTINGS_MAX
from gateway.sold.listeners import Listeners
from gateway.sold.reading import ItemName, Sold, changes_after, newest_posting, sites_of, sold_by, sold_of
from gateway.sold.seen import SeenPostings
from gateway.storage.engine import Database
from wire.item_path import SERIAL_MAX_CHARS, item_path
from wire.messages import Command, EdgeState, ForgetSold, RememberAgain, SoldItem, encode_json
from wire.topics import Leaf, edge_topic

_log: Final = structlog.get_logger("gateway.sold")


@dataclass(slots=True)
class SoldFigures:
    """What this process told edges."""

    sold_looks: int = 0
    """Times that everything which was sold or returned by then was told."""
    sold_lists: int = 0
    """Whole lists."""
    sold_told: int = 0
    """Items of lists and changes, for each edge."""
    sold_taken_back: int = 0
    sold_untellable: int = 0
    """Items whose serial no tag can hold."""
    sold_missed: int = 0
    """Edges whose message the broker did not take: they get the whole list."""
    sold_failures: int = 0


class SoldTeller:
    """Tells edges until it is stopped. `holds`: whether this process holds the fold lease of a site."""

    def __init__(
        self,
        database: Database,
        sites: Iterable[str],
        publisher: Publisher,
        clock: Clock,
        *,
        grace_s: int,
        holds: Callable[[str], bool],
        poll_s: float = POLL_S,
    ) -> None:
        self.figures = SoldFigures()
        self._database = database
        self._sites = tuple(sorted(sites))
        self._publisher = publisher
        self._clock = clock
        self._grace_s = grace_s
        self._holds = holds
        self._poll_s = poll_s
        self._listeners = Listeners()
        self._guesses = Guesses(grace_s * 1_000_000)
        self._held: frozenset[str] = frozenset()
        self._connects = -1
        self._seen: SeenPostings | None = None
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures) | {"sold_guesses_waiting": len(self._guesses)}

    def heard(self, state: EdgeState) -> None:
        """Take what an edge said of itself."""
        if self._listeners.heard(state):
            self._news.set()

    def wake(self) -> None:
        """Say that something was sold or returned."""
        self._news.set()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Tell until `stop`."""
        delay_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            self._news.clear()
            try:
                await self._once()
                delay_s = RETRY_FIRST_S
            except (SQLAlchemyError, OSError) as error:
                self.figures.sold_failures += 1
                _log.warning("sold_failed", error=repr(error), retry_s=delay_s)
                await pause(self._stopping, delay_s)
                delay_s = min(2 * delay_s, RETRY_CAP_S)
                continue
            await pause(self._news, self._poll_s)

    async def _once(self) -> None:
        self._look_at_leases()
        if not self._publisher.connected:
            return
        if self._publisher.figures.connects != self._connects:
            self._connects = self._publisher.figures.connects
            self._listeners.forget_told()
        await self._tell_changes()
        for name in self._listeners.due(self._held, self._clock()):
            await self._tell_all(name)
            await self._tell_changes()  # a return does not wait for the lists of a hundred edges
        await self._tell_guesses()
        self.figures.sold_looks += 1

    def _look_at_leases(self) -> None:
        held = frozenset(site for site in self._sites if self._holds(site))
        for site in held - self._held:  # another process told its edges until now
            self._listeners.forget_told(site)
        self._held = held

    # -- the whole list

    async def _tell_all(self, name: EdgeName) -> None:
        """Tell one edge all that its site sold lately."""
        birth = self._listeners.birth(name)
        async with self._database.read() as connection:
            since_us = self._clock() - LATELY_US
            sure = [
                one async for part in sold_by(connection, name.site, since_us, ITEMS_MAX) for one in self._sure(part)
            ]
        pages = _pages(sure) or [[]]
        for number, page in enumerate(pages):
            if not self._holds(name.site) or not await self._forget(name, page, anew=number == 0):
                return
        self._listeners.told(name, birth, self._clock())
        self.figures.sold_lists += 1
        _log.info("sold_list_told", site=name.site, edge=name.edge, items=len(sure), pages=len(pages))

    def _sure(self, sold: Iterable[Sold]) -> list[Sold]:
        """Return what edges may be told now; guesses wait."""
        sure = []
        now_us = self._clock()
        for one in sold:
            if one.site not in self._held:
                continue
            if one.named or (one.is_sure and one.learnt_us + self._grace_s * 1_000_000 <= now_us):
                sure.append(one)
            else:
                self._guesses.put(one)
        return sure

    # -- what changes

    async def _tell_changes(self) -> None:
        more = True
        while more and not self._stopping.is_set():
            now_us = self._clock()
            async with self._database.read() as connection:
                if self._seen is None:
                    self._seen = SeenPostings(await newest_posting(connection), now_us)
                found = await changes_after(connection, self._seen.floor, POSTINGS_MAX)
                names = {change.name for change in self._seen.new(found)}
                sold = await sold_of(connection, names)
                sites = await sites_of(connection, names - sold.keys())
            await self._tell(self._sure(sold.values()))
            await self._take_back(sites)
            more = self._seen.saw(found, now_us)

    async def _take_back(self, sites: dict[ItemName, set[str]]) -> None:
        """Tell the edges of every site that may have sold these items that they are not sold any more."""
        self._guesses.drop(sites)
        by_site: dict[str, list[ItemName]] = defaultdict(list)
        for name, those in sorted(sites.items()):
            for site in those & self._held:
                by_site[site].append(name)
        for site, names in sorted(by_site.items()):
            paths = [item_path(*name) for name in names if len(name.serial) <= SERIAL_MAX_CHARS]
            for low in range(0, len(paths), PAGE_ITEMS):
                for edge in self._listeners.ready(site):
                    page = tuple(paths[low : low + PAGE_ITEMS])
                    if await self._send(edge, RememberAgain(items=page)):
                        self.figures.sold_taken_back += len(page)

    async def _tell_guesses(self) -> None:
        """Tell of guesses whose grace is over and whose items have left."""
        due = self._guesses.due(self._clock())
        if not due:
            return
        async with self._database.read() as connection:
            sold = await sold_of(connection, due)
        gone = [one for one in sold.values() if one.is_sure]
        self._guesses.drop([name for name in due if name not in sold])
        self._guesses.drop(one.name for one in gone)
        await self._tell(gone)

    async def _tell(self, sold: Iterable[Sold]) -> None:
        """Tell the edges that have their site's list of more items."""
        by_site: dict[str, list[Sold]] = defaultdict(list)
        for one in sold:
            if one.site in self._held:
                by_site[one.site].append(one)
        for site, items in sorted(by_site.items()):
            for page in _pages(items):
                for edge in self._listeners.ready(site):
                    await self._forget(edge, page, anew=False)

    # -- messages

    async def _forget(self, name: EdgeName, sold: Sequence[Sold], *, anew: bool) -> bool:
        now_us = self._clock()
        items = tuple(
            SoldItem(item_path(*one.name), max(0, now_us - one.learnt_us) // 1_000_000)
            for one in sold
            if len(one.name.serial) <= SERIAL_MAX_CHARS
        )
        self.figures.sold_untellable += len(sold) - len(items)
        taken = await self._send(name, ForgetSold(epcs=(), grace_s=self._grace_s, items=items, anew=anew))
        self.figures.sold_told += len(items) * taken
        return taken

    async def _send(self, name: EdgeName, command: Command) -> bool:
        topic = edge_topic(name.site, name.edge, Leaf.CMD)
        if await self._publisher.publish(topic, encode_json(command)):
            return True
        self.figures.sold_missed += 1
        self._listeners.missed(name, self._clock())
        return False


def _pages(sold: Sequence[Sold]) -> list[Sequence[Sold]]:
    return [sold[low : low + PAGE_ITEMS] for low in range(0, len(sold), PAGE_ITEMS)]
