"""The gateway's half of the delivery protocol, without any IO.

Theory. An edge numbers the messages of a stream 1, 2, 3 ... and keeps each until an Ack covers it; `first_held` says
which it can still send. The gateway keeps one number for each stream, the watermark `last_seq`: everything up to it
is settled (logged, rejected into the quarantine, or recorded as lost for ever), nothing beyond it is. The watermark and
what it settles are committed in one transaction, and only then is the Ack sent. So:

* sent again, because an Ack was lost: `seq <= last_seq`, a *duplicate*; it changes nothing and is acked again;
* in order: `seq = last_seq + 1`, *append* (or *reject*, when the body is not to be trusted: the edge must not
  send it for ever);
* a *hole*: `seq > last_seq + 1`. Taking it would lose what is between, so it is left out, and the Ack
  asks to send again from `last_seq + 1`;
* a hole that can never be filled, because the edge no longer holds what is missing (`first_held > last_seq + 1`: its
  outbox was full, or our database went back to a backup): an *unfillable gap*, which settles the missing range as
  lost; then the message is looked at again.

By induction every sequence number is settled exactly once, in order, whatever the network drops, doubles or
reorders, as long as the edge goes on sending what is not acked. An Ack names only committed watermarks, so a crash at
any point loses no settled number and settles none twice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Offer:
    """One message of a stream, reduced to what the watermark needs; `refused` is the code of an untrusted body."""

    seq: int
    first_held: int
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """The next message: log it."""

    seq: int


@dataclass(frozen=True, slots=True)
class Reject:
    """The next message, with a body that is not to be trusted: quarantine it and go on."""

    seq: int
    code: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Settled before."""

    seq: int


@dataclass(frozen=True, slots=True)
class Hole:
    """Something is missing before this message and can still be sent: ask for it."""

    seq: int
    resend_from: int


@dataclass(frozen=True, slots=True)
class UnfillableGap:
    """The numbers from `from_seq` to `to_seq`, both included, will never come."""

    from_seq: int
    to_seq: int


Decision: TypeAlias = Append | Reject | Duplicate | Hole | UnfillableGap


@dataclass(slots=True)
class Watermark:
    """The state of one stream: everything up to `last_seq` is settled."""

    last_seq: int = 0

    def take(self, offer: Offer) -> Iterator[Decision]:
        """Decide about one message, and move the watermark; at most one `UnfillableGap`, then one other decision."""
        if offer.seq <= self.last_seq:
            yield Duplicate(offer.seq)
            return
        if offer.first_held > self.last_seq + 1:
            gap = UnfillableGap(self.last_seq + 1, offer.first_held - 1)
            self.last_seq = gap.to_seq
            yield gap
        if offer.seq > self.last_seq + 1:
            yield Hole(offer.seq, self.last_seq + 1)
            return
        self.last_seq = offer.seq
        yield Append(offer.seq) if offer.refused is None else Reject(offer.seq, offer.refused)


def resend_from(decisions: Iterable[Decision], last_seq: int) -> int | None:
    """Return from where a stream must send again after all `decisions`; None when nothing that came was left out."""
    beyond = max((d.seq for d in decisions if isinstance(d, Hole)), default=0)
    return last_seq + 1 if beyond > last_seq else None
