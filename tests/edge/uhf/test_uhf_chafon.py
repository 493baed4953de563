"""The conversation with a Chafon module, in a time that the test owns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.uhf.chafon import Chafon
from edge.uhf.limits import ANTENNA_RETRY_S, TEMPERATURE_S
from edge.uhf.plan import ModulePlan, PortAsk
from simulator.modules import chafon
from simulator.modules.chafon import ChafonModule
from simulator.modules.port import InField
from tests.edge.uhf.wired import AntennaState, Bad, Complaint, Overflow, Settings, Temperature, Wired, Works
from wire.messages import AntennaSettings

EPC = bytes.fromhex("3034257BF7194E4000001A85")
TWO = ModulePlan((PortAsk(1, 2_550, 1, False, 256), PortAsk(2, 2_000, 0, False, 16)), 0.3, "EU")
ONE = replace(TWO, ports=TWO.ports[:1])


def wired(plan: ModulePlan = TWO, module: ChafonModule | None = None, **damages: object) -> Wired:
    return Wired(Chafon(plan), module or ChafonModule(), **damages)  # type: ignore[arg-type]


def present(wire: Wired, port: int = 1, rssi_dbm: int = -60, epc: bytes = EPC) -> None:
    wire.hear(wire.module.present(port, InField(epc, rssi_dbm), wire.now_s))


def commands(module: ChafonModule, code: int) -> list[bytes]:
    return [data for command, data in module.heard if command == code]


def test_it_is_set_up_as_the_plan_says() -> None:
    module = ChafonModule()
    wire = wired(module=module)
    assert module.power_dbm == [25, 20, 20, 20]
    assert commands(module, 0x2F) == [bytes((25 | 0x80, 20 | 0x80, 20 | 0x80, 20 | 0x80))]
    assert module.checks_antenna
    assert wire.of(Settings) == [
        Settings(
            {
                1: AntennaSettings(2_500, session=1, target="dual"),
                2: AntennaSettings(2_000, session=0, target="single"),
            },
            (),
            "0.22",
        )
    ]
    assert wire.of(Temperature) == [Temperature(-3)]
    assert not commands(module, 0x22), "the band is right already, and the memory wears out"
    assert not wire.of(Works)
    wire.run(0.31)
    assert wire.of(Works)


def test_ports_take_turns_and_session_1_asks_for_both_states() -> None:
    module = ChafonModule()
    wire = wired(module=module)
    wire.run(2.9)
    asked = [(data[7] - 0x7F, data[0], data[1], data[6], data[8]) for data in commands(module, 0x01)]
    assert asked[:6] == [
        (1, 8, 1, 0, 3),
        (2, 4, 0, 0, 3),
        (1, 8, 1, 1, 3),
        (2, 4, 0, 0, 3),
        (1, 8, 1, 0, 3),
        (2, 4, 0, 0, 3),
    ]


def test_tags_and_time() -> None:
    wire = wired()
    wire.run(0.1)
    present(wire, 1, -55)
    present(wire, 2, -71)
    wire.run(2)
    assert [(tag.port, tag.epc, tag.rssi_cdbm) for tag in wire.tags()] == [(1, EPC, -5_500), (2, EPC, -7_100)]
    assert sum(wire.looked_s().values()) == pytest.approx(2.1, abs=0.35)


def test_many_tags_come_in_several_frames() -> None:
    module = ChafonModule()
    for number in range(60):
        module.field.put(1, InField(EPC[:-1] + bytes((number,)), -60))
    wire = wired(ONE, module)
    wire.run(3)
    assert sorted(tag.epc[-1] for tag in wire.tags()) == list(range(60))
    assert not wire.of(Bad)


def test_more_tags_than_room_is_an_overflow() -> None:
    module = ChafonModule()
    module.memory = 5
    wire = wired(ONE, module)
    for number in range(9):
        module.field.put(1, InField(EPC[:-1] + bytes((number,)), -60))
    wire.run(1)
    assert len(wire.tags()) == 5
    assert len(wire.of(Overflow)) == 1


def test_a_failed_antenna_is_left_out_and_tried_again() -> None:
    module = ChafonModule()
    wire = wired(module=module)
    wire.run(3)
    module.failed = {2}
    wire.run(10)
    assert wire.of(AntennaState) == [AntennaState(2, False, "0xF8 antenna not connected")]
    before = wire.looked_s()
    wire.run(20)
    after = wire.looked_s()
    assert after[2] == before[2]
    assert after[1] - before[1] == pytest.approx(20, abs=0.5)
    assert {data[7] for data in commands(module, 0x01)[-40:]} == {0x80}
    wire.run(2 * ANTENNA_RETRY_S)
    assert len(wire.of(AntennaState)) == 1, "told once"
    module.failed = set()
    wire.run(ANTENNA_RETRY_S)
    assert wire.of(AntennaState)[1:] == [AntennaState(2, True, "the module transmits on it again")]


def test_a_module_without_a_good_antenna_is_asked_now_and_then() -> None:
    module = ChafonModule()
    module.failed = {1, 2}
    wire = wired(module=module)
    wire.run(50)
    assert len(wire.of(AntennaState)) == 2
    assert wire.of(Works)
    assert len(commands(module, 0x01)) == 2
    assert len(commands(module, 0x21)) > 5
    wire.mute = True
    wire.run(10)
    assert wire.failed() == "no answer to command 0x21 within 2 times 1 s"


def test_a_port_that_the_module_has_not_is_an_antenna_that_fails() -> None:
    wire = wired(replace(TWO, ports=(TWO.ports[0], replace(TWO.ports[1], port=7))), ChafonModule(ports=4))
    wire.run(2)
    assert wire.of(AntennaState) == [AntennaState(7, False, "0xFF wrong parameter")]
    assert wire.looked_s()[1] == pytest.approx(2, abs=0.35)


def test_silence_ends_the_session_within_three_inventories() -> None:
    wire = wired(ONE)
    wire.run(1.1)
    wire.mute = True
    wire.run(3 * 1.6)
    assert wire.failed() == "no answer to 3 inventories in a row"


def test_every_other_answer_may_be_lost() -> None:
    """Only those in a row count."""
    count = 0

    def lose(data: bytes) -> bytes:
        nonlocal count
        count += data[2] == 0x01
        return b"" if data[2] == 0x01 and count % 3 else data

    wire = wired(ONE, on_said=lose)
    wire.run(60)
    assert count > 20
    assert not wire.failed()


def test_a_command_that_came_damaged_is_said_again_soon() -> None:
    damages = [b"\x55"]
    wire = wired(ONE, on_asked=lambda data: data[:-1] + damages.pop() if data[2] == 0x01 and damages else data)
    assert not damages
    wire.run(1.2)
    assert wire.looked_s()[1] >= 0.6


def test_tags_belong_to_the_antenna_that_the_answer_names() -> None:
    wire = wired()
    wire.hear(chafon.said(0x01, 3, b"\x02\x01\x0c" + EPC + b"\x45"))
    wire.hear(chafon.said(0x01, 3, b"\x08\x01\x0c" + EPC + b"\x45"))
    assert [tag.port for tag in wire.tags()] == [2, 1], "the fourth is not ours: the one that was asked"


def test_a_late_answer_is_waited_for() -> None:
    """It answers too late, twice; nothing is asked amid its words, and nothing is lost."""
    held: list[bytes] = []
    late = False

    def delay(data: bytes) -> bytes:
        if late and data[2] == 0x01:
            held.append(data)
            return b""
        return data

    wire = wired(ONE, on_said=delay)
    wire.run(1.0)
    late = True
    present(wire)
    wire.run(1.25)
    late = False
    asked = len(commands(wire.module, 0x01))  # type: ignore[arg-type]
    for _ in range(5):
        wire.hear(chafon.said(0x01, 0x03, b"\x01\x00"))
        wire.run(0.15)
    assert len(commands(wire.module, 0x01)) == asked  # type: ignore[arg-type]
    wire.hear(b"".join(held))
    wire.run(2)
    assert [tag.epc for tag in wire.tags()] == [EPC]
    assert not wire.failed()


class Slow(ChafonModule):
    """Its time never comes: the test says when it answers."""

    def deadline(self) -> float | None:
        return None

    def tick(self, _now_s: float) -> bytes:
        return b""


class Hasty(ChafonModule):
    """It refuses each inventory at once."""

    def receive(self, data: bytes, now_s: float) -> bytes:
        said = super().receive(data, now_s)
        self._asked = None
        return chafon.said(0x01, 0xF9) if data[2] == 0x01 else said


def test_no_more_is_credited_than_it_can_have_inventoried() -> None:
    """Its answers come late, as over a slow line: what it did meanwhile nobody knows."""
    wire = wired(ONE, Slow())
    wire.run(1.1)
    wire.hear(chafon.said(0x01, 1, b"\x01\x00"))
    assert wire.looked_s() == {1: pytest.approx(0.4)}


def test_a_module_that_answers_at_once_is_not_asked_without_a_pause() -> None:
    wire = wired(ONE, Hasty())
    wire.run(1.0)
    assert 40 <= len(wire.of(Complaint)) <= 51
    assert not wire.failed()


def test_the_temperature_is_asked_each_minute() -> None:
    module = ChafonModule()
    wire = wired(module=module)
    module.celsius = 36
    wire.run(TEMPERATURE_S + 2)
    assert wire.of(Temperature) == [Temperature(-3), Temperature(36)]


def test_a_band_is_set_and_seen() -> None:
    module = ChafonModule(band=2)
    wire = wired(module=module)
    assert module.band == 4
    assert commands(module, 0x22) == [b"\x4e\x00"]
    assert not wire.failed()
    stubborn = ChafonModule(band=2)
    wire = wired(module=stubborn, on_said=lambda data: data if data[2] != 0x21 else chafon.said(0x21, 0, stubborn_info))
    assert wire.failed() == "region EU: the module stays in band 2"


stubborn_info = ChafonModule(band=2)._info()


def test_a_duty_cycle_rests() -> None:
    wire = wired(replace(TWO, on_s=4.0, off_s=16.0))
    wire.run(100)
    assert sum(wire.looked_s().values()) == pytest.approx(20, abs=3)
    assert not wire.failed()


@pytest.mark.parametrize("old", [False, True])
def test_a_module_that_inventories_by_itself_is_told_to_answer(old: bool) -> None:
    module = ChafonModule(old=old)
    module.by_itself = True
    wire = wired(ONE, module)
    present(wire)
    wire.run(4)
    assert not module.by_itself
    assert not wire.failed()
    present(wire)
    wire.run(1)
    assert [tag.epc for tag in wire.tags()] == [EPC]


# -- UHFReader18


def test_the_old_dialect() -> None:
    module = ChafonModule(old=True)
    wire = wired(ONE, module)
    assert module.power_dbm == [25]
    assert module.scan_time == 3
    assert wire.of(Settings) == [Settings({1: AntennaSettings(2_500)}, (), "0.22")]
    assert commands(module, 0x01) == [b""]
    present(wire)
    assert [(tag.port, tag.epc, tag.rssi_cdbm) for tag in wire.tags()] == [(1, EPC, None)]
    wire.run(3)
    assert wire.looked_s()[1] == pytest.approx(3, abs=0.35)
    assert not wire.of(Complaint)


def test_the_old_dialect_has_one_antenna() -> None:
    wire = wired(TWO, ChafonModule(old=True))
    (told,) = wire.of(Settings)
    assert isinstance(told, Settings)
    assert told.problems == ("port 2: the module has 1",)
    wire = wired(replace(TWO, ports=TWO.ports[1:]), ChafonModule(old=True))
    assert wire.failed() == "no antenna can be used: port 2: the module has 1"


def test_what_was_stored_already_is_not_stored_again() -> None:
    module = ChafonModule(old=True)
    wired(ONE, module)
    assert (len(commands(module, 0x2F)), len(commands(module, 0x25))) == (1, 1)
    again = wired(ONE, module)
    again.run(2)
    assert again.of(Works)
    assert (len(commands(module, 0x2F)), len(commands(module, 0x25))) == (1, 1)


# -- damages


def test_an_answer_that_lies_costs_itself() -> None:
    lies = [chafon.said(0x01, 1, bytes.fromhex("0105"))]
    wire = wired(ONE, on_said=lambda data: lies.pop() if data[2] == 0x01 and lies else data)
    wire.run(2)
    present(wire)
    wire.run(1)
    assert len(wire.of(Bad)) == 1
    assert len(wire.tags()) == 1
    assert not wire.failed()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(1, 255))
def test_one_damaged_byte_anywhere_costs_one_answer(at: int, flip: int) -> None:
    count = -1

    def damage(data: bytes) -> bytes:
        nonlocal count
        count += 1
        if count != at:
            return data
        place = at % len(data)
        return data[:place] + bytes((data[place] ^ flip,)) + data[place + 1 :]

    wire = wired(on_said=damage)
    for number in range(20):
        present(wire, 1, -60, EPC[:-1] + bytes((number,)))
        wire.run(1.0)
    wire.run(3)
    assert not wire.failed()
    assert len({tag.epc for tag in wire.tags()}) >= 18


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
        assert isinstance(module, ChafonModule)
        for second in range(12):
            present(wire, 1 + second % 2, -60, EPC[:-1] + bytes((second,)))
            if second == 4:
                wire.hear(b"\xff\x05garbage")
            if second == 6:
                module.failed = {2}
            wire.run(1.3)
        return list(wire.told)

    assert life(wired(cut=pieces)) == life(wired())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40)), max_size=12))
def test_no_bytes_raise(lines: list[tuple[int, int, bytes]]) -> None:
    wire = wired()
    for command, status, data in lines:
        wire.hear(data)
        if not wire.failed():
            wire.hear(chafon.said(command, status, data))
        wire.run(0.5)
    wire.run(10)
    if not wire.failed():
        present(wire)
        wire.run(5)
        assert EPC in [tag.epc for tag in wire.tags()]
