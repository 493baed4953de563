"""What readers are told, held against the standard's own tables; and the comparison with what they made of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.llrp.capabilities import Capabilities
from edge.llrp.limits import DIFFERENCES_MAX
from edge.llrp.rospec import differences, reader_config, rospec, settings_found
from firmware_config.profile import Purpose, load_profile
from firmware_config.render import AntennaAsk, Mode, ReaderFacts, render
from firmware_config.vendors import IMPINJ, ZEBRA
from wire.llrp.check import check
from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer
from wire.llrp.message import Parameter, message
from wire.llrp.tables.enumerations import NotificationEventType
from wire.messages import AntennaSettings

POWERS = {81: 3_000, 1: 1_000, 41: 2_000, 61: 2_500}
MODES = (Mode(0, 1, 640_000), Mode(2, 4, 274_000), Mode(3, 8, 170_600), Mode(1002, 1, 40_000, automatic=True))


def able(vendor: int = IMPINJ, **changes: object) -> Capabilities:
    facts = ReaderFacts(vendor, 4, POWERS, MODES, hop_tables=(7,))
    plain = Capabilities(facts, 1, "1.0", True, True, True, 1, 4)
    return replace(plain, **changes)  # type: ignore[arg-type]


def built(vendor: int = IMPINJ, profile: str = "impinj-r420-stock") -> Parameter:
    asks = [AntennaAsk(1, Purpose.STOCK), AntennaAsk(3, Purpose.PORTAL, 24.9), AntennaAsk(2, Purpose.FITTING_ROOM)]
    reader = able(vendor)
    return rospec(render(load_profile(profile), asks, reader.facts), 1, reader)


@pytest.mark.parametrize("vendor", [IMPINJ, ZEBRA, 1])
def test_what_we_say_is_what_the_standard_allows(vendor: int) -> None:
    add = message("ADD_ROSPEC", 1, built(vendor))
    config = reader_config(2, 5_000, able(vendor))
    assert check(add) == []
    assert check(config) == []
    for sent in (add, config):
        (raw,) = Framer().feed(encode(sent))
        assert decode(raw).unknown_count() == 0
        if vendor != IMPINJ:
            assert not [node.name for node in sent.walk() if node.name.startswith("Impinj")]


def test_every_port_has_its_own_configuration() -> None:
    spec = built()
    aispec = spec.one("AISpec")
    assert aispec["AntennaIDs"] == (1, 3, 2)
    antennas = {
        node.number("AntennaID"): node for node in aispec.one("InventoryParameterSpec").all("AntennaConfiguration")
    }
    assert list(antennas) == [1, 3, 2]
    transmitters = {port: node.one("RFTransmitter") for port, node in antennas.items()}
    assert {port: node.number("TransmitPower") for port, node in transmitters.items()} == {1: 81, 3: 41, 2: 41}
    assert {node.number("HopTableID") for node in transmitters.values()} == {7}
    commands = {port: node.one("C1G2InventoryCommand") for port, node in antennas.items()}
    assert {p: c.one("C1G2SingulationControl").number("Session") for p, c in commands.items()} == {1: 2, 3: 0, 2: 1}
    assert {p: c.one("C1G2RFControl").number("ModeIndex") for p, c in commands.items()} == {1: 1002, 3: 0, 2: 1002}
    assert commands[1].one("ImpinjInventorySearchMode").number("InventorySearchMode") == 2


def test_a_reader_without_a_mode_table_chooses_its_mode() -> None:
    reader = able(ZEBRA, facts=replace(able(ZEBRA).facts, modes=()))
    plan = render(load_profile("zebra-fx9600-stock"), [AntennaAsk(1, Purpose.STOCK)], reader.facts)
    spec = rospec(plan, 1, reader)
    assert not [node for node in spec.walk() if node.name == "C1G2RFControl"]
    assert check(message("ADD_ROSPEC", 1, spec)) == []


def test_only_events_that_the_reader_has_are_asked_for() -> None:
    def asked(reader: Capabilities) -> set[int]:
        spec = reader_config(1, 5_000, reader).one("ReaderEventNotificationSpec")
        return {state.number("EventType") for state in spec.all("EventNotificationState")}

    warning, gpi = NotificationEventType.Report_Buffer_Fill_Warning, NotificationEventType.GPI_Event
    assert {warning, gpi} <= asked(able())
    assert asked(able()) - asked(able(warns_of_buffer=False)) == {warning}
    assert asked(able()) - asked(able(gpi_ports=0)) == {gpi}
    assert reader_config(1, 5_000, able()).first("EventsAndReports") is not None
    assert reader_config(1, 5_000, able(can_hold_reports=False)).first("EventsAndReports") is None


def changed(node: Parameter, name: str, **fields: int) -> Parameter:
    """Return the tree with fields of every node of that name changed."""
    children = tuple(changed(child, name, **fields) for child in node.parameters)
    own = {**node.fields, **fields} if node.name == name else node.fields
    return Parameter(node.name, own, children)


def test_the_same_has_no_differences() -> None:
    assert differences(built(), built()) == []


def test_what_is_left_to_the_reader_is_not_compared() -> None:
    found = changed(built(), "C1G2RFControl", Tari=6_250)
    found = changed(found, "C1G2SingulationControl", TagTransitTime=500)
    found = changed(found, "ROSpec", CurrentState=2)
    assert differences(built(), found) == []


@pytest.mark.parametrize(
    ("name", "field", "value", "path"),
    [
        (
            "RFTransmitter",
            "TransmitPower",
            12,
            "AntennaConfiguration[1]/RFTransmitter.TransmitPower: asked 81, found 12",
        ),
        ("C1G2SingulationControl", "Session", 3, "C1G2SingulationControl.Session: asked 2, found 3"),
        ("ROReportSpec", "N", 9, "ROReportSpec.N: asked 1, found 9"),
        (
            "TagReportContentSelector",
            "EnableAntennaID",
            0,
            "TagReportContentSelector.EnableAntennaID: asked 1, found 0",
        ),
    ],
)
def test_differences_say_where(name: str, field: str, value: int, path: str) -> None:
    found = differences(built(), changed(built(), name, **{field: value}))
    assert found[0].startswith("ROSpec")
    assert found[0].endswith(path)


def test_a_missing_part_is_a_difference_and_an_added_one_is_not() -> None:
    spec = built()
    less = Parameter(spec.name, spec.fields, spec.parameters[:-1])
    assert differences(spec, less) == ["ROSpec/ROReportSpec: asked for, not found"]
    assert differences(less, spec) == []


def test_differences_are_bounded() -> None:
    assert len(differences(built(), Parameter("ROSpec"))) <= DIFFERENCES_MAX
    selector = dict.fromkeys(built().one("ROReportSpec").one("TagReportContentSelector").fields, 0)
    found = changed(changed(built(), "TagReportContentSelector", **selector), "RFTransmitter", TransmitPower=0)
    found = changed(found, "C1G2SingulationControl", Session=3, TagPopulation=1)
    assert len(differences(built(), found)) == DIFFERENCES_MAX


def test_settings_are_read_back_by_port() -> None:
    reader = able()
    plan = render(load_profile("impinj-r420-stock"), [AntennaAsk(1, Purpose.STOCK)], reader.facts)
    spec = rospec(plan, 1, reader)
    assert settings_found(spec, plan, reader) == {1: AntennaSettings(3_000, 1002, 2, "dual")}
    weaker = changed(spec, "RFTransmitter", TransmitPower=41)
    single = changed(weaker, "ImpinjInventorySearchMode", InventorySearchMode=5)
    assert settings_found(single, plan, reader) == {1: AntennaSettings(2_000, 1002, 2, "single")}
    assert settings_found(Parameter("ROSpec"), plan, reader) == {1: AntennaSettings(3_000, 1002, 2, "dual")}
