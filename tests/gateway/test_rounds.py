import asyncio

import pytest

from gateway.rounds import Rounds, pause


async def test_a_round_that_fails_is_told_and_the_next_one_is_done() -> None:
    rounds, done = Rounds(0.0), 0
    told: list[Exception] = []

    async def one() -> None:
        nonlocal done
        done += 1
        if done == 1:
            raise OSError("away")
        rounds.stop()
        assert rounds.stopping

    await rounds.run(one, told.append)
    assert done == 2
    assert [str(error) for error in told] == ["away"]


async def test_what_is_no_passing_failure_ends_the_rounds() -> None:
    async def one() -> None:
        raise ZeroDivisionError

    told: list[Exception] = []
    with pytest.raises(ZeroDivisionError):
        await Rounds(0.0).run(one, told.append)
    assert told == []
    with pytest.raises(ZeroDivisionError):
        await Rounds(0.0).run(one, told.append, survives=(KeyError,))


async def test_a_stop_ends_the_pause() -> None:
    rounds, begun = Rounds(3_600.0), asyncio.Event()

    async def one() -> None:
        begun.set()

    running = asyncio.ensure_future(rounds.run(one, lambda _: None))
    await begun.wait()
    rounds.stop()
    await running


async def test_a_cancel_that_comes_with_the_news_is_not_forgotten() -> None:
    news = asyncio.Event()
    pausing = asyncio.ensure_future(pause(news, 3_600.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    news.set()
    pausing.cancel()
    await asyncio.wait({pausing})
    assert pausing.cancelled()


async def test_a_pause_ends_by_itself() -> None:
    await pause(asyncio.Event(), 0.0)
