"""What many ask at once is asked of the store once."""

import asyncio

import pytest

from gateway.figures.kept import Kept


class Clock:
    def __init__(self) -> None:
        self.us = 0

    def __call__(self) -> int:
        return self.us


async def test_many_who_ask_at_once_wait_for_one_answer() -> None:
    kept: Kept[int] = Kept(Clock(), 5)
    gate = asyncio.Event()

    async def ask() -> int:
        await gate.wait()
        return kept.asked

    asked = [asyncio.create_task(kept.get("name", ask)) for _ in range(20)]
    await asyncio.sleep(0)
    asked[0].cancel()
    gate.set()
    assert await asyncio.gather(*asked[1:]) == [1] * 19, "one who leaves takes nobody's answer away"
    assert kept.asked == 1


async def test_an_answer_is_good_for_some_seconds_and_other_names_are_other_answers() -> None:
    clock = Clock()
    kept: Kept[int] = Kept(clock, 5)

    async def ask() -> int:
        return kept.asked

    assert [await kept.get("a", ask), await kept.get("b", ask)] == [1, 2]
    clock.us = 4_999_999
    assert await kept.get("a", ask) == 1
    clock.us = 5_000_000
    assert await kept.get("a", ask) == 3
    clock.us = 0
    assert await kept.get("a", ask) == 4, "a clock that is set back keeps nothing for ever"


async def test_a_failure_is_raised_and_not_kept() -> None:
    kept: Kept[int] = Kept(Clock(), 5)

    async def fails() -> int:
        raise OSError("no database")

    async def works() -> int:
        return 7

    with pytest.raises(OSError, match="no database"):
        await kept.get("a", fails)
    assert await kept.get("a", works) == 7


async def test_the_oldest_answers_go() -> None:
    kept: Kept[int] = Kept(Clock(), 5, most=3)

    async def ask() -> int:
        return kept.asked

    for number in range(10):
        await kept.get(number, ask)
    assert await kept.get(9, ask) == 10
    assert await kept.get(6, ask) == 11, "it was forgotten"
