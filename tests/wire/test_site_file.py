"""The site file: what a good one gives, and how each mistake is told."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import SiteFileError
from wire.site import Driver, Fulfilment, ZoneKind
from wire.site_file import parse_site
from wire.site_hours import ALWAYS, Span

GOOD = """\
site: store-001
name: Main Street
timezone: Europe/Berlin
gln: "9506000134352"
company_prefixes: ["9506000"]
zones:
  - {id: BACK, kind: back_room}
  - {id: FLOOR_A, kind: sales_floor, outline: [[7, 0], [15, 0], [15, 14]]}
  - {id: FIT, kind: fitting_room}
  - {id: EXIT, kind: exit, counts_as: FLOOR_A}
passages: [[BACK, FLOOR_A], [FLOOR_A, FIT], [FLOOR_A, EXIT]]
walls: [{from: [7, 0], to: [7, 14], loss_db: 12}]
devices:
  - id: R1
    driver: llrp
    address: 10.0.0.11:5084
    profile: impinj-r700-stock
    keepalive_s: 1
    antennas:
      - {port: 1, zone: BACK, x: 2.0, y: 3.5, z: 3.0}
      - {port: 2, zone: EXIT, power_dbm: 21.5}
  - {id: S1, driver: barcode_serial, edge: box-2, address: /dev/ttyACM0, zone: FLOOR_A, purpose: lookup}
"""


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(SiteFileError) as caught:
        parse_site(text, "store.yaml")
    assert str(caught.value).startswith("store.yaml: ")
    return [(problem.line, problem.key) for problem in caught.value.problems]


def test_a_good_file_becomes_values() -> None:
    site = parse_site(GOOD)
    assert (site.id, site.name, site.timezone, site.gln) == (
        "store-001",
        "Main Street",
        "Europe/Berlin",
        "9506000134352",
    )
    assert [zone.kind for zone in site.zones][:2] == [ZoneKind.BACK_ROOM, ZoneKind.SALES_FLOOR]
    assert [zone.sellable for zone in site.zones] == [True, True, False, False]
    assert site.zone("EXIT").counts_as == "FLOOR_A"
    assert site.zone("BACK").counts_as == "BACK"
    assert site.touching("FLOOR_A") == {"BACK", "FIT", "EXIT"}
    assert site.walls[0].start == (7.0, 0.0)
    reader, scanner = site.devices
    assert (reader.driver, reader.host_port(5084), reader.edge) == (Driver.LLRP, ("10.0.0.11", 5084), "edge-1")
    assert reader.options == {"keepalive_s": 1.0}
    assert scanner.host_port(5084) == ("/dev/ttyACM0", 5084)
    assert site.edges() == ("edge-1", "box-2")
    assert site.devices_of("box-2") == (scanner,)
    assert site.zone_of_antenna() == {("R1", 1): "BACK", ("R1", 2): "EXIT"}


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "word"),
    [
        ("name: Main Street", "nmae: Main Street", 2, "nmae", "unknown key"),
        ("kind: back_room", "kind: backroom", 7, "zones[0].kind", "backroom"),
        ("kind: back_room}", "kind: back_room, colour: red}", 7, "zones[0].colour", "unknown key"),
        ("Europe/Berlin", "Europe/Bärlin", 3, "timezone", "Bärlin"),
        ("9506000134352", "9506000134353", 4, "gln", "check digit"),
        ("[FLOOR_A, FIT]", "[FLOOR_A, FTI]", 11, "passages[1]", "no zone 'FTI'"),
        ("zone: BACK, x", "zone: BAKC, x", 20, "devices[0].antennas[0].zone", "no zone 'BAKC'"),
        ("port: 2, zone: EXIT", "port: 1, zone: EXIT", 21, "devices[0].antennas[1].port", "stands twice"),
        ("{id: FIT,", "{id: BACK,", 9, "zones[2].id", "stands twice"),
        ("{id: FIT,", "{id: OUT,", 9, "zones[2].id", "OUT"),
        ("site: store-001", "site: auto", 1, "site", "auto"),
        ("site: store-001", "site: me", 1, "site", "where a store screen asks who it is"),
        ("edge: box-2", "edge: stock", 22, "devices[1].edge", "belongs to the stock topics"),
        ("10.0.0.11:5084", "10.0.0.11:x", 16, "devices[0].address", "host:port"),
        ("power_dbm: 21.5", "power_dbm: 2150", 21, "devices[0].antennas[1].power_dbm", "<= 36"),
        ("[15, 14]]}", "]}", 8, "zones[1].outline", ""),
        ("[[7, 0], [15, 0], [15, 14]]", "[[7, 0], [15, 0]]", 8, "zones[1].outline", "at least 3"),
        ("keepalive_s: 1", "keepalive_s: soon", 18, "devices[0].keepalive_s", "float"),
        ("name: Main Street", "name: A\nname: B", 3, "name", "stands twice"),
        ("kind: back_room", "kind: backroom", 7, "zones[0].kind", "there are sales_floor, back_room, fitting_room,"),
        ("driver: llrp", "driver: lrp", 15, "devices[0].driver", "'lrp'; there are llrp, sllurp, impinj_iot,"),
        (
            '["9506000"]',
            '["950", "9506000"]',
            5,
            "company_prefixes[0]",
            "'950': expected a GS1 company prefix of 4 to 12",
        ),
        ("10.0.0.11:5084", "10.0.0.11:459010", 16, "devices[0].address", "459010': expected a port of 1 to 65535"),
        ("    address: 10.0.0.11:5084\n", "", 14, "devices[0]", "`address` is missing"),
        ("id: S1, ", "", 22, "devices[1]", "`id` is missing"),
        ("id: FIT, ", "", 9, "zones[2]", "`id` is missing"),
        ("zone: BACK, x", "x", 20, "devices[0].antennas[0]", "`zone` is missing"),
        ("site: store-001", "# nothing", 2, "", "`site` is missing"),
    ],
)
def test_every_mistake_names_line_key_and_value(old: str, new: str, line: int, key: str, word: str) -> None:
    assert old in GOOD
    with pytest.raises(SiteFileError) as caught:
        parse_site(GOOD.replace(old, new, 1), "store.yaml")
    problem = caught.value.problems[0]
    assert problem.line == line
    assert problem.key.startswith(key)
    assert word in problem.message


def test_all_senseless_values_are_told_at_once() -> None:
    text = GOOD.replace("zone: BACK, x", "zone: NOPE, x").replace("[FLOOR_A, FIT]", "[FLOOR_A, NOWHERE]")
    assert problems(text) == [(11, "passages[1]"), (20, "devices[0].antennas[0].zone")]


@pytest.mark.parametrize(
    "text", ["", "a: [", "\t", "- 1", "site: x", "x" * (1024 * 1024 + 1), "site: !!python/none x\n"]
)
def test_what_is_not_a_site_file_is_refused(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(("text", "line"), [("\x7fELF\x02\x01", 1), ("site: s\n\x00\x01" + "\x02" * 9_000, 2)])
def test_binary_input_gets_one_short_line(text: str, line: int) -> None:
    with pytest.raises(SiteFileError) as caught:
        parse_site(text, "store.yaml")
    told = str(caught.value)
    assert told.startswith(f"store.yaml: line {line}: not text: ")
    assert "\n" not in told
    assert len(told) < 100


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ("x: &x [*x]", "nest too deep"),
        ("x: " + "[" * 5_000, "nest too deep"),
        ("x0: &x0 [y, y]\n" + "\n".join(f"x{i}: &x{i} [{f'*x{i - 1},' * 9}]" for i in range(1, 9)), "aliases followed"),
        ("? [a, b]\n: 1", "as a key"),
        ('x: !!int ""', "not a value of"),
        ("x: !!bool maybe", "not a value of"),
        ("x: !!timestamp soon", "not a value of"),
        ("gln: no", "in quotes"),
        ('company_prefixes: ["4012345\\n"]', "4 to 12 digits"),
        ("walls: [{from: [.nan, 0], to: [0, 1]}]", "Expected `float`"),
        ("walls: [{from: [0, 0], to: [.inf, 1]}]", "Expected `float`"),
    ],
)
def test_hostile_yaml_gives_a_problem_and_ends_soon(extra: str, word: str) -> None:
    with pytest.raises(SiteFileError, match=re.escape(word)):
        parse_site(f"site: s\nzones: [{{id: A, kind: sales_floor}}]\n{extra}\n")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("10.0.0.11", ("10.0.0.11", 5084)),
        ("reader-1.store:50", ("reader-1.store", 50)),
        ("[fe80::1]", ("fe80::1", 5084)),
        ("[fe80::1%eth0]:50", ("fe80::1%eth0", 50)),
        (":5084", None),
        ("fe80::1", None),
        ("reader:", None),
        ("reader:65536", None),
        ("reader:" + "9" * 5_000, None),
        ("reader 1", None),
    ],
)
def test_an_address_is_a_host_with_or_without_a_port(address: str, found: tuple[str, int] | None) -> None:
    text = f"site: s\nzones: [{{id: A, kind: sales_floor}}]\ndevices: [{{id: R, driver: llrp, address: '{address}'}}]\n"
    if found is None:
        assert problems(text) == [(3, "devices[0].address")]
    else:
        assert parse_site(text).devices[0].host_port(5084) == found


@given(st.text(max_size=200))
def test_any_text_gives_a_site_or_a_site_file_error(text: str) -> None:
    try:
        parse_site(text)
    except SiteFileError as error:
        assert error.problems


FULFILS = (
    GOOD
    + """\
