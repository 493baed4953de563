"""Who is a canary, who comes when, who is left out and why."""

from dataclasses import replace

import pytest

from gateway.fleet.device import DeviceName, Setting
from gateway.fleet.plan import Candidate, PlanError, Targets, plan

NEW = Setting("dock", "1111222233334444")


def candidate(site: str, device: str = "r1", per_min: float = 100.0, **how: object) -> Candidate:
    made = Candidate(name=DeviceName(site, "edge", device), driver="llrp", up=True, per_min=per_min)
    return replace(made, **how)  # type: ignore[arg-type]


def waves(candidates: list[Candidate], canaries: int) -> list[list[str]]:
    members = plan(candidates, Targets(), NEW, canaries).members
    found: list[list[str]] = [[] for _ in range(1 + max(member.wave for member in members))]
    for member in members:
        found[member.wave].append(str(member.name))
    return found


def test_canaries_are_the_busiest_of_different_sites() -> None:
    fleet = [
        candidate("a", "r1", 900.0),
        candidate("a", "r2", 800.0),
        candidate("b", "r1", 100.0),
        candidate("c", "r1", 200.0),
    ]
    assert waves(fleet, 3)[0] == ["a/r1", "c/r1", "b/r1"]


def test_waves_grow_by_four() -> None:
    fleet = [candidate(f"s{number:03}") for number in range(50)]
    assert [len(wave) for wave in waves(fleet, 2)] == [2, 8, 32, 8]


def test_who_cannot_be_judged_is_no_canary_and_who_is_down_comes_last() -> None:
    fleet = [
        candidate("a", up=False, per_min=0.0),
        candidate("b", per_min=3.0),
        candidate("c", per_min=50.0),
        candidate("d", per_min=60.0),
    ]
    assert waves(fleet, 1) == [["d/r1"], ["c/r1", "b/r1", "a/r1"]]


def test_a_canary_is_up_even_when_more_were_asked_for() -> None:
    fleet = [candidate("a", up=False), candidate("b")]
    assert waves(fleet, 5) == [["b/r1"], ["a/r1"]]
    assert "5 canaries were asked for, 1 devices are up" in plan(fleet, Targets(), NEW, 5).said[0]


@pytest.mark.parametrize(
    ("targets", "named"),
    [
        (Targets(sites=frozenset({"a"})), {"a/r1", "a/r2"}),
        (Targets(models=frozenset({"speedway R420"})), {"a/r2"}),
        (Targets(devices=frozenset({"r1"})), {"a/r1", "b/r1"}),
        (Targets(devices=frozenset({"b/r1"})), {"b/r1"}),
        (Targets(sites=frozenset({"a"}), devices=frozenset({"r1"})), {"a/r1"}),
    ],
)
def test_whom_it_is_for(targets: Targets, named: set[str]) -> None:
    fleet = [candidate("a", "r1"), candidate("a", "r2", model="Speedway R420"), candidate("b", "r1")]
    assert {str(member.name) for member in plan(fleet, targets, NEW, 1).members} == named


@pytest.mark.parametrize(
    ("how", "targets", "why"),
    [
        ({"name": DeviceName("a", "edge", "r\0")}, Targets(), "cannot be that of a device"),
        ({"reported": False}, Targets(), "reports no configuration"),
        ({"state": "unable"}, Targets(), "takes no profile"),
        ({"driver": "barcode_serial"}, Targets(), "the profile is for readers"),
        ({}, Targets(scanner=True), "the profile is for scanners"),
        ({"vendor": "Zebra", "model": "FX9600"}, Targets(vendor="impinj"), "a Zebra FX9600, the profile is for impinj"),
        ({"rollout": "019d"}, Targets(), "roll-out 019d is under way"),
        ({"now": NEW, "hash": NEW.hash}, Targets(), "has this profile already"),
    ],
)
def test_who_is_left_out(how: dict[str, object], targets: Targets, why: str) -> None:
    odd = replace(candidate("a"), **how)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match=why):
        plan([odd], targets, NEW, 1)
    if not targets.scanner:
        made = plan([odd, candidate("b")], targets, NEW, 1)
        assert [str(member.name) for member in made.members] == ["b/r1"]
        assert [(one.name, why in one.why) for one in made.left_out] == [(odd.name, True)]


def test_a_vendor_that_a_device_does_not_say_is_no_reason() -> None:
    assert plan([candidate("a", vendor="")], Targets(vendor="impinj"), NEW, 1).members


def test_a_device_that_was_asked_but_runs_something_else_is_asked_again() -> None:
    assert plan([candidate("a", now=NEW, hash="0" * 16)], Targets(), NEW, 1).members


def test_nobody() -> None:
    with pytest.raises(PlanError, match="no device is named"):
        plan([candidate("a")], Targets(sites=frozenset({"z"})), NEW, 1)
    with pytest.raises(PlanError, match="none of the 1 devices is up"):
        plan([candidate("a", up=False)], Targets(), NEW, 1)


def test_it_is_said_what_a_person_should_know() -> None:
    fleet = [candidate("a", per_min=1.0, now=Setting("x", "0" * 16)), candidate("b", up=False)]
    said = plan(fleet, Targets(), NEW, 1).said
    assert said == (
        "read too little now to be judged by their reads: a/r1",
        "1 devices are not up: they are asked in the last waves, and not waited for",
        "1 devices run what no roll-out found good: they would be brought back to what was",
    )
