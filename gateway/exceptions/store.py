"""Alarms in the database: raised, cleared, acknowledged, read. All within the caller's transaction.

A row is locked after those of stock, reservations and tasks, before a site's log. Whoever finds all causes of one kind
at a time calls `settle` (or `settle_causes`), which raises what is new and clears what is gone; whoever meets single
ones calls `raise_alarm` and `clear_alarm`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import RowMapping, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.exceptions.alarm import LIVE, Alarm, Kind, NewAlarm, Severity, State, evidence_bytes
from gateway.exceptions.errors import UnknownAlarmError
from gateway.exceptions.limits import AGAIN_US, LIVE_MAX, PRUNE_MAX
from gateway.holds.ids import NewId, uuid7
from gateway.storage.alarms import ALARM_TEXT_CHARS, NOTE_CHARS, alarm
from gateway.storage.metadata import SERIAL_CHARS
from gateway.storage.statement import insert_into, storable
from gateway.storage.work import REASON_CHARS, WHO_CHARS
from gateway.trade.audit import write_audit

_LIVE: Final = sorted(state.value for state in LIVE)


def alarm_of(row: RowMapping) -> Alarm:
    """Return a row as an alarm."""
    held = {column.name: row[column] for column in alarm.c}
    held["kind"], held["severity"] = Kind(row[alarm.c.kind]), Severity(row[alarm.c.severity])
    held["state"], held["evidence"] = State(row[alarm.c.state]), msgspec.json.decode(row[alarm.c.evidence])
    return Alarm(**held)


async def read_alarm(connection: AsyncConnection, name: str, *, lock: bool = False) -> Alarm | None:
    """Return an alarm; `lock` its row."""
    query = select(alarm).where(alarm.c.id == storable(name))
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else alarm_of(row)


async def open_alarms(
    connection: AsyncConnection, site: str, kinds: Iterable[Kind] = Kind, *, lock: bool = False
) -> list[Alarm]:
    """Return a site's alarms of some kinds that are not cleared, by name: at most `LIVE_MAX` of each; `lock` them."""
    named = sorted(kind.value for kind in kinds)
    query = (
        select(alarm)
        .where(alarm.c.site == site, alarm.c.dedup.is_not(None), alarm.c.state.in_(_LIVE), alarm.c.kind.in_(named))
        .order_by(alarm.c.dedup)
        .limit(LIVE_MAX * len(named))
    )
    rows = await connection.execute(query.with_for_update() if lock else query)
    return [alarm_of(row) for row in rows.mappings()]


async def raise_alarm(connection: AsyncConnection, new: NewAlarm, new_id: NewId, now_us: int) -> str | None:
    """Raise an alarm; return its id, None when one of that name is not cleared: its cause was seen once more then.

    That one gets the new evidence, severity and words, and stays acknowledged if it was. Two that ask at once open one.
    """
    if await _again(connection, new, now_us):
        return None
    row = _said(new) | {
        "id": new_id(),
        "site": new.site,
        "kind": new.kind.value,
        "gtin": new.gtin,
        "serial": storable(new.serial, SERIAL_CHARS),
        "state": State.OPEN.value,
        "count": 1,
        "first_us": now_us,
        "last_us": now_us,
        "acknowledged_by": "",
        "acknowledged_note": "",
        "cleared_reason": "",
        "dedup": storable(new.dedup),
        "version": 1,
    }
    put = insert_into(connection, alarm).on_conflict_do_nothing().returning(alarm.c.id)
    made = (await connection.scalars(put, [row])).one_or_none()
    if made is None:  # another one was faster
        await _again(connection, new, now_us)
    return made


def _said(new: NewAlarm) -> dict[str, Any]:
    """Return what each sighting of a cause renews."""
    return {
        "severity": new.severity.value,
        "evidence": evidence_bytes(new.evidence),
        "text": storable(new.text, ALARM_TEXT_CHARS),
        "zone": new.zone,
    }


async def _again(connection: AsyncConnection, new: NewAlarm, now_us: int) -> bool:
    """Count an alarm that is there once more; return whether it was."""
    same = and_(alarm.c.site == new.site, alarm.c.dedup == storable(new.dedup))
    more = {"count": alarm.c.count + 1, "last_us": now_us, "version": alarm.c.version + 1}
    done = await connection.execute(update(alarm).where(same).values(**_said(new) | more))
    return done.rowcount == 1


async def clear_alarm(connection: AsyncConnection, site: str, dedup: str, reason: str, now_us: int) -> str | None:
    """Clear the alarm of this name: its cause is gone. Return its id, None when there is none."""
    values = {
        "state": State.CLEARED.value,
        "cleared_us": now_us,
        "cleared_reason": storable(reason, REASON_CHARS),
        "dedup": None,
        "version": alarm.c.version + 1,
    }
    same = and_(alarm.c.site == site, alarm.c.dedup == storable(dedup))
    put = update(alarm).where(same).values(**values).returning(alarm.c.id)
    return (await connection.scalars(put)).one_or_none()


