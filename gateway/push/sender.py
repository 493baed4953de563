"""The sender: one POST to the very address that was judged. Everything that can go wrong becomes an `Outcome`.

The connection goes to the address, not to the name; TLS is verified against the name (SNI and certificate), and the
Host header says the name. Nothing of the answer is used but its status and Retry-After: its body is read up to a bound,
so that the connection can be used again, and thrown away. No proxy of the environment, no redirect, no cookie.

A `Sender` belongs to one webhook: a connection that is kept was verified for its name, and no other may use it.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol, TypeAlias

import httpx

from gateway.push.address import AddressError, Destination, judged
from gateway.push.delivery import Outcome
from gateway.push.limits import ANSWER_MAX_BYTES, ANSWER_S, CONNECT_S, RESOLVERS

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""Gives the addresses behind a name, in the order in which to try them. Raises `OSError`."""

USER_AGENT: Final = "lastunit-webhooks/1"
_KEPT_S: Final = 30.0


class Posts(Protocol):
    """Sends messages to one address."""

    async def post(self, destination: Destination, body: bytes, headers: dict[str, str], now_us: int) -> Outcome:
        """Send once and return what came of it; never raises for what the other side does."""
        ...

    async def close(self) -> None:
        """End the connection."""
        ...


class SystemResolver:
    """Asks the machine's resolver, in threads of its own: a slow name server holds up nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="webhook-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """End the threads; one that waits for a name server ends with its answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class HttpSender:
    """`Posts` by httpx. `tls` replaces the certificates that are trusted (tests, a company's own authority)."""

    def __init__(self, resolve: Resolve, *, tls: ssl.SSLContext | None = None, answer_s: float = ANSWER_S) -> None:
        self._resolve = resolve
        self._answer_s = answer_s
        self._client = httpx.AsyncClient(
            verify=True if tls is None else tls,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(answer_s, connect=min(CONNECT_S, answer_s)),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEPT_S),
        )

    async def post(self, destination: Destination, body: bytes, headers: dict[str, str], now_us: int) -> Outcome:
        """Send once and return what came of it."""
        try:
            async with asyncio.timeout(self._answer_s):
                addresses = judged(destination, await self._resolve(destination.host, destination.port))
                return await self._post_to_any(destination, addresses, body, headers, now_us)
        except AddressError as error:
            return Outcome(None, str(error))
        except TimeoutError:
            return Outcome(None, f"no answer within {self._answer_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome(None, f"{type(error).__name__}: {error}")
        except (OSError, UnicodeError):
            return Outcome(None, f"host {destination.host!r}: the name cannot be resolved")

    async def _post_to_any(
        self, destination: Destination, addresses: list[str], body: bytes, headers: dict[str, str], now_us: int
    ) -> Outcome:
        """Send to the first address that can be connected to: before that nothing was sent."""
        *others, last = addresses
        for address in others:
            try:
                return await self._post(destination, address, body, headers, now_us)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post(destination, last, body, headers, now_us)

    async def _post(
        self, destination: Destination, address: str, body: bytes, headers: dict[str, str], now_us: int
    ) -> Outcome:
        sent = {"Host": destination.authority, "Content-Type": "application/json", "User-Agent": USER_AGENT}
        extensions = {"sni_hostname": destination.host}
        request = self._client.build_request(
            "POST",
            destination.at(address),
            content=body,
            headers=sent | {"Accept": "*/*", "Accept-Encoding": "identity"} | headers,
            extensions=extensions,
        )
        answer = await self._client.send(request, stream=True)
        try:
            size = 0
            async for part in answer.aiter_raw():
                size += len(part)
                if size > ANSWER_MAX_BYTES:
                    break
        finally:
            await answer.aclose()
            self._client.cookies.clear()
        return Outcome(answer.status_code, "", retry_after_s(answer.headers.get("retry-after"), now_us))

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()


def retry_after_s(header: str | None, now_us: int) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110 section 10.2.3); None when it says nothing."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.fromtimestamp(now_us / 1e6, UTC)).total_seconds())
