"""What an edge says of itself: rates, bounds, one line for a person."""

import pytest

from edge.antenna_witness import AntennaWitness
from edge.delivery import Figures
from edge.intake import IntakeFigures
from edge.outbox import OutboxFigures
from edge.pipeline import PipelineFigures
from edge.state import ANTENNAS_IN_STATE, DEVICES_IN_STATE, EdgeStats, ReadRates, device_healths, edge_state, one_line
from edge.uplink.port import UplinkFigures
from gateway.limits import STATE_MAX_BYTES
from tests.edge.fake_driver import FakeDriver
from wire.messages import AntennaHealth, DeviceHealth, decode_state, encode_json


def stats(*devices: DeviceHealth, connected: bool = True, refuses: bool = False) -> EdgeStats:
    return EdgeStats(
        site="store-1",
        edge="edge-1",
        stream="00" * 16,
        connected=connected,
        pipeline=PipelineFigures(observations=5, foreign_reads=6, sold_reads=7, gaps=8),
        intake=IntakeFigures(dropped_rows=9),
        outbox=OutboxFigures(rows=3, size_bytes=400, evicted_rows=2),
        delivery=Figures(),
        uplink=UplinkFigures(),
        waiting_rows=4,
        devices=devices,
        config_hash="abc",
        version="0.1.0",
        started_us=11,
        outbox_oldest_s=1.5,
        disk="refuses" if refuses else "ok",
    )


def device(number: int = 1, **more: object) -> DeviceHealth:
    return DeviceHealth(device=f"R{number}", driver="llrp", state="up", since_us=5, **more)  # type: ignore[arg-type]


def test_a_rate_is_that_of_the_last_minute() -> None:
    rates = ReadRates()
    assert rates.per_minute("R1") == 0.0
    rates.sample("R1", 1_000, 0.0)
    assert rates.per_minute("R1") == 0.0
    for second in range(30, 121, 30):
        rates.sample("R1", 1_000 + 10 * second, float(second))
    assert rates.per_minute("R1") == 600.0
    for second in range(150, 241, 30):
        rates.sample("R1", 1_000 + 1_200, float(second))
    assert rates.per_minute("R1") == 0.0


def test_samples_are_bounded_and_a_driver_that_counts_anew_gives_no_negative_rate() -> None:
    rates = ReadRates()
    for tick in range(100_000):
        rates.sample("R1", tick, tick / 100)
    assert len(rates._samples["R1"]) <= 62
    rates.sample("R1", 0, 2_000.0)
    assert rates.per_minute("R1") == 0.0


def test_a_device_gets_its_rate_its_clock_and_its_antennas() -> None:
    rates, witness = ReadRates(), AntennaWitness([("R1", 1), ("R1", 2)])
    rates.sample("R1", 0, 0.0)
    rates.sample("R1", 60, 60.0)
    (health,) = device_healths({"R1": FakeDriver("R1")}, rates, witness)
    assert (health.reads_per_min, health.clock, health.clock_offset_ms) == (60.0, "synced", 3)
    assert [row.port for row in health.antennas] == [1, 2]


def test_a_state_says_it_all_and_a_death_names_no_devices() -> None:
    state = edge_state("health", stats(device(reads_per_min=2.5)), 99)
    assert decode_state(encode_json(state)) == state
    assert (state.at_us, state.outbox_rows, state.outbox_bytes, state.outbox_oldest_s) == (99, 3, 400, 1.5)
    assert (state.observations, state.foreign_reads, state.sold_reads, state.gaps) == (5, 6, 7, 8)
    assert (state.dropped_rows, state.evicted, state.disk) == (9, 2, "ok")
    assert (state.version, state.config_hash, state.started_us) == ("0.1.0", "abc", 11)
    assert [one.reads_per_min for one in state.devices] == [2.5]
    assert edge_state("death", stats(device()), 99).devices == ()
    assert edge_state("birth", stats(refuses=True), -5).at_us == 0


def test_the_largest_state_fits_into_what_a_gateway_takes() -> None:
    antennas = tuple(
        AntennaHealth(port=60_000 + n, state="unplugged", reads_per_min=123_456.7, usual_per_min=123_456.7)
        for n in range(32)
    )
    worst = "\x01" * 2_000
    many = [device(n, last_error=worst, holder=worst, antennas=antennas) for n in range(DEVICES_IN_STATE + 5)]
    state = edge_state("health", stats(*many), 99)
    assert len(state.devices) == DEVICES_IN_STATE
    assert sum(len(one.antennas) for one in state.devices) == ANTENNAS_IN_STATE
    assert len(encode_json(state)) < STATE_MAX_BYTES


@pytest.mark.parametrize(
    ("connected", "refuses", "told"),
    [
        (True, False, "1 of 2 devices up, broker connected, 4 rows wait"),
        (False, True, "1 of 2 devices up, no broker, 4 rows wait, the disk takes no rows"),
    ],
)
def test_one_line_for_a_person(connected: bool, refuses: bool, told: str) -> None:
    down = DeviceHealth(device="R2", driver="llrp", state="down", since_us=5)
    assert one_line(stats(device(), down, connected=connected, refuses=refuses)) == told