async def acknowledge(
    connection: AsyncConnection, name: str, *, key: str, by: str = "", note: str = "", now_us: int
) -> tuple[Alarm, bool]:
    """Say that a person has seen an alarm; return it, and whether somebody had said so before.

    The first one stays: his name, time and note. An alarm that was cleared meanwhile stays cleared, and says who saw
    it. `key`: the API key's id, empty when there are no keys. Raises `UnknownAlarmError`.
    """
    found = await read_alarm(connection, name, lock=True)
    if found is None:
        raise UnknownAlarmError(name)
    if found.acknowledged_us is not None:
        return found, True
    values = {
        "state": (State.ACKNOWLEDGED if found.live else found.state).value,
        "acknowledged_us": now_us,
        "acknowledged_by": storable(by, WHO_CHARS),
        "acknowledged_key": key,
        "acknowledged_note": storable(note, NOTE_CHARS),
        "version": found.version + 1,
    }
    await connection.execute(update(alarm).where(alarm.c.id == found.id).values(**values))
    await write_audit(
        connection,
        at_us=now_us,
        actor=key,
        action="alarm.acknowledge",
        site=found.site,
        subject=found.id,
        detail={"kind": found.kind.value, "state": found.state.value},
    )
    seen = await read_alarm(connection, found.id)
    assert seen is not None
    return seen, False


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settling did: ids of alarms that are new and that are cleared; causes beyond the bound."""

    raised: Sequence[str] = ()
    cleared: Sequence[str] = ()
    left_out: int = 0

    @property
    def changed(self) -> bool:
        """Whether an alarm came or went."""
        return bool(self.raised or self.cleared)


@dataclass(frozen=True, slots=True)
class Causes:
    """All causes of one kind that a site has, the worst first, and what is said of an alarm whose cause is gone.

    `reasons`: words for single names. Names in `keep` are left alone: nothing is known of them at present. Not
    `complete`: there are more causes than were looked at, so none is said to be gone.
    """

    kind: Kind
    alarms: Sequence[NewAlarm]
    reason: str
    reasons: Mapping[str, str] = field(default_factory=dict)
    keep: Collection[str] = ()
    complete: bool = True


class _Plan(NamedTuple):
    clear: list[str]
    put: Mapping[str, NewAlarm]
    left_out: int


def _plan(live: Mapping[str, Alarm], causes: Causes, now_us: int) -> _Plan:
    """Return the names to clear, the alarms to raise or count again, and how many have no room. Pure.

    Of more than `LIVE_MAX` causes those that have an alarm stay, then the first ones are raised.
    """
    wanted = {storable(cause.dedup): cause for cause in causes.alarms}
    kept = {storable(name) for name in causes.keep}
    clear = sorted(live.keys() - wanted.keys() - kept) if causes.complete else []
    new = [name for name in wanted if name not in live]
    room = max(0, LIVE_MAX - len(live) + len(clear))
    again = [name for name in wanted if name in live and _differs(live[name], wanted[name], now_us)]
    put = {name: wanted[name] for name in sorted([*new[:room], *again])}
    return _Plan(clear, put, max(0, len(new) - room))


def _differs(before: Alarm, now: NewAlarm, now_us: int) -> bool:
    same = (
        before.severity is now.severity
        and before.zone == now.zone
        and before.text == storable(now.text, ALARM_TEXT_CHARS)
        and before.evidence == msgspec.json.decode(evidence_bytes(now.evidence))
    )
    return not same or now_us - before.last_us >= AGAIN_US


async def _live(connection: AsyncConnection, site: str, kind: Kind) -> dict[str, Alarm]:
    return {one.dedup: one for one in await open_alarms(connection, site, [kind]) if one.dedup is not None}


async def is_settled(connection: AsyncConnection, site: str, causes: Causes, now_us: int) -> bool:
    """Whether `settle_causes` would write nothing: a look that takes no lock."""
    plan = _plan(await _live(connection, site, causes.kind), causes, now_us)
    return not plan.clear and not plan.put


async def settle_causes(
    connection: AsyncConnection, site: str, causes: Causes, *, new_id: NewId, now_us: int
) -> Settled:
    """Make a site's alarms of a kind those of its causes.

    New ones are raised, those without a cause cleared; a cause that goes on is counted when something about it
    changed, or every `AGAIN_US`.
    """
    plan = _plan(await _live(connection, site, causes.kind), causes, now_us)
    raised, cleared = [], []
    for name in sorted([*plan.clear, *plan.put]):  # rows are locked in the order of their names
        if name in plan.put:
            made = await raise_alarm(connection, plan.put[name], new_id, now_us)
            raised += [] if made is None else [made]
        else:
            gone = await clear_alarm(connection, site, name, causes.reasons.get(name, causes.reason), now_us)
            cleared += [] if gone is None else [gone]
    return Settled(raised, cleared, plan.left_out)


async def settle(
    connection: AsyncConnection,
    site: str,
    kind: Kind,
    causes: Sequence[NewAlarm],
    *,
    reason: str,
    new_id: NewId,
    now_us: int,
    keep: Collection[str] = (),
) -> Settled:
    """Make a site's alarms of a kind those of `causes`, which are all that there are (`settle_causes`)."""
    given = Causes(kind, causes, reason, keep=keep)
    return await settle_causes(connection, site, given, new_id=new_id, now_us=now_us)


async def live_counts(connection: AsyncConnection) -> list[tuple[str, Kind, State, int]]:
    """Return how many alarms of each site, kind and state are not cleared."""
    query = (
        select(alarm.c.site, alarm.c.kind, alarm.c.state, func.count())
        .where(alarm.c.state.in_(_LIVE))
        .group_by(alarm.c.site, alarm.c.kind, alarm.c.state)
        .order_by(alarm.c.site, alarm.c.kind, alarm.c.state)
    )
    rows = await connection.execute(query)
    return [(site, Kind(kind), State(state), int(count)) for site, kind, state, count in rows]


async def prune_alarms(connection: AsyncConnection, before_us: int) -> int:
    """Forget up to `PRUNE_MAX` alarms that were cleared before an instant; return how many."""
    old = (
        select(alarm.c.id)
        .where(alarm.c.id < uuid7(before_us, 0), alarm.c.cleared_us < before_us)
        .order_by(alarm.c.id)
        .limit(PRUNE_MAX)
        .with_for_update(skip_locked=True)
    )
    names = (await connection.scalars(old)).all()
    if names:
        await connection.execute(delete(alarm).where(alarm.c.id.in_(names)))
    return len(names)
