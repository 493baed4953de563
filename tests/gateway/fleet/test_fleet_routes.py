"""The fleet over HTTP: devices, roll-outs, refusals; what a key of some sites sees."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.ingest.admit import admit
from gateway.ingest.arrival import Arrival, Reported, State
from gateway.ingest.port import Delivery
from tests.gateway.fleet.fleet_rig import PORTAL, STOCK, PlayedDevice, PlayedEdge
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, open_keyed
from tests.gateway.http.problems import problem
from wire.configuration import DeviceInventory, ReportedAntenna, encode_reported
from wire.messages import encode_json


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        for site in (OWN, OTHER):
            await say(found, PlayedEdge(site, "box", devices=[PlayedDevice("gate"), PlayedDevice("dock")]))
        yield found


async def say(keyed: Keyed, edge: PlayedEdge) -> None:
    """An edge says how it is, five times within two minutes."""
    for _ in range(5):
        keyed.clock.advance(30)
        now_us = keyed.clock()
        for device in edge.devices:
            device.reads += device.per_min / 2
        state, report = edge.state("health", now_us), edge.report(now_us)
        keyed.heard.state(state, now_us)
        keyed.heard.report(report)
    async with keyed.database.write() as connection:
        arrivals: list[Arrival] = [
            State(Delivery("s", encode_json(state), now_us), state),
            Reported(Delivery("r", encode_reported(report), now_us), report),
        ]
        await admit(connection, arrivals, now_us)


async def admin(keyed: Keyed, sites: list[str] | None = None) -> httpx.AsyncClient:
    token = await keyed.key("device:admin", sites=sites)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=keyed.url, headers=headers, trust_env=False, timeout=20, verify=False)


def named(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


BODY: dict[str, Any] = {"profile": "generic-llrp-stock", "canaries": 1, "by": "Kim"}


async def test_devices_and_what_they_run(keyed: Keyed) -> None:
    edge = PlayedEdge(OWN, "box", devices=[PlayedDevice("gate", problems=("port 1: adapted",), answers="adapted")])
    edge.devices[0].inventory = DeviceInventory(vendor="Impinj", model="Speedway R420", firmware="5.14.0", serial="7")
    await say(keyed, edge)
    async with await admin(keyed) as http:
        first = (await http.get("/v1/fleet", params={"limit": 1})).json()
        assert first["next"] == f"{OWN}/box"
        (gate,) = first["devices"]
        assert (gate["site"], gate["device"], gate["state"], gate["standing"]) == (OWN, "gate", "up", "site_file")
        assert gate["reads_per_min"] == 600.0
        assert gate["inventory"] == {
            "vendor": "Impinj",
            "model": "Speedway R420",
            "firmware": "5.14.0",
            "serial": "7",
        }
        assert (gate["asked"], gate["good"], gate["asked_version"]) == (None, None, 0)
        rest = (await http.get("/v1/fleet", params={"after": first["next"]})).json()
        assert {(one["site"], one["device"]) for one in rest["devices"]} >= {(OTHER, "gate"), (OTHER, "dock")}
        assert rest["next"] is None
        only = (await http.get("/v1/fleet", params={"site": OTHER})).json()
        assert {one["site"] for one in only["devices"]} == {OTHER}


async def test_a_rollout_is_planned_begun_and_wished_away(keyed: Keyed) -> None:
    async with await admin(keyed) as http:
        planned = (await http.post("/v1/fleet/rollouts", json=BODY | {"dry_run": True})).json()
        assert planned["rollout"] is None
        assert planned["plan"]["wave_sizes"] == [1, 3]
        assert (await http.get("/v1/fleet/rollouts")).json() == {"rollouts": []}
        problem(await http.post("/v1/fleet/rollouts", json=BODY), "idempotency-key-missing")
        begun = await http.post("/v1/fleet/rollouts", json=BODY, headers=named("a"))
        rollout = begun.json()["rollout"]
        assert (rollout["stage"], rollout["waves"], rollout["by"]) == ("planned", 2, "Kim")
        assert rollout["hash"] == STOCK.setting.hash
        assert rollout["counts"] == {"waiting": 4}
        assert rollout["events"][0]["what"] == "begun"
        again = await http.post("/v1/fleet/rollouts", json=BODY, headers=named("a"))
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json()["rollout"]["id"] == rollout["id"]
        other = BODY | {"canaries": 2}
        problem(await http.post("/v1/fleet/rollouts", json=other, headers=named("a")), "idempotency-key-reused")
        under_way = problem(await http.post("/v1/fleet/rollouts", json=BODY, headers=named("b")), "rollout-impossible")
        assert rollout["id"] in under_way["detail"]
        path = f"/v1/fleet/rollouts/{rollout['id']}"
        stopped = await http.post(f"{path}:stop", json={"by": "Kim"})
        assert (stopped.json()["wish"], stopped.json()["over"]) == ("stop", False)
        assert "Idempotency-Replayed" not in stopped.headers
        assert (await http.post(f"{path}:stop")).headers["Idempotency-Replayed"] == "true"
        assert (await http.post(f"{path}:rollback")).json()["wish"] == "rollback"
        assert (await http.get(path)).json()["wish"] == "rollback"
        assert [one["id"] for one in (await http.get("/v1/fleet/rollouts")).json()["rollouts"]] == [rollout["id"]]


async def test_a_profile_by_value(keyed: Keyed) -> None:
    async with await admin(keyed) as http:
        body = BODY | {"profile": "our-dock", "table": PORTAL.table, "dry_run": True}
        plan = (await http.post("/v1/fleet/rollouts", json=body)).json()["plan"]
        assert (plan["profile"], plan["hash"]) == ("our-dock", PORTAL.setting.hash)
        bad = body | {"table": PORTAL.table | {"keepalive_ms": 7}}
        said = problem(await http.post("/v1/fleet/rollouts", json=bad), "profile-unusable")
        assert "keepalive_ms" in said["detail"]
        assert "500" in said["detail"], "the allowed range is named"
        taken = body | {"profile": "generic-llrp-stock"}
        said = problem(await http.post("/v1/fleet/rollouts", json=taken), "profile-unusable")
        assert "choose another" in said["detail"]
        unknown = BODY | {"profile": "nothing-like-it", "dry_run": True}
        assert "there are" in problem(await http.post("/v1/fleet/rollouts", json=unknown), "profile-unusable")["detail"]


@pytest.mark.parametrize(
    "wrong", [{"canaries": 0}, {"watch_s": 0}, {"apply_s": 1e9}, {"devices": ["a b"]}, {"extra": 1}, {"by": "a\nb"}]
)
async def test_bodies_are_bounded(keyed: Keyed, wrong: dict[str, Any]) -> None:
    async with await admin(keyed) as http:
        problem(await http.post("/v1/fleet/rollouts", json=BODY | wrong, headers=named("a")), "invalid-body")


async def test_a_key_stays_within_its_sites(keyed: Keyed) -> None:
    async with await admin(keyed) as whole, await admin(keyed, [OWN]) as mine:
        assert {one["site"] for one in (await mine.get("/v1/fleet")).json()["devices"]} == {OWN}
        problem(await mine.get("/v1/fleet", params={"site": OTHER}), "site-not-allowed")
        body = BODY | {"sites": [OTHER], "dry_run": True}
        problem(await mine.post("/v1/fleet/rollouts", json=body), "site-not-allowed")
        plan = (await mine.post("/v1/fleet/rollouts", json=BODY | {"dry_run": True})).json()["plan"]
        assert {one["site"] for wave in plan["waves"] for one in wave} == {OWN}
        sneaky = BODY | {"devices": [f"{OTHER}/gate"], "dry_run": True}
        problem(await mine.post("/v1/fleet/rollouts", json=sneaky), "rollout-impossible")
        begun = await whole.post("/v1/fleet/rollouts", json=BODY, headers=named("a"))
        path = f"/v1/fleet/rollouts/{begun.json()['rollout']['id']}"
        for asked in (mine.get(path), mine.post(f"{path}:stop"), mine.post(f"{path}:rollback")):
            problem(await asked, "unknown-rollout")
        assert (await mine.get("/v1/fleet/rollouts")).json() == {"rollouts": []}


async def test_antennas_are_shown_in_dbm(keyed: Keyed) -> None:
    edge = PlayedEdge(OWN, "box", devices=[PlayedDevice("gate")])
    report = edge.report(keyed.clock())
    antenna = ReportedAntenna(port=1, purpose="portal", asked_dbm=31.0, power_cdbm=3000, session=1)
    changed = type(report)(
        **{name: getattr(report, name) for name in report.__struct_fields__ if name != "devices"},
        devices=(type(report.devices[0])(device="gate", driver="llrp", state="applied", at_us=5, antennas=(antenna,)),),
    )
    async with keyed.database.write() as connection:
        delivery = Delivery("r", encode_reported(changed), keyed.clock())
        await admit(connection, [Reported(delivery, changed)], keyed.clock())
    async with await admin(keyed) as http:
        devices = (await http.get("/v1/fleet", params={"site": OWN})).json()["devices"]
        (gate,) = [one for one in devices if one["device"] == "gate"]
        assert gate["antennas"] == [
            {
                "port": 1,
                "purpose": "portal",
                "asked_dbm": 31.0,
                "power_dbm": 30.0,
                "mode": None,
                "session": 1,
                "target": None,
            }
        ]
        assert gate["inventory"] is None
