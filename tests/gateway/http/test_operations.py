import msgspec

from gateway.http.health import verdict
from gateway.http.limits import HealthLimits
from gateway.http.ports import EdgeRow, FeedHealth, Health, SiteHealth
from gateway.http.rows import Edge, StreamFigures
from tests.gateway.http.conftest import Served
from tests.gateway.http.memory import START_US, iso
from tests.gateway.http.problems import problem
from tests.gateway.http.stores import MAIN
from wire.messages import DeviceHealth, EdgeState

AT = iso(START_US)


def edge_row(what: str) -> EdgeRow:
    device = DeviceHealth(device="R1", driver="llrp", state="up", since_us=START_US, reads=5)
    state = EdgeState(
        what="death" if what == "death" else "health",
        site=MAIN,
        edge="box-1",
        at_us=START_US,
        outbox_rows=3,
        outbox_oldest_s=1.5,
        devices=(device,),
    )
    return EdgeRow(MAIN, "box-1", what, AT, AT, state)


async def test_ok_with_figures(served: Served) -> None:
    answer = await served.http.get("/healthz")
    health = answer.json()
    assert (answer.status_code, health["status"], health["reasons"]) == (200, "ok", [])
    assert {"fold_lag_ms", "relay_waiting", "quarantined", "gaps", "edges", "streams"} <= health.keys()
    assert health["sites"][0]["items_present"] == 5


async def test_degraded_says_why_and_still_answers(served: Served) -> None:
    served.gateway.look(MAIN, "BACK", live=False)
    served.gateway.edge_rows = [edge_row("death")]
    answer = await served.http.get("/healthz")
    health = answer.json()
    assert (answer.status_code, health["status"]) == (200, "degraded")
    assert health["reasons"] == [f"site {MAIN}: 1 blind zones", f"edge {MAIN}/box-1 is offline since {AT}"]
    assert health["edges"] == {"online": 0, "offline": 1}


async def test_a_database_that_cannot_be_read_is_503(served: Served) -> None:
    served.gateway.broken = OSError("disk gone")
    answer = await served.http.get("/healthz")
    problem(answer, "unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_edges_with_their_devices(served: Served) -> None:
    served.gateway.edge_rows = [edge_row("health")]
    (edge,) = (await served.http.get("/v1/edges")).json()["edges"]
    assert (edge["edge"], edge["status"], edge["outbox_rows"], edge["outbox_oldest_s"]) == ("box-1", "online", 3, 1.5)
    assert edge["devices"][0]["device"] == "R1"


def judged(health: Health, edges: list[Edge], errors: int = 0) -> list[str]:
    answer = verdict(health, edges, StreamFigures(0, 0, 0, errors), HealthLimits(lag_ms=5_000, waiting_rows=1_000))
    assert (answer.status == "degraded") == bool(answer.reasons)
    return answer.reasons


def test_each_bound_by_itself() -> None:
    site = SiteHealth("s", 0, 5_000, 100, 1, 0, 7, 7, {})
    good = Health(AT, [site], FeedHealth(1, 1_000), {})
    assert judged(good, []) == []
    late = msgspec.structs.replace(site, lag_ms=5_001, behind=9)
    assert judged(msgspec.structs.replace(good, sites=[late]), []) == ["site s: fold is 5001 ms behind (9 entries)"]
    waiting = msgspec.structs.replace(good, feed=FeedHealth(1, 1_001))
    assert judged(waiting, []) == ["relay: 1001 changes wait for their sequence"]
    assert judged(good, [], errors=2) == ["change feed: 2 failed reads of the database"]
