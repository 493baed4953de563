"""The programs of docs/client.md run as they stand, against a served gateway."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator
from inspect import CO_COROUTINE
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from lastunit import client as package
from lastunit.client import LastUnitClient
from tests.gateway.http.links import MAIN, NAVY_M
from tests.gateway.wait import until
from tests.lastunit.test_client_channels import Served, filled, served

__all__ = ["filled", "served"]

MANUAL = Path(__file__).parents[2] / "docs" / "client.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", MANUAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


async def run(text: str, names: dict[str, Any]) -> None:
    """Run a program with `await` at its top level."""
    code: CodeType = compile(text, str(MANUAL), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert code.co_flags & CO_COROUTINE, "a program of the client awaits"
    await FunctionType(code, names)()


@pytest.fixture
async def names(served: Served, tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    (tmp_path / "web.key").write_text(f"{served.token}\n")
    async with LastUnitClient(served.url, key=served.token) as client:
        yield {"client": client, "Path": Path}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_a_program_of_the_manual_runs(
    served: Served, names: dict[str, Any], number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    text = BLOCKS[number].replace("http://127.0.0.1:8080", served.url).replace("9506000134352", NAVY_M)
    text = text.replace("2026-11-22T06:44:58+01:00", "2026-11-18T11:06:49Z")
    if "client.changes" not in text:
        await run(text, names)
        return
    following = asyncio.create_task(run(text.replace("print(", "seen.append("), names | {"seen": (seen := Seen())}))
    async with asyncio.timeout(30):
        await until(lambda: served.app.state.tail.open_streams)
        await names["client"].reserve([package.ReservationLine(NAVY_M, 1, MAIN)])
        await served.relayed()
        await seen.first.wait()
    assert seen.rows == [(NAVY_M, 3)]
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


class Seen:
    """What a program would print."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []
        self.first = asyncio.Event()

    def append(self, *row: object) -> None:
        self.rows.append(row)
        self.first.set()


def test_the_manual_has_programs_and_names_every_exception_and_call() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    assert len(BLOCKS) == 7
    errors = [name for name in vars(package) if name.endswith("Error") and name != "LastUnitError"]
    assert len(errors) > 10
    assert [name for name in errors if f"`{name}`" not in text] == []
    calls = {name for kind in LastUnitClient.__mro__ for name in vars(kind) if not name.startswith("_")}
    told = {"close", "sites", "site_stock", "movements", "edges", "health"}  # of the API's own manual
    missing = [name for name in sorted(calls - told - set(dir(object))) if not re.search(rf"\b{name}\b", text)]
    assert missing == []
