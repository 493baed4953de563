"""What devices should be and are, on the wire: golden documents, hashes, every bound, damaged documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.golden_configuration.examples import (
    DESIRED,
    FILES,
    FOLDER,
    NOW_US,
    PORTAL,
    REPORTED,
    SHELF,
    TABLES,
)
from wire.configuration import (
    DesiredConfig,
    DesiredDevice,
    DeviceState,
    ReportedAntenna,
    ReportedConfig,
    ReportedDevice,
    canonical_json,
    check_config_identity,
    check_desired,
    decode_desired,
    decode_reported,
    desired_config,
    desired_hash,
    encode_desired,
    encode_reported,
    problem_texts,
    table_hash,
    version_said,
)
from wire.errors import IdentityError, LimitError, MessageError
from wire.limits import (
    CONFIG_MAX_BYTES,
    CONFIG_MAX_DEVICES,
    CONFIG_MAX_PROBLEMS,
    CONFIG_PROBLEM_MAX_CHARS,
    DEVICE_MAX_ANTENNAS,
    PROFILE_MAX_BYTES,
    PROFILE_MAX_DEPTH,
)

if TYPE_CHECKING:
    from collections.abc import Callable

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


# -- golden documents


@pytest.mark.parametrize("name", FILES)
def test_golden_documents_have_not_changed(name: str) -> None:
    assert (FOLDER / name).read_bytes() == FILES[name]


def test_golden_documents_decode_to_what_they_were() -> None:
    assert decode_desired((FOLDER / "desired.json").read_bytes()) == DESIRED
    assert decode_reported((FOLDER / "reported.json").read_bytes()) == REPORTED


def test_there_is_no_golden_document_that_nobody_writes() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == set(FILES)


def test_the_hash_of_the_golden_wish_is_what_other_programs_compute() -> None:
    """Written out once by hand, so that a change of the canonical spelling shows."""
    spelled = b'{"portal":{"mode_ids":[0,1],"power_dbm":27.5,"session":0},"purpose":"portal"}'
    assert canonical_json(PORTAL) == spelled
    assert table_hash(PORTAL) == "e9da77cc9c543e0d"
    assert DESIRED.hash == "0eb998a77fb91aad"


def test_a_later_edge_may_say_more() -> None:
    """The gateway of before reads what it knows; an edge of before checks the hashes of what it knows."""
    document = json.loads(FILES["reported.json"])
    document["mood"] = document["devices"][0]["mood"] = "good"
    assert decode_reported(json.dumps(document).encode()) == REPORTED
    wish = json.loads(FILES["desired.json"])
    wish["mood"] = "good"
    assert decode_desired(json.dumps(wish).encode()) == DESIRED


# -- hashes


@given(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=5))
def test_a_table_keeps_its_hash_on_its_way(table: dict[str, Any]) -> None:
    try:
        before = table_hash(table)
    except MessageError:  # deeper than a profile may be, or no Unicode text
        return
    through_json = json.loads(json.dumps(dict(reversed(list(table.items())))))
    assert table_hash(through_json) == before
    assert table_hash(json.loads(canonical_json(table))) == before


def test_numbers_that_are_equal_are_spelled_alike() -> None:
    assert table_hash({"a": 24.0, "b": -0.0}) == table_hash({"a": 24, "b": 0})
    assert table_hash({"a": 24.5}) != table_hash({"a": 24})
    assert table_hash({"a": True}) != table_hash({"a": 1})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "nan is not a number that JSON can carry"),
        (float("inf"), "inf is not a number that JSON can carry"),
        (b"x", "a bytes is not a JSON value"),
        ({1: 2}, "a key is not text"),
        pytest.param(10**5_000, "Exceeds the limit", id="a very long number"),
        ("\ud800", "is not Unicode text"),
        (json.loads("[" * 20 + "]" * 20), f"more than {PROFILE_MAX_DEPTH} levels deep"),
    ],
)
def test_what_is_no_json_has_no_hash(value: object, problem: str) -> None:
    with pytest.raises(MessageError, match=problem):
        table_hash({"a": value})


def test_a_profile_has_a_largest_size() -> None:
    room = PROFILE_MAX_BYTES - len(canonical_json({"a": ""}))
    table_hash({"a": "x" * room})
    with pytest.raises(LimitError, match=f"of {PROFILE_MAX_BYTES + 1} bytes"):
        table_hash({"a": "x" * (room + 1)})


def test_what_is_asked_makes_the_hash_and_nothing_else() -> None:
    def asked(**changes: Any) -> DesiredConfig:
        common: dict[str, Any] = {"site": "S001", "edge": "edge-1", "version": 7, "at_us": 1, "profiles": TABLES}
        return desired_config(**{**common, "devices": DESIRED.devices, **changes})

    same = (asked(), asked(site="S002"), asked(version=8), asked(at_us=2), asked(devices=DESIRED.devices[::-1]))
    assert {config.hash for config in same} == {DESIRED.hash}
    one = DESIRED.devices[:1]
    other_name = (msgspec.structs.replace(DESIRED.devices[0], profile="other"), DESIRED.devices[1])
    assert len({DESIRED.hash, asked(devices=one).hash, asked(devices=other_name).hash, asked(devices=()).hash}) == 4


def test_profiles_that_no_device_names_do_not_travel() -> None:
    wish = desired_config(site="S001", edge="edge-1", version=1, at_us=0, devices=DESIRED.devices[:1], profiles=TABLES)
    assert set(wish.profiles) == {DESIRED.devices[0].profile_hash}


# -- desired documents that are refused


def damaged(change: Callable[[dict[str, Any]], None], *, rehash: bool = False) -> bytes:
    document = json.loads(FILES["desired.json"])
    change(document)
    if rehash:
        devices = [msgspec.convert(device, DesiredDevice) for device in document["devices"]]
        document["hash"] = desired_hash(devices, document["profiles"])
    return json.dumps(document).encode()


PORTAL_HASH = table_hash(PORTAL)
DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], None], bool, str]] = {
    "table": (
        lambda d: d["profiles"][PORTAL_HASH].update(purpose="stock"),
        True,
        f"profiles.{PORTAL_HASH}: the table's hash is ",
    ),
    "hash": (lambda d: d.update(hash="0" * 16), False, "hash: 0000000000000000 is said, the contents have "),
    "device": (lambda d: d["devices"][0].update(device="R-9"), False, "hash: "),
    "profile lost": (
        lambda d: d["profiles"].pop(PORTAL_HASH),
        True,
        rf"devices\[0\].profile_hash: {PORTAL_HASH} of 'R-1' is not among the profiles",
    ),
    "twice": (lambda d: d["devices"].append(d["devices"][0]), True, r"devices\[2\].device: 'R-1' stands there twice"),
    "version": (lambda d: d.update(version=0), False, r"Expected `int` >= 1 - at `\$.version`"),
    "no hash": (lambda d: d.update(hash="DEADBEEF"), False, r"at `\$.hash`"),
    "key of a profile": (lambda d: d["profiles"].update({"x": {}}), False, r"at `key` in `\$.profiles`"),
    "profile is a list": (lambda d: d["profiles"].update({PORTAL_HASH: []}), False, "Expected `object`, got `array`"),
    "later schema": (lambda d: d.update(schema=2), False, r"at `\$.schema`"),
    "too many devices": (
        lambda d: d.update(devices=[d["devices"][0]] * (CONFIG_MAX_DEVICES + 1)),
        False,
        f"Expected `array` of length <= {CONFIG_MAX_DEVICES}",
    ),
    "too large a table": (
        lambda d: d["profiles"].update({PORTAL_HASH: {"a": "x" * PROFILE_MAX_BYTES}}),
        True,
        f"at most {PROFILE_MAX_BYTES} travel",
    ),
    "too deep": (
        lambda d: d["profiles"].update({PORTAL_HASH: {"a": json.loads("[" * 20 + "]" * 20)}}),
        True,
        f"more than {PROFILE_MAX_DEPTH} levels deep",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_wish_is_refused_whole(name: str) -> None:
    change, rehash, problem = DAMAGE[name]
    with pytest.raises(MessageError, match=problem):
        decode_desired(damaged(change, rehash=rehash))


@pytest.mark.parametrize("payload", [b"", b"{}", b"[", b"null", b"\xff", b"[" * 100_000, b'{"version": 3}'])
def test_what_is_no_document_is_refused(payload: bytes) -> None:
    for decode in (decode_desired, decode_reported):
        with pytest.raises(MessageError, match="payload"):
            decode(payload)


def test_a_document_that_is_larger_than_any_of_ours_is_not_even_parsed() -> None:
    for name, decode in (("desired.json", decode_desired), ("reported.json", decode_reported)):
        payload = FILES[name]
        decode(payload + b" " * (CONFIG_MAX_BYTES - len(payload)))
        with pytest.raises(MessageError, match=f"payload of {CONFIG_MAX_BYTES + 1} bytes"):
            decode(payload + b" " * (CONFIG_MAX_BYTES + 1 - len(payload)))


@pytest.mark.parametrize(
    ("payload", "version"),
    [(b'{"version": 9, "hash": 3}', 9), (b'{"version": -1}', None), (b"{}", None), (b"{", None), (b"\xff", None)],
)
def test_the_version_of_a_document_that_cannot_be_used(payload: bytes, version: int | None) -> None:
    assert version_said(payload) == version


def test_a_device_needs_its_profile() -> None:
    with pytest.raises(MessageError, match=f"{table_hash(SHELF)} is named by a device and not there"):
        desired_config(
            site="S001", edge="edge-1", version=1, at_us=0, devices=DESIRED.devices, profiles={PORTAL_HASH: PORTAL}
        )


def test_a_document_names_its_own_topic() -> None:
    for document in (DESIRED, REPORTED):
        check_config_identity(document, "S001", "edge-1")
        with pytest.raises(IdentityError, match="body names S001/edge-1: the topic names S001/edge-2"):
            check_config_identity(document, "S001", "edge-2")


def test_check_is_what_decode_does() -> None:
    check_desired(DESIRED)
    with pytest.raises(MessageError, match="hash: "):
        check_desired(msgspec.structs.replace(DESIRED, hash="0" * 16))


# -- sizes


def test_the_largest_wish_of_our_profiles_fits() -> None:
    tables = [{"title": f"{i}", "pad": "x" * 3_000} for i in range(CONFIG_MAX_DEVICES)]
    profiles = {table_hash(table): table for table in tables}
    devices = [
        DesiredDevice(device="D" * 60 + f"{i:04}", profile="P" * 64, profile_hash=key) for i, key in enumerate(profiles)
    ]
    wish = desired_config(site="S", edge="E", version=1, at_us=0, devices=devices, profiles=profiles)
    assert decode_desired(encode_desired(wish)) == wish


def test_a_wish_that_no_broker_would_take_is_refused_where_it_is_made() -> None:
    tables = [{"title": f"{i}", "pad": "x" * 6_000} for i in range(CONFIG_MAX_DEVICES)]
    profiles = {table_hash(table): table for table in tables}
    devices = [DesiredDevice(device=f"D{i}", profile="P", profile_hash=key) for i, key in enumerate(profiles)]
    wish = desired_config(site="S", edge="E", version=1, at_us=0, devices=devices, profiles=profiles)
    with pytest.raises(LimitError, match=f"at most {CONFIG_MAX_BYTES} travel"):
        encode_desired(wish)


def report(
    states: list[DeviceState], problem: str, ports: int = DEVICE_MAX_ANTENNAS, error: str = ""
) -> ReportedConfig:
    antennas = tuple(
        ReportedAntenna(port=port, purpose="fitting_room", asked_dbm=27.5, power_cdbm=2740, mode=1002, session=2)
        for port in range(1, ports + 1)
    )
    devices = tuple(
        ReportedDevice(
            device=f"D{i}",
            driver="llrp",
            state=state,
            at_us=NOW_US,
            problems=(problem,) * CONFIG_MAX_PROBLEMS if problem else (),
            antennas=antennas,
        )
        for i, state in enumerate(states)
    )
    return ReportedConfig(site="S", edge="E", version=1, hash="0" * 16, at_us=NOW_US, error=error, devices=devices)


def test_a_report_that_fits_is_whole() -> None:
    whole = report(["applied"] * CONFIG_MAX_DEVICES, "", ports=8)
    assert decode_reported(encode_reported(whole)) == whole


def test_a_report_that_is_too_large_first_leaves_out_the_antennas_of_what_is_as_asked() -> None:
    states: list[DeviceState] = ["differs"] * 190
    states[:150] = ["applied"] * 150
    found = decode_reported(encode_reported(report(states, "", error="version 2: bad")))
    assert [bool(device.antennas) for device in found.devices] == [False] * 150 + [True] * 40
    assert found.error.startswith("version 2: bad; this report leaves out the antennas of devices that are as asked")


def test_a_report_then_leaves_out_all_antennas_and_then_problems() -> None:
    found = decode_reported(encode_reported(report(["differs"] * CONFIG_MAX_DEVICES, "")))
    assert not any(device.antennas for device in found.devices)
    assert "this report leaves out all antennas:" in found.error
    longest = "x" * CONFIG_PROBLEM_MAX_CHARS
    found = decode_reported(encode_reported(report(["differs"] * CONFIG_MAX_DEVICES, longest)))
    assert {len(device.problems) for device in found.devices} == {1}
    assert "all but the first problem" in found.error


@given(st.lists(st.text(max_size=CONFIG_PROBLEM_MAX_CHARS + 50), max_size=40))
def test_problems_fit_a_report_and_none_vanishes_unsaid(problems: list[str]) -> None:
    found = problem_texts(problems)
    assert len(found) <= CONFIG_MAX_PROBLEMS
    assert all(len(problem) <= CONFIG_PROBLEM_MAX_CHARS for problem in found)
    distinct = list(dict.fromkeys(problems))
    if len(distinct) > CONFIG_MAX_PROBLEMS:
        assert found[-1] == f"and {len(distinct) - CONFIG_MAX_PROBLEMS + 1} more problems"
    else:
        assert len(found) == len(distinct)
