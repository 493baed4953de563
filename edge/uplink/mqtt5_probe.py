"""Ask a broker whether it speaks MQTT 5, by the barest CONNECT there is.

A 3.1.1 broker reads the MQTT 5 property length as the first byte of the client id. With a will or a login behind it,
such a broker (amqtt 0.12) takes the rest for lengths, waits for bytes that never come and never answers. Without
them every byte count comes out right, and it answers "unsupported protocol version" as it should (MQTT 3.1.1 section
3.1.2.2: CONNACK code 1; MQTT 5 section 3.2.2.2: reason 0x84). Any other answer, also a refusal, is one in MQTT 5.
"""

import asyncio
import ssl
from typing import Final

_CONNECT: Final = bytes.fromhex("10 0d 0004 4d515454 05 02 000a 00 0000".replace(" ", ""))
"""CONNECT, 13 bytes: `MQTT`, level 5, clean start, keepalive 10 s, no properties, no client id."""
_DISCONNECT: Final = bytes.fromhex("e000")
_CONNACK: Final = 0x20
_UNSUPPORTED: Final = frozenset({0x01, 0x84})


async def speaks_mqtt5(host: str, port: int, tls: ssl.SSLContext | None, timeout_s: float) -> bool:
    """Return whether the broker speaks MQTT 5. Raises `OSError` (also `TimeoutError`) when it does not answer."""
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        try:
            writer.write(_CONNECT)
            await writer.drain()
            answer = await reader.readexactly(4)
            writer.write(_DISCONNECT)
            await writer.drain()
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the broker closed the connection without an answer") from error
        finally:
            writer.close()
    if answer[0] != _CONNACK:
        raise ConnectionError(f"this is no MQTT broker: it answered {_shown(answer)}")
    return answer[3] not in _UNSUPPORTED


def _shown(answer: bytes) -> str:
    """Return text as text (`HTTP` says which server that is), all else in hexadecimal."""
    text = answer.decode("latin-1")
    return repr(text) if text.isascii() and text.isprintable() else f"with the bytes {answer.hex()}"
