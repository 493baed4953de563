"""Refill from end to end: a size that the floor lacks is brought there, and nobody has to say so.

The last of the eight promises of orders from anywhere: the reads open the task, and the reads close it.
"""

from pathlib import Path
from typing import Any

from tests.scenarios.chain import open_chain
from tests.scenarios.sites import MITTE, SHIRT_L, SHIRT_M, SHIRT_S, link


async def test_a_size_gap_is_refilled_and_the_reads_alone_close_it(tmp_path: Path, database_url: str) -> None:
    async with open_chain(tmp_path, database_url, MITTE) as chain:
        for number, gtin in enumerate((SHIRT_S, SHIRT_L)):
            chain.lay(MITTE, "FLOOR", 20 + 2 * number, 21 + 2 * number, gtin=gtin)
        chain.lay(MITTE, "FLOOR", 1)
        chain.lay(MITTE, "BACK", 2, 3, 4)
        await chain.opens(store_mitte=4)

        async def tasks() -> list[Any]:
            return await chain.tasks(MITTE)

        async def sizes() -> list[int]:
            figures = (await chain.get("/v1/replenishment", site=MITTE))["figures"] or {}
            return [figures.get(name, 0) for name in ("sizes", "shown", "tasks_open")]

        await chain.living(sizes, lambda found: found == [3, 3, 0])  # one of each, as the catalogue wants it

        await chain.tell("/v1/sales", site=MITTE, lines=[{"epc": link(SHIRT_M, 1)}])
        chain.take(MITTE, 1)
        await chain.live_until(MITTE, on_hand=3, zones={"BACK": 3})
        (task,) = await chain.living(tasks, bool)
        assert (task["kind"], task["state"], task["lines"][0]["gtin"]) == ("refill", "open", SHIRT_M)
        assert (task["from_zone"], task["to_zone"], task["quantity"]) == ("BACK", "FLOOR", 2)
        gaps = (await chain.get("/v1/replenishment/gaps", site=MITTE))["gaps"]
        assert [(gap["style"], gap["colour"]) for gap in gaps] == [("Oxford", "white")]
        assert {size["gtin"]: size["state"] for size in gaps[0]["sizes"]}[SHIRT_M] == "behind"

        chain.lay(MITTE, "FLOOR", 3, 4)  # whoever brought them says nothing
        await chain.living(tasks, lambda found: not found)
        (closed,) = await chain.tasks(MITTE, kind="refill", state="closed")
        assert (closed["id"], closed["reopened"], closed["reason"]) == (task["id"], 0, "the reads show 2 of 2")
        acts = [row["action"] for row in (await chain.get("/v1/audit", site=MITTE))["rows"]]
        assert acts == ["sale"], "no person said a word about it"
        assert (await chain.row(MITTE))["zones"] == {"BACK": 1, "FLOOR": 2}
        assert (await chain.get("/v1/replenishment/gaps", site=MITTE))["gaps"] == []
        await chain.check()
