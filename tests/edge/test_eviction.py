"""What a full outbox gives up, and what it says about it."""

from edge.eviction import GAP_BYTES, Evicted, OldRow, plan_eviction
from wire.messages import Gap, decode_durable, encode_durable

A, B = b"A" * 16, b"B" * 16


def row(number: int, stream: bytes, seq: int, *, size: int = 10_000, gap: bytes = b"", ran_s: float = 0.0) -> OldRow:
    return OldRow(number, stream, seq, size, 0 if gap else 7, gap, 1_000 + number, ran_s)


def gap_body(**changes: object) -> bytes:
    fields: dict[str, object] = {"site": "s", "edge": "e", "cause": "outbox_cap", "from_us": 1, "to_us": 2} | changes
    return encode_durable(Gap(**fields))  # type: ignore[arg-type]


def test_the_oldest_go_until_there_is_room_for_the_gap_too() -> None:
    rows = [row(i, A, i) for i in range(1, 10)]
    plan = plan_eviction(rows, spare_bytes=20_000, too_old_s=-1)
    assert (plan.rows, plan.last_id, plan.observations) == (3, 3, 21)
    assert plan.evicted == (Evicted(A, 3, 3, 21),)
    assert plan.size_bytes - GAP_BYTES >= 20_000


def test_what_is_too_old_goes_although_there_is_room() -> None:
    rows = [row(1, A, 1, ran_s=5.0), row(2, A, 2, ran_s=9.9), row(3, A, 3, ran_s=10.0)]
    assert plan_eviction(rows, spare_bytes=0, too_old_s=10.0).last_id == 2


def test_nothing_asked_nothing_goes() -> None:
    plan = plan_eviction([row(1, A, 1)], spare_bytes=0, too_old_s=-1)
    assert (plan.rows, plan.evicted, plan.gaps) == (0, (), [])


def test_each_stream_has_its_own_range() -> None:
    rows = [row(1, A, 8), row(2, B, 1), row(3, A, 9), row(4, B, 2)]
    plan = plan_eviction(rows, spare_bytes=38_000, too_old_s=-1)
    ranges = {(gap.stream, gap.from_seq, gap.to_seq, gap.observations) for gap in plan.gaps}
    assert ranges == {(A, 8, 9, 14), (B, 1, 2, 14)}


def test_the_gap_says_when_and_how_much() -> None:
    plan = plan_eviction([row(1, A, 3), row(2, A, 4), row(3, A, 5)], spare_bytes=15_000, too_old_s=-1)
    said = decode_durable(plan.gaps[0].body("store-1", "edge-1", 9_999))
    assert said == Gap(
        site="store-1",
        edge="edge-1",
        cause="outbox_cap",
        from_us=1_001,
        to_us=1_002,
        stream=A,
        from_seq=3,
        to_seq=4,
        observations=14,
        detail="the outbox reached its cap",
    )


def test_an_evicted_gap_is_said_again_joined_with_its_neighbour() -> None:
    earlier = gap_body(stream=A, from_seq=1, to_seq=9, observations=90)
    rows = [row(1, A, 10), row(2, A, 11, gap=earlier, size=300), row(3, A, 12), row(4, A, 13)]
    plan = plan_eviction(rows, spare_bytes=19_000, too_old_s=-1)
    assert [(gap.from_seq, gap.to_seq, gap.observations) for gap in plan.gaps] == [(1, 12, 104)]


def test_gaps_of_a_device_join_so_that_a_long_outage_costs_few_rows() -> None:
    overflow = [
        gap_body(cause="reader_overflow", device="R1", from_us=i, to_us=i + 1, detail=str(i)) for i in range(500)
    ]
    rows = [row(i, A, i, gap=overflow[i - 1], size=400) for i in range(1, 500)]
    plan = plan_eviction(rows, spare_bytes=100_000, too_old_s=-1)
    assert len(plan.gaps) == 2
    told = [gap for gap in plan.gaps if gap.cause == "reader_overflow"]
    assert (told[0].from_us, told[0].to_us) == (0, plan.rows)


def test_gaps_of_two_devices_stay_two() -> None:
    bodies = [gap_body(cause="reader_overflow", device=device) for device in ("R1", "R2", "R1")]
    rows = [row(i, A, i, gap=body, size=4_000) for i, body in enumerate(bodies, 1)]
    plan = plan_eviction(rows, spare_bytes=9_000, too_old_s=-1)
    assert sorted(gap.device or "" for gap in plan.gaps) == ["", "R1", "R2"]


def test_a_clock_that_went_back_gives_times_in_order() -> None:
    rows = [OldRow(1, A, 1, 9_000, 1, b"", 5_000, 0.0), OldRow(2, A, 2, 9_000, 1, b"", 3_000, 0.0)]
    plan = plan_eviction(rows, spare_bytes=10_000, too_old_s=-1)
    said = decode_durable(plan.gaps[0].body("s", "e", 1))
    assert isinstance(said, Gap)
    assert (said.from_us, said.to_us) == (3_000, 5_000)
