"""The fold at the database: outputs exactly once, fences, checkpoints, and a refold that gives the same bytes."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from gateway.fold import checkpoint
from gateway.fold.folder import Folder
from gateway.fold.site_fold import SiteFold
from gateway.fold.state import FoldState
from gateway.ledger.errors import LedgerError
from gateway.ledger.verify import verify
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError, StorageError
from gateway.storage.schema import change, item, movement, site_fold, site_input
from gateway.storage.schema import checkpoint as checkpoint_table
from tests.gateway.log_rig import LogRig, fold_all, unpruned
from tests.gateway.shop_day import day
from tests.gateway.small_store import BACK, FLOOR, SHIRT_M, SHIRT_S, SITE, epc, reads

DAY = day(3, 150)


@pytest.fixture
async def rig(database: Database) -> LogRig:
    return await LogRig(database).open()


async def refold(rig: LogRig) -> bytes:
    """Fold the whole log from entry 1, without a database, and return the state's bytes."""
    folder = Folder(FoldState())
    for entry in await rig.entries():
        folder.fold(entry)
    return folder.state.snapshot()


async def counted(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


async def test_what_is_committed_is_what_the_log_says(rig: LogRig) -> None:
    await rig.log(DAY)
    fold = await rig.fold()
    assert await fold_all(fold) == len(await rig.entries())
    assert fold.state.snapshot() == await refold(rig)
    verdict = await verify(rig.database, SITE.id)
    assert verdict.shown == []
    assert verdict.movements == fold.state.m > 20
    assert verdict.items_present == sum(fold.state.counts().values())


async def test_a_restart_folds_on_without_writing_again(rig: LogRig) -> None:
    await rig.log(DAY[:70])
    first = await rig.fold("first")
    await first.fold_new()
    await first.fold_new()
    before = await counted(rig.database, movement)
    second = await rig.fold("second")
    assert second.replayed == 40
    assert await counted(rig.database, movement) == before
    await fold_all(second)
    assert second.state.snapshot() == await refold(rig)
    assert (await verify(rig.database, SITE.id)).good


async def test_a_refold_from_a_checkpoint_gives_the_same_bytes(rig: LogRig) -> None:
    await rig.log(DAY)
    first = await rig.fold()
    for _ in range(5):
        await first.fold_new()
    await first.take_checkpoint()
    await first.fold_new()
    second = await rig.fold("second")
    assert second.replayed == 20  # from the checkpoint on, not from 1
    await fold_all(second)
    assert second.state.snapshot() == await refold(rig)


async def test_of_two_folders_one_must_stop(rig: LogRig) -> None:
    await rig.log(DAY[:60])
    old = await rig.fold("old")
    await old.fold_new()
    new = await rig.fold("new")
    before = await counted(rig.database, movement)
    with pytest.raises(FencedError):
        await fold_all(old)
    assert await counted(rig.database, movement) == before
    await fold_all(new)
    assert (await verify(rig.database, SITE.id)).good
    with pytest.raises(FencedError):
        await SiteFold(rig.database, SITE.id, old.fence, rig.clock).load()


async def test_two_folders_with_the_same_fence_cannot_fold_an_entry_twice(rig: LogRig) -> None:
    """The other half of the condition: `applied_n = :previous`."""
    await rig.log(DAY[:60])
    one = await rig.fold()
    two = SiteFold(rig.database, SITE.id, one.fence, rig.clock, rules=unpruned())
    await two.load()
    results = await asyncio.gather(fold_all(one), fold_all(two), return_exceptions=True)
    assert sum(isinstance(result, FencedError) for result in results) == 1
    assert (await verify(rig.database, SITE.id)).good


async def test_the_control_without_the_guard_doubles(rig: LogRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the condition away, and two folders post the same movements: what the guard is there for."""
    await rig.log(DAY[:60])
    old = await rig.fold("old")
    new = await rig.fold("new")

    async def no_guard(self: SiteFold, connection: Any, previous: int) -> None:  # noqa: ARG001 - its signature
        await connection.execute(update(site_fold).values(applied_n=self.state.n))

    async def renumbered(connection: Any, site: str, movements: Any) -> None:
        """The ledger's own conditions would catch it too: switch them off as well."""

    monkeypatch.setattr(SiteFold, "_advance", no_guard)
    monkeypatch.setattr("gateway.ledger.post._move_items", renumbered)
    for movements_of in (old, new):
        while True:
            async with rig.database.write() as connection:
                await connection.execute(delete(movement))  # and the ledger's key
            if not await movements_of.fold_new():
                break
    async with rig.database.read() as connection:
        from gateway.storage.schema import stock_count

        units = int(await connection.scalar(select(func.sum(stock_count.c.quantity))) or 0)
    assert units == 2 * sum(new.state.counts().values()) > 0


async def test_the_ledger_refuses_what_a_second_folder_would_post(rig: LogRig) -> None:
    """Even with the guard gone, the ledger's own conditions stop a doubled movement."""
    await rig.log([reads(second, [(FLOOR, epc(SHIRT_S, 1))]) for second in range(3)])
    fold = await rig.fold()
    await fold_all(fold)
    async with rig.database.write() as connection:
        await connection.execute(update(site_fold).values(applied_n=0))
        await connection.execute(delete(movement))
    again = await rig.fold("again")
    with pytest.raises(LedgerError):
        await fold_all(again)
    assert await counted(rig.database, movement) == 0


@pytest.mark.parametrize("step", ["fold.folded", "fold.fenced", "fold.written", "fold.committed"])
async def test_an_end_at_any_step_is_made_good_by_the_next_start(rig: LogRig, step: str) -> None:
    class EndError(Exception):
        pass

    seen = 0

    def end(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == 3:
            raise EndError

    await rig.log(DAY)
    with pytest.raises(EndError):
        await fold_all(await rig.fold("dies", step=end))
    assert await rig.applied_n() == (60 if step == "fold.committed" else 40)
    fold = await rig.fold("next")
    await fold_all(fold)
    assert fold.state.snapshot() == await refold(rig)
    assert (await verify(rig.database, SITE.id)).shown == []


@pytest.mark.parametrize("readable", [True, False])
async def test_a_damaged_checkpoint_is_passed_over(rig: LogRig, readable: bool) -> None:
    await rig.log(DAY)
    fold = await rig.fold()
    for _ in range(3):
        await fold.fold_new()
        await fold.take_checkpoint()
    assert await counted(rig.database, checkpoint_table) == 2
    async with rig.database.write() as connection:
        good = await connection.scalar(select(checkpoint_table.c.state).where(checkpoint_table.c.n == 60))
        torn = bytes(good or b"").replace(SHIRT_S.encode(), SHIRT_M.encode()) if readable else b"torn"
        assert torn != good
        await connection.execute(update(checkpoint_table).where(checkpoint_table.c.n == 60).values(state=torn))
        loaded = await checkpoint.load(connection, SITE.id, 10_000)
    assert (loaded.state.n, loaded.unusable) == (40, 1)
    second = await rig.fold("second")
    assert second.replayed == 20
    await fold_all(second)
    assert second.state.snapshot() == await refold(rig)


async def test_the_log_is_pruned_behind_the_older_checkpoint_only(rig: LogRig) -> None:
    await rig.log(DAY)
    fold = await rig.fold(rules=unpruned(keep_log=False))
    await fold.fold_new()
    await fold.take_checkpoint()
    assert (await rig.entries())[0].n == 1  # one checkpoint alone prunes nothing
    await fold.fold_new()
    await fold.take_checkpoint()
    assert (await rig.entries())[0].n == 21
    await fold.fold_new()
    second = await rig.fold("second")
    await fold_all(second)
    await fold_all(second)
    assert (await verify(rig.database, SITE.id)).good


async def test_pruning_goes_in_steps(rig: LogRig) -> None:
    await rig.log(DAY)
    fold = await rig.fold()
    for _ in range(3):
        await fold.fold_new()
        await fold.take_checkpoint()
    async with rig.database.write() as connection:
        assert [await checkpoint.prune_log(connection, SITE.id, 15) for _ in range(4)] == [15, 15, 10, 0]


async def test_a_log_without_its_beginning_and_without_checkpoints_is_not_guessed(rig: LogRig) -> None:
    await rig.log(DAY)
    await (await rig.fold()).fold_new()
    async with rig.database.write() as connection:
        await connection.execute(delete(site_input).where(site_input.c.n <= 5))
    with pytest.raises(StorageError, match="entry 1 is gone"):
        await rig.fold("second")


async def test_how_entries_are_grouped_does_not_matter(database: Database) -> None:
    rig = await LogRig(database).open()
    await rig.log(DAY[:80])
    fold = await rig.fold(rules=unpruned(max_entries=1))
    await fold_all(fold)
    assert fold.state.snapshot() == await refold(rig)
    assert (await verify(database, SITE.id)).good


async def test_items_that_move_inside_a_site_are_written_by_condition(rig: LogRig) -> None:
    tag = epc(SHIRT_S, 1)
    await rig.log([reads(second, [(BACK, tag)]) for second in range(3)])
    fold = await rig.fold()
    await fold_all(fold)
    async with rig.database.write() as connection:
        await connection.execute(update(item).values(zone="FIT"))  # somebody's hand
    await rig.log([reads(second, [(FLOOR, tag)]) for second in range(3, 60)])
    with pytest.raises(LedgerError, match="not where they leave"):
        await fold_all(fold)


async def test_a_zone_s_turn_is_one_change(rig: LogRig) -> None:
    await rig.log([reads(second, [], looking=(2, 3, 4)) for second in range(40)])
    await fold_all(await rig.fold())
    async with rig.database.read() as connection:
        bodies = [bytes(body) for body in await connection.scalars(select(change.c.body).order_by(change.c.id))]
    assert len(bodies) == 3  # each zone once when it was first known, and BACK was never seen
    assert sum(b'"blind"' in body for body in bodies) == 1
