"""A reservation from the cart to the shopper's hands, on SQLite and PostgreSQL."""

import pytest

from gateway.holds.errors import InsufficientError
from gateway.storage.engine import Database
from tests.gateway.holds.rig import WEB, Rig


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


async def test_from_the_cart_to_the_hands(rig: Rig) -> None:
    await rig.put("1", "2", "3")
    holds = rig.holds()
    made = await rig.reserve(holds, 2)
    assert made["state"] == "held"
    assert [item["zone"] for item in made["lines"][0]["items"]] == ["FLOOR", "FLOOR"]
    assert await rig.atp() == 1
    await rig.check()
    with pytest.raises(InsufficientError) as refused:
        await rig.reserve(holds, 2)
    assert refused.value.shortages[0].atp == 1
    name = made["id"]
    answer, replayed = await holds.confirm(WEB, name)
    assert (answer.state, answer.expires_at, replayed) == ("confirmed", None, False)
    rig.clock.advance(1e5)
    assert (await holds.confirm(WEB, name))[1]
    answer, _ = await holds.pick(WEB, name)
    assert [item.picked for item in answer.lines[0].items] == [True, True]
    await rig.check()
    answer, _ = await holds.fulfil(WEB, name)
    assert answer.state == "fulfilled"
    assert await rig.sold() == ["1", "2"]
    assert await rig.atp() == 1
    await rig.check()
    print(await rig.reasons())
