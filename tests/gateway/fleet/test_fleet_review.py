"""What a key of some sites sees of a fleet with many roll-outs elsewhere."""

import pytest

from gateway.fleet import desk
from gateway.fleet.desk import Asker
from gateway.storage.engine import Database
from tests.gateway.fleet.fleet_rig import FleetRig, PlayedEdge


async def test_newer_rollouts_of_other_sites_hide_none_of_ones_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = FleetRig(database, PlayedEdge("s1"), PlayedEdge("s2"))
    await rig.passes(100)
    own, _ = await rig.begin(name="k1", sites=frozenset({"s1"}))
    other, _ = await rig.begin(name="k2", sites=frozenset({"s2"}))
    monkeypatch.setattr(desk, "LISTED_MAX", 1)
    of_one = Asker(sites=frozenset({"s1"}))
    assert [stored.id for stored in await rig.desk.listed(of_one)] == [own.stored.id]
    assert [stored.id for stored in await rig.desk.listed(Asker())] == [other.stored.id]
    assert await rig.desk.listed(Asker(sites=frozenset())) == []
