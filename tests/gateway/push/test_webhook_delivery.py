"""Webhooks end to end: a real database, a real HTTP receiver on loopback, one delivering process."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from gateway.http.ports import CursorAhead, CursorGone
from gateway.push import limits
from gateway.push import webhook_store as store
from gateway.push.delivery import Progress, State
from gateway.push.signing import event_id
from gateway.push.webhook_desk import Owner, TooManyWebhooksError, UnknownSitesError, UnknownWebhookError
from gateway.relay import prune_changes
from gateway.storage.commerce import api_key, channel
from gateway.storage.site_register import register_site
from tests.gateway.push.feed_rig import NOBODY, Rig, environment, stock, zone
from tests.gateway.push.receiver import answer, receiving
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, T0_US, other_site
from tests.gateway.wait import until

ROOT = Path(__file__).parents[3]


async def test_events_arrive_signed_in_order_and_fat(rig: Rig) -> None:
    await rig.happen(stock(SHIRT_S, 1.0))
    async with receiving() as receiver:
        made = await rig.desk.create(NOBODY, receiver.url(path="/hook?a=1%2F2"))
        async with rig.sending() as process:
            await rig.happen(stock(SHIRT_S, 1.0, 1.0), stock(SHIRT_M, 0.9), zone())
            got = list(await receiver.until(3))
            await rig.until(made.webhook.id, lambda one: one.progress.cursor == 4)
            await rig.happen(stock(SHIRT_M))
            got = list(await receiver.until(4))
            await until(lambda: process.counters()["webhooks_sent"] == 4)  # what is sent and not answered is sent again
    assert [one.seq for one in got] == [2, 3, 4, 5]
    assert [one.event["type"] for one in got] == ["stock.changed", "stock.changed", "zone.changed", "stock.changed"]
    assert all(one.is_signed_by(made.webhook.secret) for one in got)
    assert not got[0].is_signed_by("whsec_" + "QUJD" * 10)
    assert [one.id for one in got] == [event_id(made.webhook.id, seq) for seq in (2, 3, 4, 5)]
    assert all("." not in one.id for one in got)
    assert got[0].line == "POST /hook?a=1%2F2 HTTP/1.1"
    assert got[0].headers["webhook-timestamp"] == str(T0_US // 1_000_000)
    assert got[0].headers["content-type"] == "application/json"
    data = got[0].event["data"]
    assert (data["gtin"], data["site"], data["atp"], data["confidence"]) == (SHIRT_S, SITE.id, 2, 1.0)
    assert "moves" not in data
    assert b'"serial"' not in got[0].body
    assert receiver.connections == 1  # it was kept
    assert await rig.cursors() == [5]


async def test_each_address_gets_what_its_channel_may_sell(small_rig: Rig) -> None:
    """One change, two channels: the one with safety stock is told less."""
    rig = small_rig
    async with rig.database.write() as connection:
        row = {"target": 0.95, "ttl_s": 900, "when_blind": "keep", "holds_max": 10, "updated_us": 0}
        await connection.execute(
            insert(channel), [row | {"name": "web", "safety": 0}, row | {"name": "eu", "safety": 2}]
        )
    async with receiving() as web, receiving() as europe:
        await rig.desk.create(Owner("", "web"), web.url())
        await rig.desk.create(Owner("", "eu"), europe.url())
        async with rig.sending():
            await rig.happen(stock(SHIRT_S, 1.0, 1.0, 0.99))
            first, second = (await web.until(1))[0], (await europe.until(1))[0]
    assert (first.event["data"]["atp"], first.event["data"]["confidence"]) == (3, 0.99)
    assert (second.event["data"]["atp"], second.event["data"]["confidence"]) == (1, 0.99)


async def test_sites_and_thresholds_pass_over_events_and_the_cursor_goes_on(small_rig: Rig) -> None:
    rig = small_rig
    async with receiving() as receiver:
        made = await rig.desk.create(NOBODY, receiver.url(), thresholds=(0, 1))
        async with rig.sending():
            await rig.happen(*(stock(SHIRT_S, *[1.0] * units) for units in (5, 4, 3, 2, 1, 1, 0, 4)))
            got = list(await receiver.until(4))
            await rig.until(made.webhook.id, lambda one: one.progress.cursor == 8)
    assert [one.event["data"]["atp"] for one in got] == [5, 1, 0, 4]


async def test_each_address_gets_its_sites_and_the_cursor_passes_the_others(small_rig: Rig) -> None:
    rig = small_rig
    names = [SITE.id, "store-002", "store-003"]
    async with rig.database.write() as connection:
        for name in names:
            await register_site(connection, other_site(name), T0_US)
    async with receiving() as one, receiving() as two:
        first = await rig.desk.create(NOBODY, one.url(), frozenset(names[:1]))
        second = await rig.desk.create(NOBODY, two.url(), frozenset(names[:2]))
        async with rig.sending():
            await rig.happen(*(stock(SHIRT_S, *[1.0] * n, site=names[n % 3]) for n in range(9)))
            await asyncio.gather(one.until(3), two.until(6))
            await rig.happen(stock(SHIRT_S, site=names[2]), stock(SHIRT_M, site=names[0]))
            await asyncio.gather(one.until(4), two.until(7))
            for made in (first, second):
                await rig.until(made.webhook.id, lambda found: found.progress.cursor == 11)
    assert [got.seq for got in one.got] == [1, 4, 7, 11]
    assert [got.seq for got in two.got] == [1, 2, 4, 5, 7, 8, 11]


async def test_a_failing_address_is_tried_again_with_the_same_id_and_the_order_is_kept(small_rig: Rig) -> None:
    rig = small_rig
    async with receiving() as receiver:
        receiver.then([503, answer(302, "Location: http://127.0.0.1:1/elsewhere"), 500, 204])
        made = await rig.desk.create(NOBODY, receiver.url())
        await rig.happen(stock(SHIRT_S, 1.0), stock(SHIRT_M, 1.0))
        async with rig.sending():
            got = list(await receiver.until(5))
            after = await rig.until(made.webhook.id, lambda one: one.progress.cursor == 2)
    assert [one.seq for one in got] == [1, 1, 1, 1, 2]
    assert len({one.id for one in got[:4]}) == 1
    assert after.progress.state is State.LIVE
    assert after.progress.failing_since_us is None


async def test_what_is_refused_becomes_a_dead_letter_and_the_stream_goes_on(rig: Rig) -> None:
    async with receiving() as receiver:
        receiver.then([422] * limits.REFUSED_TRIES)
        made = await rig.desk.create(NOBODY, receiver.url())
        await rig.happen(stock(SHIRT_S, 1.0), stock(SHIRT_M, 1.0))
        async with rig.sending() as process:
            got = list(await receiver.until(limits.REFUSED_TRIES + 1))
            await rig.until(made.webhook.id, lambda one: one.progress.cursor == 2)
        (letter,) = await rig.desk.dead_letters(NOBODY, made.webhook.id, 0, 10)
        assert [one.seq for one in got] == [1] * limits.REFUSED_TRIES + [2]
        assert (letter.seq, letter.status, letter.body) == (1, 422, got[0].body)
        assert process.counters()["webhooks_dead_letters"] == 1
        assert (await rig.desk.one(NOBODY, made.webhook.id)).dead_letters == 1
        assert await rig.desk.dead_letters(NOBODY, made.webhook.id, 1, 10) == []


async def test_gone_stops_and_resume_replays_from_a_cursor_with_the_old_ids(small_rig: Rig) -> None:
    rig = small_rig
    async with receiving() as receiver:
        made = await rig.desk.create(NOBODY, receiver.url(), cursor=0)
        await rig.happen(*(stock(SHIRT_S, *[1.0] * units) for units in (1, 2, 3)))
        async with rig.sending():
            await receiver.until(3)
            receiver.then([410])
            await rig.happen(stock(SHIRT_S))
            stopped = await rig.until(made.webhook.id, lambda one: one.progress.state is State.STOPPED)
            assert "410" in stopped.progress.last_error
            assert stopped.progress.cursor == 3
            await rig.happen(stock(SHIRT_M, 1.0))
            shown = await rig.desk.one(NOBODY, made.webhook.id)
            assert (shown.last_seq, shown.webhook.progress.cursor) == (5, 3)
            await rig.desk.resume(NOBODY, made.webhook.id, 1)
            got = list(await receiver.until(8))
    assert [one.seq for one in got] == [1, 2, 3, 4, 2, 3, 4, 5]
    assert got[1].id == got[4].id


async def test_a_wait_of_hours_ends_when_the_owner_resumes(small_rig: Rig) -> None:
    rig = small_rig
    async with receiving() as receiver:
        receiver.then([answer(503, "Retry-After: 7200")])
        made = await rig.desk.create(NOBODY, receiver.url())
        await rig.happen(stock(SHIRT_S, 1.0))
        async with rig.sending():
            waiting = await rig.until(made.webhook.id, lambda one: one.progress.state is State.FAILING)
            assert waiting.progress.next_try_us == T0_US + 7_200_000_000
            assert waiting.progress.attempts == 1
            await rig.desk.resume(NOBODY, made.webhook.id)
            assert [one.seq for one in await receiver.until(2)] == [1, 1]


async def test_killed_between_a_send_and_its_cursor_the_event_comes_again_with_the_same_id(rig: Rig) -> None:
    async with receiving() as receiver:
        made = await rig.desk.create(NOBODY, receiver.url())
        await rig.happen(*(stock(SHIRT_S, *[1.0] * units) for units in (1, 2, 3)))
        child = Path(__file__).with_name("killed_sender.py")
        url = rig.database.url.render_as_string(hide_password=False)
        with environment(PYTHONPATH=str(ROOT)):
            process = await asyncio.create_subprocess_exec(sys.executable, str(child), url, "webhook.sent", "2")
            assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
        before = [one.seq for one in receiver.got]
        assert before == [1, 2]
        assert await rig.cursors() == [0]
        rig.clock.advance(10)  # the lease of the dead process runs out
        async with rig.sending():
            got = list(await receiver.until(5))
            await rig.until(made.webhook.id, lambda one: one.progress.cursor == 3)
    assert [one.seq for one in got] == [1, 2, 1, 2, 3]
    assert [one.id for one in got[:2]] == [one.id for one in got[2:4]]
    assert all(one.id == event_id(made.webhook.id, one.seq) and one.is_signed_by(made.webhook.secret) for one in got)


async def test_of_two_processes_one_sends(rig: Rig) -> None:
    async with receiving() as receiver:
        await rig.desk.create(NOBODY, receiver.url())
        async with rig.sending(holder="one") as one, rig.sending(holder="other") as other:
            await rig.happen(*(stock(SHIRT_S, *[1.0] * units) for units in range(1, 30)))
            await receiver.until(29)
            served = [process.counters()["webhooks_served"] for process in (one, other)]
    assert sorted(served) == [0, 1]
    assert [got.seq for got in receiver.got] == list(range(1, 30))


async def test_a_key_that_is_revoked_sends_nothing_more(rig: Rig) -> None:
    key = {"id": "k1", "sha256": b"", "channel": "web", "name": "", "scopes": "webhook:write", "rate_per_s": 1.0}
    row = {"target": 0.95, "safety": 0, "ttl_s": 900, "when_blind": "keep", "holds_max": 10, "updated_us": 0}
    async with rig.database.write() as connection:
        await connection.execute(insert(channel), row | {"name": "web"})
        await connection.execute(insert(api_key), [key | {"burst": 1, "created_us": 0}])
    async with receiving() as receiver:
        mine = await rig.desk.create(Owner("k1", "web"), receiver.url())
        nobodys = await rig.desk.create(NOBODY, receiver.url())
        async with rig.sending():
            await rig.happen(stock(SHIRT_S, 1.0))
            await receiver.until(1)
            without = await rig.until(nobodys.webhook.id, lambda one: one.progress.state is State.STOPPED)
            async with rig.database.write() as connection:
                await connection.execute(update(api_key).values(revoked_us=T0_US))
            stopped = await rig.until(mine.webhook.id, lambda one: one.progress.state is State.STOPPED)
            await rig.happen(stock(SHIRT_S))
        assert "before there were keys" in without.progress.last_error
        assert "k1 is revoked" in stopped.progress.last_error
        assert [one.seq for one in receiver.got] == [1]


async def test_a_cursor_whose_changes_are_pruned_stops_and_says_so(small_rig: Rig) -> None:
    rig = small_rig
    async with receiving() as receiver:
        made = await rig.desk.create(NOBODY, receiver.url(), cursor=0)
        await rig.happen(*(stock(SHIRT_S, *[1.0] * units) for units in range(9)))
        async with rig.database.write() as connection:
            await prune_changes(connection, kept=4)
        async with rig.sending():
            stopped = await rig.until(made.webhook.id, lambda one: one.progress.state is State.STOPPED)
        assert "changes 1 to 5 are not kept" in stopped.progress.last_error
        assert receiver.got == []
        with pytest.raises(CursorGone):
            await rig.desk.resume(NOBODY, made.webhook.id, 4)
        with pytest.raises(CursorAhead):
            await rig.desk.resume(NOBODY, made.webhook.id, 10)


async def test_the_desk_knows_owners_sites_and_limits(small_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = small_rig
    url = "http://127.0.0.1:1/x"
    with pytest.raises(UnknownSitesError):
        await rig.desk.create(NOBODY, url, frozenset({"elsewhere"}))
    mine = (await rig.desk.create(Owner("k1", "web"), url)).webhook
    assert mine.secret.startswith("whsec_")
    for stranger in (Owner("k2", "pos"), Owner("k3", "web", frozenset({SITE.id}))):
        with pytest.raises(UnknownWebhookError):
            await rig.desk.one(stranger, mine.id)
        assert await rig.desk.every(stranger) == []
    limited = (await rig.desk.create(Owner("k3", "web", frozenset({SITE.id})), url)).webhook
    assert limited.sites == frozenset({SITE.id})
    assert [one.webhook.id for one in await rig.desk.every(Owner("k1", "web"))] == sorted([mine.id, limited.id])
    monkeypatch.setattr("gateway.push.webhook_desk.WEBHOOKS_OF_CHANNEL_MAX", 2)
    with pytest.raises(TooManyWebhooksError):
        await rig.desk.create(Owner("k1", "web"), url)
    await rig.desk.remove(Owner("k1", "web"), mine.id)
    with pytest.raises(UnknownWebhookError):
        await rig.desk.remove(Owner("k1", "web"), mine.id)


async def test_a_test_is_sent_at_once_and_changes_nothing(small_rig: Rig) -> None:
    async with receiving() as receiver:
        made = (await small_rig.desk.create(NOBODY, receiver.url())).webhook
        receiver.then([204, 500])
        name, outcome = await small_rig.desk.test(NOBODY, made.id, "2026-11-18T11:06:40.000Z")
        _, failed = await small_rig.desk.test(NOBODY, made.id, "2026-11-18T11:06:40.000Z")
        assert outcome.taken
        assert (failed.taken, failed.status) == (False, 500)
        assert (receiver.got[0].id, receiver.got[0].event["type"]) == (name, "webhook.test")
        assert receiver.got[0].is_signed_by(made.secret)
        assert await small_rig.webhook(made.id) == made


async def test_of_two_writes_of_one_webhook_the_later_one_finds_nothing_to_write(rig: Rig) -> None:
    """A delivery that ends while its owner resumes must not put the old cursor back."""
    await rig.happen(*(stock(SHIRT_S, *[1.0] * units) for units in range(5)))
    made = (await rig.desk.create(NOBODY, "http://127.0.0.1:1/x")).webhook
    seen = await rig.webhook(made.id)
    await rig.desk.resume(NOBODY, made.id, 1)
    async with rig.database.write() as connection:
        assert await store.save(connection, seen, Progress(State.LIVE, 5), T0_US) is None
    assert (await rig.webhook(made.id)).progress.cursor == 1
    async with rig.database.write() as connection:
        fresh = await store.one(connection, made.id)
        assert fresh is not None
        assert fresh.updated_us > seen.updated_us
        assert await store.save(connection, fresh, Progress(State.LIVE, 2), T0_US) == fresh.updated_us + 1
