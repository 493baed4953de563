"""A gateway that has keys, filled once for all tests here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.storage.migrate import migrate
from tests.gateway.http.keyed import Keyed, filled_file, open_keyed
from tests.security.whole import Whole, whole_gateway


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("security")
    migrate(f"sqlite:///{folder}/empty.db")
    return filled_file(folder / "empty.db", folder)


@pytest.fixture
async def keyed(filled_once: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled_once, tmp_path) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    """For modules whose tests run in one loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`."""
    async with whole_gateway(tmp_path_factory.mktemp("whole")) as found:
        yield found
