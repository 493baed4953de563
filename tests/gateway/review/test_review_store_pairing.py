"""Pairing: what fails besides must not cost the code."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.http.gate import SCREEN_COOKIE
from tests.gateway.http.keyed import OWN, Keyed, filled_file, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.pairing.test_pair_routes import SCREEN, new_code, pair


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        yield found


async def test_a_code_is_not_spent_while_nobody_can_tell_who_asks(keyed: Keyed) -> None:
    codes = [await new_code(keyed), await new_code(keyed)]
    async with keyed.asking() as http:
        await pair(http, codes[0])
        first = http.cookies[SCREEN_COOKIE]
        keyed.broken, keyed.seconds = True, 1_000.0
        problem(await pair(http, codes[1], OWN, **SCREEN), "unavailable")
        keyed.broken, keyed.seconds = False, 2_000.0
        assert (await pair(http, codes[1], OWN, **SCREEN)).status_code == 200
        assert http.cookies[SCREEN_COOKIE] != first
