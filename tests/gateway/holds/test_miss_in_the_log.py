"""A pick-miss on its way through a site's log: the real engine, the fold, the rows, and the log folded once more."""

from sqlalchemy import select

from gateway.availability import Policy
from gateway.fold.folder import Folder
from gateway.fold.state import FoldState
from gateway.holds.asked import Who
from gateway.holds.desk import Holds
from gateway.ledger.verify import verify
from gateway.storage.commerce import disposition
from gateway.storage.engine import Database
from gateway.storage.schema import item
from tests.gateway.holds.rig import Rig
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.small_store import FLOOR, SECOND_US, SHIRT_S, SITE, T0_US, epc, reads
from wire.messages import ReadBatch

SILENT_S = 40
ANYBODY = Who("web", Policy("web", target=0.5))


def windows(first: int, seconds: int, *serials: int) -> list[ReadBatch]:
    return [reads(first + more, [(FLOOR, epc(SHIRT_S, serial)) for serial in serials]) for more in range(seconds)]


async def rows(database: Database) -> dict[str, tuple[float, str]]:
    """Of each item the probability of its place, and its state."""
    async with database.read() as connection:
        states = {row.serial: row.state for row in await connection.execute(select(disposition))}
        found = await connection.execute(select(item.c.serial, item.c.probability))
        return {row.serial: (row.probability, states.get(row.serial, "available")) for row in found}


async def test_a_miss_lowers_the_item_until_it_is_read_again(sqlite_database: Database) -> None:
    rig = await LogRig(sqlite_database).open()
    await rig.log(windows(0, 120, 1, 2))
    fold = await rig.fold()
    await fold_all(fold)
    rig.clock.now_us = T0_US + 120 * SECOND_US
    holds = Holds(sqlite_database, rig.clock, Rig(sqlite_database).names)
    made = await Rig(sqlite_database, rig.clock).reserve(holds, 1, who=ANYBODY)
    serial = made["lines"][0]["items"][0]["digital_link"].rpartition("/")[2]
    other = {"1": "2", "2": "1"}[serial]
    before = await rows(sqlite_database)
    answer, _ = await holds.pick_miss(ANYBODY, made["id"], (SHIRT_S, serial))
    assert answer.lines[0].items[0].digital_link.endswith(other)
    await rig.log(windows(120, SILENT_S), start=120)
    await fold_all(fold)
    after = await rows(sqlite_database)
    assert after[serial][1] == "missing"
    assert after[serial][0] < after[other][0], "both were silent for as long"
    assert after[serial][0] < before[serial][0]
    assert fold.state.figures["evidence_miss"] == 1
    await rig.log(windows(120 + SILENT_S, 60, int(serial)), start=120 + SILENT_S)
    await fold_all(fold)
    again = await rows(sqlite_database)
    assert again[serial][0] > after[serial][0]
    assert (await verify(sqlite_database, SITE.id)).good
    twice = Folder(FoldState(None))
    for entry in await rig.entries():
        twice.fold(entry)
    assert twice.state.snapshot() == fold.state.snapshot()
