"""One commit of the ingest: streams move, the input log grows, what is refused goes to the quarantine.

Everything here happens in the caller's transaction; the Acks that come back may be sent only after its commit. Rows
are locked in key order (streams, then logs), so that several gateways at one database cannot deadlock.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ingest.arrival import Arrival, Cleared, Message, Reported, State, Stray
from gateway.ingest.births import EdgeName
from gateway.ingest.watermark import Append, Decision, Duplicate, Hole, Offer, Reject, UnfillableGap, Watermark
from gateway.ingest.watermark import resend_from as open_hole
from gateway.limits import (
    QUARANTINE_MAX_ROWS,
    QUARANTINE_PAYLOAD_MAX_BYTES,
    QUARANTINE_REASON_MAX_CHARS,
    TOPIC_KEPT_MAX_CHARS,
)
from gateway.storage import input_log
from gateway.storage.fleet import fleet_reported
from gateway.storage.input_log import Kind, NewEntry
from gateway.storage.schema import edge_state, gap, quarantine, stream
from gateway.storage.statement import insert_into, storable, upsert_into
from wire.configuration import ReportedConfig
from wire.frame import Header
from wire.messages import Ack, EdgeState, Rejected, encode_json
from wire.topics import Leaf, edge_topic

UNFILLABLE: Final = "unfillable"
"""Cause of a gap that the gateway itself found: the edge no longer holds what is missing."""

REJECTED: Final = "rejected"
"""Cause of a gap that stands for a message in the quarantine."""


class StreamKey(NamedTuple):
    """Which stream of which edge."""

    site: str
    edge: str
    stream: bytes


@dataclass(slots=True)
class Admitted:
    """What one commit did: the Acks to send after it, the sites whose log grew, and counts for the figures."""

    acks: list[tuple[str, Ack]] = field(default_factory=list)
    states: list[EdgeState] = field(default_factory=list)
    reports: list[ReportedConfig] = field(default_factory=list)
    sites: set[str] = field(default_factory=set)
    appended: int = 0
    duplicates: int = 0
    holes: int = 0
    rejected: int = 0
    strays: int = 0
    gaps: int = 0
    lossy: set[EdgeName] = field(default_factory=set)
    """Edges of which messages are lost for ever."""


async def admit(connection: AsyncConnection, arrivals: list[Arrival], now_us: int) -> Admitted:
    """Write one batch of arrivals in this transaction."""
    done = Admitted()
    messages = [arrival for arrival in arrivals if isinstance(arrival, Message)]
    watermarks = await _lock_streams(connection, {_key(message) for message in messages}, now_us)
    before = {key: mark.last_seq for key, mark in watermarks.items()}
    rows = _Rows(now_us)
    decisions: dict[StreamKey, list[Decision]] = defaultdict(list)
    for message in in_stream_order(messages):
        key = _key(message)
        offer = Offer(message.header.seq, message.header.first_held, message.code)
        for decision in watermarks[key].take(offer):
            decisions[key].append(decision)
            rows.note(message, decision, done)
    for arrival in arrivals:
        rows.note_other(arrival, done)
    await _write(connection, rows, done)
    moved = {key: mark.last_seq for key, mark in watermarks.items() if mark.last_seq != before[key]}
    await _move_streams(connection, moved, now_us)
    done.acks = [_ack(key, watermarks[key].last_seq, decisions[key]) for key in sorted(watermarks)]
    return done


def in_stream_order(messages: list[Message]) -> list[Message]:
    """Return the messages with each stream's own in order of its sequence, streams interleaved as they came.

    Heals a reordering inside one commit. Of two copies of a message the one with a good body comes first.
    """
    of_stream: dict[StreamKey, list[Message]] = defaultdict(list)
    for message in messages:
        of_stream[_key(message)].append(message)
    in_order = {
        key: iter(sorted(own, key=lambda message: (message.header.seq, message.code is not None)))
        for key, own in of_stream.items()
    }
    return [next(in_order[_key(message)]) for message in messages]


def _key(message: Message) -> StreamKey:
    return StreamKey(message.site, message.edge, message.header.stream)


def _ack(key: StreamKey, last_seq: int, decisions: list[Decision]) -> tuple[str, Ack]:
    rejected = tuple(Rejected(d.seq, d.code) for d in decisions if isinstance(d, Reject))
    hole = open_hole(decisions, last_seq)
    ack = Ack(stream=key.stream.hex(), upto=last_seq, resend_from=hole, rejected=rejected)
    return edge_topic(key.site, key.edge, Leaf.ACK), ack


class _Rows:
    """Collects what one commit writes."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.log: dict[str, list[NewEntry]] = defaultdict(list)
        self.quarantine: list[dict[str, Any]] = []
        self.gaps: list[dict[str, Any]] = []
        self.states: dict[tuple[str, str], dict[str, Any]] = {}
        self.reports: dict[tuple[str, str], dict[str, Any]] = {}

    def note(self, message: Message, decision: Decision, done: Admitted) -> None:
        match decision:
            case Append():
                self.log[message.site].append(NewEntry(message.delivery.received_us, Kind.DATA, message.body))
                done.appended += 1
                if message.gap is not None:
                    self._said_gap(message)
                    done.gaps += 1
            case Reject(code=code):
                self._quarantine(message, code, message.header)
                self._rejected(message, code)
                done.rejected += 1
                done.gaps += 1
            case UnfillableGap(from_seq=from_seq, to_seq=to_seq):
                self._found_gap(message, from_seq, to_seq)
                done.gaps += 1
                done.lossy.add(EdgeName(message.site, message.edge))
            case Duplicate():
                done.duplicates += 1
            case Hole():
                done.holes += 1

    def note_other(self, arrival: Arrival, done: Admitted) -> None:
        match arrival:
            case Stray():
                self._quarantine(arrival, arrival.code, None)
                done.strays += 1
            case State():
                self._state(arrival)
                done.states.append(arrival.state)
            case Reported():
                self._reported(arrival)
                done.reports.append(arrival.reported)
            case Message() | Cleared():
                pass

    def _reported(self, arrival: Reported) -> None:
        said = arrival.reported
        self.reports[said.site, said.edge] = {
            "site": said.site,
            "edge": said.edge,
            "version": said.version,
            "hash": said.hash,
            "body": arrival.delivery.payload,
            "received_us": arrival.delivery.received_us,
        }

    def _state(self, arrival: State) -> None:
        state = arrival.state
        self.states[state.site, state.edge] = {
            "site": state.site,
            "edge": state.edge,
            "what": state.what,
            "at_us": state.at_us,
            "received_us": arrival.delivery.received_us,
            "body": encode_json(state),
        }

    def _quarantine(self, arrival: Message | Stray, code: str, header: Header | None) -> None:
        payload = arrival.delivery.payload
        self.quarantine.append(
            {
                "received_us": arrival.delivery.received_us,
                "topic": storable(arrival.delivery.topic, TOPIC_KEPT_MAX_CHARS),
                "site": arrival.site,
                "edge": arrival.edge,
                "stream": header.stream if header else None,
                "seq": header.seq if header else None,
                "code": code,
                "reason": storable(arrival.reason, QUARANTINE_REASON_MAX_CHARS),
                "size_bytes": len(payload),
                "payload": payload[:QUARANTINE_PAYLOAD_MAX_BYTES],
            }
        )

    def _said_gap(self, message: Message) -> None:
        said = message.gap
        assert said is not None
        row = self._gap(message, said.cause, said.from_seq, said.to_seq)
        self.gaps.append(
            row
            | {
                "stream": said.stream or None,
                "from_us": said.from_us,
                "to_us": said.to_us,
                "device": said.device,
                "observations": said.observations,
                "detail": storable(said.detail),
            }
        )

    def _found_gap(self, message: Message, from_seq: int, to_seq: int) -> None:
        row = self._gap(message, UNFILLABLE, from_seq, to_seq)
        detail = f"the edge holds nothing before {message.header.first_held}"
        self.gaps.append(row | {"stream": message.header.stream, "detail": detail})

    def _rejected(self, message: Message, code: str) -> None:
        """Say the loss: the edge forgets what is acked, and the quarantine is pruned."""
        row = self._gap(message, REJECTED, message.header.seq, message.header.seq)
        self.gaps.append(row | {"stream": message.header.stream, "detail": code})

    def _gap(self, message: Message, cause: str, from_seq: int, to_seq: int) -> dict[str, Any]:
        return {
            "site": message.site,
            "edge": message.edge,
            "cause": cause,
            "stream": None,
            "from_seq": from_seq,
            "to_seq": to_seq,
            "from_us": None,
            "to_us": None,
            "device": None,
            "observations": None,
            "detail": "",
            "recorded_us": self.now_us,
        }


