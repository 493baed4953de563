import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay import Reads
from gateway.replay.instant import START_US, US
from gateway.replay.limits import OUT_OF_ORDER_S
from gateway.replay.reads import join
from gateway.replay.reorder import Reorder
from tests.gateway.replay.replayed import rows


def reads_at(*times_s: float) -> Reads:
    """One read at each time; its tag is its number."""
    n = len(times_s)
    at_us = START_US + np.rint(np.array(times_s, float) * US).astype(np.int64)
    return Reads(at_us, np.zeros(n, np.int32), np.arange(n, dtype=np.int32), np.full(n, -5_000, np.int32))


def played(blocks: list[Reads], reorder: Reorder) -> list[tuple[int, Reads]]:
    return [second for block in blocks for second in reorder.add(block)] + list(reorder.rest())


@given(
    st.lists(st.floats(0, 400), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
    st.integers(1, 20),
)
def test_rows_up_to_a_minute_out_of_order_come_in_order(times: list[float], random: "object", block: int) -> None:
    times = sorted(round(time, 3) for time in times)
    order = sorted(range(len(times)), key=lambda i: times[i] + random.uniform(0, OUT_OF_ORDER_S))  # type: ignore[attr-defined]
    shuffled = reads_at(*times).rows(np.array(order))
    blocks = [shuffled.rows(slice(low, low + block)) for low in range(0, len(times), block)]
    reorder = Reorder()
    seconds = played(blocks, reorder)
    assert reorder.late == 0
    assert [second for second, _ in seconds] == sorted({START_US // US + int(time) for time in times})
    assert all((reads.at_us // US == second).all() for second, reads in seconds)
    together = join([reads for _, reads in seconds])
    assert (np.diff(together.at_us) >= 0).all()
    assert sorted(rows(together)) == sorted(rows(shuffled))


def test_older_rows_are_late_and_counted() -> None:
    reorder = Reorder()
    blocks = [reads_at(0, 100), reads_at(39.9, 40.0, 40.1), reads_at(200)]
    found = [read for _, reads in played(blocks, reorder) for read in ((reads.at_us - START_US) / US).tolist()]
    assert found == [0, 40.0, 40.1, 100, 200]
    assert reorder.late == 1


@pytest.mark.parametrize("held", [1, 3, 10])
def test_what_is_held_is_bounded(held: int) -> None:
    reorder = Reorder(held_max=held)
    most = out = 0
    for number in range(40):
        out += sum(len(reads) for _, reads in reorder.add(reads_at(number, number + 0.5)))
        most = max(most, 2 * (number + 1) - out)
    assert most <= held
    assert out + sum(len(reads) for _, reads in reorder.rest()) == 80
    assert reorder.late == 0
