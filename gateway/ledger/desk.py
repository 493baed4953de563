"""The desk: where people and tills tell the gateway what the readers cannot know.

Each call is one transaction, and each is idempotent by the sender's own name for the event (`id`): the same again gets
the same answer, however often; another content under a name that was used is refused. What is told of items goes into
the site's input log, and the fold makes movements of it; nothing here touches a count or an item's place.

Locks are taken in the order of the fold and the ingest: the site's row of `site_fold`, then its log.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accuracy.reconcile import Decision, Difference, Effect, differences, effect
from gateway.clock import Clock, iso
from gateway.fold.evidence import EvidenceEntry, encode_evidence
from gateway.http.ports import Approved, BookTaken, EvidenceTaken
from gateway.ledger import book
from gateway.ledger.errors import (
    AlreadyApprovedError,
    DifferenceGoneError,
    ForeignItemError,
    IdReusedError,
    UnknownZoneError,
)
from gateway.ledger.facts import facts_of
from gateway.ledger.totals import BookRow
from gateway.presence.tracker import EvidenceKind
from gateway.storage import input_log
from gateway.storage.engine import Database
from gateway.storage.input_log import Kind, NewEntry
from gateway.storage.schema import approval, source_event
from gateway.storage.schema import site as site_table
from gateway.storage.site_register import decode_site
from gateway.storage.statement import insert_into, storable
from wire.epc import CompanyPrefixes
from wire.site import OUT, Site

T = TypeVar("T")

APPROVAL_PREFIX: Final = "approve:"
"""Before the id of a difference: the name of the evidence that its approval writes."""


class Desk:
    """Takes evidence, books and approvals for the sites of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(self, site: str, entry: EvidenceEntry) -> tuple[EvidenceTaken, bool]:
        """Log evidence; return the answer, and whether it had been given before.

        Raises `IdReusedError`, `UnknownZoneError`, `ForeignItemError`.
        """

        async def write(connection: AsyncConnection) -> EvidenceTaken:
            _check(await _site(connection, site), entry)
            n = await self._append(connection, site, entry)
            return EvidenceTaken(entry.id, site, n, len(entry.items) or entry.quantity, iso(self._clock()))

        async with self._database.write() as connection:
            names = _Names(connection, site, self._clock())
            return await names.once(entry.id, encode_evidence(entry), write, EvidenceTaken)

    async def put_book(self, site: str, name: str, rows: Sequence[BookRow]) -> tuple[BookTaken, bool]:
        """Take totals of distinct SKUs; return the answer, and whether it had been given before.

        Raises `IdReusedError`.
        """
        body = msgspec.msgpack.encode(["book", sorted((row.gtin, row.quantity, row.as_of_us) for row in rows)])

        async def write(connection: AsyncConnection) -> BookTaken:
            older = await book.put_totals(connection, site, rows, name, self._clock())
            return BookTaken(name, site, len(rows), older, iso(self._clock()))

        async with self._database.write() as connection:
            await book.lock_site(connection, site)
            return await _Names(connection, site, self._clock()).once(name, body, write, BookTaken)

    async def approve(
        self, site: str, name: str, who: str, decision: Decision, *, zone: str = "", serials: Sequence[str] = ()
    ) -> tuple[Approved, bool]:
        """Carry out what a person decides about a difference, and write down who did; return as the others do.

        Raises `DifferenceGoneError`, `AlreadyApprovedError`, `UnknownZoneError`, `DecisionError`.
        """
        async with self._database.write() as connection:
            await book.lock_site(connection, site)
            held = select(approval).where(approval.c.site == site, approval.c.id == name)
            row = (await connection.execute(held)).one_or_none()
            if row is not None:
                answer = msgspec.json.decode(bytes(row.after), type=Approved)
                asked = (storable(who), decision.value, zone, sorted(set(serials)))
                if asked != (answer.who, answer.decision, answer.zone, answer.serials_named):
                    raise AlreadyApprovedError(name, row.who, row.decision)
                return answer, True
            description = await _site(connection, site)
            one = await _difference(connection, description, name)
            if zone and zone not in {known.id for known in description.zones}:
                raise UnknownZoneError(zone, [known.id for known in description.zones])
            meant = effect(one, decision, zone, serials)
            return await self._carry_out(connection, site, one, meant, (storable(who), decision, zone, serials)), False

    async def _carry_out(
        self,
        connection: AsyncConnection,
        site: str,
        one: Difference,
        meant: Effect,
        asked: tuple[str, Decision, str, Sequence[str]],
    ) -> Approved:
        who, decision, zone, serials = asked
        now_us = self._clock()
        n = None
        if meant.serials:
            entry = EvidenceEntry(
                id=APPROVAL_PREFIX + one.id,
                kind=EvidenceKind.PLACE,
                at_us=now_us,
                items=tuple((one.gtin, serial) for serial in meant.serials),
                zone=meant.place,
                who=who,
            )
            n = await self._append(connection, site, entry)
        says = await book.correct(connection, site, one.gtin, meant.book_units, now_us) if meant.book_units else None
        answer = Approved(
            id=one.id,
            site=site,
            gtin=one.gtin,
            cause=one.cause.value,
            who=who,
            decision=decision.value,
            zone=zone,
            serials_named=sorted(set(serials)),
            items_placed=list(meant.serials),
            place=meant.place,
            n=n,
            book_units=meant.book_units if says is not None else 0,
            book_now=says,
            approved_at=iso(now_us),
        )
        row = {
            "site": site,
            "id": one.id,
            "gtin": one.gtin,
            "cause": one.cause.value,
            "who": who,
            "decision": decision.value,
            "before": msgspec.json.encode(one),
            "after": msgspec.json.encode(answer),
            "approved_us": now_us,
        }
        await connection.execute(insert(approval), row)
        return answer

    async def _append(self, connection: AsyncConnection, site: str, entry: EvidenceEntry) -> int:
        new = NewEntry(self._clock(), Kind.EVIDENCE, encode_evidence(entry))
        return await input_log.append(connection, site, [new])


