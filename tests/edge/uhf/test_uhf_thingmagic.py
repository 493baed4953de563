"""The conversation with a ThingMagic module, in a time that the test owns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.uhf.limits import ANTENNA_RETRY_S, STREAM_S
from edge.uhf.plan import ModulePlan, PortAsk
from edge.uhf.thingmagic import ThingMagic
from simulator.modules import thingmagic
from simulator.modules.port import InField
from simulator.modules.thingmagic import ThingMagicModule
from tests.edge.uhf.wired import (
    AntennaState,
    Bad,
    Complaint,
    Overflow,
    Settings,
    Temperature,
    Wired,
    Works,
)
from wire.messages import AntennaSettings

EPC = bytes.fromhex("3034257BF7194E4000001A85")
TWO = ModulePlan((PortAsk(1, 2_500, 1, False, 256), PortAsk(2, 2_000, 1, False, 16)), 1.0, "EU")
ONE = replace(TWO, ports=TWO.ports[:1])


def wired(plan: ModulePlan = TWO, module: ThingMagicModule | None = None, **damages: object) -> Wired:
    return Wired(ThingMagic(plan), module or ThingMagicModule(), **damages)  # type: ignore[arg-type]


def present(wire: Wired, port: int = 1, rssi_dbm: int = -60, epc: bytes = EPC) -> None:
    wire.hear(wire.module.present(port, InField(epc, rssi_dbm), wire.now_s))


def opcodes(wire: Wired) -> list[int]:
    return [opcode for opcode, _ in wire.module.heard]  # type: ignore[attr-defined]


def test_it_is_set_up_as_the_plan_says() -> None:
    module = ThingMagicModule()
    wire = wired(module=module)
    assert module.reading
    assert module.search_list == (1, 2)
    assert module.power_cdbm == {1: 2_500, 2: 2_000}
    assert wire.of(Settings) == [
        Settings(
            {
                1: AntennaSettings(2_500, session=1, target="dual"),
                2: AntennaSettings(2_000, session=1, target="dual"),
            },
            (),
        )
    ]
    assert wire.of(Temperature) == [Temperature(41)]
    assert module.heard[0] == (0x2F, b"\x00\x00\x02"), "a stream of an earlier life is ended before anything is asked"
    assert (0x9A, b"\x01\x0c\x00") in module.heard, "every read is told"
    assert (0x97, b"\x08") in module.heard
    assert (0x93, b"\x00\x05") in module.heard
    assert (0x9B, b"\x05\x00\x01") in module.heard
    assert (0x9B, b"\x05\x01\x00\x00") in module.heard
    assert not wire.of(Works), "set up is not yet up: it has to give a sign of life"
    wire.run(1.1)
    assert wire.of(Works)


def test_one_port_takes_the_modules_own_power() -> None:
    module = ThingMagicModule(ports=1)
    wired(ONE, module)
    assert (0x92, (2_500).to_bytes(2)) in module.heard
    assert 0x03 not in [data[0] for opcode, data in module.heard if opcode == 0x91]


def test_tags_are_told_as_they_come() -> None:
    wire = wired()
    present(wire, 2, -61)
    present(wire, 1, -47, bytes(25) + b"\x01")
    present(wire, 3)
    assert [(tag.port, tag.epc, tag.rssi_cdbm, tag.reads) for tag in wire.tags()] == [
        (2, EPC, -6_100, 1),
        (1, bytes(25) + b"\x01", -4_700, 1),
    ]


def test_time_is_credited_up_to_the_last_word_and_shared() -> None:
    wire = wired()
    wire.run(10.05)
    assert wire.looked_s() == pytest.approx({1: 5.0, 2: 5.0})
    wire.mute = True
    wire.run(2.4)
    assert not wire.failed()
    assert wire.looked_s() == pytest.approx({1: 5.0, 2: 5.0})
    wire.run(0.2)
    assert wire.failed() == "silent for 2.5 s amid a stream"
    assert wire.session.deadline() is None
    told = len(wire.told)
    wire.mute = False
    present(wire)
    assert len(wire.told) == told


def test_a_fault_is_traced_to_its_antenna_and_tried_again() -> None:
    module = ThingMagicModule()
    wire = wired(module=module)
    wire.run(3)
    module.failed = {2}
    wire.run(10)
    assert wire.of(AntennaState) == [AntennaState(2, False, "the module will not transmit on it")]
    assert module.search_list == (1,)
    before = wire.looked_s()
    wire.run(20)
    after = wire.looked_s()
    assert after[1] - before[1] == pytest.approx(20, abs=1.5)
    assert after[2] == before[2]
    module.failed = set()
    wire.run(ANTENNA_RETRY_S)
    assert wire.of(AntennaState)[1:] == [AntennaState(2, True, "the module transmits on it again")]
    assert list(module.search_list) == [1, 2]
    assert not wire.failed()


def test_a_module_without_a_good_antenna_is_asked_and_tried() -> None:
    module = ThingMagicModule(ports=1)
    module.failed = {1}
    wire = wired(ONE, module)
    wire.run(30)
    assert wire.of(AntennaState) == [AntennaState(1, False, "the module will not transmit on it")]
    assert wire.of(Works), "it is there, only its antenna is not"
    assert opcodes(wire).count(0x2F) == 2 * 2 + 1, "begun and tried once, each ended"
    assert not module.reading
    assert not wire.looked_s()
    module.failed = set()
    wire.run(ANTENNA_RETRY_S)
    assert wire.of(AntennaState)[1:] == [AntennaState(1, True, "the module transmits on it again")]
    wire.mute = True
    wire.run(5)
    assert "silent" in wire.failed()


def test_antennas_that_failed_on_the_last_line_are_tried_first() -> None:
    module = ThingMagicModule()
    wire = Wired(ThingMagic(TWO, frozenset({2})), module)
    assert module.search_list == (2,)
    wire.run(3)
    assert wire.of(AntennaState) == [AntennaState(2, True, "the module transmits on it again")]
    assert list(module.search_list) == [1, 2]


def test_a_hot_module_earns_no_time_and_complains_once() -> None:
    module = ThingMagicModule()
    wire = wired(module=module)
    wire.run(2.05)
    module.hot = True
    wire.run(5)
    assert len(wire.of(Complaint)) == 1
    assert sum(wire.looked_s().values()) == pytest.approx(2.0)
    module.hot = False
    wire.run(2)
    assert sum(wire.looked_s().values()) == pytest.approx(4.0)
    assert not wire.failed()


def test_a_hot_module_earns_nothing_for_the_end_of_a_stream_either() -> None:
    module = ThingMagicModule()
    module.hot = True
    wire = wired(replace(TWO, on_s=4.5, off_s=1.0), module)
    wire.run(30)
    assert not wire.looked_s()


def test_the_temperature_is_asked_between_streams() -> None:
    module = ThingMagicModule()
    wire = wired(module=module)
    module.celsius = -5
    wire.run(STREAM_S + 2)
    assert wire.of(Temperature) == [Temperature(41), Temperature(-5)]
    assert sum(wire.looked_s().values()) == pytest.approx(STREAM_S + 1.5, abs=0.6)


def test_a_duty_cycle_rests() -> None:
    module = ThingMagicModule()
    wire = wired(replace(TWO, on_s=4.0, off_s=16.0), module)
    wire.run(100)
    assert sum(wire.looked_s().values()) == pytest.approx(20, abs=0.5)
    assert not wire.failed()
    family = ThingMagic(replace(TWO, on_s=4.0, off_s=16.0))
    family.awake_until_s = 1_100.0
    wire = Wired(family, ThingMagicModule())
    wire.run(100)
    assert sum(wire.looked_s().values()) > 90


def test_a_rest_ends_when_it_is_to_look_harder() -> None:
    family = ThingMagic(replace(TWO, on_s=4.0, off_s=1_000.0))
    wire = Wired(family, ThingMagicModule())
    wire.run(10)
    before = sum(wire.looked_s().values())
    family.awake_until_s = wire.now_s + 60
    wire.run(60)
    assert sum(wire.looked_s().values()) - before > 50


def test_a_tag_is_as_good_as_the_answer_that_a_stream_has_begun() -> None:
    wire = wired(on_said=lambda data: data[8:] if data[2] == 0x2F and data[1] else data)
    assert not wire.tags()
    present(wire)
    wire.run(10)
    assert not wire.failed()
    assert len(wire.tags()) == 1
    assert opcodes(wire).count(0x2F) == 2, "the end of an earlier one, and one beginning"


def test_an_overflow_is_told() -> None:
    wire = wired()
    wire.hear(thingmagic.said(0x22, 0x0601))
    assert wire.of(Overflow)
    assert not wire.failed()


def test_a_firmware_that_failed_ends_the_session() -> None:
    wire = wired()
    wire.hear(thingmagic.said(0x22, 0x7F01) + thingmagic.said(0x22, 0x0400))
    assert wire.failed() == "the module's firmware failed: 0x7F01"
    wire.run(10)
    wire.hear(thingmagic.said(0x22, 0x0400))
    assert not wire.looked_s()


def test_a_stream_of_an_earlier_life_is_ended() -> None:
    module = ThingMagicModule()
    wired(module=module)
    assert module.reading
    module.present(1, InField(EPC, -60), 1_000.0)
    wire = wired(module=module)
    assert module.reading
    present(wire)
    assert len(wire.tags()) == 1


@pytest.mark.parametrize(("region", "regions", "set_to"), [("NA", b"\x0d\x0e", 0x0D), ("EU", b"\x01\x02", 0x02)])
def test_a_region_is_set_by_the_number_that_the_module_knows(region: str, regions: bytes, set_to: int) -> None:
    module = ThingMagicModule(regions=regions)
    wired(replace(TWO, region=region), module)
    assert (0x97, bytes((set_to,))) in module.heard


def test_a_region_that_it_has_not_is_said() -> None:
    wire = wired(replace(TWO, region="JP"))
    assert wire.failed() == "region JP: this module has EU, NA, KR"


def test_what_cannot_be_done_is_said() -> None:
    asks = (
        PortAsk(1, 3_300, 1, False, 1),
        PortAsk(2, 100, 0, True, 1),
        PortAsk(7, None, 1, False, 1),
        PortAsk(4, None, 1, False, 1),
    )
    module = ThingMagicModule()
    wire = wired(replace(TWO, ports=asks), module)
    assert module.power_cdbm == {1: 3_150, 2: 500, 4: 3_150}
    assert module.search_list == (1, 2, 4)
    (told,) = wire.of(Settings)
    assert isinstance(told, Settings)
    assert told.problems == (
        "port 7: the module has 1, 2, 3, 4",
        "port 2: session 0 asked, 1 set: the module has one for all",
        "port 1: 33 dBm asked, 31.5 dBm set: the module has 5 to 31.5",
        "port 2: 1 dBm asked, 5 dBm set: the module has 5 to 31.5",
    )


def test_none_of_the_ports() -> None:
    wire = wired(replace(TWO, ports=(PortAsk(9, None, 1, False, 1),)))
    assert wire.failed() == "no antenna can be used: port 9: the module has 1, 2, 3, 4"


def test_a_module_that_does_not_answer() -> None:
    wire = Wired(ThingMagic(TWO), ThingMagicModule(), on_said=lambda _: b"")
    wire.run(60)
    assert wire.failed() == "no answer to command 0x04 within 2 times 5 s"


def test_a_setting_that_is_refused() -> None:
    module = ThingMagicModule()
    refused = thingmagic.said(0x93, 0x0105)
    wire = wired(module=module, on_said=lambda data: refused if data[2] == 0x93 else data)
    assert wire.failed() == "command 0x93 0005 was refused: 0x0105 value not supported"


def test_a_record_that_makes_no_sense_costs_itself() -> None:
    wire = wired()
    wire.hear(thingmagic.said(0x22, 0, bytes.fromhex("10001B0047010100")))
    present(wire)
    assert len(wire.of(Bad)) == 1
    assert len(wire.tags()) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.integers(1, 255))
def test_one_damaged_byte_anywhere_costs_one_frame(at: int, flip: int) -> None:
    """Also in an answer to a setting: it is asked again."""
    count = -1

    def damage(data: bytes) -> bytes:
        nonlocal count
        count += 1
        if count != at:
            return data
        place = at % len(data)
        return data[:place] + bytes((data[place] ^ flip,)) + data[place + 1 :]

    wire = wired(on_said=damage)
    for _ in range(25):
        wire.run(1.0)
        present(wire)
    wire.run(2)
    assert not wire.failed()
    assert len(wire.tags()) >= 24 - (at < 22) * 12


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_any_cut_of_the_bytes_gives_the_same(sizes: list[int]) -> None:
    def pieces(data: bytes) -> list[bytes]:
        out, at, turn = [], 0, 0
        while at < len(data):
            out.append(data[at : at + sizes[turn % len(sizes)]])
            at, turn = at + len(out[-1]), turn + 1
        return out

    def life(wire: Wired) -> list[object]:
        module = wire.module
        assert isinstance(module, ThingMagicModule)
        for second in range(12):
            present(wire, 1 + second % 2, -60, EPC[:-1] + bytes((second,)))
            if second == 4:
                wire.hear(b"\xff\xff\x00garbage")
            if second == 6:
                module.failed = {2}
            wire.run(1.3)
        return list(wire.told)

    assert life(wired(cut=pieces)) == life(wired())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_no_bytes_raise(lines: list[bytes]) -> None:
    wire = wired()
    for data in lines:
        wire.hear(data)
        wire.hear(thingmagic.said(0x22, 0, data))
        wire.run(0.3)
    present(wire)
    wire.run(1.5)
    assert not wire.failed()
    assert EPC in [tag.epc for tag in wire.tags()]
