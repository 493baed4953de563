"""What a delivery is, before any state is looked at: a durable message, an edge's state, its report, nothing of ours.

Pure. Whatever bytes come in, one of the values below comes out; nothing is raised.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.ingest.port import Delivery
from gateway.limits import STATE_MAX_BYTES
from wire.configuration import ReportedConfig, check_config_identity, decode_reported
from wire.errors import IdentityError, LimitError, MessageError, WireError
from wire.frame import Format, Frame, Header, decode_frame, trusted_body
from wire.limits import CLOCK_SKEW_MAX_US
from wire.messages import (
    CountBatch,
    DeviceEvents,
    Durable,
    EdgeState,
    Gap,
    ReadBatch,
    ScanBatch,
    check_identity,
    decode_durable,
    decode_state,
    encode_durable,
)
from wire.topics import EdgeTopic, Leaf, parse

SKEW: Final = "skew"
UNKNOWN_SITE: Final = "unknown_site"
LEAF: Final = "leaf"


@dataclass(frozen=True, slots=True)
class Message:
    """A durable message with a readable header.

    `body` is MessagePack, ready for the log; when `code` is set the body is not to be trusted, and `reason` says why.
    """

    delivery: Delivery
    site: str
    edge: str
    header: Header
    body: bytes = b""
    gap: Gap | None = None
    code: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """An edge's retained state."""

    delivery: Delivery
    state: EdgeState


@dataclass(frozen=True, slots=True)
class Reported:
    """An edge's retained report of how its devices are configured."""

    delivery: Delivery
    reported: ReportedConfig


@dataclass(frozen=True, slots=True)
class Cleared:
    """A retained message was deleted: nothing to do."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Stray:
    """Not a message that can be acked: quarantined and counted. `site` and `edge` are those of a good topic."""

    delivery: Delivery
    code: str
    reason: str
    site: str | None = None
    edge: str | None = None


Arrival: TypeAlias = Message | State | Reported | Cleared | Stray


def inspect(delivery: Delivery, sites: Collection[str]) -> Arrival:
    """Say what a delivery is. `sites` are the ids of the sites that this gateway serves."""
    try:
        topic = parse(delivery.topic)
    except (WireError, UnicodeError) as error:
        return Stray(delivery, getattr(error, "code", "topic"), str(error))
    if not isinstance(topic, EdgeTopic):
        return Stray(delivery, LEAF, f"topic {delivery.topic!r}: not one that edges write")
    if topic.site not in sites:
        return Stray(delivery, UNKNOWN_SITE, f"site {topic.site!r}: no site file names it", edge=topic.edge)
    return _of_edge(delivery, topic)


def _of_edge(delivery: Delivery, topic: EdgeTopic) -> Arrival:
    match topic.leaf:
        case Leaf.DATA:
            return _message(delivery, topic)
        case Leaf.STATE:
            return _state(delivery, topic)
        case Leaf.CONFIG_REPORTED:
            return _reported(delivery, topic)
        case _:
            reason = f"leaf {topic.leaf.value!r}: nothing here reads it"
    return Stray(delivery, LEAF, reason, topic.site, topic.edge)


def _message(delivery: Delivery, topic: EdgeTopic) -> Arrival:
    try:
        frame = decode_frame(delivery.payload)
    except WireError as error:
        return Stray(delivery, error.code, str(error), topic.site, topic.edge)
    try:
        body, message = _checked(frame, topic, delivery.received_us)
    except (MessageError, LimitError) as error:
        code = SKEW if isinstance(error, SkewError) else error.code
        return Message(delivery, topic.site, topic.edge, frame.header, code=code, reason=str(error))
    gap = message if isinstance(message, Gap) else None
    return Message(delivery, topic.site, topic.edge, frame.header, body, gap)


class SkewError(MessageError):
    """A message from the future: taking it would freeze the site's time."""

    code = SKEW


def _checked(frame: Frame, topic: EdgeTopic, now_us: int) -> tuple[bytes, Durable]:
    """Return the body as MessagePack, and what it says, wholly checked. Raises `MessageError` or `LimitError`."""
    body = trusted_body(frame)
    message = decode_durable(body, frame.format)
    check_identity(message, topic.site, topic.edge)
    newest_us = newest_instant_us(message)
    if newest_us > now_us + CLOCK_SKEW_MAX_US:
        raise SkewError(
            f"{type(message).__name__} at {newest_us} us: {(newest_us - now_us) / 1e6:.0f} s ahead of the gateway, "
            f"the limit is {CLOCK_SKEW_MAX_US / 1e6:.0f} s"
        )
    return (body if frame.format is Format.MSGPACK else encode_durable(message)), message


def newest_instant_us(message: Durable) -> int:
    """Return the newest instant that a message speaks of, UTC microseconds. Raises `MessageError` for bad columns."""
    match message:
        case ReadBatch():
            columns = message.observations()
            last_ms = max(message.window_ms, int(columns.last.max())) if len(columns) else message.window_ms
            return message.window_start_us + last_ms * 1_000
        case ScanBatch():
            return max(scan.at_us for scan in message.scans)
        case CountBatch():
            return max(message.started_us, message.ended_us or 0)
        case DeviceEvents():
            return max(event.at_us for event in message.events)
        case Gap():
            return message.to_us


def _state(delivery: Delivery, topic: EdgeTopic) -> Arrival:
    if not delivery.payload:
        return Cleared(delivery)
    if len(delivery.payload) > STATE_MAX_BYTES:
        reason = f"state of {len(delivery.payload)} bytes: the limit is {STATE_MAX_BYTES}"
        return Stray(delivery, LimitError.code, reason, topic.site, topic.edge)
    try:
        state = decode_state(delivery.payload)
        if (state.site, state.edge) != (topic.site, topic.edge):
            raise IdentityError(f"state names {state.site}/{state.edge}: the topic names {topic.site}/{topic.edge}")
    except WireError as error:
        return Stray(delivery, error.code, str(error), topic.site, topic.edge)
    return State(delivery, state)


def _reported(delivery: Delivery, topic: EdgeTopic) -> Arrival:
    if not delivery.payload:
        return Cleared(delivery)
    try:
        reported = decode_reported(delivery.payload)
        check_config_identity(reported, topic.site, topic.edge)
    except WireError as error:
        return Stray(delivery, error.code, str(error), topic.site, topic.edge)
    return Reported(delivery, reported)
