"""One operation inside its transaction: what is locked, what is posted, and what the logs are told at its end."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fold.evidence import EvidenceEntry, encode_evidence
from gateway.ledger.accounts import OWN, Because, ShortError, StateChange, post_untagged, set_states, states_of
from gateway.ledger.errors import ForeignItemError, UnknownZoneError
from gateway.ledger.picture import AVAILABLE, SOLD, SkuKey, SkuPicture
from gateway.ledger.retell import Locked, Told, lock_skus, pictures_of, retell, shelf_of
from gateway.presence.tracker import EvidenceKind
from gateway.site_view import SiteView, SiteViews
from gateway.storage import input_log
from gateway.storage.commerce import disposition
from gateway.storage.input_log import Kind, NewEntry
from gateway.storage.schema import site as site_table
from gateway.storage.statement import insert_into
from gateway.trade.audit import write_audit
from gateway.trade.errors import NotReceivingError, UnknownSiteError
from gateway.trade.limits import GOODS_MAX
from gateway.trade.places import inside
from gateway.trade.said import ItemName, Said
from wire.epc import CompanyPrefixes
from wire.site import OUT, Site, ZoneKind

_ARRIVALS = (ZoneKind.RECEIVING, ZoneKind.BACK_ROOM)


class Elsewhere(NamedTuple):
    """Items that other sites have inside, by site."""

    items: dict[str, list[ItemName]]

    @property
    def keys(self) -> set[tuple[str, str]]:
        """Their SKUs."""
        return {(site, name.gtin) for site, names in self.items.items() for name in names}


class Work:
    """The transaction of one operation. `actor` is the key that asks; `said` what it says."""

    def __init__(self, connection: AsyncConnection, views: SiteViews, said: Said, actor: str, now_us: int) -> None:
        self.connection = connection
        self.actor = actor
        self.now_us = now_us
        self.at_us = min(said.at_us, now_us)
        self._said = said
        self._views = views
        self._sites: dict[str, SiteView] = {}
        self._locked: Locked = {}
        self._entries: list[tuple[str, EvidenceEntry]] = []

    # -- sites

    async def enter(self, *sites: str) -> None:
        """Load what is known of these sites. Raises `UnknownSiteError`."""
        wanted = [site for site in sites if site not in self._sites]
        self._sites |= await self._views.load(self.connection, wanted)
        for site in wanted:
            if site not in self._sites:
                raise UnknownSiteError(site)

    def site(self, site: str) -> Site:
        """Return the description of a site that was entered."""
        return self._sites[site].site

    def check_items(self, site: str, items: Iterable[ItemName]) -> None:
        """Refuse items that are not under the site's company prefixes. Raises `ForeignItemError`."""
        own = list(self._sites[site].site.company_prefixes)
        prefixes = CompanyPrefixes(own)
        for name in items:
            if not prefixes.has(name.gtin):
                raise ForeignItemError(name.gtin, own)

    def check_zone(self, site: str, zone: str) -> None:
        """Refuse a zone that the site does not have. Raises `UnknownZoneError`."""
        zones = [known.id for known in self._sites[site].site.zones]
        if zone and zone not in zones:
            raise UnknownZoneError(zone, zones)

    def arrival(self, site: str, zone: str) -> str:
        """Return where new goods come in: `zone`, or the first for it. Empty: the site has none such.

        Raises `UnknownZoneError` and `NotReceivingError`.
        """
        self.check_zone(site, zone)
        zones = self._sites[site].site.zones
        fit = [known.id for kind in _ARRIVALS for known in zones if known.kind is kind]
        if zone and zone not in fit:
            raise NotReceivingError(zone, fit)
        return zone or next(iter(fit), "")

    # -- locks

    async def lock(self, keys: Iterable[tuple[str, str]]) -> Locked:
        """Lock the SKUs' rows of stock, once for the whole operation."""
        assert not self._locked, "all rows are locked at once: two turns could wait for each other"
        wanted = sorted({SkuKey(*key) for key in keys})
        await self.enter(*sorted({key.site for key in wanted}))
        self._locked = await lock_skus(self.connection, wanted, self.now_us)
        return self._locked

    async def claim(self, site: str, items: Sequence[ItemName]) -> None:
        """Give each item a row of its state: rows that are there can be locked, whichever site asks for the item."""
        insert = insert_into(self.connection, disposition).on_conflict_do_nothing()
        rows = [
            {"gtin": gtin, "serial": serial, "site": site, "state": AVAILABLE, "owner": OWN, "since_us": self.at_us}
            for gtin, serial in sorted(set(items))
        ]
        if rows:
            await self.connection.execute(insert, rows)

    async def elsewhere(self, site: str, items: Sequence[ItemName]) -> Elsewhere:
        """Return which of these items other sites have inside: they lose them, and their SKUs are told."""
        names = (await self.connection.scalars(select(site_table.c.site).where(site_table.c.site != site))).all()
        return Elsewhere(await inside(self.connection, names, items))

    async def in_state(self, items: Sequence[ItemName], state: str) -> list[ItemName]:
        """Return those of the items that are in a state, locked."""
        states = await states_of(self.connection, items)
        return [name for name in items if name in states and states[name].state == state]

    async def sold_since(self, items: Sequence[ItemName]) -> set[ItemName]:
        """Return those of the items that are sold, by an event that happened after this one."""
        states = await states_of(self.connection, items)
        return {name for name in items if (row := states.get(name)) and row.state == SOLD and row.since_us > self.at_us}

    async def pictures(self) -> dict[SkuKey, SkuPicture]:
        """Return the locked SKUs as they are now."""
        sellable = {site: view.sellable for site, view in self._sites.items()}
        return await pictures_of(self.connection, self._locked, sellable, self.now_us)

    # -- posting

    def because(self, cause: str) -> Because:
        """Return why this operation posts."""
        return Because(cause, self._said.event, self.actor, self.at_us)

    async def let(
        self, site: str, items: Iterable[ItemName], state: str, cause: str, owner: str | None = None
    ) -> list[StateChange]:
        """Let items be in a state; return the changes of those that were not."""
        because = self.because(cause)
        changes = [StateChange(gtin, serial, state, because, owner) for gtin, serial in sorted(set(items))]
        return await set_states(self.connection, site, changes, self.now_us)

    async def post(
        self, key: tuple[str, str], units: int, accounts: tuple[str, str], cause: str, owner: str = OWN
    ) -> None:
        """Post units without tags. Raises `ShortError`."""
        if units:
            because = self.because(cause)
            await post_untagged(self.connection, key, units, accounts, because=because, now_us=self.now_us, owner=owner)

    async def take(
        self, picture: SkuPicture, units: int, accounts: tuple[str, str], cause: str, owner: str = OWN
    ) -> None:
        """Post units without tags of whichever owner has them in the first account, this one's first.

        Raises `ShortError`.
        """
        credit, _ = accounts
        has = sum(held for (_, state), held in picture.untagged.items() if state == credit)
        if units > has:
            raise ShortError(*picture.key, credit, has, units)
        owners = sorted(
            (name for (name, state), held in picture.untagged.items() if state == credit and held),
            key=lambda name: (name != owner, name),
        )
        for name in owners:
            taken = min(units, picture.untagged[name, credit])
            await self.post(picture.key, taken, accounts, cause, name)
            picture.untagged[name, credit] -= taken
            units -= taken

    # -- the end

    def say(
        self,
        site: str,
        kind: EvidenceKind,
        *,
        items: Sequence[ItemName] = (),
        gtin: str = "",
        quantity: int = 0,
        untagged: int = 0,
        zone: str = "",
        coverage: float = 1.0,
    ) -> None:
        """Tell a site's log at the end. What it means to commerce is posted already."""
        named = [tuple(items[low : low + GOODS_MAX]) for low in range(0, len(items), GOODS_MAX)] or [()]
        for part in named:
            entry = EvidenceEntry(
                id=self._said.event,
                kind=kind,
                at_us=self.at_us,
                items=part,
                gtin=gtin,
                quantity=quantity,
                untagged=untagged,
                zone=zone,
                coverage=coverage,
                posted=True,
            )
            self._entries.append((site, entry))

    def gone_from(self, elsewhere: Elsewhere) -> None:
        """Tell other sites that items are not there: they are here, in somebody's hands."""
        for site, items in sorted(elsewhere.items.items()):
            self.say(site, EvidenceKind.PLACE, items=items, zone=OUT)

    async def finish(self, reason: str, action: str, subject: str, detail: dict[str, Any]) -> Told:
        """Say what can be promised now, write the audit, and tell the logs."""
        shelves = {site: shelf_of(view) for site, view in self._sites.items()}
        told = await retell(self.connection, self._locked, shelves, reason, self.now_us)
        await write_audit(
            self.connection,
            at_us=self.now_us,
            actor=self.actor,
            action=action,
            site=self._said.site,
            subject=subject,
            detail=detail,
        )
        for site in sorted({site for site, _ in self._entries}):
            new = [
                NewEntry(self.now_us, Kind.EVIDENCE, encode_evidence(entry))
                for name, entry in self._entries
                if name == site
            ]
            await input_log.append(self.connection, site, new)
        return told
