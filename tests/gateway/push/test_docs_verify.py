"""The receiver's code in docs/push.md takes what we sign, and nothing else."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.push.signing import headers, new_secret

if TYPE_CHECKING:
    from collections.abc import Callable

DOC = Path(__file__).parents[3] / "docs" / "push.md"


def test_the_code_of_the_docs_verifies_our_signatures() -> None:
    found = re.search(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(found[1], names)
    is_ours: Callable[[str, dict[str, str], bytes], bool] = names["is_ours"]
    secret, other = new_secret(lambda size: bytes(range(size))), new_secret(bytes)
    now, body = int(time.time()), b'{"type":"stock.changed","data":{}}'
    signed = headers(secret, "evt_1_1", now, body)
    assert is_ours(secret, signed, body)
    assert is_ours(secret, signed | {"webhook-signature": f"v1a,xx v1,wrong {signed['webhook-signature']}"}, body)
    assert not is_ours(other, signed, body)
    assert not is_ours(secret, signed, body + b" ")
    assert not is_ours(secret, signed | {"webhook-id": "evt_1_2"}, body)
    assert not is_ours(secret, signed | {"webhook-timestamp": str(now + 1)}, body)
    assert not is_ours(secret, headers(secret, "evt_1_1", now - 3600, body), body)


def test_a_signature_of_the_standards_own_example() -> None:
    """From the specification's libraries: the same secret, id, time and body give the same signature everywhere."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    signed = headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
