"""A module's session and a software module on one wire, in a time that the test owns: no port, no event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.uhf.news import AntennaState, Bad, Complaint, Failed, Looked, Overflow, Seen, Settings, Temperature, Works
from edge.uhf.session import ModuleSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge.uhf.conversation import Family
    from edge.uhf.news import News, Tag
    from simulator.modules.port import Module

__all__ = [
    "AntennaState",
    "Bad",
    "Complaint",
    "Failed",
    "Looked",
    "Overflow",
    "Seen",
    "Settings",
    "Temperature",
    "Wired",
    "Works",
]


class Wired:
    """Both ends. `cut` cuts what the module says into pieces; `on_said` damages it, `on_asked` what
    the host says."""

    def __init__(
        self,
        family: Family,
        module: Module,
        *,
        cut: Callable[[bytes], Iterable[bytes]] = lambda data: (data,),
        on_said: Callable[[bytes], bytes] = bytes,
        on_asked: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self.now_s = 1_000.0
        self.session = ModuleSession(family)
        self.module = module
        self.told: list[News] = []
        self.mute = False
        self.cut = cut
        self.on_said = on_said
        self.on_asked = on_asked
        self.session.begin(self.now_s)
        self._carry()

    def hear(self, data: bytes) -> None:
        """Let bytes come to the host."""
        if self.mute or not data:
            return
        for piece in self.cut(self.on_said(data)):
            self.session.receive(piece, self.now_s)
            self._carry()

    def run(self, for_s: float) -> None:
        """Let time pass, from one deadline to the next."""
        end_s = self.now_s + for_s
        for _ in range(100_000):
            due = [at_s for at_s in (self.session.deadline(), self.module.deadline()) if at_s is not None]
            next_s = min(due, default=end_s)
            if next_s > end_s:
                break
            self.now_s = max(self.now_s, next_s)
            if not due:
                break
            self.session.tick(self.now_s)
            self._carry()
            self.hear(self.module.tick(self.now_s))
        else:
            raise AssertionError("more than 100,000 steps: somebody asks without a pause")
        self.now_s = end_s

    def of(self, kind: type[News]) -> list[News]:
        """Return what was told of a kind."""
        return [news for news in self.told if isinstance(news, kind)]

    def tags(self) -> list[Tag]:
        """Return all tags."""
        return [tag for news in self.told if isinstance(news, Seen) for tag in news.tags]

    def looked_s(self) -> dict[int, float]:
        """Return how long each port inventoried."""
        looked: dict[int, float] = {}
        for news in self.told:
            if isinstance(news, Looked):
                for port in news.ports:
                    looked[port] = looked.get(port, 0.0) + news.for_s / len(news.ports)
        return looked

    def failed(self) -> str:
        """Return why the session ended; empty while it goes on."""
        return next((news.reason for news in self.told if isinstance(news, Failed)), "")

    def _carry(self) -> None:
        self.told += self.session.news()
        said = self.session.take()
        if said:
            self.hear(self.module.receive(self.on_asked(said), self.now_s))
