import pytest

from gateway.http.offered import age_s
from tests.gateway.http.conftest import Served
from tests.gateway.http.memory import START_US
from tests.gateway.http.problems import problem
from tests.gateway.http.stores import JACKET_M, MAIN, OUTLET, SHOE_38
from wire.site import OUT


async def test_one_site_answers_its_row(served: Served) -> None:
    answer = await served.http.get("/v1/availability", params={"gtin": JACKET_M, "site": MAIN})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, max-age=1"
    assert answer.json() == {
        "gtin": JACKET_M.zfill(14),
        "site": MAIN,
        "atp": 3,
        "on_hand": 4,
        "held": 0,
        "safety": 0,
        "confidence": None,
        "status": "live",
        "as_of": "2026-11-22T05:45:00.000Z",
        "oldest_read_s": 0.0,
        "version": 1,
        "zones": {"BACK": 2, "FLOOR_A": 1, "FIT": 1},
        "untagged": 0,
        "truth": "rfid",
        "distance_km": None,
    }


async def test_all_sites_answer_their_rows_and_the_sum(served: Served) -> None:
    served.gateway.stock(OUTLET, JACKET_M, {"SHOP": 2})
    answer = (await served.http.get("/v1/availability", params={"gtin": JACKET_M})).json()
    assert (answer["gtin"], answer["atp"], answer["on_hand"]) == (JACKET_M, 5, 6)
    assert [(row["site"], row["on_hand"]) for row in answer["rows"]] == [(MAIN, 4), (OUTLET, 2)]


@pytest.mark.parametrize("form", [JACKET_M, JACKET_M[1:]])
async def test_shorter_gtins_are_the_same_number(served: Served, form: str) -> None:
    answer = await served.http.get("/v1/availability", params={"gtin": form, "site": MAIN})
    assert answer.json()["gtin"] == JACKET_M


async def test_a_bad_check_digit_names_value_and_expected_digit(served: Served) -> None:
    wrong = JACKET_M[:-1] + str((int(JACKET_M[-1]) + 1) % 10)
    refused = problem(await served.http.get("/v1/availability", params={"gtin": wrong}), "invalid-gtin")
    assert (refused["parameter"], refused["value"]) == ("gtin", wrong)
    assert refused["expected"] == f"check digit {JACKET_M[-1]}"
    assert refused["found"] == wrong[-1]
    assert wrong in refused["detail"]


@pytest.mark.parametrize("text", ["1234", "ABCDEFGH", "", "0950600000001O", "9" * 60])
async def test_what_is_no_gtin_is_refused(served: Served, text: str) -> None:
    problem(await served.http.get("/v1/availability", params={"gtin": text}), "invalid-gtin")


async def test_a_gtin_that_no_catalogue_names_is_404(served: Served) -> None:
    refused = problem(await served.http.get("/v1/availability", params={"gtin": "09506000134352"}), "unknown-gtin")
    assert refused["value"] == "09506000134352"


async def test_an_unknown_site_is_404_with_those_that_there_are(served: Served) -> None:
    refused = problem(
        await served.http.get("/v1/availability", params={"gtin": JACKET_M, "site": "nowhere"}), "unknown-site"
    )
    assert (refused["value"], refused["expected"]) == ("nowhere", [MAIN, OUTLET])


async def test_a_site_without_the_sku_answers_zero(served: Served) -> None:
    answer = (await served.http.get("/v1/availability", params={"gtin": SHOE_38, "site": MAIN})).json()
    assert (answer["atp"], answer["on_hand"], answer["zones"]) == (0, 0, {})


async def test_the_etag_holds_while_only_the_clock_moves_and_breaks_with_the_numbers(served: Served) -> None:
    asked = {"gtin": JACKET_M, "site": MAIN}
    first = await served.http.get("/v1/availability", params=asked)
    etag = first.headers["etag"]
    assert etag.startswith('W/"')

    served.gateway.now_us += 5_000_000
    same = await served.http.get("/v1/availability", params=asked, headers={"If-None-Match": f'"x", {etag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)

    served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
    other = await served.http.get("/v1/availability", params=asked, headers={"If-None-Match": etag})
    assert other.status_code == 200
    assert other.headers["etag"] != etag
    assert other.json()["zones"] == {"BACK": 1, "FLOOR_A": 2, "FIT": 1}


async def test_a_blind_zone_makes_the_row_stale_and_breaks_the_etag(served: Served) -> None:
    asked = {"gtin": JACKET_M, "site": MAIN}
    etag = (await served.http.get("/v1/availability", params=asked)).headers["etag"]
    served.gateway.look(MAIN, "BACK", live=False)
    served.gateway.now_us += 90_000_000
    answer = await served.http.get("/v1/availability", params=asked, headers={"If-None-Match": etag})
    row = answer.json()
    assert (answer.status_code, row["status"], row["on_hand"], row["oldest_read_s"]) == (200, "stale", 4, 90.0)
    assert row["as_of"] == "2026-11-22T05:45:00.000Z"


async def test_a_unit_that_left_is_gone_from_the_answer(served: Served) -> None:
    served.gateway.move(OUTLET, SHOE_38, "SHOP", OUT)
    row = (await served.http.get("/v1/availability", params={"gtin": SHOE_38, "site": OUTLET})).json()
    assert (row["atp"], row["on_hand"], row["version"]) == (0, 0, 2)


def test_an_age_is_never_negative_and_none_without_a_look() -> None:
    assert age_s("2026-11-22T05:45:00.000Z", START_US + 1_234_567) == 1.234
    assert age_s("2026-11-22T05:45:01.000Z", START_US) == 0.0
    assert age_s("", START_US) is None
