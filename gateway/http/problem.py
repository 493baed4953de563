"""Errors as RFC 9457 problem details: one table of kinds, one value, one encoding.

Every answer of status 400 and above is `application/problem+json` with `type`, `title`, `status`, `detail`, `code`
and, where it helps, members of its own (`parameter`, `value`, `expected`). `type` is a reference into this server's
own `/docs` page, so that it resolves without any network (RFC 9457 section 3.1.1 allows relative references); `code`
is the short stable name that programs compare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

Member: TypeAlias = str | int | float | bool | list[str] | Sequence[msgspec.Struct]

CONTENT_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: stable code, HTTP status, title, and what the reader can do about it."""

    code: str
    status: int
    title: str
    advice: str


INVALID_PARAMETER: Final = Kind(
    "invalid-parameter", 400, "A parameter cannot be used", "Correct the parameter that `parameter` names."
)
UNKNOWN_PARAMETER: Final = Kind(
    "unknown-parameter",
    400,
    "A parameter is not known here",
    "Take it out, or correct its name: `expected` lists those of this path. A misspelt filter never means no filter.",
)
INVALID_GTIN: Final = Kind(
    "invalid-gtin",
    400,
    "Not a GTIN",
    "Send a GTIN-8, -12, -13 or -14 with its check digit; `expected` says what should stand there.",
)
INVALID_BODY: Final = Kind(
    "invalid-body",
    400,
    "The body cannot be used",
    "Correct the member that `parameter` names; unknown ones are refused.",
)
UNKNOWN_ZONE: Final = Kind("unknown-zone", 400, "No such zone in this site", "`expected` lists the zones of the site.")
FOREIGN_ITEM: Final = Kind(
    "foreign-item",
    400,
    "An item of another company",
    "Send items under this site's company prefixes (`expected`), or add the prefix to the site file.",
)
NO_KEY: Final = Kind(
    "no-key",
    401,
    "A key is needed",
    "Send `Authorization: Bearer lu_...` (or `X-API-Key`). `lastunit keys create` makes a key; `detail` says what is "
    "wrong with one that was sent.",
)
SCOPE_MISSING: Final = Kind(
    "scope-missing",
    403,
    "The key may not do this",
    "Use a key that has the scope in `expected`; `value` lists its own.",
)
SITE_NOT_ALLOWED: Final = Kind(
    "site-not-allowed", 403, "The key is not for this site", "`expected` lists the sites of the key."
)
RATE_LIMITED: Final = Kind(
    "rate-limited",
    429,
    "Too many requests for this key",
    "Wait for the seconds in Retry-After. `expected` says the key's rate; `lastunit keys create --rate` sets it.",
)
TOO_MANY_REQUESTS: Final = Kind(
    "too-many-requests",
    429,
    "Too many requests from this address",
    "Wait for the seconds in Retry-After. `expected` says what an address may ask without a key, or with a wrong one.",
)
LOOPBACK_ONLY: Final = Kind(
    "loopback-only",
    403,
    "Only this machine may ask",
    "Without keys the gateway answers to its own machine only. Use an SSH tunnel: ssh -L 8000:127.0.0.1:8000 HOST.",
)
UNKNOWN_GTIN: Final = Kind(
    "unknown-gtin", 404, "No such GTIN in the catalogue", "Import the catalogue row, or correct the number."
)
UNKNOWN_WEBHOOK: Final = Kind(
    "unknown-webhook", 404, "No such webhook", "`GET /v1/webhooks` lists those of the key's channel."
)
TOO_MANY_WEBHOOKS: Final = Kind(
    "too-many-webhooks", 409, "There are as many webhooks as there may be", "Remove one that is not used any more."
)
WEBHOOK_URL: Final = Kind(
    "webhook-url",
    422,
    "Nothing is sent to this address",
    "Use an https URL whose name leads to public addresses only. For systems in the own network the gateway's operator "
    "sets `webhook_allow_private`.",
)
TOO_MANY_FEEDS: Final = Kind(
    "too-many-feeds", 503, "Too many feeds at once", "Fetch it again after the seconds in Retry-After."
)
UNKNOWN_SITE: Final = Kind("unknown-site", 404, "No such site", "`expected` lists the sites of this gateway.")
NOT_FOUND: Final = Kind("not-found", 404, "Nothing here", "See /docs for all paths.")
METHOD_NOT_ALLOWED: Final = Kind(
    "method-not-allowed", 405, "Not with this method", "The Allow header names the methods of this path."
)
DIFFERENCE_GONE: Final = Kind(
    "difference-gone",
    409,
    "The difference is not there any more",
    "Something changed since it was listed: list the differences again and decide anew.",
)
ALREADY_APPROVED: Final = Kind(
    "already-approved",
    409,
    "Somebody decided otherwise",
    "The decision stands and is never changed; say what is true now as new evidence.",
)
CURSOR_GONE: Final = Kind(
    "cursor-gone",
    410,
    "The changes after this cursor are not kept any more",
    "Load the site's stock again and go on from the cursor in that answer.",
)
CURSOR_AHEAD: Final = Kind(
    "cursor-ahead",
    410,
    "This gateway never gave out such a cursor",
    "The database behind it is another one: load the site's stock again and go on from the cursor in that answer.",
)
TOO_LARGE: Final = Kind("too-large", 413, "The body is too large", "Send less at once: `expected` says how much.")
NOT_JSON: Final = Kind("not-json", 415, "Not JSON", "Send `Content-Type: application/json`.")
WRONG_HOST: Final = Kind(
    "wrong-host",
    421,
    "The Host header names another machine",
    "Ask for localhost or 127.0.0.1. This refusal protects a browser on this machine against DNS rebinding.",
)
ID_REUSED: Final = Kind(
    "id-reused",
    422,
    "The id was used for something else",
    "Send a new event under an id of its own. The same event may be sent again as it was, as often as needed.",
)
TOO_MANY_PAIRS: Final = Kind(
    "too-many-pairs", 422, "Too many pairs at once", "Send the pairs in several requests: `expected` says how many."
)
TOO_MANY_STREAMS: Final = Kind(
    "too-many-streams", 503, "All change streams are taken", "Try again after the seconds in Retry-After."
)
UNAVAILABLE: Final = Kind(
    "unavailable", 503, "The stored state cannot be read", "See the gateway's log; the request can be sent again."
)
INTERNAL: Final = Kind(
    "internal", 500, "A defect of the gateway", "See the gateway's log. The request changed nothing."
)
KEY_MISSING: Final = Kind(
    "idempotency-key-missing",
    400,
    "An Idempotency-Key is needed",
    "Send the header `Idempotency-Key` with a new UUID for each reservation or roll-out, and the same one with each "
    "repeat.",
)
UNKNOWN_RESERVATION: Final = Kind(
    "unknown-reservation",
    404,
    "No such reservation",
    "A key sees the reservations that it made; staff those of its sites.",
)
INSUFFICIENT_ATP: Final = Kind(
    "insufficient-atp",
    409,
    "Not enough units",
    "Nothing is kept. `shortages` has each line that is short: ask for `atp` of it, or at one of its `alternatives`.",
)
NO_PLAN: Final = Kind(
    "no-plan",
    409,
    "No site can serve the order",
    "Nothing is kept. `left_out` says why sites were not asked: ask for less, for later, or site by site.",
)
HOLD_EXPIRED: Final = Kind(
    "hold-expired", 409, "The hold is over", "`:renew` asks for its units anew; otherwise make another reservation."
)
WRONG_STATE: Final = Kind(
    "wrong-state", 409, "Not from this state", "`value` is its state, `expected` lists those from which this goes."
)
ITEM_NOT_HELD: Final = Kind(
    "item-not-held",
    409,
    "Not an item of this reservation",
    "Name one of its items, or one of the same SKU and site that nobody holds.",
)
NOTHING_HELD: Final = Kind(
    "nothing-held",
    409,
    "There is nothing to hand over",
    "Every unit needs a substitution: release the reservation, or wait for stock to come back.",
)
KEY_REUSED: Final = Kind(
    "idempotency-key-reused",
    422,
    "The Idempotency-Key was used for something else",
    "Send another reservation or roll-out under a key of its own. The same one may be sent again as it was.",
)
SITE_NEEDED: Final = Kind(
    "site-needed",
    422,
    "A line names no site",
    "Name the site of each line (`GET /v1/availability` says who has the units), or say `auto` in all of them and "
    "`ship_to`: then the gateway chooses.",
)
UNKNOWN_KEY: Final = Kind(
    "unknown-key",
    422,
    "The reservation cannot be handed to this key",
    "Name the id of a live key that has hold:write for all sites of the reservation.",
)
TOO_MANY_HOLDS: Final = Kind(
    "too-many-holds",
    429,
    "Too many open holds of this key",
    "Confirm or release some, or wait until they expire. The channel's `holds_max` sets how many there may be.",
)
BUSY: Final = Kind(
    "busy",
    503,
    "Too much at once",
    "Wait for the seconds in Retry-After, then send the same request with the same Idempotency-Key.",
)
UNKNOWN_TASK: Final = Kind(
    "unknown-task", 404, "No such task", "A key sees the tasks of its sites; `GET /v1/tasks?site=` lists them."
)
UNKNOWN_ALARM: Final = Kind(
    "unknown-alarm", 404, "No such alarm", "A key sees the alarms of its sites; `GET /v1/exceptions?site=` lists them."
)
TASK_CLAIMED: Final = Kind(
    "task-claimed",
    409,
    "Somebody else has the task",
    "`value` says who. Take another one: this one is free when it is released, or 15 minutes after it was taken.",
)
TASK_CHANGED: Final = Kind(
    "task-changed",
    409,
    "The task has changed since you looked",
    "`current_version` is that of the task now: look at it again and decide anew.",
)
NOT_RECEIVING: Final = Kind(
    "not-receiving",
    400,
    "Goods do not come in there",
    "New goods come in by receiving or a back room: `expected` lists them. Leave `zone` out to take the first.",
)
UNKNOWN_SHIPMENT: Final = Kind(
    "unknown-shipment",
    404,
    "No such shipment for this site",
    "Announce it (`POST /v1/shipments`), or receive the goods without naming one.",
)
UNKNOWN_ITEM: Final = Kind(
    "unknown-item", 404, "Nobody ever heard of this item", "No site has read it, and no event has named it."
)
ALREADY_SOLD: Final = Kind(
    "already-sold",
    409,
    "The item is sold already",
    "Nothing was written. `value` lists the items. The same sale may be sent again under its own `source_event_id`; "
    "what was brought back needs its return first.",
)
NOT_RETURNED: Final = Kind(
    "not-returned",
    409,
    "The item does not wait for an inspection",
    "Nothing was written. `value` lists the items: they were inspected already, or never came back. See "
    "`GET /v1/items/{gtin}/{serial}`.",
)
NOT_ENOUGH: Final = Kind(
    "not-enough",
    409,
    "Not as many units without tags",
    "Name the items by their EPCs, or count the units without tags first; `value` says how many there are.",
)
VERSION_CONFLICT: Final = Kind(
    "version-conflict",
    409,
    "The stock has changed since you looked",
    "`current_version` is that of the row now: read it again and decide anew.",
)
BELOW_TAGGED: Final = Kind(
    "below-tagged",
    409,
    "The tags say that there are more",
    "A quantity cannot make tagged items vanish: name those that are not there (`mode: delta`, reason missing).",
)
SHIPMENT_EXISTS: Final = Kind(
    "shipment-exists", 409, "A shipment of this name exists", "Give another one another `id`."
)
SHIPMENT_STATE: Final = Kind(
    "shipment-state", 409, "Not in this state of the shipment", "`value` is its state: see `GET /v1/shipments/{id}`."
)
RESERVATION_UNUSABLE: Final = Kind(
    "reservation-unusable",
    409,
    "The sale cannot use this reservation",
    "`detail` says why. Nothing was sold: send the sale without it, or for what it holds.",
)
PAIRING_REFUSED: Final = Kind(
    "pairing-refused",
    403,
    "This code does not pair",
    "Check what was typed, or ask for a new code: one is good for five minutes and for one device. Ten wrong ones at a "
    "site make its open codes void.",
)
NOT_PAIRED: Final = Kind(
    "not-paired",
    401,
    "This device is not paired",
    "Ask whoever runs the gateway for a code: `lastunit pair --site ID`.",
)
TOO_MANY_CODES: Final = Kind(
    "too-many-codes", 409, "There are as many open codes as there may be", "Use one of them, or wait until one expires."
)
ENROL_REFUSED: Final = Kind(
    "enrol-refused",
    403,
    "This does not enrol",
    "Check the code, or make another (`lastunit ca code`): one is good for a quarter of an hour and for one box. A "
    "certificate is renewed by its own key, while it is good.",
)
NO_AUTHORITY: Final = Kind(
    "no-authority",
    404,
    "This gateway issues no certificates",
    "Set `ca_dir` in its configuration to a directory of `lastunit ca init` whose issuing authority is not over.",
)
NO_KEYS: Final = Kind(
    "no-keys",
    409,
    "There are no keys yet",
    "Make a key first (`lastunit keys create`). Until then this machine needs none, and no other machine may ask.",
)
UNKNOWN_SCREEN: Final = Kind(
    "unknown-screen", 404, "No such store screen", "`GET /v1/screens` lists those of the key's sites."
)
UNKNOWN_ROLLOUT: Final = Kind(
    "unknown-rollout", 404, "No such roll-out", "`GET /v1/fleet/rollouts` lists those of the key's sites."
)
ROLLOUT_IMPOSSIBLE: Final = Kind(
    "rollout-impossible",
    409,
    "There is nobody to begin with",
    "Nothing was asked of any device. `detail` says why: name other devices, or wait until one of them is up.",
)
TOO_MANY_ROLLOUTS: Final = Kind(
    "too-many-rollouts", 409, "There are as many roll-outs as there may be", "Wait until one is over, or stop it."
)
PROFILE_UNUSABLE: Final = Kind(
    "profile-unusable",
    422,
    "This profile cannot be used",
    "`detail` names what is wrong with it. `lastunit firmware validate FILE` says the same before it is sent.",
)
OTHER: Final = Kind("http", 400, "The request was refused", "See `detail`.")

