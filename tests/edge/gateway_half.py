"""A small model of the gateway's half of the delivery protocol (DESIGN section 3): what the edge is judged against.

One log for each site; `upto` for each stream. A row behind a hole is asked for again; a hole that can never be filled
(`first_held` is beyond it) becomes a gap. `commit` makes what was received durable; a crash before loses it.
"""

import copy
from dataclasses import dataclass, field

from gateway.ingest.watermark import Append, Offer, Reject, UnfillableGap, Watermark, resend_from
from wire.frame import decode_frame
from wire.messages import Ack, Gap, Rejected, decode_durable


@dataclass(frozen=True, slots=True)
class NamedGap:
    """A loss that the gateway recorded: rows `first` to `last` of a stream."""

    stream: bytes
    first: int
    last: int


@dataclass(slots=True)
class GatewayState:
    """What a commit makes durable, and a backup copies."""

    upto: dict[bytes, int] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)
    gaps: list[NamedGap] = field(default_factory=list)
    quarantined: list[tuple[bytes, int]] = field(default_factory=list)


@dataclass(slots=True)
class GatewayHalf:
    """Receives frames, answers Acks."""

    durable: GatewayState = field(default_factory=GatewayState)
    working: GatewayState = field(default_factory=GatewayState)
    dedup: bool = True
    """Off in a mutant: every frame that arrives is logged."""
    fill_holes: bool = True
    """Off in a mutant: a hole is skipped without a word."""
    reject: frozenset[bytes] = frozenset()
    """Bodies that go to quarantine."""

    def receive(self, frame: bytes) -> Ack:
        """Take one frame and return the answer, to be sent after `commit`."""
        parsed = decode_frame(frame)
        header, state = parsed.header, self.working
        stream = header.stream
        upto = state.upto.get(stream, 0)
        if header.seq > upto + 1 and header.first_held > upto + 1:
            state.gaps.append(NamedGap(stream, upto + 1, header.first_held - 1))
            upto = state.upto[stream] = header.first_held - 1
        if header.seq > upto + 1 and self.fill_holes:
            return Ack(stream=stream.hex(), upto=upto, resend_from=upto + 1)
        rejected: tuple[Rejected, ...] = ()
        if header.seq > upto or not self.dedup:
            if parsed.body in self.reject:
                state.quarantined.append((stream, header.seq))
                rejected = (Rejected(header.seq, "body"),)
            else:
                state.log.append(parsed.body)
            state.upto[stream] = max(upto, header.seq)
        return Ack(stream=stream.hex(), upto=state.upto[stream], rejected=rejected)

    def commit(self) -> None:
        """Make what was received durable."""
        self.durable = copy.deepcopy(self.working)

    def crash(self) -> None:
        """Lose what was not committed."""
        self.working = copy.deepcopy(self.durable)

    def backup(self) -> GatewayState:
        """Copy the durable state."""
        return copy.deepcopy(self.durable)

    def restore(self, copied: GatewayState) -> None:
        """Go back to a copy."""
        self.durable = copy.deepcopy(copied)
        self.working = copy.deepcopy(copied)

    def told_gaps(self) -> list[Gap]:
        """The Gap messages in the log."""
        found = (decode_durable(body) for body in self.durable.log if body[:1] != b"#")
        return [message for message in found if isinstance(message, Gap)]


class WatermarkHalf(GatewayHalf):
    """The same with the gateway's own decisions (`gateway.ingest.watermark`) in place of the model's."""

    def receive(self, frame: bytes) -> Ack:
        """Take one frame and return the answer, to be sent after `commit`."""
        parsed = decode_frame(frame)
        header, state = parsed.header, self.working
        mark = Watermark(state.upto.get(header.stream, 0))
        refused = "body" if parsed.body in self.reject else None
        decisions = list(mark.take(Offer(header.seq, header.first_held, refused)))
        for decision in decisions:
            match decision:
                case Append():
                    state.log.append(parsed.body)
                case Reject(seq=seq):
                    state.quarantined.append((header.stream, seq))
                case UnfillableGap(from_seq=first, to_seq=last):
                    state.gaps.append(NamedGap(header.stream, first, last))
                case _:
                    pass
        state.upto[header.stream] = mark.last_seq
        return Ack(
            stream=header.stream.hex(),
            upto=mark.last_seq,
            resend_from=resend_from(decisions, mark.last_seq),
            rejected=tuple(Rejected(one.seq, one.code) for one in decisions if isinstance(one, Reject)),
        )