hours: {mon: "10:00-20:00", sat: "10:00-13:00, 14:00-18:00", sun: "20:00-02:00"}
fulfilment: {ship: false, pick_cost: 1.5, capacity_per_day: 40, cut_off: "16:00", handling_min: 45}
"""
)


def test_opening_hours_and_what_a_site_does_for_orders() -> None:
    site = parse_site(FULFILS)
    assert site.hours == (
        (Span(600, 1_200),),
        *((),) * 4,
        (Span(600, 780), Span(840, 1_080)),
        (Span(1_200, 1_560),),
    )
    assert site.fulfilment == Fulfilment(False, True, 1.5, 40, 960, 45)
    plain = parse_site(GOOD)
    assert (plain.hours, plain.fulfilment) == (ALWAYS, Fulfilment())


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("10:00-20:00", "10-20", "hours.mon", "'10-20': expected times such as 10:00-20:00"),
        ("14:00-18:00", "12:00-18:00", "hours.sat", "'12:00-18:00' begins before the span before it ends"),
        ('"16:00"', '"25:00"', "fulfilment.cut_off", "'25:00': expected a time of day"),
        ("capacity_per_day: 40", "capacity_per_day: -1", "fulfilment.capacity_per_day", ">= 0"),
        ("mon:", "monday:", "hours.monday", "unknown key"),
    ],
)
def test_times_that_cannot_be(old: str, new: str, key: str, says: str) -> None:
    assert old in FULFILS
    with pytest.raises(SiteFileError) as caught:
        parse_site(FULFILS.replace(old, new, 1))
    (problem,) = caught.value.problems
    assert problem.key == key
    assert says in problem.message
    assert FULFILS.splitlines()[problem.line - 1].startswith(key.partition(".")[0])
