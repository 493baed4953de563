"""Requests made from the OpenAPI document, good and bad ones: no 5xx, and every answer is as the document says.

The gateway is the real program over SQLite, with one site and a few goods. Cases are drawn by schemathesis and
hypothesis with a fixed seed; `make proof` draws 2,000.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.gateway.small_store import SHIRT_S
from tests.integration.channel_shop import ChannelShop
from tests.servers.mosquitto import Mosquitto

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAMS = {("GET", "/v1/changes")}
"""An endless answer: its tests stand in `tests/gateway/http/test_changes.py`."""


@pytest.fixture
def one_gateway(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[ChannelShop]:
    shop = ChannelShop(tmp_path, mosquitto.url, f"sqlite:///{tmp_path / 'shop.db'}", gateways=1)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


def operations(url: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # a document that cannot be read raises here
        if (operation.method.upper(), operation.path) not in STREAMS:
            yield operation


def sent(http: httpx.Client, case: Any, url: str) -> httpx.Response:
    """Send a case by our own client: schemathesis' own one does not know the urllib3 that grafana-client brings."""
    asked = {name: value for name, value in case.as_transport_kwargs(base_url=url).items() if value is not None}
    asked.pop("cookies", None)
    for name in ("authorization", "x-api-key"):  # keys are the business of the access matrix; here there are none
        asked.get("headers", {}).pop(name, None)
    if isinstance(asked.get("data"), bytes | str):
        asked["content"] = asked.pop("data")
    return http.request(**asked)


def drawn(http: httpx.Client, operation: Any, cases: int, url: str, seen: Counter[int]) -> None:
    """Draw cases of one operation and hold each answer against the document."""

    @seed(5)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def every_case(case: Any) -> None:
        answer = sent(http, case, url)
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    every_case()


async def cases(shop: ChannelShop, number: int) -> Counter[int]:
    """Draw cases of all operations; raises when any answer is not as the document says."""
    await shop.receive("some", SHIRT_S, [1, 2, 3])
    url = shop.urls[0]
    every = list(operations(url))
    seen: Counter[int] = Counter()
    wrong: list[str] = []
    with httpx.Client(trust_env=False, timeout=20) as http:
        for operation in every:
            try:
                drawn(http, operation, max(1, -(-number // len(every))), url, seen)
            except FailureGroup as failed:
                found = "; ".join(str(one).strip()[:300] for one in failed.exceptions)
                wrong.append(f"{operation.method.upper()} {operation.path}: {found}")
    assert not wrong, "\n".join(wrong)
    return seen


async def test_answers_are_as_documented(one_gateway: ChannelShop) -> None:
    seen = await cases(one_gateway, 150)
    assert sum(seen.values()) >= 100, seen


@pytest.mark.proof
async def test_two_thousand_answers_are_as_documented(one_gateway: ChannelShop) -> None:
    seen = await cases(one_gateway, 2_400)  # of some operations there are fewer different cases than their share
    assert sum(seen.values()) >= 2_000, seen