class _Names:
    """The senders' names for events, inside one transaction."""

    def __init__(self, connection: AsyncConnection, site: str, now_us: int) -> None:
        self._connection = connection
        self._site = site
        self._now_us = now_us

    async def once(
        self, name: str, body: bytes, write: Callable[[AsyncConnection], Awaitable[T]], answer: type[T]
    ) -> tuple[T, bool]:
        """Do `write` unless this name was used; then give its answer again, or refuse another content.

        The name is taken first: whoever comes at the same moment with the same waits for our commit.
        """
        connection = self._connection
        digest = hashlib.sha256(body).digest()
        row = {"site": self._site, "id": name, "sha256": digest, "recorded_us": self._now_us, "answer": b""}
        take = insert_into(connection, source_event).on_conflict_do_nothing().returning(source_event.c.id)
        key = (source_event.c.site == self._site, source_event.c.id == name)
        if (await connection.execute(take, row)).scalar_one_or_none() is None:
            held = (await connection.execute(select(source_event).where(*key))).one()
            if bytes(held.sha256) != digest:
                raise IdReusedError(name)
            return msgspec.json.decode(bytes(held.answer), type=answer), True
        done = await write(connection)
        await connection.execute(update(source_event).where(*key).values(answer=msgspec.json.encode(done)))
        return done, False


async def _site(connection: AsyncConnection, site: str) -> Site:
    config = await connection.scalar(select(site_table.c.config).where(site_table.c.site == site))
    assert config is not None, f"site {site!r} is not registered"
    return decode_site(bytes(config))


async def _difference(connection: AsyncConnection, site: Site, name: str) -> Difference:
    """Find a difference by its id, as things are now. Raises `DifferenceGoneError`."""
    gtin = name.partition("-")[0]
    for facts in await facts_of(connection, site, [gtin]):
        for one in differences(facts):
            if one.id == name:
                return one
    raise DifferenceGoneError(name)


def _check(site: Site, entry: EvidenceEntry) -> None:
    """Refuse what the fold could not use. Raises `UnknownZoneError` and `ForeignItemError`."""
    zones = [zone.id for zone in site.zones]
    if entry.zone and entry.zone not in zones and not (entry.zone == OUT and entry.kind is EvidenceKind.PLACE):
        raise UnknownZoneError(entry.zone, zones)
    prefixes = CompanyPrefixes(list(site.company_prefixes))
    for gtin, _ in entry.items:
        if not prefixes.has(gtin):
            raise ForeignItemError(gtin, list(site.company_prefixes))
