"""A stored change as one channel may see it. Pure.

A change is stored once, with the ladder of its SKU (`gateway.availability`) and the default offer in its body. What a
channel may sell follows from the ladder and the channel's own policy, so `atp` and `confidence` are put in when the
change leaves: to a stream, an address, a retained topic. Two policies with the same target, safety and rule for blind
zones see the same bytes; `Renderings` keeps those of the newest changes, so that a thousand streams of one channel cost
one rendering.

Whether the probabilities behind a ladder are *known* is not stored with the change. It shows: of a live row that offers
anything by default, `confidence` is null only when they are not. Of one that offers nothing by default every rung of
the ladder is below the default target, and such a rung is a probability that a tracker said.

A change that was stored before there were ladders keeps its own figures, less the channel's safety stock.
"""

from collections import OrderedDict
from typing import Any, Final, NamedTuple

import msgspec

from gateway.availability import LIVE, Policy, decode_ladder, offer
from gateway.http.ports import ChangeRow
from gateway.order_event import ORDER
from gateway.push.limits import RENDERED_MAX
from gateway.stock_event import STOCK, ZONE

_decoder: Final = msgspec.json.Decoder(dict[str, Any])
_encoder: Final = msgspec.json.Encoder()
_OF_STAFF: Final = ("moves", "moves_left_out")


class View(NamedTuple):
    """All that a rendering depends on besides the change: equal views see the same bytes."""

    target: float
    safety: int
    when_blind: str
    moves: bool


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """A change as a channel sees it; `atp` is None of a zone's or an order's. `body` is one line of JSON.

    `what` happened to the `kind`. `channel`: whose it is, of an order; empty: everybody's.
    """

    seq: int
    site: str
    gtin: str
    kind: str
    atp: int | None
    as_of: str
    body: bytes
    what: str = "changed"
    channel: str = ""


def view_of(policy: Policy, *, moves: bool = False) -> View:
    """Return what a rendering for this policy depends on."""
    return View(policy.target, policy.safety, policy.when_blind, moves)


def channel_event(body: dict[str, Any], ladder: bytes | None, policy: Policy, status: str) -> dict[str, Any]:
    """Return the event of a SKU with `atp` and `confidence` of a channel; the event of a zone as it is.

    `body` is the stored event, `status` that of its row (live, stale, unknown).
    """
    if body.get("kind", STOCK) != STOCK:
        return body
    if ladder is None:
        atp = max(0, int(body.get("atp", 0)) - policy.safety)
        return body | {"atp": atp, "confidence": None if policy.safety or not atp else body.get("confidence")}
    known = body.get("confidence") is not None or status != LIVE or not body.get("atp")
    offered = offer(decode_ladder(ladder), policy, status, known=known)
    return body | {"atp": offered.atp, "confidence": offered.confidence}


def hears(rendered: Rendered, policy: Policy, *, orders: bool, staff: bool = False) -> bool:
    """Return whether a channel is to hear of a change: of orders its own, if its key may; staff hear of all."""
    return rendered.kind != ORDER or staff or (orders and rendered.channel == policy.name)


def render(change: ChangeRow, view: View) -> Rendered:
    """Return a change as a view sees it: without serials always, without moves unless the view has them."""
    body = _decoder.decode(change.body)
    status = str(body.get("status", LIVE))
    policy = Policy(target=view.target, safety=view.safety, when_blind=view.when_blind)
    body = channel_event(body, change.ladder, policy, status)
    if view.moves:
        for move in body.get("moves", ()):
            move.pop("serial", None)
    else:
        body = {key: value for key, value in body.items() if key not in _OF_STAFF}
    kind = str(body.get("kind", STOCK))
    as_of = str(body.get("as_of", ""))
    if kind == ORDER:
        what, channel = str(body.get("step", "")), str(body.get("channel", ""))
        return Rendered(change.seq, change.site, "", kind, None, as_of, _encoder.encode(body), what, channel)
    atp = None if kind == ZONE else int(body.get("atp", 0))
    return Rendered(change.seq, change.site, change.gtin, kind, atp, as_of, _encoder.encode(body))


class Renderings:
    """The newest renderings, at most `most`; `made` counts those that had to be made."""

    def __init__(self, most: int = RENDERED_MAX) -> None:
        self.made = 0
        self._most = most
        self._held: OrderedDict[tuple[int, View], Rendered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def of(self, change: ChangeRow, view: View) -> Rendered:
        """Return a change as a view sees it, made at most once while it is held."""
        key = (change.seq, view)
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
            return found
        found = self._held[key] = render(change, view)
        self.made += 1
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return found
