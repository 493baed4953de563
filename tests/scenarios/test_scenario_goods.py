"""Goods from end to end: tag reads go in by MQTT, tills, stores and people ask over HTTP.

Three of the eight promises of orders from anywhere: what was bought online comes back in any store and is sold there
again; a transfer that lost an item says which; a delivery is held against what the readers at the dock saw.
"""

from pathlib import Path

from tests.scenarios.chain import open_chain
from tests.scenarios.sites import MITTE, POTSDAM, SHIRT_L, SHIRT_M, WEST, link

SSCC = "106141412345678908"


async def test_an_online_order_comes_back_in_another_store_and_is_sold_there(tmp_path: Path, database_url: str) -> None:
    async with open_chain(tmp_path, database_url, MITTE, WEST) as chain:
        chain.lay(MITTE, "BACK", 1)
        await chain.opens(store_mitte=1)
        order = await chain.order()
        await chain.post(f"/v1/reservations/{order['id']}:confirm")
        for _ in ("pick", "pack", "hand_over"):
            (task,) = await chain.tasks(MITTE)
            await chain.do(task, "done")
        assert (await chain.item(1))["state"] == "sold"
        chain.take(MITTE, 1)
        await chain.live_until(MITTE, on_hand=0)

        back = await chain.tell("/v1/returns", site=WEST, lines=[{"epc": link(SHIRT_M, 1)}], customer_ref="c-1")
        assert (back["state"], back["unknown"]) == ("returned_unchecked", 0)
        chain.lay(WEST, "POS", 1)  # behind the counter
        await chain.live_until(WEST, on_hand=1, atp=0, zones={"POS": 1})
        chain.lay(WEST, "BACK", 1)  # a zone from which it could be sold
        await chain.live_until(WEST, atp=0, zones={"BACK": 1})
        await chain.settle()
        assert await chain.atp(WEST) == 0, "nobody has looked at it"

        line = {"epc": link(SHIRT_M, 1), "disposition": "restock"}
        looked = await chain.tell("/v1/returns:inspect", site=WEST, lines=[line])
        assert (looked["restocked"], looked["damaged"]) == ([{"gtin": SHIRT_M, "items": 1, "untagged": 0}], [])
        await chain.live_until(WEST, atp=1)  # where the readers have it, as soon as they are sure
        again = {"source_event_id": "twice", "at": looked["recorded_at"], "site": WEST, "lines": [line]}
        assert (await chain.ask("/v1/returns:inspect", again)).json()["code"] == "not-returned"
        story = await chain.item(1)
        assert [(row["site"], row["to"]) for row in reversed(story["postings"])] == [
            (MITTE, "sold"),
            (WEST, "returned_unchecked"),
            (WEST, "available"),
        ]
        (line_of,) = (await chain.order())["lines"]
        assert (line_of["site"], line_of["items"][0]["digital_link"]) == (WEST, link(SHIRT_M, 1))
        await chain.check()


