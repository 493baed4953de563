import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.http import examples
from gateway.http.docs_page import render
from gateway.http.problem import KINDS
from gateway.http.rows import Change
from gateway.http.schemas import reference, struct_of
from gateway.http.told import BookBody, EvidenceBody, book_rows, evidence_entry
from lastunit import client
from tests.gateway.http.conftest import Served

WRITES = {
    "/v1/availability:batch": "post",
    "/v1/sites/{site}/evidence": "post",
    "/v1/sites/{site}/book": "put",
    "/v1/sites/{site}/differences/{difference}:approve": "post",
}
PATHS = {
    *WRITES,
    "/v1/sites/{site}/accuracy",
    "/v1/sites/{site}/model",
    "/v1/sites/{site}/differences",
    "/v1/availability",
    "/v1/snapshot",
    "/v1/sites",
    "/v1/sites/{site}/stock",
    "/v1/sites/{site}/movements",
    "/v1/changes",
    "/v1/edges",
    "/healthz",
}

ACCURACY_AT_US = 1_795_326_300_000_000
"""2026-11-22T05:45:00Z, when the examples were."""


@pytest.fixture
async def document(served: Served) -> dict[str, Any]:
    answer = await served.http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


async def test_every_path_is_described_with_its_answers_and_problems(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["paths"].keys() == PATHS
    for path, methods in document["paths"].items():
        ((method, operation),) = methods.items()
        assert method == WRITES.get(path, "get")
        assert operation["summary"], path
        assert operation["description"], path
        assert ("422" in operation["responses"]) == path.endswith(("/evidence", "/book", ":batch")), path
        assert {"200", "400", "401", "403", "429"} <= operation["responses"].keys(), path
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description") or parameter["in"] == "header", (path, parameter["name"])
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]


async def test_all_references_lead_somewhere(document: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named == set(document["components"]["schemas"])


class Elsewhere(msgspec.Struct):
    """A struct that only another application's routes answer."""


async def test_another_application_s_structs_are_not_in_the_document(served: Served) -> None:
    reference(Elsewhere)
    document = (await served.http.get("/openapi.json")).json()
    assert "Elsewhere" not in document["components"]["schemas"]
    assert "AvailabilityRow" in document["components"]["schemas"]


async def test_every_example_is_what_the_schema_says(document: dict[str, Any]) -> None:
    """Decoded by the struct that the schema was made from."""
    seen = 0
    for methods in document["paths"].values():
        (operation,) = methods.values()
        content = operation["responses"]["200"]["content"].get("application/json")
        if content is None:
            continue
        schema = content["schema"]
        answers = [struct_of(ref["$ref"].rpartition("/")[2]) for ref in schema.get("oneOf", [schema])]
        for (_, example), answer in zip(content["examples"].items(), answers, strict=True):
            decoded: Any = msgspec.convert(example["value"], answer)
            assert msgspec.json.decode(msgspec.json.encode(decoded)) == example["value"]
            seen += 1
    assert seen == 16
    assert msgspec.json.decode(examples.CHANGE, type=Change).version == 17
    assert "serial" not in examples.CHANGE_SSE


async def test_every_example_of_a_body_is_one_that_the_route_takes(document: dict[str, Any]) -> None:
    for path, method in WRITES.items():
        content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        body = struct_of(content["schema"]["$ref"].rpartition("/")[2])
        assert content["examples"]
        for example in content["examples"].values():
            decoded: Any = msgspec.json.decode(msgspec.json.encode(example["value"]), type=body)
            if isinstance(decoded, EvidenceBody):
                assert evidence_entry(decoded, ACCURACY_AT_US).id == decoded.id
            if isinstance(decoded, BookBody):
                assert [row.gtin for row in book_rows(decoded, ACCURACY_AT_US)] == [examples.GTIN]


async def test_the_page_shows_every_path_schema_and_problem_and_needs_nothing_else(
    served: Served, document: dict[str, Any]
) -> None:
    answer = await served.http.get("/docs")
    page = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path in PATHS:
        assert f"<code>{path}</code>" in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    for kind in KINDS:
        assert f'id="problem-{kind.code}"' in page
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!/|#)', page)
    targets = set(re.findall(r'href="#([\w-]+)"', page))
    assert targets <= set(re.findall(r'id="([\w-]+)"', page))


def test_hostile_text_in_the_document_stays_text() -> None:
    evil = "<script>alert(1)</script>"
    operation = {
        "operationId": evil,
        "tags": ["t"],
        "summary": evil,
        "description": f"`{evil}`",
        "parameters": [{"name": evil, "in": "query", "schema": {"type": evil}, "description": evil}],
        "responses": {"200": {"description": evil, "content": {evil: {"examples": {evil: {"value": {evil: evil}}}}}}},
    }
    page = render(
        {
            "info": {"title": evil, "version": evil, "description": evil},
            "tags": [{"name": "t", "description": evil}],
            "paths": {f"/{evil}": {"get": operation}},
            "components": {"schemas": {evil: {"description": evil, "properties": {evil: {"enum": [evil]}}}}},
        }
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_manual_names_every_path_problem_and_exception() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for path in PATHS:
        assert f"{WRITES.get(path, 'get').upper()} {path}" in manual, path
    for kind in KINDS:
        assert f"`{kind.code}`" in manual, kind.code
    errors = [name for name in vars(client) if name.endswith("Error") and name != "LastUnitError"]
    assert len(errors) > 5
    for name in errors:
        assert f"`{name}`" in manual, name