async def _lock_streams(connection: AsyncConnection, keys: set[StreamKey], now_us: int) -> dict[StreamKey, Watermark]:
    """Lock the streams' rows, new ones included, and return their watermarks.

    New rows are made before any is locked: whoever waits for another's new row must not hold an old one meanwhile.
    """
    if not keys:
        return {}
    query = (
        select(stream.c.site, stream.c.edge, stream.c.stream, stream.c.last_seq)
        .where(tuple_(stream.c.site, stream.c.edge, stream.c.stream).in_([tuple(key) for key in sorted(keys)]))
        .order_by(stream.c.site, stream.c.edge, stream.c.stream)
    )
    missing = keys - _watermarks(await connection.execute(query)).keys()
    if missing:
        rows = [
            {"site": key.site, "edge": key.edge, "stream": key.stream, "last_seq": 0, "opened_us": now_us}
            | {"updated_us": now_us}
            for key in sorted(missing)
        ]
        await connection.execute(insert_into(connection, stream).on_conflict_do_nothing(), rows)
    return _watermarks(await connection.execute(query.with_for_update()))


def _watermarks(rows: Iterable[Any]) -> dict[StreamKey, Watermark]:
    return {StreamKey(row.site, row.edge, bytes(row.stream)): Watermark(row.last_seq) for row in rows}


