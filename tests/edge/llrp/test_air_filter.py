"""Which tags a reader is told to ask at all, through a simulated air interface that obeys the filters."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge.llrp.air_filter import CLASSIC_KEYS, filters, masks_for
from simulator.reader.air_filter import read_filter, takes_part
from simulator.reader.persona import load_persona
from simulator.reader.sighting import Sighting
from tests.edge.llrp.fault_world import World
from tests.edge.llrp.store_reader import SITE
from tests.edge.llrp.virtual_loop import run_virtual
from wire.epc import air_mask, encode_sgtin96, encode_sgtin198

if TYPE_CHECKING:
    from simulator.reader.persona import Persona

OURS = encode_sgtin96("09506000134352", 7, company_prefix_length=7)
OURS_LONG = encode_sgtin198("09506000134352", "A-7", company_prefix_length=7)
OTHER = encode_sgtin96("80614141123458", 6789, company_prefix_length=7)
SSCC = bytes.fromhex("3174257bf4499602d2000000")
PLUS = bytes.fromhex("f7") + bytes(15)
STRANGER = bytes.fromhex("e2801170200014cd9b5a08ec")
ALL = {"ours": OURS, "ours, SGTIN-198": OURS_LONG, "other": OTHER, "SSCC": SSCC, "SGTIN+": PLUS, "stranger": STRANGER}
OUR_SITE = replace(SITE, company_prefixes=("9506000",))


@pytest.mark.parametrize(
    ("air", "prefixes", "room", "expected", "problem"),
    [
        ("", ("9506000",), 2, (), ""),
        ("sgtin", (), 2, (CLASSIC_KEYS,), ""),
        ("prefix", ("9506000",), 2, (air_mask("9506000"),), ""),
        ("prefix", ("9506000", "061414"), 2, (air_mask("9506000"), air_mask("061414")), ""),
        ("prefix", ("9506000",) * 3, 2, (CLASSIC_KEYS,), "3 company prefixes, expected 1 to 2 of 6 to 12 digits"),
        ("prefix", ("95060",), 2, (CLASSIC_KEYS,), "1 company prefixes, expected 1 to 2 of 6 to 12 digits"),
        ("prefix", ("9506000",), 0, (), "air_filter prefix: the reader has no filters, all tags are read"),
    ],
)
def test_what_the_reader_has_room_for(
    air: str, prefixes: tuple[str, ...], room: int, expected: tuple[object, ...], problem: str
) -> None:
    masks, said = masks_for(air, prefixes, room)  # type: ignore[arg-type]
    assert masks == expected
    assert problem in said
    assert bool(said) == bool(problem)


@pytest.mark.parametrize(
    ("air", "prefixes", "heard"),
    [
        ("", (), list(ALL)),
        ("sgtin", (), ["ours", "ours, SGTIN-198", "other", "SSCC"]),
        ("prefix", ("9506000",), ["ours", "ours, SGTIN-198"]),
        ("prefix", ("0614141", "9506000"), ["ours", "ours, SGTIN-198", "other", "SSCC"]),
    ],
)
def test_who_answers(air: str, prefixes: tuple[str, ...], heard: list[str]) -> None:
    masks, _ = masks_for(air, prefixes, 2)  # type: ignore[arg-type]
    read = [read_filter(parameter) for parameter in filters(masks)]
    assert [name for name, epc in ALL.items() if takes_part(read, epc, 8 * len(epc))] == heard


def sessions(persona: Persona, **options: object) -> tuple[set[bytes], list[str], int]:
    """Return the EPCs that a driver gets of `ALL`, the complaints, and how many tags did not take part."""

    async def scene() -> tuple[set[bytes], list[str], int]:
        async with World(persona, options=options, site=OUR_SITE) as world:
            await world.up()
            now_us = world.reader.clock.now_us()
            world.reader.feed([Sighting(epc, 8 * len(epc), 2, -5_000, now_us) for epc in ALL.values()])
            await asyncio.sleep(2)
            assert world.told()[-1] == "up"
            complaints = [event.detail for event in world.events if event.what == "config_differs"]
            return {read.epc for read in world.reads}, complaints, world.reader.counters.sightings_ignored

    return run_virtual(scene())


@pytest.mark.parametrize("name", ["impinj-r420-like", "zebra-fx9600-4-like"])
def test_a_reader_is_told_and_says_the_same(name: str) -> None:
    persona = load_persona(name)
    assert sessions(persona) == (set(ALL.values()), [], 0), "nothing said: all are heard, and counted as foreign"
    assert sessions(persona, air_filter="prefix") == ({OURS, OURS_LONG}, [], 4)
    assert sessions(persona, air_filter="sgtin") == ({OURS, OURS_LONG, OTHER, SSCC}, [], 2)


def test_a_reader_without_filters_reads_all_and_that_is_said() -> None:
    persona = load_persona("impinj-r420-like")
    none = msgspec.structs.replace(persona, c1g2={**persona.c1g2, "MaxNumSelectFiltersPerQuery": 0})
    heard, complaints, ignored = sessions(none, air_filter="prefix")
    assert (heard, ignored) == (set(ALL.values()), 0)
    assert complaints == ["air_filter prefix: the reader has no filters, all tags are read"]
