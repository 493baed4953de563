"""Signatures of webhooks, as Standard Webhooks 1.0.0 has them (https://www.standardwebhooks.com). Pure.

Signed is `{webhook-id}.{webhook-timestamp}.{body}`, by HMAC-SHA256 with a secret that only this address and the gateway
know. The id stays the same over all tries of an event, also after a crash and in a replay: it is made of the webhook's
id and the event's `seq`. The timestamp is that of the try.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from gateway.push.limits import SECRET_BYTES

PREFIX: Final = "whsec_"


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new secret as its address gets it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(random_bytes(SECRET_BYTES)).decode()


def event_id(webhook: str, seq: int) -> str:
    """Return the id of an event for an address."""
    return f"evt_{webhook.replace('-', '')}_{seq}"


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the signature of a message: `v1,` and base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp_s, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secret: str, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a try."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, message_id, timestamp_s, body),
    }
