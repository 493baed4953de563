"""Evidence, probabilities, counts and figures at the database; and a ledger that other rules go on with."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text

from gateway.accuracy.figures import NAMES, Figure
from gateway.availability import decode_ladder
from gateway.fold.evidence import EvidenceEntry
from gateway.fold.site_fold import SiteFold
from gateway.fold.state import FoldState, ItemKey
from gateway.ledger import series
from gateway.ledger.book import agreement, lock_site, put_totals
from gateway.ledger.totals import BookRow
from gateway.ledger.verify import verify
from gateway.presence.tracker import EvidenceKind
from gateway.storage.engine import Database
from gateway.storage.schema import (
    accuracy,
    book,
    book_line,
    change,
    count_cell,
    count_item,
    count_result,
    item,
    movement,
    stock,
)
from tests.gateway.log_rig import LogRig, fold_all, unpruned
from tests.gateway.plain_tracker import plain
from tests.gateway.shop_day import day
from tests.gateway.small_store import (
    BACK,
    EDGE,
    FIT,
    FLOOR,
    SECOND_US,
    SHIRT_M,
    SHIRT_S,
    SITE,
    T0_US,
    epc,
    reads,
)
from wire.messages import CountBatch
from wire.site import OUT


@pytest.fixture
async def rig(database: Database) -> LogRig:
    return await LogRig(database, presence=plain()).open()


async def rows(database: Database, table: Any, *order: Any) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(select(table).order_by(*order))).all())


def said(kind: str, *serials: int, gtin: str = SHIRT_S, at: float = 0, **more: Any) -> EvidenceEntry:
    what: dict[str, Any] = {"items": tuple((gtin, str(serial)) for serial in serials)} if serials else {"gtin": gtin}
    return EvidenceEntry(
        id=f"{kind}-{gtin}-{serials}-{at}",
        kind=EvidenceKind(kind),
        at_us=T0_US + round(at * SECOND_US),
        **(what | more),
    )


async def test_items_and_stock_say_how_sure_they_are(rig: LogRig) -> None:
    seen = [(FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2)), (FIT, epc(SHIRT_S, 3))]
    await rig.log([reads(0, seen)])
    fold = await rig.fold()
    await fold_all(fold)
    (row,) = await rows(rig.database, stock)
    assert decode_ladder(row.ladder).tolist() == [pytest.approx(0.84), pytest.approx(0.36)]  # two of 0.6 each
    assert (row.sellable, row.confidence, row.promised, row.version) == (2, None, 0, 1)  # nothing is so sure
    await rig.log([reads(second, seen) for second in range(1, 12)])
    await fold_all(fold)
    (row,) = await rows(rig.database, stock)
    items = await rows(rig.database, item, item.c.serial)
    assert [round(one.probability, 2) for one in items] == [0.99, 0.99, 0.99]
    assert (row.confidence, row.promised) == (pytest.approx(0.9875, abs=1e-4), 2)  # as the items' rows say
    told = [one for one in await rows(rig.database, change, change.c.id) if one.gtin]
    events = [json.loads(one.body) for one in told]
    says = [(event["reason"], event["atp"], event["version"]) for event in events]
    assert says == [("moved", 0, 1), ("confidence", 2, 2)]
    assert events[1]["confidence"] == row.confidence
    assert bytes(told[1].ladder) == bytes(row.ladder)
    assert row.version == 2
    assert (await verify(rig.database, SITE.id)).shown == []


async def test_evidence_and_its_book(rig: LogRig) -> None:
    async with rig.database.write() as connection:
        await lock_site(connection, SITE.id)
        totals = [BookRow(SHIRT_S, 10, T0_US + 5 * SECOND_US), BookRow(SHIRT_M, 4, T0_US + 5 * SECOND_US)]
        assert await put_totals(connection, SITE.id, totals, "erp", T0_US) == 0
    await rig.say(said("receipt", 1, 2, at=2), said("sale", 1, at=6), said("sale", gtin=SHIRT_M, quantity=3, at=7))
    await rig.say(said("return", 1, at=8), at_us=T0_US + 9 * SECOND_US)
    await rig.log([reads(9, [])])
    fold = await rig.fold()
    # all but the last came before they happened: they are of then
    await fold_all(fold)
    held = {row.gtin: row.now for row in await rows(rig.database, book)}
    assert held == {SHIRT_S: 11, SHIRT_M: 4}
    lines = [(row.n, row.line, row.kind, row.units) for row in await rows(rig.database, book_line, book_line.c.n)]
    assert lines == [(2, 1, "receipt", 2), (3, 1, "sale", -1), (4, 1, "sale", -3), (5, 1, "return", 1)]
    causes = [row.cause for row in await rows(rig.database, movement, movement.c.m)]
    assert causes == ["received", "received", "sold", "returned"]
    async with rig.database.write() as connection:
        older = [BookRow(SHIRT_S, 99, T0_US), BookRow(SHIRT_M, 1, T0_US + 6 * SECOND_US)]
        assert await put_totals(connection, SITE.id, older, "erp", T0_US) == 1
        before = [BookRow(SHIRT_S, 20, T0_US + 8 * SECOND_US)]
        assert await put_totals(connection, SITE.id, before, "erp", T0_US) == 0
        assert await agreement(connection, SITE.id) == 0.0
        again = [BookRow(SHIRT_S, 2, T0_US + 9 * SECOND_US)]
        assert await put_totals(connection, SITE.id, again, "erp", T0_US) == 0
        assert await agreement(connection, SITE.id) == 0.5
    assert {row.gtin: row.now for row in await rows(rig.database, book)} == {SHIRT_S: 2, SHIRT_M: 1}


async def test_a_newer_total_begins_with_the_lines_after_it(rig: LogRig) -> None:
    await rig.say(said("sale", 1, at=1), said("sale", 2, at=3), at_us=T0_US + 9 * SECOND_US)
    await fold_all(await rig.fold())
    async with rig.database.write() as connection:
        await put_totals(connection, SITE.id, [BookRow(SHIRT_S, 10, T0_US + 2 * SECOND_US)], "erp", T0_US)
    assert [row.now for row in await rows(rig.database, book)] == [9]


async def test_what_a_count_found_is_kept_until_the_zone_s_next(rig: LogRig) -> None:
    await rig.log([reads(0, [(FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_M, 2)), (BACK, epc(SHIRT_M, 3))])])
    for session, serials in (("a", (1, 3, 4)), ("b", (1, 3))):
        await rig.log(
            [
                CountBatch(
                    site=SITE.id,
                    edge=EDGE,
                    session=session,
                    zone="FLOOR",
                    started_us=T0_US,
                    ended_us=T0_US + SECOND_US,
                    epcs=tuple(epc(SHIRT_S if serial == 1 else SHIRT_M, serial) for serial in serials),
                )
            ]
        )
        await fold_all(await rig.fold(session))
        found = {
            (row.serial, row.finding, row.place) for row in await rows(rig.database, count_item, count_item.c.serial)
        }
        cells = {(row.gtin, row.expected, row.seen) for row in await rows(rig.database, count_cell)}
        if session == "a":
            assert found == {("2", "unseen", "FLOOR"), ("3", "elsewhere", "BACK"), ("4", "new", OUT)}
            assert cells == {(SHIRT_S, 1, 1), (SHIRT_M, 1, 2)}
    assert found == {("2", "unseen", "FLOOR"), ("4", "unseen", "FLOOR")}
    results = [(row.zone, row.expected, row.seen) for row in await rows(rig.database, count_result, count_result.c.n)]
    assert results == [("FLOOR", 2, 3), ("FLOOR", 4, 2)]


async def test_figures_are_kept_by_the_minute_and_pruned(rig: LogRig) -> None:
    async with rig.database.write() as connection:
        await put_totals(connection, SITE.id, [BookRow(SHIRT_S, 1, T0_US)], "erp", T0_US)
    await rig.log([reads(second, [(FLOOR, epc(SHIRT_S, 1))]) for second in range(130)])
    await fold_all(await rig.fold())
    async with rig.database.write() as connection:
        newest = {figure.name: figure for figure in await series.latest(connection, SITE.id)}
        assert set(newest) == {"blind_share", "uncertain_items", "expected_count_error", "book_agreement"}
        assert newest["book_agreement"].value == 1.0
        assert (newest["book_agreement"].at_us - T0_US) // SECOND_US == 121
        found = await series.since(connection, SITE.id, T0_US + 30 * SECOND_US, 10)
        assert [figure.name for figure in found].count("blind_share") == 2
        await series.prune(connection, SITE.id, 1)
        assert int(await connection.scalar(select(func.count()).select_from(accuracy)) or 0) == 4


async def test_once_an_hour_the_oldest_figures_go(rig: LogRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "ROWS_KEPT", 3)
    hour = 3_600 * SECOND_US
    begin = T0_US - T0_US % hour
    async with rig.database.write() as connection:
        for minute in range(1, 60):
            figure = Figure(begin + minute * 60 * SECOND_US, NAMES[0], 0.0)
            await series.write_figures(connection, SITE.id, [figure])
        assert len(await series.since(connection, SITE.id, 0, 1_000)) == 59
        await series.write_figures(connection, SITE.id, [Figure(begin + hour + 7, NAMES[0], 0.5)])
        assert [figure.value for figure in await series.since(connection, SITE.id, 0, 1_000)] == [0.0, 0.0, 0.5]


# -- other rules


async def places(database: Database) -> dict[ItemKey, str]:
    return {ItemKey(row.gtin, row.serial): row.zone for row in await rows(database, item)}


async def killed_at(rig: LogRig) -> SiteFold:
    """A fold that took a checkpoint, went on, and was killed: entries behind the checkpoint are applied."""
    await rig.log(day(3, 60))
    fold = await rig.fold(rules=unpruned(max_entries=30))
    await fold.fold_new()
    await fold.take_checkpoint()
    await fold.fold_new()
    await fold.fold_new()
    return fold


async def test_other_rules_correct_the_ledger_and_go_on(rig: LogRig) -> None:
    old = await killed_at(rig)
    newest_m, applied = old.state.m, old.state.n
    before = await rows(rig.database, movement, movement.c.m)
    new = await rig.fold("new", presence=plain(revision=2, deaf_to="FIT"))
    assert new.replayed == applied - 30
    assert await rows(rig.database, movement, movement.c.m) == before  # nothing is written before there is news
    await new.fold_new()
    after = await rows(rig.database, movement, movement.c.m)
    assert after[: len(before)] == before
    corrected = [row for row in after if row.cause == "correction"]
    assert corrected
    assert [row.m for row in corrected] == list(range(newest_m + 1, newest_m + 1 + len(corrected)))
    assert {row.n for row in corrected} == {applied}
    assert {row.credit for row in corrected} == {"FIT"}
    assert new.state.figures["corrections"] == len(corrected)
    assert new.checkpoint_due()
    await new.take_checkpoint()
    assert not new.checkpoint_due()
    assert (await verify(rig.database, SITE.id)).shown == []
    known = {key: place or OUT for key, place in zip(new.state.items, new.state.places, strict=True)}
    assert await places(rig.database) == {
        key: place for key, place in known.items() if key in await places(rig.database)
    }
    again = await rig.fold("again", presence=plain(revision=2, deaf_to="FIT"))
    assert (again.replayed, again.state.snapshot()) == (0, new.state.snapshot())
    await fold_all(again)
    assert (await verify(rig.database, SITE.id)).shown == []


async def test_a_crash_before_the_correction_corrects_again(rig: LogRig) -> None:
    await killed_at(rig)
    presence = plain(revision=2, deaf_to="FIT")
    await rig.fold("dies", presence=presence)
    new = await rig.fold("lives", presence=presence)
    await new.fold_new()
    later = await rig.fold("no checkpoint was taken", presence=presence)
    assert later.replayed > 0
    await fold_all(later)
    causes = [row.cause for row in await rows(rig.database, movement)]
    assert 0 < causes.count("correction") == new.state.figures["corrections"]
    assert (await verify(rig.database, SITE.id)).shown == []


async def test_the_same_rules_correct_nothing(rig: LogRig) -> None:
    old = await killed_at(rig)
    new = await rig.fold("new")
    assert new.state.snapshot() == old.state.snapshot()
    await fold_all(new)
    assert "correction" not in [row.cause for row in await rows(rig.database, movement)]
    assert "corrections" not in new.state.figures


async def test_other_rules_after_a_clean_stop_have_nothing_to_correct(rig: LogRig) -> None:
    old = await killed_at(rig)
    await old.take_checkpoint()
    new = await rig.fold("new", presence=plain(revision=2, deaf_to="FIT"))
    await fold_all(new)
    assert "correction" not in [row.cause for row in await rows(rig.database, movement)]
    assert (await verify(rig.database, SITE.id)).shown == []


async def test_items_that_only_the_older_program_knew_are_taken_over(rig: LogRig) -> None:
    from gateway.fold.correction import corrections

    fold = await rig.fold()
    await fold_all(fold)
    state = fold.state
    ledger = {ItemKey(SHIRT_M, "77"): "BACK"}
    outputs = corrections(state, ledger, 5)
    assert outputs.movements == []
    assert (state.items, state.places, state.m) == ([ItemKey(SHIRT_M, "77")], ["BACK"], 5)
    assert FoldState.restore(state.snapshot(), plain()).snapshot() == state.snapshot()


async def test_a_log_without_its_checkpoints_is_folded_from_its_beginning(rig: LogRig) -> None:
    """Made by nobody: a state from entry 1 on under other rules is held against the ledger as well."""
    from gateway.storage.schema import checkpoint

    await killed_at(rig)
    async with rig.database.write() as connection:
        await connection.execute(delete(checkpoint))
    new = await rig.fold("new", presence=plain(revision=2, deaf_to="FIT"))
    await new.fold_new()
    assert (await verify(rig.database, SITE.id)).shown == []


async def test_a_total_and_a_line_that_come_at_the_same_moment(rig: LogRig) -> None:
    """Without the lock on the site's row the line would find no book yet, and the total no line."""
    await rig.say(said("sale", gtin=SHIRT_S, quantity=1, at=3), at_us=T0_US + 9 * SECOND_US)
    fold = await rig.fold()
    async with rig.database.write() as connection:
        await lock_site(connection, SITE.id)
        await put_totals(connection, SITE.id, [BookRow(SHIRT_S, 10, T0_US)], "erp", T0_US)
        folding = asyncio.create_task(fold_all(fold))
        while not folding.done() and not await waits(rig.database):  # noqa: ASYNC110 - it waits in the database
            await asyncio.sleep(0.01)
    await folding
    assert [row.now for row in await rows(rig.database, book)] == [9]


async def waits(database: Database) -> bool:
    """Whether a transaction waits for another; SQLite has one writer, so the next one always does."""
    if database.is_sqlite:
        return True
    async with database.read() as connection:
        return bool(await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
