"""UHF modules, looked at as an enemy would: time that nobody vouched for, and talk that never ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.uhf.chafon import Chafon
from edge.uhf.plan import ModulePlan, PortAsk
from edge.uhf.thingmagic import ThingMagic
from simulator.modules import chafon, thingmagic
from simulator.modules.chafon import ChafonModule
from simulator.modules.port import InField
from simulator.modules.thingmagic import ThingMagicModule
from tests.edge.uhf.wired import Bad, Wired

EPC = bytes.fromhex("3034257BF7194E4000001A85")
ONE = ModulePlan((PortAsk(1, 2_500, 1, False, 256),), 1.0, "EU")
FOUR = ModulePlan(tuple(PortAsk(port, 2_500, 1, False, 256) for port in (1, 2, 3, 4)), 0.3, "EU")
POLLED = replace(FOUR, ports=FOUR.ports[:1])


def present(wire: Wired, port: int = 1) -> None:
    wire.hear(wire.module.present(port, InField(EPC, -60), wire.now_s))


# -- ThingMagic


def start_lost(data: bytes) -> bytes:
    return b"" if data[2] == 0x2F and data[1] == 1 else data


def test_a_tag_amid_the_first_start_earns_no_time_of_before() -> None:
    """The answer to the start is lost and a tag comes: it was credited from the boot of the box on."""
    wire = Wired(ThingMagic(ONE), ThingMagicModule(), on_said=start_lost)
    present(wire)
    assert wire.tags()
    assert wire.looked_s().get(1, 0.0) == 0.0


def test_a_tag_amid_a_later_start_earns_no_time_of_the_rest() -> None:
    wire = Wired(ThingMagic(replace(ONE, on_s=2.0, off_s=60.0)), ThingMagicModule())
    wire.run(61.0)
    before = wire.looked_s()[1]
    wire.on_said = start_lost
    wire.run(1.5)
    present(wire)
    assert wire.tags()
    assert wire.looked_s()[1] - before < 1.0


def test_records_that_make_no_sense_earn_no_time() -> None:
    """A module whose records we do not understand: all its tags are lost, and its shelf is not empty."""
    wire = Wired(ThingMagic(ONE), ThingMagicModule())
    wire.run(2.0)
    before = wire.looked_s()[1]
    for _ in range(100):
        wire.run(0.1)
        wire.hear(thingmagic.said(0x22, 0, bytes.fromhex("10001B0047010100")))
    assert len(wire.of(Bad)) == 100
    assert wire.looked_s()[1] - before <= 1.2
    wire.run(5.0)
    assert wire.looked_s()[1] - before == pytest.approx(6.0, abs=1.2), "good words count again"


@pytest.mark.parametrize("status", [0x0601, 0x0405])
def test_a_cycle_that_the_module_complains_of_earns_no_time(status: int) -> None:
    wire = Wired(ThingMagic(ONE), ThingMagicModule())
    wire.run(2.0)
    before = wire.looked_s()[1]
    for _ in range(10):
        wire.run(0.99)
        wire.hear(thingmagic.said(0x22, status))
    assert wire.looked_s()[1] - before <= 2.0


def test_a_damaged_frame_takes_its_time_with_it() -> None:
    wire = Wired(ThingMagic(ONE), ThingMagicModule())
    wire.run(2.0)
    before = wire.looked_s()[1]
    broken = bytearray(thingmagic.said(0x22, 0, bytes(30)))
    broken[9] ^= 1
    for _ in range(100):
        wire.run(0.1)
        wire.hear(bytes(broken))
    assert wire.looked_s()[1] - before <= 2.0


# -- Chafon


def test_an_inventory_whose_tags_make_no_sense_earns_no_time() -> None:
    lie = chafon.said(0x01, 1, bytes.fromhex("0105"))
    wire = Wired(Chafon(POLLED), ChafonModule(), on_said=lambda data: lie if data[2] == 0x01 else data)
    wire.run(10.0)
    assert len(wire.of(Bad)) > 10
    assert not wire.looked_s()


MORE = chafon.said(0x01, 3, bytes.fromhex("0105"))


@pytest.mark.parametrize("first", [MORE, MORE[:-1] + bytes((MORE[-1] ^ 1,))], ids=["nonsense", "broken"])
def test_a_bad_frame_amid_an_inventory_takes_its_time_with_it(first: bytes) -> None:
    """The frames with tags are long and break; the last one is short and comes through."""
    wire = Wired(Chafon(POLLED), ChafonModule(), on_said=lambda data: first + data if data[2] == 0x01 else data)
    wire.run(10.0)
    assert wire.of(Bad)
    assert not wire.looked_s()


def test_an_inventory_that_had_no_room_for_all_tags_earns_no_time() -> None:
    module = ChafonModule()
    module.memory = 5
    wire = Wired(Chafon(POLLED), module)
    wire.run(0.5)
    before = wire.looked_s().get(1, 0.0)
    for _ in range(20):
        for number in range(9):
            module.field.put(1, InField(EPC[:-1] + bytes((number,)), -60))
        wire.run(0.3)
    assert len(wire.tags()) >= 50
    assert wire.looked_s().get(1, 0.0) - before <= 0.8


@pytest.mark.parametrize("old", [False, True])
def test_a_busy_module_that_inventories_by_itself_is_told_to_answer(old: bool) -> None:
    """It talks without a pause, with as many antennas as it has: it is told, and the line is not given up for it."""
    module = ChafonModule(old=old)
    module.by_itself = True
    wire = Wired(Chafon(FOUR), module)
    for _ in range(100):
        present(wire)
        wire.run(0.1)
    assert not module.by_itself
    assert not wire.failed()
    wire.run(2)
    assert wire.looked_s()


def test_another_module_with_fewer_antennas_is_not_asked_in_a_hurry() -> None:
    """What failed on the last module may not be there on this one."""
    module = ChafonModule(old=True)
    module.failed = {1}
    plan = replace(FOUR, ports=FOUR.ports[:2])
    wire = Wired(Chafon(plan, frozenset({2})), module)
    wire.run(30)
    assert len([1 for command, _ in module.heard if command == 0x21]) >= 5, "asked now and then whether it is there"