async def test_a_transfer_says_which_item_it_lost(tmp_path: Path, database_url: str) -> None:
    async with open_chain(tmp_path, database_url, MITTE, POTSDAM) as chain:
        chain.lay(MITTE, "BACK", 1, 2, 3, 4)
        await chain.opens(store_mitte=4)
        wish = {"id": "T-1", "from_site": MITTE, "to_site": POTSDAM, "announce": True}
        wanted = await chain.tell("/v1/transfers", lines=[{"gtin": SHIRT_M, "quantity": 3}], **wish)
        assert (wanted["shipment"]["state"], wanted["shipment"]["expected"]) == ("announced", 3)
        assert await chain.atp(MITTE) == 4, "a wish takes nothing"
        sent = await chain.tell("/v1/transfers/T-1:ship", lines=[{"epc": link(SHIRT_M, n)} for n in (1, 2, 3)])
        assert (sent["shipment"]["state"], sent["shipment"]["expected"]) == ("in_transit", 3)
        await chain.offers(MITTE, 1)
        chain.take(MITTE, 1, 2, 3)
        await chain.live_until(MITTE, on_hand=1)
        assert (await chain.row(POTSDAM))["on_hand"] == 0

        chain.lay(POTSDAM, "DOCK", 1, 3)  # one fell off the van
        await chain.live_until(POTSDAM, zones={"DOCK": 2})
        told = (await chain.get("/v1/shipments/T-1"))["dock"]
        assert [row["digital_link"] for row in told["items"]] == [link(SHIRT_M, 1), link(SHIRT_M, 3)]
        assert told["not_read_items"] == [link(SHIRT_M, 2)]
        came = await chain.tell("/v1/transfers/T-1:receive", lines=[], by_reads=True, complete=True)
        assert [came["shipment"][name] for name in ("state", "received", "missing")] == ["received", 2, 1]
        assert (await chain.get("/v1/shipments/T-1"))["missing_items"] == [link(SHIRT_M, 2)]
        assert [(await chain.item(n))["state"] for n in (1, 2, 3)] == ["available", "missing", "available"]
        chain.lay(POTSDAM, "FLOOR", 1, 3)
        await chain.live_until(POTSDAM, atp=2, zones={"FLOOR": 2})
        chain.lay(POTSDAM, "FLOOR", 2)  # it lay under the seat
        await chain.live_until(POTSDAM, atp=3)
        assert ((await chain.item(2))["state"], await chain.atp(MITTE)) == ("available", 1)
        await chain.check()


async def test_a_delivery_with_two_short_and_one_over(tmp_path: Path, database_url: str) -> None:
    async with open_chain(tmp_path, database_url, MITTE) as chain:
        await chain.settle()
        lines = [{"epc": link(SHIRT_M, number)} for number in range(1, 7)]
        await chain.tell("/v1/shipments", id="ASN-1", to_site=MITTE, sscc=SSCC, lines=lines)
        chain.lay(MITTE, "DOCK", 1, 2, 3, 4)
        chain.lay(MITTE, "DOCK", 9, gtin=SHIRT_L)  # nobody announced it
        for gtin, units in ((SHIRT_M, 4), (SHIRT_L, 1)):
            await chain.live_until(MITTE, gtin, zones={"DOCK": units})
        shown = await chain.get("/v1/shipments/ASN-1")
        assert (shown["shipment"]["state"], shown["shipment"]["received"]) == ("announced", 0)
        dock = shown["dock"]
        assert dock["zones"] == ["DOCK"]
        assert dock["lines"] == [
            {"gtin": SHIRT_M, "expected": 6, "read": 4, "not_read": 2, "over": 0},
            {"gtin": SHIRT_L, "expected": 0, "read": 1, "not_read": 0, "over": 1},
        ]
        read = {row["digital_link"]: (row["zone"], row["expected"], row["received"]) for row in dock["items"]}
        expected = {link(SHIRT_M, number): ("DOCK", True, False) for number in range(1, 5)}
        assert read == expected | {link(SHIRT_L, 9): ("DOCK", False, False)}
        assert dock["not_read_items"] == [link(SHIRT_M, 5), link(SHIRT_M, 6)]
        assert await chain.atp(MITTE) == 0, "goods at the dock are not sold from there"

        came = await chain.tell("/v1/receipts", site=MITTE, sscc=SSCC, lines=[], by_reads=True, complete=True)
        row = came["shipment"]
        figures = ("state", "expected", "received", "missing", "unexpected")
        assert [row[name] for name in figures] == ["received", 6, 5, 2, 1]
        shown = await chain.get("/v1/shipments/ASN-1")
        assert shown["missing_items"] == [link(SHIRT_M, 5), link(SHIRT_M, 6)]
        assert shown["unexpected_items"] == [link(SHIRT_L, 9)]
        assert all(row["received"] for row in shown["dock"]["items"])
        chain.lay(MITTE, "BACK", 1, 2, 3, 4)
        chain.lay(MITTE, "BACK", 9, gtin=SHIRT_L)
        for gtin, units in ((SHIRT_M, 4), (SHIRT_L, 1)):
            await chain.live_until(MITTE, gtin, atp=units)
        await chain.check()
