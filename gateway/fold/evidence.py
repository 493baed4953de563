"""Evidence in a site's input log: what was sold, received, returned, counted, put somewhere or missed.

Items are named by their identity, GTIN and serial, however they were written when they came in. Who writes an entry
has checked it against the site of that moment; the fold checks again by the site of the entry's place in the log, and
counts what it cannot use.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.fold.limits import (
    EVIDENCE_ID_MAX_CHARS,
    EVIDENCE_MAX_ITEMS,
    EVIDENCE_MAX_UNITS,
    EVIDENCE_WHO_MAX_CHARS,
)
from gateway.presence.tracker import EvidenceKind
from wire.errors import MessageError
from wire.limits import ID_MAX_CHARS
from wire.messages import Micros

Gtin = Annotated[str, Meta(pattern="^[0-9]{14}$")]
GtinOrNone = Annotated[str, Meta(pattern="^([0-9]{14})?$")]
Serial = Annotated[str, Meta(min_length=1, max_length=64)]


class EvidenceEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Evidence about the named `items`, or about `quantity` units of `gtin`, whichever they are.

    `id` is the sender's own name for the event. `zone` is a zone of the site, `OUT` for what is gone, or empty where
    the kind needs none. `coverage` is of a count: the share of the zone's tags that such a sweep sees. `posted`: what
    it means to commerce is posted already (`gateway.trade`). `untagged` of the `quantity` are units without tags: they
    concern the book, never an item.
    """

    id: Annotated[str, Meta(min_length=1, max_length=EVIDENCE_ID_MAX_CHARS)]
    kind: EvidenceKind
    at_us: Micros
    items: Annotated[tuple[tuple[Gtin, Serial], ...], Meta(max_length=EVIDENCE_MAX_ITEMS)] = ()
    gtin: GtinOrNone = ""
    quantity: Annotated[int, Meta(ge=0, le=EVIDENCE_MAX_UNITS)] = 0
    zone: Annotated[str, Meta(max_length=ID_MAX_CHARS)] = ""
    coverage: Annotated[float, Meta(ge=0, le=1)] = 1.0
    who: Annotated[str, Meta(max_length=EVIDENCE_WHO_MAX_CHARS)] = ""
    posted: bool = False
    untagged: Annotated[int, Meta(ge=0, le=EVIDENCE_MAX_UNITS)] = 0


_DECODER: Final = msgspec.msgpack.Decoder(EvidenceEntry)


def encode_evidence(entry: EvidenceEntry) -> bytes:
    """Return an entry's body; equal evidence gives equal bytes."""
    return msgspec.msgpack.encode(entry)


def decode_evidence(body: bytes) -> EvidenceEntry:
    """Parse an entry's body. Raises `MessageError`."""
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise MessageError(f"evidence: {error}") from error
