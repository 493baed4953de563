"""What a full outbox gives up: the oldest rows, and the Gap rows that say so. Pure.

Rows go strictly by age, whatever stream they belong to, until the asked room is made *after* the new Gap rows have
taken theirs. Each stream's evicted rows are one range, because a stream's rows are stored in order. Gap rows among the
victims are not lost: those of a stream join the range that they touch, all others join by cause and device, so that
re-saying them costs a bounded number of rows however long an outage lasts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from edge.limits import ROW_OVERHEAD_BYTES
from wire.messages import Gap, decode_durable, encode_durable

GAP_BYTES: Final = 512 + ROW_OVERHEAD_BYTES
"""More than a Gap row takes."""


class OldRow(NamedTuple):
    """A row that may have to go; `gap` is its body when it is a Gap row, else empty."""

    id: int
    stream: bytes
    seq: int
    size_bytes: int
    observations: int
    gap: bytes
    stored_at_us: int
    ran_s: float


@dataclass(frozen=True, slots=True)
class Evicted:
    """Rows of a stream that went: all up to and including `upto`."""

    stream: bytes
    upto: int
    rows: int
    observations: int


@dataclass(slots=True)
class GapRow:
    """A loss to be said: a range of a stream, or (`stream` empty) what a device or an earlier gap said."""

    cause: str
    stream: bytes
    device: str | None
    from_seq: int
    to_seq: int
    from_us: int
    to_us: int
    observations: int | None
    detail: str

    def body(self, site: str, edge: str, now_us: int) -> bytes:
        """Return the encoded Gap message; times that a stepped clock turned round are put in order."""
        start_us, end_us = sorted((max(0, self.from_us), max(0, self.to_us or now_us)))
        return encode_durable(
            Gap(
                site=site,
                edge=edge,
                cause=self.cause,  # type: ignore[arg-type]  # came out of a Gap, or is the literal below
                from_us=start_us,
                to_us=end_us,
                device=self.device,
                stream=self.stream,
                from_seq=self.from_seq,
                to_seq=self.to_seq,
                observations=self.observations,
                detail=self.detail,
            )
        )

    def touches(self, other: "GapRow") -> bool:
        """Whether both are one loss: ranges of a stream that meet, or the same cause at the same device."""
        if (self.cause, self.device, self.stream) != (other.cause, other.device, other.stream):
            return False
        return not self.stream or (self.from_seq <= other.to_seq + 1 and other.from_seq <= self.to_seq + 1)

    def join(self, other: "GapRow") -> None:
        """Take the other loss into this one."""
        self.from_seq, self.to_seq = min(self.from_seq, other.from_seq), max(self.to_seq, other.to_seq)
        self.from_us, self.to_us = min(self.from_us, other.from_us), max(self.to_us, other.to_us)
        if other.observations is not None:
            self.observations = (self.observations or 0) + other.observations
        self.detail = other.detail or self.detail


@dataclass(slots=True)
class EvictionPlan:
    """The victims (all rows up to `last_id`) and what is said about them."""

    rows: int = 0
    size_bytes: int = 0
    observations: int = 0
    last_id: int = 0
    evicted: tuple[Evicted, ...] = ()
    gaps: list[GapRow] = field(default_factory=list)


def plan_eviction(oldest_first: Iterable[OldRow], *, spare_bytes: int, too_old_s: float) -> EvictionPlan:
    """Choose the oldest rows until `spare_bytes` are free and no row was stored before `too_old_s` (running time)."""
    plan = EvictionPlan()
    ranges: dict[bytes, GapRow] = {}
    rows_of: dict[bytes, int] = {}
    carried: list[GapRow] = []
    for row in oldest_first:
        said = (len(ranges) + len(carried)) * GAP_BYTES
        roomy = spare_bytes <= 0 or plan.size_bytes - said >= spare_bytes
        if roomy and row.ran_s >= too_old_s:
            break
        plan.rows += 1
        plan.size_bytes += row.size_bytes
        plan.observations += row.observations
        plan.last_id = row.id
        rows_of[row.stream] = rows_of.get(row.stream, 0) + 1
        lost = _range(row)
        ranges.setdefault(row.stream, lost)
        if ranges[row.stream] is not lost:
            ranges[row.stream].join(lost)
        if row.gap:
            _say(carried, _again(row.gap))
    plan.evicted = tuple(
        Evicted(stream, gap.to_seq, rows_of[stream], gap.observations or 0) for stream, gap in ranges.items()
    )
    plan.gaps = list(ranges.values())
    for gap in carried:
        _say(plan.gaps, gap)
    return plan


def _say(gaps: list[GapRow], gap: GapRow) -> None:
    """Add a loss to the list, or to the one that it touches."""
    for known in gaps:
        if known.touches(gap):
            known.join(gap)
            return
    gaps.append(gap)


def _range(row: OldRow) -> GapRow:
    return GapRow(
        cause="outbox_cap",
        stream=row.stream,
        device=None,
        from_seq=row.seq,
        to_seq=row.seq,
        from_us=row.stored_at_us,
        to_us=row.stored_at_us,
        observations=row.observations,
        detail="the outbox reached its cap",
    )


def _again(body: bytes) -> GapRow:
    gap = decode_durable(body)
    assert isinstance(gap, Gap), "only Gap rows are marked as such"
    return GapRow(
        cause=gap.cause,
        stream=gap.stream,
        device=gap.device,
        from_seq=gap.from_seq,
        to_seq=gap.to_seq,
        from_us=gap.from_us,
        to_us=gap.to_us,
        observations=gap.observations,
        detail=gap.detail,
    )
