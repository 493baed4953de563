"""`GET /v1/changes`: each key's channel sees its own figures, and only the crossings that it asks for."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.http.event_stream import Reader
from gateway.http.ports import ChangeRow
from gateway.http.tail import _taken
from gateway.keys.store import ChannelChange
from gateway.push import webhook_store as store
from gateway.push.thresholds import Crossings
from tests.gateway.http.keyed import OTHER, OWN, filled_file
from tests.gateway.http.problems import problem
from tests.gateway.http.sse import stream
from tests.gateway.push.feed_rig import Rig, stock, zone
from tests.gateway.push.http_rig import PushRig, open_pushed
from tests.gateway.small_store import SHIRT_M, SHIRT_S
from tests.gateway.wait import until


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("changes"))


@pytest.fixture
async def pushed(filled: Path, tmp_path: Path) -> AsyncIterator[PushRig]:
    async with open_pushed(filled, tmp_path) as found:
        yield found


def lines(text: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in text.splitlines()]


async def test_two_channels_read_the_same_changes_and_see_different_figures(pushed: PushRig) -> None:
    web = await pushed.keyed.key("stock:read", channel="web")
    eu = await pushed.keyed.key("stock:read", channel="eu", change=ChannelChange(safety=1, target=0.8))
    async with pushed.asking(web) as http, pushed.asking(eu) as other, stream(http) as live, stream(other) as careful:
        await live.block()
        await careful.block()
        await pushed.rig.happen(stock(SHIRT_S, 0.9, 0.85, site=OWN))
        _, first = await live.event()
        _, second = await careful.event()
        polled = lines((await other.get("/v1/changes", params={"cursor": 8})).text)
    assert (first["atp"], first["confidence"]) == (1, 0.985)
    assert (second["atp"], second["confidence"]) == (0, None)  # P(2) = 0.765 is below 0.8
    assert polled == [second]
    async with pushed.asking(eu) as http:
        await pushed.rig.happen(stock(SHIRT_S, 0.9, 0.9, site=OWN))
        (third,) = lines((await http.get("/v1/changes", params={"cursor": 9, "wait_s": 5})).text)
    assert (third["atp"], third["confidence"]) == (1, 0.81)


async def test_a_stream_with_thresholds_carries_the_crossings_of_its_channel(pushed: PushRig) -> None:
    key = await pushed.keyed.key("stock:read", channel="eu", change=ChannelChange(safety=1))
    await pushed.rig.happen(stock(SHIRT_S, *[1.0] * 5, site=OWN))
    await until(lambda: pushed.app.state.tail.last_seq == 9)
    async with pushed.asking(key) as http, stream(http, "/v1/changes?thresholds=0,1&cursor=8") as reader:
        await reader.block()
        for units in (4, 3, 2, 1, 0, 1, 2, 3):
            await pushed.rig.happen(stock(SHIRT_S, *[1.0] * units, site=OWN))
        await pushed.rig.happen(stock(SHIRT_M, site=OWN), zone(site=OTHER), stock(SHIRT_S, 1.0, site=OWN))
        events = [(await reader.event())[1] for _ in range(8)]
    assert [event.get("atp") for event in events] == [4, 1, 0, 1, 2, 0, None, 0]


async def test_a_poll_with_thresholds_begins_anew_and_its_cursor_goes_on(pushed: PushRig) -> None:
    for units in (5, 4, 3, 0, 0):
        await pushed.rig.happen(stock(SHIRT_S, *[1.0] * units, site=OWN))
    await until(lambda: pushed.app.state.tail.last_seq == 13)
    seen, cursor = [], 8
    while cursor < 13:
        answer = await pushed.http.get("/v1/changes", params={"cursor": cursor, "thresholds": "0", "limit": 1})
        seen += [event["seq"] for event in lines(answer.text)]
        cursor = int(answer.headers["next-cursor"])
    assert seen == [9, 10, 11, 12, 13]  # each answer is the first of its kind: this is what streams are for
    answer = await pushed.http.get("/v1/changes", params={"cursor": 8, "thresholds": "0"})
    assert [event["seq"] for event in lines(answer.text)] == [9, 12]
    assert answer.headers["next-cursor"] == "13"


async def test_thresholds_that_cannot_be_used_are_told(pushed: PushRig) -> None:
    for text in ("", "x", "0,,1", "-1", "1,2,3,4,5,6,7,8,9"):
        document = problem(await pushed.http.get("/v1/changes", params={"thresholds": text}), "invalid-parameter")
        assert document["parameter"] == "thresholds"
        assert "0,1,5" in document["expected"]


def test_what_lies_beyond_a_page_was_not_shown_to_the_reader() -> None:
    """Else its thresholds would remember an event that it never got."""
    reader = Reader(crossings=Crossings((0,)))
    made = [stock(SHIRT_S), stock(SHIRT_M, 1.0), stock(SHIRT_S, 1.0)]
    rows = [ChangeRow(seq, OWN, one["gtin"], one["body"], one["ladder"]) for seq, one in enumerate(made, 1)]
    assert [event.sse.split(b"\n")[0] for event in _taken(reader, rows, 1)] == [b"id: 1"]
    assert [event.sse.split(b"\n")[0] for event in _taken(reader, rows[1:], 9)] == [b"id: 2", b"id: 3"]


async def test_the_newest_dead_letters_are_kept(small_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "DEAD_LETTERS_MAX", 3)
    async with small_rig.database.write() as connection:
        gone = [
            await store.bury(connection, store.DeadLetter("w", seq, 1, None, "no", b"{}")) for seq in (1, 2, 3, 4, 5)
        ]
        await store.bury(connection, store.DeadLetter("other", 1, 1, None, "no", b"{}"))
        left = await store.dead_page(connection, "w", 0, 10)
        counts = await store.dead_counts(connection)
    assert gone == [0, 0, 0, 1, 1]
    assert [letter.seq for letter in left] == [3, 4, 5]
    assert counts == {"w": 3, "other": 1}
