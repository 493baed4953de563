"""Many SKUs at once, the nearest shops, and what a basket that holds a unit already sees."""

from typing import Any

import pytest

from gateway.http.availability_routes import location_parameter
from gateway.http.limits import BATCH_MAX_PAIRS
from gateway.http.problem import RefusedError
from tests.gateway.http.conftest import Served
from tests.gateway.http.problems import problem
from tests.gateway.http.stores import JACKET_L, JACKET_M, MAIN, OUTLET, SHOE_38, gtin

PATH = "/v1/availability:batch"
BERLIN, POTSDAM = (52.5200, 13.4050), (52.3906, 13.0645)
NEAR = "52.5200,13.4050"


def pairs(*named: tuple[str, str]) -> dict[str, Any]:
    return {"pairs": [{"gtin": number, "site": site} for number, site in named]}


# -- many pairs


async def test_pairs_are_answered_as_one_by_one_and_in_the_order_asked(served: Served) -> None:
    asked = [(SHOE_38, OUTLET), (JACKET_M, MAIN), (SHOE_38, MAIN), (JACKET_L, MAIN)]
    answer = await served.http.post(PATH, json=pairs(*asked))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    singles = [
        (await served.http.get("/v1/availability", params={"gtin": number, "site": site})).json()
        for number, site in asked
    ]
    assert found == {"rows": singles, "unknown": []}


async def test_a_pair_that_nobody_knows_spoils_no_other(served: Served) -> None:
    asked = [(gtin(77), MAIN), (JACKET_M, MAIN), (JACKET_M, "nowhere")]
    found = (await served.http.post(PATH, json=pairs(*asked))).json()
    assert [(row["gtin"], row["site"]) for row in found["rows"]] == [(JACKET_M, MAIN)]
    assert found["unknown"] == [f"{gtin(77)}@{MAIN}", f"{JACKET_M}@nowhere"]


async def test_shorter_gtins_are_the_same_number_and_so_twice_the_same_pair(served: Served) -> None:
    found = (await served.http.post(PATH, json=pairs((JACKET_M[1:], MAIN)))).json()
    assert [row["gtin"] for row in found["rows"]] == [JACKET_M]
    refused = problem(await served.http.post(PATH, json=pairs((JACKET_M[1:], MAIN), (JACKET_M, MAIN))), "invalid-body")
    assert (refused["parameter"], refused["expected"]) == ("pairs", "each pair once")


async def test_so_many_pairs_and_no_more(served: Served) -> None:
    most = [(gtin(number), MAIN) for number in range(1, BATCH_MAX_PAIRS + 1)]
    found = (await served.http.post(PATH, json=pairs(*most))).json()
    assert (len(found["rows"]), len(found["unknown"])) == (3, BATCH_MAX_PAIRS - 3)
    answer = await served.http.post(PATH, json=pairs(*most, (JACKET_M, OUTLET)))
    assert answer.status_code == 422
    refused = problem(answer, "too-many-pairs")
    assert (refused["parameter"], refused["expected"]) == ("pairs", "at most 1000")
    assert refused["detail"].startswith("1001 pairs")


async def test_a_bad_gtin_is_named_by_its_place(served: Served) -> None:
    refused = problem(await served.http.post(PATH, json=pairs((JACKET_M, MAIN), ("123", MAIN))), "invalid-body")
    assert refused["parameter"] == "pairs[1].gtin"
    assert "123" in refused["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pairs": []},
        {"pairs": [{"gtin": JACKET_M}]},
        {"pairs": [{"gtin": JACKET_M, "site": ""}]},
        {"pairs": [{"gtin": JACKET_M, "site": MAIN, "zone": "BACK"}]},
        {"pairs": [[JACKET_M, MAIN]]},
        {"pairs": [{"gtin": JACKET_M, "site": MAIN}], "near": NEAR},
        {"pairs": [{"gtin": int(JACKET_M), "site": MAIN}]},
    ],
)
async def test_what_is_no_list_of_pairs_is_refused(served: Served, body: dict[str, Any]) -> None:
    problem(await served.http.post(PATH, json=body), "invalid-body")


async def test_a_body_that_is_not_json_or_too_large_is_refused(served: Served) -> None:
    problem(await served.http.post(PATH, content=b"{}"), "not-json")
    problem(await served.http.post(PATH, json=pairs((JACKET_M, "x" * 300_000))), "too-large")


# -- the nearest shops


def at_places(served: Served) -> None:
    served.gateway.by_id[MAIN].location = POTSDAM
    served.gateway.by_id[OUTLET].location = BERLIN
    served.gateway.stock(OUTLET, JACKET_M, {"SHOP": 2})


async def rows(served: Served, **asked: Any) -> list[tuple[str, float | None]]:
    answer = await served.http.get("/v1/availability", params={"gtin": JACKET_M} | asked)
    assert answer.status_code == 200, answer.text
    return [(row["site"], row["distance_km"]) for row in answer.json()["rows"]]