async def _move_streams(connection: AsyncConnection, moved: dict[StreamKey, int], now_us: int) -> None:
    if not moved:
        return
    move = (
        update(stream)
        .where(
            stream.c.site == bindparam("the_site"),
            stream.c.edge == bindparam("the_edge"),
            stream.c.stream == bindparam("the_stream"),
        )
        .values(last_seq=bindparam("seq"), updated_us=now_us)
    )
    rows = [
        {"the_site": key.site, "the_edge": key.edge, "the_stream": key.stream, "seq": last_seq}
        for key, last_seq in sorted(moved.items())
    ]
    await connection.execute(move, rows)


async def _write(connection: AsyncConnection, rows: _Rows, done: Admitted) -> None:
    for site, entries in sorted(rows.log.items()):
        await input_log.append(connection, site, entries)
        done.sites.add(site)
    if rows.quarantine:
        await connection.execute(insert(quarantine), rows.quarantine)
    if rows.gaps:
        await connection.execute(insert(gap), rows.gaps)
    if rows.states:
        states = [rows.states[key] for key in sorted(rows.states)]
        await connection.execute(upsert_into(connection, edge_state), states)
    if rows.reports:
        reports = [rows.reports[key] for key in sorted(rows.reports)]
        await connection.execute(upsert_into(connection, fleet_reported), reports)


async def prune_quarantine(connection: AsyncConnection, max_rows: int = QUARANTINE_MAX_ROWS) -> int:
    """Delete all but about the newest `max_rows` quarantined messages; return how many went."""
    newest = (await connection.execute(select(func.max(quarantine.c.id)))).scalar()
    if newest is None or newest <= max_rows:
        return 0
    result = await connection.execute(delete(quarantine).where(quarantine.c.id <= newest - max_rows))
    return int(result.rowcount)
