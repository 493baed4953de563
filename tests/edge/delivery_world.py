"""A whole delivery in one thread: an edge with an outbox, a bad network, a gateway; seeded.

The oracle keeps its own list of what the outbox accepted. At the end, with all faults healed, every accepted row must
stand exactly once in the gateway's log, or a gap must name it; and the edge must hold nothing any more.
Bodies of rows are `#<n>`, unique; Gap rows are real messages.
"""

import copy
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.delivery import Delete, Delivery, HeldRows, Order, Send
from edge.eviction import OldRow, plan_eviction
from tests.edge.gateway_half import GatewayHalf, GatewayState, NamedGap
from wire.frame import Header, encode_frame
from wire.messages import Ack, Gap, decode_durable, encode_durable

SITE, EDGE = "store-1", "edge-1"
_QUIET_STEPS = 4_000
REJECTED = frozenset(b"#%d" % number for number in range(17, 10_000, 17))
"""Bodies that the gateway takes for garbage."""


class ModelOutbox:
    """The outbox's contract in memory: rows in order, drop-oldest with Gap rows by the real eviction plan."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes, int, bytes, bool]] = []
        self.next_seq: dict[bytes, int] = {}

    def append(self, stream: bytes, bodies: list[tuple[bytes, bool]]) -> tuple[int, int]:
        first = self.next_seq.get(stream, 1)
        self.rows += [(stream, seq, body, is_gap) for seq, (body, is_gap) in enumerate(bodies, first)]
        self.next_seq[stream] = first + len(bodies)
        return first, first + len(bodies) - 1

    def read(self, stream: bytes, first: int, last: int) -> list[tuple[int, bytes]]:
        return [(seq, body) for own, seq, body, _ in self.rows if own == stream and first <= seq <= last]

    def delete(self, stream: bytes, upto: int) -> None:
        self.rows = [row for row in self.rows if row[0] != stream or row[1] > upto]

    def held(self) -> list[HeldRows]:
        spans: dict[bytes, list[int]] = {}
        for stream, seq, _, _ in self.rows:
            spans.setdefault(stream, []).append(seq)
        return [HeldRows(stream, seqs[0], seqs[-1]) for stream, seqs in spans.items()]


@dataclass
class Faults:
    """Which mutations of the right design are on; all off is the design."""

    delete_on_puback: bool = False
    first_held_always_one: bool = False
    same_stream_after_restart: bool = False
    evict_silently: bool = False
    believe_any_ack: bool = False
    no_resend: bool = False
    ack_before_commit: bool = False


@dataclass
class World:
    """One seeded run."""

    seed: int
    gateway: GatewayHalf = field(default_factory=GatewayHalf)
    faults: Faults = field(default_factory=Faults)
    make_delivery: Callable[[bytes, list[HeldRows]], Delivery] = Delivery

    def __post_init__(self) -> None:
        self.gateway.reject = REJECTED
        self.rng = random.Random(self.seed)
        self.now_s = 0.0
        self.outbox = ModelOutbox()
        self.accepted: list[tuple[bytes, bytes, int]] = []
        """Body, stream, seq."""
        self.lost_with_disk: set[bytes] = set()
        self.lost_with_image: set[bytes] = set()
        self.lost_with_backup: set[bytes] = set()
        self.gaps_lost_too: list[NamedGap] = []
        """What was named once, by a gap that a disk or a backup took with it."""
        self.up: deque[bytes] = deque()
        self.uncommitted: list[Ack] = []
        """Answers that the gateway may send after its next commit."""
        self.down: deque[Ack] = deque()
        self.image: ModelOutbox | None = None
        self.copy: GatewayState | None = None
        self.bodies = 0
        self.live_since_s = 0.0
        self.healed = False
        self.delivery = self.make_delivery(self._fresh(), [])
        self.link(up=True)

    # -- the edge

    def _fresh(self) -> bytes:
        return self.rng.randbytes(16)

    def store(self, count: int) -> None:
        bodies = []
        for _ in range(count):
            self.bodies += 1
            bodies.append((b"#%d" % self.bodies, False))
        self._append(bodies)

    def _append(self, bodies: list[tuple[bytes, bool]]) -> None:
        stream = self.delivery.live
        if not self.outbox.read(stream, 1, 2**62):
            self.live_since_s = self.now_s
        first, last = self.outbox.append(stream, bodies)
        self.accepted += [(body, stream, seq) for seq, (body, is_gap) in enumerate(bodies, first) if not is_gap]
        self.obey(self.delivery.stored(stream, first, last, self.now_s))

    def obey(self, orders: list[Order]) -> None:
        for order in orders:
            if isinstance(order, Delete):
                self.outbox.delete(order.stream, order.upto)
            elif isinstance(order, Send):
                for seq, body in self.outbox.read(order.stream, order.first, order.last):
                    held = 1 if self.faults.first_held_always_one else order.first_held
                    self.up.append(encode_frame(Header(order.stream, seq, held), body))
                    if self.faults.delete_on_puback:
                        self.outbox.delete(order.stream, seq)

    def link(self, *, up: bool) -> None:
        self.delivery.disconnect()
        if not up:
            self._lose_in_flight()
            return
        backlog_s = self.now_s - self.live_since_s
        held = self.delivery.first_held(self.delivery.live) is not None
        self.obey(self.delivery.connect(self.now_s, self._fresh(), backlog_s if held else 0.0))

    def _lose_in_flight(self) -> None:
        """A broken connection: each message on its way arrives late or never."""
        self.up = deque(frame for frame in self.up if self.rng.random() < 0.5)
        self.down = deque(ack for ack in self.down if self.rng.random() < 0.5)

    def restart_edge(self) -> None:
        live = self.delivery.live if self.faults.same_stream_after_restart else self._fresh()
        if self.faults.same_stream_after_restart:
            self.outbox.next_seq.pop(live, None)
            self.outbox.rows = [row for row in self.outbox.rows if row[0] != live]
        self.delivery = self.make_delivery(live, self.outbox.held())
        self.link(up=True)

    def replace_disk(self) -> None:
        """A new outbox file: what the old one still held is gone, and the first row of the new one says so."""
        self.lost_with_disk |= {body for _, _, body, _ in self.outbox.rows}
        self.gaps_lost_too += [named(gap_of(body)) for _, _, body, is_gap in self.outbox.rows if is_gap]
        self.outbox = ModelOutbox()
        self.delivery = self.make_delivery(self._fresh(), [])
        gap = Gap(site=SITE, edge=EDGE, cause="stream_lost", from_us=0, to_us=1, detail="new outbox file")
        self._append([(encode_durable(gap), True)])
        self.link(up=True)

    def copy_disk(self) -> None:
        self.image = copy.deepcopy(self.outbox)

    def restore_disk(self) -> None:
        """An old image of the box is put back: what was stored since and is not delivered is what that costs.

        What the image still holds may have been delivered long ago; it must not be logged again.
        """
        if self.image is None:
            return
        kept = {row[:2] for row in self.image.rows}
        gone = [row for row in self.outbox.rows if row[:2] not in kept]
        self.lost_with_image |= {body for _, _, body, _ in gone}
        told = [gap_of(body) for _, _, body, is_gap in gone if is_gap]
        self.gaps_lost_too += map(named, told)
        if any(gap.cause == "stream_lost" for gap in told):
            self.lost_with_image |= self.lost_with_disk
        self.outbox = copy.deepcopy(self.image)
        self.delivery = self.make_delivery(self._fresh(), self.outbox.held())
        self.link(up=True)

    def evict(self) -> None:
        rows = self.outbox.rows
        if len(rows) < 4:
            return
        victims = self.rng.randint(1, len(rows) // 2)
        old = [
            OldRow(i, stream, seq, 10_000, 1, body if is_gap else b"", 5, 0.0)
            for i, (stream, seq, body, is_gap) in enumerate(rows)
        ]
        plan = plan_eviction(old[:-1], spare_bytes=victims * 9_000, too_old_s=-1.0)
        self.outbox.rows = rows[plan.last_id + 1 :]
        for gone in plan.evicted:
            self.delivery.evicted(gone.stream, gone.upto)
        if not self.faults.evict_silently:
            self._append([(gap.body(SITE, EDGE, 9), True) for gap in plan.gaps])

    # -- the network and the gateway

    def carry_up(self) -> None:
        if not self.up:
            return
        self._shuffle(self.up)
        frame = self.up[0] if self.rng.random() < 0.1 and not self.healed else self.up.popleft()
        answer = self.gateway.receive(frame)
        if self.faults.ack_before_commit:
            self.down.append(answer)
        else:
            self.uncommitted.append(answer)
        if self.healed or self.rng.random() < 0.6:
            self.commit()

    def commit(self) -> None:
        """The gateway commits what it took, and only then answers."""
        self.gateway.commit()
        self.down.extend(self.uncommitted)
        self.uncommitted.clear()

    def crash_gateway(self) -> None:
        """What it took since its last commit is forgotten, and nobody was answered."""
        self.gateway.crash()
        self.uncommitted.clear()

    def carry_down(self) -> None:
        if not self.down:
            return
        self._shuffle(self.down)
        ack = self.down[0] if self.rng.random() < 0.1 and not self.healed else self.down.popleft()
        self.take_ack(ack)

    def take_ack(self, ack: Ack) -> None:
        if self.faults.believe_any_ack:
            held = self.delivery._streams.get(bytes.fromhex(ack.stream))
            if held is not None:
                held.sent = max(held.sent, ack.upto)
                held.last = max(held.last, ack.upto)
        self.obey(self.delivery.acked(ack, self.now_s))

    def _shuffle(self, queue: deque[bytes] | deque[Ack]) -> None:
        if not self.healed and self.rng.random() < 0.2:
            queue.rotate(self.rng.randint(0, len(queue)))

    def stray_ack(self) -> None:
        """An answer that fits nothing: beyond what was sent, or for a stream that nobody knows."""
        if self.rng.random() < 0.5:
            last = self.outbox.next_seq.get(self.delivery.live, 1) - 1
            self.take_ack(Ack(stream=self.delivery.live.hex(), upto=last + self.rng.randint(1, 5)))
        else:
            self.take_ack(Ack(stream=self._fresh().hex(), upto=self.rng.randint(0, 9)))

    def copy_gateway(self) -> None:
        self.copy = self.gateway.backup()

    def restore_gateway(self) -> None:
        """From the old copy. Rows that the edge does not hold, or soon will not, are what the backup's age costs."""
        if self.copy is None:
            return
        kept = set(self.copy.log)
        on_its_way = {bytes.fromhex(ack.stream): ack.upto for ack in sorted(self.down, key=lambda ack: ack.upto)}
        held = {body for stream, seq, body, _ in self.outbox.rows if seq > on_its_way.get(stream, 0)}
        self.lost_with_backup |= {body for body in self.gateway.durable.log if body not in kept} - held
        self.gaps_lost_too += [*self.gateway.durable.gaps, *(named(gap) for gap in self.gateway.told_gaps())]
        self.gaps_lost_too += [NamedGap(stream, seq, seq) for stream, seq in self.gateway.durable.quarantined]
        if any(gap.cause == "stream_lost" for gap in self.gateway.told_gaps()):
            self.lost_with_backup |= self.lost_with_disk
        self.gateway.restore(self.copy)
        self.uncommitted.clear()

    def tick(self, seconds: float) -> None:
        self.now_s += seconds
        if not self.faults.no_resend:
            self.obey(self.delivery.tick(self.now_s))

    # -- a run

    def step(self) -> None:
        rng = self.rng
        events: list[tuple[int, Callable[[], object]]] = [
            (30, lambda: self.store(rng.randint(1, 3))),
            (40, self.carry_up),
            (40, self.carry_down),
            (10, lambda: self.tick(rng.uniform(0.1, 15.0))),
            (6, lambda: self.up.popleft() if self.up else None),
            (6, lambda: self.down.popleft() if self.down else None),
            (3, lambda: self.link(up=False)),
            (5, lambda: self.link(up=True)),
            (2, self.restart_edge),
            (1, self.replace_disk),
            (2, self.evict),
            (3, self.crash_gateway),
            (10, self.commit),
            (2, self.stray_ack),
            (1, self.copy_gateway),
            (1, self.restore_gateway),
            (1, self.copy_disk),
            (1, self.restore_disk),
            (1, lambda: self.tick(90.0)),
        ]
        weights = [weight for weight, _ in events]
        rng.choices([event for _, event in events], weights)[0]()

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
        self.heal()

    def heal(self) -> None:
        """All faults end, but for one: the very last row is lost once on its way, and no later one shows the hole."""
        self.healed = True
        self.link(up=True)
        for step in range(_QUIET_STEPS):
            self.carry_up()
            self.carry_down()
            if step in {0, _QUIET_STEPS // 2}:
                self.store(1)
                self.up.clear()
            if not self.up and not self.down:
                self.tick(1.0)

    # -- the oracle

    def problems(self) -> list[str]:
        """What is wrong at the end; empty for a right design."""
        found = []
        if self.outbox.rows or self.delivery.held_rows():
            found.append(f"{len(self.outbox.rows)} rows were never delivered")
        times: dict[bytes, int] = {}
        for body in self.gateway.durable.log:
            times[body] = times.get(body, 0) + 1
        quarantined = set(self.gateway.durable.quarantined)
        for body, stream, seq in self.accepted:
            seen = times.get(body, 0)
            if seen > 1:
                found.append(f"row {body!r} is in the log {seen} times")
            if seen == 0 and (stream, seq) not in quarantined and not self._named(body, stream, seq):
                found.append(f"row {body!r} ({stream.hex()[:6]} {seq}) is lost and nobody says so")
        return found

    def _named(self, body: bytes, stream: bytes, seq: int) -> bool:
        told = self.gateway.told_gaps()
        gaps = [*self.gateway.durable.gaps, *map(named, told), *self.gaps_lost_too]
        if any(gap.stream == stream and gap.first <= seq <= gap.last for gap in gaps):
            return True
        if body in self.lost_with_disk and any(gap.cause == "stream_lost" for gap in told):
            return True
        return body in self.lost_with_backup or body in self.lost_with_image


def named(gap: Gap) -> NamedGap:
    """Return the range that a Gap message names."""
    return NamedGap(gap.stream, gap.from_seq, gap.to_seq)


def gap_of(body: bytes) -> Gap:
    """Decode a Gap row."""
    message = decode_durable(body)
    assert isinstance(message, Gap)
    return message
