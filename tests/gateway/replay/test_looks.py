"""Looking is inferred from reads alone; the schedules here are the truth that it is held against."""

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.replay.looks import SILENT_MAX_S, Looks
from simulator.levels import Level, Outage, level_of
from simulator.sites import read_demo_site
from simulator.store import Store
from wire.site import ZoneKind
from wire.site_file import parse_site

SECONDS = 900
WARM_S = 100
DOWN = -1


def schedule(ports: int, dwell_ms: int, phase_ms: int) -> NDArray[np.int64]:
    """Milliseconds that each port of a round robin looks in each second."""
    at = np.arange(SECONDS * 1_000)
    looked = np.zeros((SECONDS, ports), np.int64)
    np.add.at(looked, (at // 1_000, (at + phase_ms) // dwell_ms % ports), 1)
    return looked


def inferred(looked: NDArray[np.int64], chance: tuple[float, ...], seed: int = 1) -> NDArray[np.int32]:
    """What is inferred when a port that looks reads something with its own chance in a second."""
    rng = np.random.default_rng(seed)
    looks = Looks([("R1", port) for port in range(len(chance))])
    read = (looked > 100) & (rng.random(looked.shape) < np.array(chance))
    return np.array([looks.window(row) for row in read])


@pytest.mark.parametrize(
    ("ports", "dwell_ms", "phase_ms", "chance"),
    [
        (1, 1_000, 0, (0.5,)),
        (3, 1_000, 0, (1, 1, 0.02)),
        (4, 1_000, 400, (1, 1, 1, 0.02)),
        (4, 1_000, 0, (0.9, 0.5, 0.2, 0.05)),
        (4, 250, 0, (1, 1, 0.5, 0.02)),
        (2, 500, 0, (0.9, 0.05)),
        (2, 500, 0, (0.2, 0.1)),
        (3, 5_000, 0, (1, 1, 0.02)),
        (8, 1_000, 0, (1, 1, 1, 1, 1, 1, 1, 0.02)),
    ],
)
def test_every_port_gets_its_share_however_rarely_it_reads(
    ports: int, dwell_ms: int, phase_ms: int, chance: tuple[float, ...]
) -> None:
    shares = np.maximum(inferred(schedule(ports, dwell_ms, phase_ms), chance)[WARM_S:], 0).mean(axis=0)
    assert shares == pytest.approx([1_000 / ports] * ports, abs=0.12 * 1_000 / ports)


def test_a_round_robin_of_whole_seconds_is_found_to_the_second() -> None:
    looked = schedule(3, 1_000, 0)
    found = inferred(looked, (1, 1, 0.02))
    assert (found[WARM_S:] == looked[WARM_S:]).mean() > 0.99


def test_ports_that_share_every_second_are_told_from_a_round_robin() -> None:
    found = inferred(schedule(2, 500, 0), (0.9, 0.05))
    assert (found[WARM_S:] == 500).mean() > 0.95


def test_what_was_long_ago_does_not_count() -> None:
    looks = Looks([("R1", port) for port in range(3)])
    ports = np.eye(3, dtype=bool)
    for second in range(3_500):  # its first port had more turns than the others
        looks.window(ports[(0, 1, 0, 2, 0, 1, 2)[second % 7]])
    turn = ports & [False, True, True]  # now they have equally many, and the first one sees nothing
    found = np.array([looks.window(turn[second % 3]) for second in range(600)])
    assert found[-300:].mean(axis=0) == pytest.approx([333.3] * 3, abs=10)


def test_no_device_looks_before_it_was_read_first() -> None:
    looks = Looks([("R1", 1), ("R2", 1)])
    nothing = np.zeros(2, bool)
    assert looks.window(nothing).tolist() == [DOWN, DOWN]
    assert looks.window(np.array([False, True])).tolist() == [DOWN, 1_000]
    assert looks.window(nothing).tolist() == [DOWN, 1_000]


def seconds_until_down(looks: Looks, antennas: int) -> int:
    for second in range(10 * SILENT_MAX_S):
        if looks.window(np.zeros(antennas, bool))[0] == DOWN:
            return second
    raise AssertionError("never down")


def test_a_device_that_never_pauses_is_down_after_seconds_and_one_in_a_quiet_corner_is_not() -> None:
    busy, quiet = Looks([("R1", 1)]), Looks([("R1", 1)])
    for second in range(2_400):
        busy.window(np.array([True]))
        quiet.window(np.array([second % 45 == 0]))
    assert seconds_until_down(busy, 1) <= 5
    assert seconds_until_down(quiet, 1) == SILENT_MAX_S - 14  # it was silent for 14 s already


def test_one_outage_does_not_pass_for_a_habit() -> None:
    looks = Looks([("R1", 1)])
    for second in range(4_000):
        looks.window(np.array([not 3_000 <= second < 3_600]))
    assert seconds_until_down(looks, 1) <= 5


def test_it_knows_nothing_of_what_comes() -> None:
    rng = np.random.default_rng(3)
    read = rng.random((300, 3)) < [0.4, 0.3, 0.02]
    one, other = Looks([("R1", port) for port in range(3)]), Looks([("R1", port) for port in range(3)])
    first = [one.window(row).tolist() for row in read]
    read[200:] = ~read[200:]
    again = [other.window(row).tolist() for row in read]
    assert again[:200] == first[:200]
    assert again[200:] != first[200:]


@pytest.mark.parametrize("name", ["main-street", "outlet"])
def test_the_simulated_stores_readers_come_out_as_they_looked(name: str) -> None:
    site = read_demo_site(name)
    realistic = level_of("realistic")
    fields = {field: getattr(realistic, field) for field in Level.__dataclass_fields__}
    store = Store(
        site, Level(**fields | {"outages": (Outage(ZoneKind.SALES_FLOOR, 0.07, 3),)}), seed=11, items=500, hours=0.2
    )
    keys = list(site.zone_of_antenna())
    number = np.array([keys.index((antenna.device, antenna.port)) for antenna in store.antennas])
    looks = Looks(keys)
    true = np.zeros((600, len(keys)), np.int64)
    found = np.zeros((600, len(keys)), np.int64)
    for t_s in range(600):
        reads = store.step(t_s)
        np.add.at(true[t_s], number[reads.look_antenna], reads.look_ms)
        read = np.zeros(len(keys), bool)
        read[number[reads.antenna]] = True
        found[t_s] = np.maximum(looks.window(read), 0)
    assert (true.sum(axis=1) < true.sum(axis=1).max()).sum() > 170  # the outage took place
    # An empty fitting room is silent, and its reader taken for down; nothing is there to be missed.
    assert found[60:].mean(axis=0) == pytest.approx(true[60:].mean(axis=0), abs=45)
    too_much = np.maximum(found - true, 0)[60:].sum() / true[60:].sum()
    assert too_much < 0.08  # shares of 1 / ports in every second would be 0.6 too much


def test_a_site_without_antennas_has_nothing_to_look_at() -> None:
    site = parse_site("site: s\nzones: [{id: A, kind: sales_floor}]\n")
    assert Looks(list(site.zone_of_antenna())).window(np.zeros(0, bool)).tolist() == []
