"""Enrolment over HTTP: open to boxes without a key; what it refuses is a problem like any other."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from edge.identity import ask_to_enrol, ask_to_renew, take_enrolment, take_renewal
from gateway.enrol.desk import Enrolment
from gateway.enrol.limits import ADDRESS_PER_MIN
from gateway.http import enrol_routes, refusals
from gateway.http.access import is_public
from gateway.http.security_headers import SecurityHeaders
from gateway.storage.engine import Database
from tests.gateway.enrol.enrol_rig import EDGE, SITE, EnrolRig
from tests.gateway.http.problems import problem
from wire.enrolment import BODY_MAX_BYTES, EnrolAnswer, RenewAnswer


def served(enrolment: Enrolment) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(enrol_routes.routes(enrolment))
    refusals.install(app)
    app.add_middleware(SecurityHeaders)
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 4_000))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway.example.com", timeout=60)


@pytest.fixture
async def rig(sqlite_database: Database) -> EnrolRig:
    rig = EnrolRig(sqlite_database)
    await rig.begin()
    return rig


@pytest.fixture
async def http(rig: EnrolRig) -> AsyncIterator[httpx.AsyncClient]:
    async with served(rig.desk) as client:
        yield client


async def test_a_box_is_enrolled_and_renewed(rig: EnrolRig, http: httpx.AsyncClient, tmp_path: Path) -> None:
    code = await rig.code()
    request = msgspec.json.encode(ask_to_enrol(tmp_path, code, secrets.token_hex(16)))
    headers = {"content-type": "application/json"}
    answer = await http.post("/enrol", content=request, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    identity = take_enrolment(tmp_path, code, msgspec.json.decode(answer.content, type=EnrolAnswer))
    assert (identity.site, identity.edge) == (SITE, EDGE)
    request = msgspec.json.encode(ask_to_renew(tmp_path, secrets.token_hex(16)))
    answer = await http.post("/enrol:renew", content=request, headers=headers)
    assert answer.status_code == 200, answer.text
    take_renewal(tmp_path, msgspec.json.decode(answer.content, type=RenewAnswer))


async def test_what_is_refused_is_a_problem(rig: EnrolRig, http: httpx.AsyncClient, tmp_path: Path) -> None:
    code = await rig.code()
    body = msgspec.to_builtins(ask_to_enrol(tmp_path, code, secrets.token_hex(16)))
    for wrong, told in (
        ({"mac": "0" * 64}, "enrol-refused"),
        ({"site": "store-002"}, "invalid-body"),  # the code says which site, nobody else
        ({"nonce": "short"}, "invalid-body"),
        ({"csr": "x" * 5_000}, "invalid-body"),
        ({"code": "U" * 8}, "invalid-body"),
    ):
        problem(await http.post("/enrol", json=body | wrong), told)
    problem(await http.post("/enrol", json={"x": "y" * BODY_MAX_BYTES}), "too-large")
    problem(await http.post("/enrol", content=b"{}", headers={"content-type": "text/plain"}), "not-json")
    problem(await http.post("/enrol:renew", json={"certificate": "x", "csr": "y", "signature": "00"}), "enrol-refused")
    for _ in range(ADDRESS_PER_MIN):
        last = await http.post("/enrol", json=body | {"mac": "0" * 64})
    problem(last, "too-many-requests")
    assert 0 < int(last.headers["retry-after"]) <= 60


async def test_a_gateway_without_an_authority_says_so(sqlite_database: Database, tmp_path: Path, rig: EnrolRig) -> None:
    code = await rig.code()
    body = msgspec.to_builtins(ask_to_enrol(tmp_path, code, secrets.token_hex(16)))
    async with served(Enrolment(sqlite_database, rig.clock, None)) as http:
        assert "ca_dir" in problem(await http.post("/enrol", json=body), "no-authority")["detail"]


def test_both_are_public_and_there_is_no_third(rig: EnrolRig) -> None:
    routes = [route for route in enrol_routes.routes(rig.desk).routes if isinstance(route, APIRoute)]
    assert [route.path for route in routes] == ["/enrol", "/enrol:renew"]
    assert all(is_public(route) and route.methods == {"POST"} for route in routes)
