"""When items were read last, out of a checkpoint of the real fold with the real engine."""

import hashlib

import numpy as np
import pytest
from sqlalchemy import select, update

from gateway.exceptions.facts import ItemName, Silence
from gateway.exceptions.last_reads import LastReads, SiteReads
from gateway.exceptions.limits import UNREAD_US
from gateway.fold.evidence import EvidenceEntry
from gateway.fold.site_fold import SiteFold
from gateway.presence.saved_engine import SavedEngine
from gateway.presence.tracker import EvidenceKind, SnapshotError
from gateway.storage.engine import Database
from gateway.storage.schema import checkpoint
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.plain_tracker import plain
from tests.gateway.small_store import BACK, FLOOR, SECOND_US, SHIRT_M, SHIRT_S, SITE, T0_US, epc, reads

SEEN = [(BACK, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2)), (FLOOR, epc(SHIRT_M, 3))]
TOLD = EvidenceEntry(
    id="asn-1", kind=EvidenceKind.RECEIPT, at_us=T0_US + SECOND_US, items=((SHIRT_S, "9"),), zone="BACK"
)
LAST_S = 20
SECONDS = 60


async def folded(rig: LogRig) -> SiteFold:
    """A minute in which item 2 falls silent after 20 seconds, and item 9 is told of and never read."""
    await rig.log([reads(second, SEEN) for second in range(LAST_S)])
    await rig.say(TOLD, at_us=T0_US + LAST_S * SECOND_US)
    await rig.log([reads(second, [SEEN[0], SEEN[2]]) for second in range(LAST_S, SECONDS)], start=LAST_S)
    fold = await rig.fold()
    await fold_all(fold)
    await fold.take_checkpoint()
    return fold


ITEMS = [ItemName(SHIRT_S, "1"), ItemName(SHIRT_S, "2"), ItemName(SHIRT_M, "3"), ItemName(SHIRT_S, "9")]


async def test_last_reads_are_those_that_the_engine_knows(sqlite_database: Database) -> None:
    fold = await folded(await LogRig(sqlite_database).open())
    found = await LastReads(sqlite_database).of(SITE.id, [*ITEMS, ItemName(SHIRT_S, "77")])
    assert found is not None
    tracker = fold.state.tracker
    assert isinstance(tracker, SavedEngine)
    read_us, _, _ = tracker.tiers.heard_of(np.arange(len(fold.state.items)))
    for number, key in enumerate(fold.state.items):
        sight = found.sights.get(ItemName(*key))
        assert (0 if sight is None else sight.read_us) == read_us[number], key
    going, stopped, *_ = (found.sights[name] for name in ITEMS[:3])
    assert (stopped.site, stopped.zone) == (SITE.id, "BACK")
    assert stopped.read_us <= T0_US + (LAST_S + 1) * SECOND_US < going.read_us
    assert found.sights.keys() == set(ITEMS[:3]), "9 is believed to be there, and was never read"


async def test_a_checkpoint_is_read_once_for_the_same_items(sqlite_database: Database) -> None:
    await folded(await LogRig(sqlite_database).open())
    source = LastReads(sqlite_database)
    first = await source.of(SITE.id, ITEMS[:2])
    assert await source.of(SITE.id, ITEMS[:1]) is first
    assert await source.of("nowhere") is None
    assert (await source.of(SITE.id, ITEMS), source.read) != (first, 1)
    source.forget([SITE.id])
    await source.of(SITE.id)
    assert source.read == 2
    source.forget(())
    await source.of(SITE.id)
    assert source.read == 3


def silence_at(body: bytes, now_us: int) -> Silence:
    reads_then = SiteReads(SITE.id, 1, body)
    reads_then.now_us = now_us
    return reads_then.silence()


async def body_of(database: Database) -> bytes:
    async with database.read() as connection:
        body = await connection.scalar(select(checkpoint.c.state).order_by(checkpoint.c.n.desc()).limit(1))
    assert body is not None
    return bytes(body)


async def test_what_is_silent(sqlite_database: Database) -> None:
    await folded(await LogRig(sqlite_database).open())
    found = await LastReads(sqlite_database).of(SITE.id)
    assert found is not None
    assert (found.silence.silent, found.silence.zones) == ((), {"BACK": (3, 2), "FLOOR": (1, 1)})
    later = silence_at(await body_of(sqlite_database), T0_US + UNREAD_US + (LAST_S + 5) * SECOND_US)
    assert {(one.name.serial, one.zone) for one in later.silent} == {("2", "BACK"), ("9", "BACK")}
    (never,) = [one for one in later.silent if one.name.serial == "9"]
    assert (never.read_us, never.told_us) == (0, T0_US + SECOND_US)
    assert later.believed == {(SHIRT_S, "BACK"): 3}
    assert later.zones == {"BACK": (3, 0), "FLOOR": (1, 0)}, "and nothing was read lately"


async def test_a_checkpoint_that_cannot_be_read_is_counted(sqlite_database: Database) -> None:
    rig = await LogRig(sqlite_database).open()
    await folded(rig)
    source = LastReads(sqlite_database)
    first = await source.of(SITE.id)
    assert first is not None
    before = await body_of(sqlite_database)
    await rig.log([reads(second, SEEN) for second in range(SECONDS, SECONDS + 5)], start=SECONDS)
    fold = await rig.fold()
    await fold_all(fold)
    await fold.take_checkpoint()
    async with sqlite_database.write() as connection:
        mine = checkpoint.c.n > first.n
        await connection.execute(update(checkpoint).where(mine).values(state=before))
    assert (await source.of(SITE.id), source.unreadable) == (first, 1), "the one before is as good, and older"
    nonsense = hashlib.sha256(b"nonsense").digest()
    async with sqlite_database.write() as connection:
        await connection.execute(update(checkpoint).where(mine).values(state=b"nonsense", sha256=nonsense))
    assert (await source.of(SITE.id), source.unreadable) == (first, 2)


async def test_bytes_of_another_tracker_are_refused(sqlite_database: Database) -> None:
    await folded(await LogRig(sqlite_database, presence=plain()).open())
    with pytest.raises(SnapshotError):
        SiteReads(SITE.id, 1, await body_of(sqlite_database))
