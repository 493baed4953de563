"""How long requests take: a histogram for each route, method and class of status; and the middleware that fills it.

Time runs until an answer begins, not until it ends: an event stream lasts for hours. Buckets grow by a seventh, so
that a quantile is right within 8 %; a request costs about two microseconds.
"""

import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.series.limits import ROUTES_MAX

_GROWTH: Final = 1.15
BOUNDS_MS: Final = tuple(0.05 * _GROWTH**step for step in range(100))
"""From 0.05 ms to 51 s."""

NO_ROUTE: Final = "no_route"
OTHER: Final = ("other", "OTHER", "5xx")

RequestKind = tuple[str, str, str]
"""Route, method, class of status."""


class Times:
    """How long requests of one kind took."""

    __slots__ = ("buckets", "count", "max_ms")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_MS) + 1)
        self.count = 0
        self.max_ms = 0.0

    def add(self, took_ms: float) -> None:
        """Count one request."""
        self.buckets[bisect_left(BOUNDS_MS, took_ms)] += 1
        self.count += 1
        self.max_ms = max(self.max_ms, took_ms)

    def merge(self, other: "Times") -> None:
        """Count the requests of another, too."""
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]
        self.count += other.count
        self.max_ms = max(self.max_ms, other.max_ms)

    def quantile_ms(self, share: float) -> float:
        """Return a time that this share of the requests did not exceed, right within a bucket. Needs a request."""
        assert self.count > 0, "no requests"
        wanted, so_far = share * self.count, 0
        for number, count in enumerate(self.buckets):
            so_far += count
            if so_far >= wanted and count:
                return min(self.max_ms, BOUNDS_MS[number] if number < len(BOUNDS_MS) else self.max_ms)
        return self.max_ms


class Requests:
    """The requests of this process since they were taken last."""

    def __init__(self) -> None:
        self._times: dict[RequestKind, Times] = {}
        self._kinds: set[RequestKind] = set()

    def add(self, route: str, method: str, status: int, took_ms: float) -> None:
        """Count one request."""
        kind = (route, method, f"{status // 100}xx")
        times = self._times.get(kind)
        if times is None:
            if kind not in self._kinds:
                if len(self._kinds) >= ROUTES_MAX:
                    kind = OTHER
                self._kinds.add(kind)
            times = self._times.setdefault(kind, Times())
        times.add(took_ms)

    def take(self) -> dict[RequestKind, Times]:
        """Return what was counted since this was called last."""
        taken, self._times = self._times, {}
        return taken

    def put_back(self, taken: dict[RequestKind, Times]) -> None:
        """Count again what was taken and not written."""
        for kind, times in taken.items():
            self._times.setdefault(kind, Times()).merge(times)


_TIMED: Final = "lastunit.timed"
"""Marks a request that is counted already: a short cut may hand it on to the router."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Timed:
    """ASGI middleware: counts requests. `route`: what to call them all; without it, the pattern that they match."""

    def __init__(
        self,
        app: ASGIApp,
        requests: Requests,
        *,
        route: str | None = None,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._requests = requests
        self._route = route
        self._now_s = now_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and count."""
        if scope["type"] != "http" or scope.get(_TIMED):
            await self._app(scope, receive, send)
            return
        scope[_TIMED] = True
        began_s = self._now_s()
        answered = False

        async def sending(message: Message) -> None:
            nonlocal answered
            if not answered and message["type"] == "http.response.start":
                answered = True
                self._count(scope, message["status"], began_s)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except BaseException:
            if not answered:
                self._count(scope, 500, began_s)
            raise

    def _count(self, scope: Scope, status: int, began_s: float) -> None:
        route = self._route or str(getattr(scope.get("route"), "path", NO_ROUTE))
        method = scope["method"] if scope["method"] in METHODS else OTHER[1]
        self._requests.add(route, method, status, (self._now_s() - began_s) * 1e3)