KINDS: Final = (
    INVALID_PARAMETER,
    UNKNOWN_PARAMETER,
    INVALID_GTIN,
    INVALID_BODY,
    UNKNOWN_ZONE,
    FOREIGN_ITEM,
    NO_KEY,
    SCOPE_MISSING,
    SITE_NOT_ALLOWED,
    RATE_LIMITED,
    TOO_MANY_REQUESTS,
    LOOPBACK_ONLY,
    UNKNOWN_GTIN,
    UNKNOWN_WEBHOOK,
    TOO_MANY_WEBHOOKS,
    WEBHOOK_URL,
    TOO_MANY_FEEDS,
    UNKNOWN_SITE,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    DIFFERENCE_GONE,
    ALREADY_APPROVED,
    CURSOR_GONE,
    CURSOR_AHEAD,
    TOO_LARGE,
    NOT_JSON,
    WRONG_HOST,
    ID_REUSED,
    TOO_MANY_PAIRS,
    INTERNAL,
    TOO_MANY_STREAMS,
    UNAVAILABLE,
    KEY_MISSING,
    UNKNOWN_RESERVATION,
    INSUFFICIENT_ATP,
    NO_PLAN,
    HOLD_EXPIRED,
    WRONG_STATE,
    ITEM_NOT_HELD,
    NOTHING_HELD,
    KEY_REUSED,
    SITE_NEEDED,
    UNKNOWN_KEY,
    TOO_MANY_HOLDS,
    BUSY,
    UNKNOWN_TASK,
    UNKNOWN_ALARM,
    TASK_CLAIMED,
    TASK_CHANGED,
    NOT_RECEIVING,
    UNKNOWN_SHIPMENT,
    UNKNOWN_ITEM,
    ALREADY_SOLD,
    NOT_RETURNED,
    NOT_ENOUGH,
    VERSION_CONFLICT,
    BELOW_TAGGED,
    SHIPMENT_EXISTS,
    SHIPMENT_STATE,
    RESERVATION_UNUSABLE,
    PAIRING_REFUSED,
    NOT_PAIRED,
    ENROL_REFUSED,
    NO_AUTHORITY,
    TOO_MANY_CODES,
    NO_KEYS,
    UNKNOWN_SCREEN,
    UNKNOWN_ROLLOUT,
    ROLLOUT_IMPOSSIBLE,
    TOO_MANY_ROLLOUTS,
    PROFILE_UNUSABLE,
    OTHER,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. `status` is the kind's unless another is given; `members` are extensions of this kind."""

    kind: Kind
    detail: str
    members: Mapping[str, Member] = field(default_factory=dict)
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def http_status(self) -> int:
        """The HTTP status to send."""
        return self.status or self.kind.status

    def encode(self) -> bytes:
        """Return the JSON document."""
        return msgspec.json.encode(
            {
                "type": f"/docs#problem-{self.kind.code}",
                "title": self.kind.title,
                "status": self.http_status,
                "detail": self.detail,
                "code": self.kind.code,
                **self.members,
            }
        )


class RefusedError(Exception):
    """Raised by a handler to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)
