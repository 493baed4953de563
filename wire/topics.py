"""MQTT topics of the contract: built, parsed and matched here and nowhere else.

    lastunit/1/{site}/{edge}/data              edge -> gateway   every durable kind
    lastunit/1/{site}/{edge}/state             edge -> gateway   retained, last will
    lastunit/1/{site}/{edge}/ack               gateway -> edge
    lastunit/1/{site}/{edge}/cmd               gateway -> edge
    lastunit/1/{site}/{edge}/config/desired    gateway -> edge, retained
    lastunit/1/{site}/{edge}/config/reported   edge -> gateway, retained
    lastunit/1/{site}/stock/{channel}/{gtin}   gateway -> channels and screens, retained

An edge may not be called `stock`: its topics would be those of a channel.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wire.errors import TopicError
from wire.limits import ID_MAX_CHARS, TOPIC_MAX_BYTES

PREFIX: Final = "lastunit/1"
_ID: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{ID_MAX_CHARS - 1}}}")


class Leaf(StrEnum):
    """The last level of an edge's topics."""

    DATA = "data"
    STATE = "state"
    ACK = "ack"
    CMD = "cmd"
    CONFIG_DESIRED = "config/desired"
    CONFIG_REPORTED = "config/reported"


FROM_EDGE: Final = frozenset({Leaf.DATA, Leaf.STATE, Leaf.CONFIG_REPORTED})
TO_EDGE: Final = frozenset({Leaf.ACK, Leaf.CMD, Leaf.CONFIG_DESIRED})


@dataclass(frozen=True, slots=True)
class EdgeTopic:
    """A topic of one edge box."""

    site: str
    edge: str
    leaf: Leaf

    def __str__(self) -> str:
        return f"{PREFIX}/{self.site}/{self.edge}/{self.leaf.value}"


@dataclass(frozen=True, slots=True)
class StockTopic:
    """The retained stock of one GTIN at one site, as one channel may see it."""

    site: str
    channel: str
    gtin: str

    def __str__(self) -> str:
        return f"{PREFIX}/{self.site}/stock/{self.channel}/{self.gtin}"


def check_id(kind: str, text: str) -> str:
    """Return `text` if it can be a site, edge, device, zone or channel id, else raise `TopicError`.

    Letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 64: a topic level, a file name and a
    database key without escaping.
    """
    if not _ID.fullmatch(text):
        raise TopicError(
            f"{kind} id {text!r}: expected 1 to {ID_MAX_CHARS} letters, digits, '_', '.' or '-', "
            "beginning with a letter or a digit"
        )
    if kind == "edge" and text == "stock":
        raise TopicError("edge id 'stock': this name belongs to the stock topics; choose another")
    return text


def edge_topic(site: str, edge: str, leaf: Leaf) -> str:
    """Return the topic of an edge's leaf. Raises `TopicError` for an id that cannot be a topic level."""
    return str(EdgeTopic(check_id("site", site), check_id("edge", edge), leaf))


def stock_topic(site: str, channel: str, gtin: str) -> str:
    """Return the retained stock topic of a GTIN for a channel."""
    return str(StockTopic(check_id("site", site), check_id("channel", channel), check_id("gtin", gtin)))


def every_edge(leaf: Leaf) -> str:
    """Return the subscription filter for one leaf of all edges of all sites: the gateway's."""
    return f"{PREFIX}/+/+/{leaf.value}"


def parse(topic: str) -> EdgeTopic | StockTopic:
    """Parse a concrete topic. Raises `TopicError` for anything that this module would not build."""
    # A lone surrogate has no UTF-8; it is refused with its level.
    if len(topic.encode(errors="replace")) > TOPIC_MAX_BYTES:
        raise TopicError(f"topic of {len(topic)} characters: the longest is {TOPIC_MAX_BYTES} bytes")
    levels = topic.split("/")
    if len(levels) < 5 or "/".join(levels[:2]) != PREFIX:
        raise TopicError(f"topic {topic!r}: expected {PREFIX}/<site>/<edge>/<leaf>")
    site, second, rest = check_id("site", levels[2]), levels[3], levels[4:]
    if second == "stock":
        if len(rest) != 2:
            raise TopicError(f"topic {topic!r}: expected {PREFIX}/<site>/stock/<channel>/<gtin>")
        return StockTopic(site, check_id("channel", rest[0]), check_id("gtin", rest[1]))
    try:
        leaf = Leaf("/".join(rest))
    except ValueError:
        raise TopicError(f"topic {topic!r}: {'/'.join(rest)!r} is not a leaf of an edge") from None
    return EdgeTopic(site, check_id("edge", second), leaf)


def edge_acl(site: str, edge: str) -> tuple[str, ...]:
    """Return the Mosquitto ACL lines of one edge: it writes its own data and reads its own answers, nothing else."""
    write = [f"topic write {edge_topic(site, edge, leaf)}" for leaf in sorted(FROM_EDGE)]
    read = [f"topic read {edge_topic(site, edge, leaf)}" for leaf in sorted(TO_EDGE)]
    return (*write, *read)


def gateway_acl() -> tuple[str, ...]:
    """Return the ACL lines of a gateway: it reads what every edge writes, and alone writes answers and stock."""
    read = [f"topic read {every_edge(leaf)}" for leaf in sorted(FROM_EDGE)]
    write = [f"topic write {every_edge(leaf)}" for leaf in sorted(TO_EDGE)]
    return (*read, *write, f"topic write {every_stock('+')}")


def channel_acl(channel: str) -> tuple[str, ...]:
    """Return the ACL lines of a channel: it reads its own stock at every site, and writes nothing."""
    return (f"topic read {every_stock(check_id('channel', channel))}",)


def every_stock(channel: str) -> str:
    """Return the subscription filter for the stock of all GTINs at all sites, as one channel may see it."""
    return f"{PREFIX}/+/stock/{channel}/+"
