"""`/v1/figures` and `/v1/series` over HTTP: answers, refusals, and whose key may ask."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from gateway.clock import iso, system_clock
from gateway.figures.key_figures import KEY_FIGURES
from gateway.figures.limits import LINES_MAX
from gateway.http.figure_rows import FigureBoard, SeriesAnswer
from gateway.series.rollup import BUCKET_US
from tests.gateway.figures.chain import NAMES, Chain, made, open_chain
from tests.gateway.http.problems import problem
from wire import measurements as m

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLOOR = {"measurement": "floor", "field": "behind"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(chain_day: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chain]:
    async with open_chain(chain_day, tmp_path_factory.mktemp("routes")) as found, found.living():
        yield found


async def test_figures_of_all_stores_and_of_one(chain: Chain) -> None:
    await chain.look()
    told = await chain.ask("/v1/figures")
    assert [row["id"] for row in told["figures"]] == [figure.id for figure in KEY_FIGURES]
    assert {site["site"]: site["name"] for site in told["sites"]} == NAMES
    levels = {site["site"]: site["level"] for site in told["sites"]}
    assert levels == {"store-001": "act", "store-002": "act", "store-003": "good", "store-004": "unknown"}
    bring = next(row for row in told["figures"] if row["id"] == "to_bring")
    assert (bring["level"], bring["worst"], bring["unit"], bring["more"]) == ("act", "store-001", "skus", False)
    mine = {site["site"]: site["figures"]["to_bring"]["value"] for site in told["sites"]}
    assert mine["store-004"] is None
    assert bring["value"] == sum(value for value in mine.values() if value is not None)
    one = await chain.figures(site="store-001")
    assert (one["to_bring"]["value"], one["to_bring"]["worst"]) == (mine["store-001"], "")
    assert one["oversold"]["word"] == "none"
    assert msgspec.convert(told, FigureBoard).as_of is not None


async def test_every_figure_tells_what_to_ask_for_its_lines(chain: Chain) -> None:
    for row in (await chain.figures(site="store-001")).values():
        for asked in (row["line"], row["detail"]):
            told = msgspec.convert(await chain.ask("/v1/series", **asked, site="store-001", step=3600), SeriesAnswer)
            assert all(len(line.values) in {24, 25} for line in told.lines)
            assert told.by == [name for name in asked.get("by", "").split(",") if name]
            assert told.lines or row["id"] == "left_unsold", row["id"]
    assert told.unit == "ms"


async def test_a_line_ends_with_the_value_of_the_figure(chain: Chain) -> None:
    await chain.look()
    rows = await chain.figures(site="store-001")
    for name in ("to_bring", "blind_zones", "devices_down", "size_gaps"):
        (line,) = (await chain.ask("/v1/series", **rows[name]["line"], site="store-001"))["lines"]
        assert [value for value in line["values"] if value is not None][-1] == rows[name]["value"], name
    told = await chain.ask("/v1/series", **rows["blind_zones"]["detail"], site="store-001")
    assert told["words"] == {"0": "blind", "1": "live"}
    states = {line["tags"]["zone"]: line["values"][-2] for line in told["lines"]}
    assert states["FIT"] == 0
    assert states["BACK"] == 1


async def test_a_span_is_in_whole_steps(chain: Chain) -> None:
    at_us = system_clock() // BUCKET_US * BUCKET_US
    asked = {**FLOOR, "site": "store-001", "from": iso(at_us - 3 * BUCKET_US), "to": iso(at_us)}
    told = await chain.ask("/v1/series", **asked)
    assert (told["from"], told["to"], told["step_s"], len(told["lines"][0]["values"])) == (
        *(iso(at_us - 3 * BUCKET_US), iso(at_us), 300),
        3,
    )
    wide = await chain.ask("/v1/series", **asked, step=600)
    assert (wide["step_s"], wide["from"] <= asked["from"], wide["to"] >= asked["to"]) == (600, True, True)


@pytest.mark.parametrize(
    ("asked", "parameter", "said"),
    [
        ({"measurement": "flor"}, "measurement", "expected one of stock_sku"),
        ({"field": "title", "measurement": "event"}, "field", "event has no figure"),
        ({"field": "shwon"}, "field", "availability, carried"),
        ({"by": "department,zone"}, "by", "floor has no tag 'zone'"),
        ({"only": "department"}, "only", "expected TAG:VALUE"),
        ({"only": "gtin:1"}, "only", "floor has no tag 'gtin'"),
        ({"per": "nothing"}, "per", "floor has no figure 'nothing'"),
        ({"fold": "count"}, "fold", "count goes with"),
        ({"fold": "median"}, "fold", "'sum', 'mean', 'min'"),
        ({"measurement": "task_flow", "field": "done", "fold": "max"}, "fold", "deltas are added up"),
        ({"step": "299"}, "step", "299"),
        ({"step": "450"}, "step", "expected a multiple of 300"),
        ({"from": "yesterday"}, "from", "RFC 3339"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2025-12-31T00:00:00Z"}, "from", "is not before"),
        ({"from": "2025-01-01T00:00:00Z", "to": "2025-06-01T00:00:00Z"}, "from", "90 days"),
        ({"from": "2025-01-01T00:00:00Z", "to": "2025-02-01T00:00:00Z"}, "step", "expected 2016 at most"),
    ],
)
async def test_what_cannot_be_asked_is_refused(chain: Chain, asked: dict[str, str], parameter: str, said: str) -> None:
    refused = problem(await chain.http.get("/v1/series", params=FLOOR | asked), "invalid-parameter")
    assert refused["parameter"] == parameter
    assert said in refused["detail"] + str(refused["expected"])


async def test_the_step_that_a_refusal_names_is_taken(chain: Chain) -> None:
    asked = FLOOR | {"from": "2025-01-01T00:00:00Z", "to": "2025-03-01T00:00:00Z"}
    refused = problem(await chain.http.get("/v1/series", params=asked), "invalid-parameter")
    step = re.fullmatch(r"(\d+) or more", refused["expected"])
    assert step is not None
    assert (await chain.http.get("/v1/series", params={**asked, "step": step[1]})).status_code == 200


async def test_a_store_that_is_not_there_is_said(chain: Chain) -> None:
    for path, asked in (("/v1/figures", {}), ("/v1/series", FLOOR)):
        refused = problem(await chain.http.get(path, params={**asked, "site": "store-009"}), "unknown-site")
        assert refused["expected"] == list(NAMES)


async def test_an_answer_has_so_many_lines_and_says_how_many_more_there_are(chain: Chain) -> None:
    at_us = system_clock()
    await chain.write(
        [made(m.MOVEMENTS, at_us, ("store-003", "moved", f"k{number:03d}", "OUT"), units=1) for number in range(60)]
    )
    told = await chain.ask("/v1/series", measurement="movements", field="units", by="came_from", site="store-003")
    assert (len(told["lines"]), told["left_out"]) == (LINES_MAX, 60 - LINES_MAX)


async def test_the_document_describes_both(chain: Chain) -> None:
    document = (await chain.http.get("/openapi.json")).json()
    for path, answer in (("/v1/figures", FigureBoard), ("/v1/series", SeriesAnswer)):
        operation = document["paths"][path]["get"]
        assert all(parameter["description"] for parameter in operation["parameters"])
        content = operation["responses"]["200"]["content"]["application/json"]
        for example in content["examples"].values():
            again: Any = msgspec.convert(example["value"], answer)
            assert msgspec.json.decode(msgspec.json.encode(again)) == example["value"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', msgspec.json.encode(document).decode()))
    assert named == set(document["components"]["schemas"])


async def test_without_time_series_there_are_no_figures(migrated_sqlite_file: Path, tmp_path: Path) -> None:
    async with open_chain(migrated_sqlite_file, tmp_path, written=False) as chain:
        for path in ("/v1/figures", "/v1/series"):
            problem(await chain.http.get(path), "not-found")
        assert (await chain.http.get("/boards")).status_code == 200


async def test_a_key_sees_its_own_stores_and_nothing_of_the_gateway(chain_day: Path, tmp_path: Path) -> None:
    async with open_chain(chain_day, tmp_path, keys=True) as chain:
        await chain.look()
        await chain.write([made(m.PIPELINE, chain.clock(), ("gateway",), relay_waiting=3)])
        tokens = {
            "own": await chain.key("staff:read", sites=["store-002", "store-003"]),
            "all": await chain.key("staff:read"),
            "stock": await chain.key("stock:read"),
        }

        async def ask(who: str, path: str, **asked: str) -> httpx.Response:
            return await chain.http.get(path, params=asked, headers={"Authorization": f"Bearer {tokens[who]}"})

        mine = (await ask("own", "/v1/figures")).json()
        assert [site["site"] for site in mine["sites"]] == ["store-002", "store-003"]
        whole = (await ask("all", "/v1/figures")).json()
        bring = {name: found["figures"][0]["value"] for name, found in (("own", mine), ("all", whole))}
        assert bring["own"] < bring["all"], "other stores' goods are not in the sum"
        lines = (await ask("own", "/v1/series", measurement="floor", field="behind", by="site")).json()["lines"]
        assert [line["tags"]["site"] for line in lines] == ["store-002", "store-003"]
        gateway = {"measurement": "pipeline", "field": "relay_waiting"}
        assert (await ask("all", "/v1/series", **gateway)).json()["lines"][0]["values"][-1] == 3
        refused = problem(await ask("own", "/v1/series", **gateway), "site-not-allowed")
        assert refused["expected"] == ["store-002", "store-003"]
        for path, asked in (("/v1/figures", {}), ("/v1/series", FLOOR)):
            problem(await ask("own", path, **asked, site="store-001"), "site-not-allowed")
            problem(await ask("stock", path, **asked), "scope-missing")
            problem(await chain.http.get(path, params=asked), "no-key")
