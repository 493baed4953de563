"""Typed values out of a reader's JSON, with the traps of the field."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.iot import fields

EPC = bytes.fromhex("7EDA9038051002710002C0AE")
anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2026-11-22T03:00:00.000Z", 1_795_316_400_000_000),
        ("2026-11-22T03:00:00.000+0000", 1_795_316_400_000_000),
        ("2026-11-22T03:00:00.000+00:00", 1_795_316_400_000_000),
        ("2026-11-21T21:00:00.000-0600", 1_795_316_400_000_000),
        ("2021-07-15T03:27:52.471391842Z", 1_626_319_672_471_391),
        ("2026-11-22T03:00:00Z", 1_795_316_400_000_000),
        ("2026-11-22T03:00:00.000", None),
        ("2026-11-22", None),
        ("yesterday", None),
        ("1969-12-31T23:59:59Z", None),
        ("9" * 1_000, None),
        ("", None),
        (None, None),
        (1_795_316_400, None),
    ],
)
def test_moments(text: object, us: int | None) -> None:
    assert fields.moment_us(text) == us


@settings(deadline=None, max_examples=60)
@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_a_moment_in_any_zone_is_the_same_moment(moment: datetime, minutes: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert fields.moment_us(local.isoformat(timespec="microseconds")) == expected
    assert fields.moment_us(local.strftime("%Y-%m-%dT%H:%M:%S.%f%z")) == expected


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=62))
def test_an_epc_in_every_spelling(epc: bytes) -> None:
    standard, url = base64.b64encode(epc).decode(), base64.urlsafe_b64encode(epc).decode()
    assert fields.base64_epc(standard) == fields.base64_epc(url) == epc
    assert fields.base64_epc(standard.rstrip("=")) == fields.base64_epc(url.rstrip("=")) == epc
    assert fields.hex_epc(epc.hex()) == fields.hex_epc(epc.hex().upper()) == epc


@pytest.mark.parametrize(
    "text", ["", "A", "AAAAA", "+_+_", "AA=A", "ftqQOAUQ AnEA", "x" * 200, "ÄÄÄÄ", None, 5, ["AAAA"]]
)
def test_what_is_no_base64_epc(text: object) -> None:
    assert fields.base64_epc(text) is None


@pytest.mark.parametrize("text", ["", "3", "30 34", "zz", "0x30", "30" * 63, None, 30, "\u0663\u0660"])
def test_what_is_no_hexadecimal_epc(text: object) -> None:
    assert fields.hex_epc(text) is None


@settings(deadline=None, max_examples=60)
@given(anything)
def test_anything_may_stand_in_a_field(value: object) -> None:
    found = {"x": value}
    port = fields.port(found, "x")
    assert port is None or 1 <= port <= 255
    rssi = fields.centi(found, "x", factor=100)
    assert rssi is None or -15_000 <= rssi <= 5_000
    fields.text(found, "x").encode()
    assert fields.inside(found, "x") == {}
    fields.moment_us(value)


def test_numbers() -> None:
    assert fields.port({"p": 4.0}, "p") == 4
    assert fields.port({"p": "4"}, "p") is None
    assert fields.port({"p": True}, "p") is None
    assert fields.port({"p": 0}, "p") is None
    assert fields.port({}, "p") is None
    assert fields.centi({"r": -70}, "r", factor=100) == -7_000
    assert fields.centi({"r": -70.55}, "r", factor=100) == -7_055
    assert fields.centi({"r": -7_000}, "r", factor=1) == -7_000
    assert fields.centi({"r": -70}, "r", factor=10_000) is None


def test_text_is_fit_to_be_sent() -> None:
    assert fields.text({"t": "a\ud800b"}, "t") == "a?b"
    assert len(fields.text({"t": "x" * 10_000}, "t")) == 300
