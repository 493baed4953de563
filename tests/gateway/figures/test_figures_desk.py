"""The desk of the key figures over the embedded store, on both databases."""

from collections.abc import Mapping

import pytest

from gateway.figures import desk
from gateway.figures.desk import Answer, Figures, TooMuchError
from gateway.figures.key_figure import Level
from gateway.figures.question import Fold, Question
from gateway.series.embedded import Embedded
from gateway.series.limits import HISTORY_MAX_ROWS
from gateway.series.point import Point, Value
from gateway.series.port import Latest, Reader, Row
from gateway.series.rollup import BUCKET_US
from gateway.storage.engine import Database
from tests.gateway.figures.chain import MINUTE_US, made
from tests.gateway.small_store import ManualClock
from wire import measurements as m
from wire.measurement import Measurement, Tag

START_US = 1_763_800_000_000_000 // BUCKET_US * BUCKET_US


class Counting:
    """A reader that counts how often it is asked, and gives at most so many rows at once."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.latests = self.histories = 0
        self.most = HISTORY_MAX_ROWS

    async def latest(self, measurement: Measurement, site: str = "") -> list[Latest]:
        self.latests += 1
        return await self.reader.latest(measurement, site)

    async def history(self, measurement: Measurement, where: Mapping[Tag, str], from_us: int, to_us: int) -> list[Row]:
        self.histories += 1
        rows = await self.reader.history(measurement, where, from_us, to_us)
        return sorted(rows, key=lambda row: row.bucket_us)[: self.most]


class World:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(START_US + 10 * MINUTE_US)
        self.store = Embedded(database)
        self.reader = Counting(self.store)
        self.figures = Figures(self.reader, self.clock)

    async def write(self, *points: Point) -> None:
        async with self.database.write() as connection:
            await self.store.write(connection, points)

    async def say(self, measurement: Measurement, *tags: str, **fields: Value) -> None:
        await self.write(made(measurement, self.clock(), tags, **fields))

    async def told(self, *sites: str) -> dict[str, Answer]:
        return {one.figure.id: one for one in (await self.figures.key_figures(sites)).answers}


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def test_without_a_point_nothing_is_known(world: World) -> None:
    found = await world.figures.key_figures(("a", "b"))
    assert (found.as_of_us, found.heard) == (0, frozenset())
    assert {one.told.level for one in found.answers} == {Level.UNKNOWN}
    assert {one.told.value for one in found.answers} == {None}
    assert (await world.figures.key_figures(())).answers[0].told.level is Level.UNKNOWN


async def test_a_figure_of_several_sites_has_the_level_of_the_worst(world: World) -> None:
    for site, behind in (("a", 3), ("b", 11), ("c", 0), ("elsewhere", 100)):
        await world.say(m.FLOOR, site, "men", behind=behind, availability=1.0 - behind / 100)
    answer = (await world.told("a", "b", "c"))["to_bring"]
    assert (answer.told.value, answer.told.level, answer.told.worst) == (14, Level.ACT, "b")
    assert {site: (one.value, one.level.value, one.word) for site, one in answer.by_site.items()} == {
        "a": (3, "look", ""),
        "b": (11, "act", ""),
        "c": (0, "good", "nothing to bring"),
    }
    alone = (await world.told("c"))["to_bring"]
    assert (alone.told.value, alone.told.level, alone.told.word) == (0, Level.GOOD, "nothing to bring")


async def test_where_there_is_nothing_to_tell_of_the_figure_is_0_while_the_site_is_written(world: World) -> None:
    await world.say(m.SITE, "a", on_hand=7)
    found = await world.told("a", "b")
    for name in ("oldest_refill", "steps_overdue", "critical_alarms", "without_goods", "left_unsold"):
        mine, other = found[name].by_site["a"], found[name].by_site["b"]
        assert (mine.value, mine.level, other.value, other.level) == (0, Level.GOOD, None, Level.UNKNOWN), name
    assert found["to_bring"].by_site["a"].value is None, "of the floor nothing is written"
    kept = found["promises_kept"].by_site["a"]
    assert (kept.value, kept.level, kept.word) == (None, Level.GOOD, "nobody asked")
    world.clock.advance(20.1)
    assert (await world.told("a", "b"))["critical_alarms"].told.level is Level.UNKNOWN
    assert (await world.figures.key_figures(("a", "b"))).as_of_us == world.clock() - 20_100_000


async def test_figures_of_a_day_are_of_the_last_24_hours(world: World) -> None:
    hour_us = 60 * MINUTE_US
    for ago_h, found in ((30, 0), (20, 4), (1, 5)):
        await world.write(
            made(m.CALIBRATION, world.clock() - ago_h * hour_us, ("a", "from_0.99"), asked=5, found=found, expected=5.0)
        )
    answer = (await world.told("a"))["promises_kept"]
    assert (answer.told.value, answer.told.level) == (0.9, Level.ACT)


async def test_many_who_ask_cost_the_store_as_much_as_one(world: World) -> None:
    await world.say(m.FLOOR, "a", "men", behind=3)
    await world.told("a")
    asked = world.reader.latests, world.reader.histories
    await world.say(m.FLOOR, "a", "men", behind=4)
    world.clock.advance(4.9)
    assert (await world.told("a"))["to_bring"].told.value == 3
    assert (world.reader.latests, world.reader.histories) == asked
    world.clock.advance(0.1)
    await world.say(m.FLOOR, "a", "men", behind=5)
    assert (await world.told("a"))["to_bring"].told.value == 5
    assert world.reader.histories == asked[1], "what is of a day is kept longer"


async def test_lines_are_read_in_as_many_parts_as_the_store_needs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [
        made(m.FLOOR, START_US + step * BUCKET_US, ("a", f"d{department}"), behind=step + department)
        for step in range(24)
        for department in range(3)
    ]
    await world.write(*points)
    question = Question(m.FLOOR, "behind", Fold.SUM)
    to_us = START_US + 24 * BUCKET_US
    whole = await world.figures.lines(question, ("a",), START_US, to_us, BUCKET_US)
    assert whole == {(): [step * 3 + 3 for step in range(24)]}
    monkeypatch.setattr(desk, "HISTORY_MAX_ROWS", 10)
    world.reader.most = 10
    asked = world.reader.histories
    fresh = Figures(world.reader, world.clock)
    assert await fresh.lines(question, ("a",), START_US, to_us, BUCKET_US) == whole
    assert world.reader.histories > asked + 5
    assert await fresh.lines(question, ("b",), START_US, to_us, BUCKET_US) == {}


async def test_more_than_an_answer_is_made_of_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.write(*[made(m.FLOOR, START_US + step * BUCKET_US, ("a", "men"), behind=1) for step in range(12)])
    question = Question(m.FLOOR, "behind", Fold.SUM)
    asked = (question, ("a",), START_US, START_US + 12 * BUCKET_US, BUCKET_US)
    monkeypatch.setattr(desk, "ROWS_MAX", 11)
    with pytest.raises(TooMuchError, match="more than 11 rows of five minutes of floor"):
        await world.figures.lines(*asked)
    monkeypatch.setattr(desk, "ROWS_MAX", 12)
    assert await world.figures.lines(*asked) == {(): [1] * 12}, "a refusal is not kept"
    monkeypatch.setattr(desk, "HISTORY_MAX_ROWS", 1)
    world.reader.most = 1
    with pytest.raises(TooMuchError):
        await Figures(world.reader, world.clock).lines(*asked)


async def test_what_did_not_change_is_as_it_was_said_before(world: World) -> None:
    tags = ("a", "Men", "Oxford", "navy", "M", "09506000134352")
    await world.write(made(m.STOCK_SKU, START_US - 100 * MINUTE_US, tags, on_hand=4))
    question = Question(m.STOCK_SKU, "on_hand", Fold.SUM)
    to_us = START_US + 3 * BUCKET_US
    assert await world.figures.lines(question, ("a",), START_US, to_us, BUCKET_US) == {(): [4, 4, 4]}


async def test_the_gateway_s_own_figures_belong_to_no_site(world: World) -> None:
    await world.write(made(m.PIPELINE, START_US, ("gateway",), relay_waiting=3, source_connected=True))
    waiting = Question(m.PIPELINE, "relay_waiting", Fold.MAX)
    for sites in ((), ("a",)):
        assert await world.figures.lines(waiting, sites, START_US, START_US + BUCKET_US, BUCKET_US) == {(): [3]}
    connected = Question(m.PIPELINE, "source_connected", Fold.MIN)
    assert await world.figures.lines(connected, (), START_US, START_US + BUCKET_US, BUCKET_US) == {(): [1]}
