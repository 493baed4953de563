"""The sensor model's file: what it says comes back, and what cannot be used is told with its place."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.presence.model import Model, ModelError, check_model, decode_model, encode_model
from tests.gateway.presence.survey_rig import site, surveyed
from wire.site import Antenna


@pytest.fixture(scope="module")
def model() -> Model:
    return surveyed(60, 4).model(made_at="2026-11-22T09:00:00+00:00", made_from=["reads.csv"])


def changed(model: Model, **values: object) -> bytes:
    plain: dict[str, Any] = json.loads(encode_model(model))
    for path, value in values.items():
        place: Any = plain
        *way, last = path.split("__")
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(plain).encode()


def test_a_model_comes_back_as_it_was(model: Model) -> None:
    data = encode_model(model)
    assert decode_model(data, "m") == model
    assert encode_model(decode_model(data, "m")) == data
    assert data.startswith(b'{\n "format": "lastunit-sensor-model",\n "version": 1,')
    check_model(model, site(), "m")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "m.json: not a sensor model"),
        (b"[1, 2]", "m.json: not a sensor model"),
        (b"\xff\xfe", "m.json: not a sensor model"),
        (b"[" * 100_000, "m.json: not a sensor model"),
        (b"{}", "m.json: format '': expected 'lastunit-sensor-model'"),
        (b'{"format": "lastunit-sensor-model", "version": 2}', "m.json: version 2: this program reads version 1"),
        (b'{"format": "lastunit-sensor-model", "version": 1}', "m.json: Object missing required field"),
    ],
)
def test_what_is_no_model_is_told(data: bytes, told: str) -> None:
    with pytest.raises(ModelError) as error:
        decode_model(data, "m.json")
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("extra", 1, "unknown field `extra`"),
        ("quiet_s", -1, "$.quiet_s"),
        ("zones__1__heard__0__rssi_dbm", "loud", "$.zones[1].heard[0].rssi_dbm"),
        ("zones__1__looks", [1, 2], "zones[1] (FLOOR).looks: 2 values for 3 antennas"),
        ("zones__1__leaves", {"MOON": 2}, "zones[1] (FLOOR).leaves: no zone MOON in this model"),
        ("zones__1__zone", "BACK", "zones: BACK more than once"),
        ("antennas__1__port", 1, "antennas: R1:1 more than once"),
        ("zones__0__heard__0__antenna", 7, "zones[0] (BACK).heard: antennas [7"),
        ("zones__0__heard__0__hits", 10**6, "zones[0] (BACK).heard[0].hits: 1,000,000 of"),
        ("zones__0__motion", [1, 2, 3], "$.zones[0].motion"),
        ("confusion", {"told": ["BACK"], "seconds": [[1.0]], "held_out": True}, "confusion.seconds: expected 4 rows"),
    ],
)
def test_a_place_that_is_wrong_is_named(model: Model, path: str, value: object, told: str) -> None:
    with pytest.raises(ModelError) as error:
        decode_model(changed(model, **{path: value}), "m.json")
    assert str(error.value).startswith("m.json: ")
    assert told in str(error.value)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else_than_be_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        decode_model(data, "m")


def test_a_model_of_another_site_is_refused(model: Model) -> None:
    with pytest.raises(ModelError, match=r"m: surveyed at site 'shop-7', but the site file describes 'shop-8'"):
        check_model(model, replace(site(), id="shop-8"), "m")


def test_antennas_that_differ_are_named_by_where_they_are(model: Model) -> None:
    here = site()
    device = replace(here.devices[0], antennas=(*here.devices[0].antennas[:2], Antenna(9, "FLOOR")))
    with pytest.raises(ModelError) as error:
        check_model(model, replace(here, devices=(device,)), "m")
    assert "R1:3 only in the model; R1:9 only in the site file" in str(error.value)


def test_the_order_of_antennas_does_not_matter(model: Model) -> None:
    here = site()
    device = replace(here.devices[0], antennas=here.devices[0].antennas[::-1])
    check_model(model, replace(here, devices=(device,)), "m")


def test_a_zone_that_the_site_file_lost_is_named(model: Model) -> None:
    here = site()
    with pytest.raises(ModelError, match="zones that site 'shop-7' does not have: CARRIED"):
        check_model(model, replace(here, zones=tuple(zone for zone in here.zones if zone.id != "CARRIED")), "m")