async def test_the_nearest_shop_comes_first(served: Served) -> None:
    at_places(served)
    assert await rows(served) == [(MAIN, None), (OUTLET, None)]
    assert await rows(served, near=NEAR) == [(OUTLET, 0.0), (MAIN, pytest.approx(27.1, abs=0.2))]
    assert await rows(served, near="52.3906,13.0645") == [(MAIN, 0.0), (OUTLET, pytest.approx(27.1, abs=0.2))]


async def test_only_shops_within_the_radius_are_in_the_rows_and_in_the_sum(served: Served) -> None:
    at_places(served)
    assert [site for site, _ in await rows(served, near=NEAR, radius_km=28)] == [OUTLET, MAIN]
    assert [site for site, _ in await rows(served, near=NEAR, radius_km=26)] == [OUTLET]
    answer = (
        await served.http.get("/v1/availability", params={"gtin": JACKET_M, "near": NEAR, "radius_km": 26})
    ).json()
    assert (answer["atp"], answer["on_hand"]) == (2, 2)
    assert await rows(served, near="0,0", radius_km=5) == []


async def test_two_shops_of_one_street_come_in_the_order_of_their_doors(served: Served) -> None:
    """Nearer than the distance that is shown can tell."""
    at_places(served)
    served.gateway.by_id[MAIN].location = (52.5202, 13.4050)
    assert [site for site, _ in await rows(served, near="52.5200,13.4050")] == [OUTLET, MAIN]
    assert [site for site, _ in await rows(served, near="52.5202,13.4050")] == [MAIN, OUTLET]


async def test_a_shop_whose_place_nobody_wrote_down_is_near_to_nothing(served: Served) -> None:
    at_places(served)
    served.gateway.by_id[MAIN].location = None
    assert [site for site, _ in await rows(served, near=NEAR)] == [OUTLET]


@pytest.mark.parametrize(
    "near", ["", "52.5", "52.5;13.4", "91,0", "-90.1,0", "0,181", "nan,0", "0,inf", "a,b", "1,2,3", "52,5,13,4"]
)
async def test_what_is_no_place_is_refused_with_an_example(served: Served, near: str) -> None:
    answer = await served.http.get("/v1/availability", params={"gtin": JACKET_M, "near": near})
    refused = problem(answer, "invalid-parameter")
    assert refused["parameter"] == "near"
    assert "52.52,13.405" in refused["detail"]


@pytest.mark.parametrize("text", ["90,180", "-90,-180", " 52.52 , 13.405 ", "0,0"])
def test_places_at_the_ends_of_the_earth(text: str) -> None:
    lat, lon = location_parameter(text)
    assert f"{lat:g},{lon:g}" == text.replace(" ", "")


def test_a_place_is_two_numbers() -> None:
    with pytest.raises(RefusedError):
        location_parameter("52.52")


@pytest.mark.parametrize("radius", ["0", "-1", "nan", "20039", "far"])
async def test_what_is_no_radius_is_refused(served: Served, radius: str) -> None:
    asked = {"gtin": JACKET_M, "near": NEAR, "radius_km": radius}
    refused = problem(await served.http.get("/v1/availability", params=asked), "invalid-parameter")
    assert refused["parameter"] == "radius_km"


async def test_a_radius_needs_a_place(served: Served) -> None:
    answer = await served.http.get("/v1/availability", params={"gtin": JACKET_M, "radius_km": 5})
    assert problem(answer, "invalid-parameter")["parameter"] == "near"


# -- holds


async def test_what_is_held_is_not_for_the_next_buyer(served: Served) -> None:
    served.gateway.hold(MAIN, JACKET_M, "mine", 2)
    asked: dict[str, Any] = {"gtin": JACKET_M, "site": MAIN}
    row = (await served.http.get("/v1/availability", params=asked)).json()
    assert (row["atp"], row["held"], row["on_hand"]) == (1, 2, 4)
    row = (await served.http.get("/v1/availability", params=asked | {"exclude_hold": "mine"})).json()
    assert row["atp"] == 3
    row = (await served.http.get("/v1/availability", params=asked | {"exclude_hold": "another"})).json()
    assert row["atp"] == 1
    everywhere = (await served.http.get("/v1/availability", params={"gtin": JACKET_M, "exclude_hold": "mine"})).json()
    assert everywhere["atp"] == 3


async def test_the_etag_breaks_when_a_unit_is_held(served: Served) -> None:
    asked = {"gtin": JACKET_M, "site": MAIN}
    etag = (await served.http.get("/v1/availability", params=asked)).headers["etag"]
    served.gateway.hold(MAIN, JACKET_M, "h", 1)
    answer = await served.http.get("/v1/availability", params=asked, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json()["held"]) == (200, 1)


async def test_an_offer_that_is_as_sure_as_the_row_says(served: Served) -> None:
    site = served.gateway.by_id[MAIN]
    site.chance = 0.98
    asked: dict[str, Any] = {"gtin": JACKET_M, "site": MAIN}
    row = (await served.http.get("/v1/availability", params=asked)).json()
    assert (row["atp"], row["confidence"]) == (2, pytest.approx(0.9988, abs=1e-4))  # the third is not sure enough
    site.untagged[JACKET_M] = 2
    row = (await served.http.get("/v1/availability", params=asked)).json()
    assert (row["atp"], row["on_hand"], row["untagged"], row["truth"]) == (4, 6, 2, "mixed")
