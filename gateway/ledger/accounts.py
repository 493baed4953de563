"""Postings: units change their state, by double entry, and what follows from them changes in the same transaction.

The caller holds the SKUs' rows of `stock` (`gateway.ledger.retell.lock_skus`) and ends with `retell`. An item leaves
the account of the state that it is in, whatever the caller thinks: debits equal credits, item by item.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.errors import DeskError
from gateway.ledger.picture import AVAILABLE
from gateway.storage.commerce import disposition, posting, untagged
from gateway.storage.schema import stock
from gateway.storage.statement import MANY, has_key, insert_into, upsert_into

OWN: Final = "own"
"""The owner of goods that nobody else has a claim to; a concession or a supplier goes by its own name."""

OUTSIDE: Final = "outside"
"""The account of units that are not ours yet, or not any more, for another reason than a sale."""

UNPLACED: Final = "unplaced"
"""The account of units that were sold while nobody knew which item it was. Its balance is not above zero: each unit
that is owed here is one that still counts as available somewhere."""


class ShortError(DeskError):
    """There are not as many untagged units in an account as should leave it."""

    def __init__(self, site: str, gtin: str, account: str, found: int, wanted: int) -> None:
        self.site, self.gtin, self.account, self.found, self.wanted = site, gtin, account, found, wanted
        super().__init__(f"{found} untagged units of {gtin} are {account} in {site}, {wanted} should leave")


@dataclass(frozen=True, slots=True)
class Because:
    """Why something is posted: the cause, the sender's name of the event, the key that said so, and when it was."""

    cause: str
    source: str = ""
    actor: str = ""
    happened_us: int = 0


@dataclass(frozen=True, slots=True)
class StateChange:
    """An item that is to be in `to_state`; `owner` None: as before (`own` for an item that nobody spoke of)."""

    gtin: str
    serial: str
    to_state: str
    because: Because
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class StateRow:
    """The state of an item as its row says."""

    state: str
    owner: str
    site: str
    since_us: int = 0


async def states_of(connection: AsyncConnection, items: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StateRow]:
    """Return the rows of these items (GTIN, serial) that have one, locked; others are `available`."""
    wanted = sorted(set(items))
    found: dict[tuple[str, str], StateRow] = {}
    for low in range(0, len(wanted), MANY):
        query = (
            select(disposition)
            .where(has_key((disposition.c.gtin, disposition.c.serial), wanted[low : low + MANY]))
            .order_by(disposition.c.gtin, disposition.c.serial)
            .with_for_update()
        )
        for row in await connection.execute(query):
            found[row.gtin, row.serial] = StateRow(row.state, row.owner, row.site, row.since_us)
    return found


async def set_states(
    connection: AsyncConnection, site: str, changes: Sequence[StateChange], now_us: int
) -> list[StateChange]:
    """Let items be in other states, each once; return the changes of those that were not in theirs already."""
    held = await states_of(connection, ((change.gtin, change.serial) for change in changes))
    rows: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    done: list[StateChange] = []
    for change in changes:
        before = held.get((change.gtin, change.serial), StateRow(AVAILABLE, OWN, site))
        owner = change.owner or before.owner
        at_us = change.because.happened_us or now_us
        item = {"gtin": change.gtin, "serial": change.serial, "site": site, "owner": owner}
        if before.state != change.to_state:
            entries.append(
                item | _entry(before.state, change.to_state, 1, change.because, now_us) | {"happened_us": at_us}
            )
            done.append(change)
        elif (before.owner, before.site) == (owner, site):
            continue
        rows.append(item | {"state": change.to_state, "since_us": at_us})
    if rows:
        await connection.execute(upsert_into(connection, disposition), rows)
    if entries:
        await connection.execute(insert(posting), entries)
    return done


async def post_untagged(
    connection: AsyncConnection,
    key: tuple[str, str],
    units: int,
    accounts: tuple[str, str],
    *,
    because: Because,
    now_us: int,
    owner: str = OWN,
) -> None:
    """Post `units` without tags of a (site, GTIN) from one account to another: states, `outside`, or `unplaced`.

    Raises `ShortError` when there are not as many, with nothing written.
    """
    (site, gtin), (credit, debit) = key, accounts
    if credit not in {OUTSIDE, UNPLACED}:
        less = (
            update(untagged)
            .where(
                untagged.c.site == site,
                untagged.c.gtin == gtin,
                untagged.c.owner == owner,
                untagged.c.state == credit,
                untagged.c.quantity >= units,
            )
            .values(quantity=untagged.c.quantity - units)
        )
        if (await connection.execute(less)).rowcount != 1:
            has = select(untagged.c.quantity).where(
                untagged.c.site == site,
                untagged.c.gtin == gtin,
                untagged.c.owner == owner,
                untagged.c.state == credit,
            )
            raise ShortError(site, gtin, credit, int(await connection.scalar(has) or 0), units)
    if debit not in {OUTSIDE, UNPLACED}:
        put = insert_into(connection, untagged)
        more = put.on_conflict_do_update(
            index_elements=["site", "gtin", "owner", "state"],
            set_={"quantity": untagged.c.quantity + put.excluded.quantity},
        )
        row = {"site": site, "gtin": gtin, "owner": owner, "state": debit, "quantity": units}
        await connection.execute(more, row)
    owed = (credit == UNPLACED) - (debit == UNPLACED)
    if owed:
        mine = (stock.c.site == site) & (stock.c.gtin == gtin)
        await connection.execute(update(stock).where(mine).values(unplaced=stock.c.unplaced + owed * units))
    entry = {"site": site, "gtin": gtin, "serial": "", "owner": owner}
    await connection.execute(insert(posting), entry | _entry(credit, debit, units, because, now_us))


def _entry(credit: str, debit: str, units: int, because: Because, now_us: int) -> dict[str, Any]:
    return {
        "credit": credit,
        "debit": debit,
        "quantity": units,
        "cause": because.cause,
        "source": because.source,
        "actor": because.actor,
        "happened_us": because.happened_us or now_us,
        "recorded_us": now_us,
    }
