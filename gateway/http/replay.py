"""A body read before the router, and handed to it again when the router has to answer after all."""

from starlette.types import Message, Receive, Scope

JSON = b"application/json"


async def read_once_more(receive: Receive, max_bytes: int) -> tuple[bytes | None, Receive]:
    """Return a body (None: above `max_bytes`, or broken off), and a way to read the same messages again."""
    messages: list[Message] = []
    size = 0
    while size <= max_bytes:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    whole = messages[-1]["type"] == "http.request" and not messages[-1].get("more_body") and size <= max_bytes
    body = b"".join(message["body"] for message in messages) if whole else None

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return a header that stands there once; None otherwise."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0] if len(found) == 1 else None


def is_json(scope: Scope) -> bool:
    """Whether the body says that it is JSON."""
    kind = header(scope, b"content-type")
    return kind is not None and kind.split(b";", 1)[0].strip().lower() == JSON
