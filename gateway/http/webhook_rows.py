"""Webhooks as they come in and go out: bodies, answers, examples."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.clock import iso, iso_or_none
from gateway.http.rows import Instant
from gateway.push.delivery import Outcome
from gateway.push.limits import THRESHOLD_MAX, THRESHOLDS_MAX, URL_MAX_CHARS, WEBHOOK_SITES_MAX
from gateway.push.webhook_desk import Shown
from gateway.push.webhook_store import DeadLetter
from wire.limits import ID_MAX_CHARS, SEQ_MAX

SiteName = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]
Cursor = Annotated[int, Meta(ge=0, le=SEQ_MAX)]
Thresholds = Annotated[list[Annotated[int, Meta(ge=0, le=THRESHOLD_MAX)]], Meta(max_length=THRESHOLDS_MAX)]


class WebhookBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An address that changes shall be sent to."""

    url: Annotated[
        str, Meta(min_length=1, max_length=URL_MAX_CHARS, description="https, a public address, no user, no fragment")
    ]
    sites: Annotated[
        Annotated[list[SiteName], Meta(min_length=1, max_length=WEBHOOK_SITES_MAX)] | None,
        Meta(description="changes of these sites; without: of all that the key may see"),
    ] = None
    thresholds: Annotated[
        Thresholds, Meta(description="only events whose `atp` crosses one of these, such as [0, 1, 5]")
    ] = msgspec.field(default_factory=list)
    cursor: Annotated[Cursor | None, Meta(description="changes after this one; without: from now on")] = None


class ResumeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where to go on."""

    cursor: Annotated[
        Cursor | None, Meta(description="send every change after this one again; without: go on where it stands")
    ] = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An address, and how it does."""

    id: str
    url: str
    channel: Annotated[str, Meta(description="whose `atp` is sent")]
    sites: Annotated[list[str] | None, Meta(description="null: all")]
    thresholds: list[int]
    state: Annotated[
        Literal["live", "failing", "stopped"], Meta(description="stopped: nothing is sent until it is resumed")
    ]
    cursor: Annotated[int, Meta(description="`seq` of the newest change that is settled")]
    lag: Annotated[int, Meta(description="changes behind the newest, of whatever site")]
    attempts: Annotated[int, Meta(description="failed tries of the next event")]
    failing_since: Instant | None
    next_try: Instant | None
    last_error: str
    dead_letters: Annotated[int, Meta(description="events that it refused for good, those that are kept")]
    created_at: Instant


class WebhookMade(Webhook, frozen=True, kw_only=True):
    """A new webhook, with its secret: this answer is the only one that shows it."""

    secret: Annotated[str, Meta(description="whsec_ and base64: verifies `webhook-signature`")]


class Webhooks(msgspec.Struct, frozen=True):
    """The webhooks of a channel, the oldest first."""

    webhooks: list[Webhook]


class WebhookTest(msgspec.Struct, frozen=True):
    """What came of a test: the id that was sent, the status of the answer, or why there was none."""

    id: str
    delivered: bool
    status: int | None
    error: str


class DeadLetterRow(msgspec.Struct, frozen=True):
    """An event that the address refused for good; `event` is what was sent."""

    seq: int
    at: Instant
    status: int | None
    error: str
    event: dict[str, Any]


class DeadLetters(msgspec.Struct, frozen=True):
    """In order of `seq`. `next` is the `after` of the next page; null at the end."""

    rows: list[DeadLetterRow]
    next: int | None


def webhook_row(shown: Shown) -> Webhook:
    """Return a webhook as its owner sees it: without its secret."""
    found, progress = shown.webhook, shown.webhook.progress
    return Webhook(
        id=found.id,
        url=found.url,
        channel=found.channel,
        sites=None if found.sites is None else sorted(found.sites),
        thresholds=list(found.thresholds),
        state=progress.state.value,
        cursor=progress.cursor,
        lag=max(0, shown.last_seq - progress.cursor),
        attempts=progress.attempts,
        failing_since=iso_or_none(progress.failing_since_us),
        next_try=iso_or_none(progress.next_try_us),
        last_error=progress.last_error,
        dead_letters=shown.dead_letters,
        created_at=iso(found.created_us),
    )


def webhook_made(shown: Shown) -> WebhookMade:
    """Return a new webhook with its secret."""
    row = webhook_row(shown)
    members = {name: getattr(row, name) for name in Webhook.__struct_fields__}
    return WebhookMade(**members, secret=shown.webhook.secret)


def tried_row(message_id: str, outcome: Outcome) -> WebhookTest:
    """Return what came of a test."""
    return WebhookTest(message_id, outcome.taken, outcome.status, "" if outcome.taken else str(outcome))


def dead_letter_row(letter: DeadLetter) -> DeadLetterRow:
    """Return a dead letter as its owner sees it."""
    return DeadLetterRow(letter.seq, iso(letter.at_us), letter.status, letter.error, msgspec.json.decode(letter.body))


EXAMPLE_BODY: Final = WebhookBody("https://shop.example.com/hooks/stock", ["store-001"], [0, 1, 5])
EXAMPLE_ID: Final = "019db3f2-7a30-4c1e-9b52-6f0d1e8a4c77"
_AT: Final = "2026-11-22T05:45:00.123Z"
EXAMPLE: Final = Webhook(
    id=EXAMPLE_ID,
    url=EXAMPLE_BODY.url,
    channel="web",
    sites=["store-001"],
    thresholds=[0, 1, 5],
    state="failing",
    cursor=409,
    lag=3,
    attempts=2,
    failing_since=_AT,
    next_try="2026-11-22T05:45:08.400Z",
    last_error="answered 503",
    dead_letters=0,
    created_at="2026-11-20T08:00:00.000Z",
)
EXAMPLE_MADE: Final = WebhookMade(
    **{name: getattr(EXAMPLE, name) for name in Webhook.__struct_fields__ if name not in {"state", "cursor", "lag"}}
    | {"attempts": 0, "failing_since": None, "next_try": None, "last_error": "", "created_at": _AT},
    state="live",
    cursor=412,
    lag=0,
    secret="whsec_bGFzdCB1bml0IGV4YW1wbGUgc2VjcmV0LCAzMiBiLg==",  # noqa: S106 - an example, of nobody
)
EXAMPLE_TEST: Final = WebhookTest(f"evt_{EXAMPLE_ID.replace('-', '')}_test_5f1c0de8a4b2c901", True, 204, "")
EXAMPLE_DEAD: Final = DeadLetters(
    [
        DeadLetterRow(
            410,
            _AT,
            422,
            "answered 422",
            msgspec.json.decode(
                b'{"type":"stock.changed","timestamp":"2026-11-22T05:44:58.700Z","data":{"seq":410,"kind":"stock",'
                b'"gtin":"09506000134352","site":"store-001","atp":1,"on_hand":2,"version":16}}'
            ),
        )
    ],
    None,
)
