"""A database that is busy for less than the watchdog's time does not cost a gateway its life."""

import asyncio
from dataclasses import dataclass, field

import pytest

from gateway.service_manager import ServiceManager, keep_watchdog


class EndedError(Exception):
    """The story is told."""


@dataclass
class Story:
    """Ten minutes, in one of which no writing transaction can be opened; its clock moves by itself."""

    busy_s: float
    free_s: float
    now_s: float = 0.0
    fed_s: list[float] = field(default_factory=lambda: [0.0])

    async def pause(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s > 600:
            raise EndedError

    async def works(self, within_s: float) -> bool:
        wait_s = self.free_s - self.now_s if self.busy_s <= self.now_s < self.free_s else 0.0
        self.now_s += min(wait_s, within_s)
        return wait_s <= within_s

    def heard(self, _text: str) -> None:
        self.fed_s.append(self.now_s)


@pytest.mark.parametrize("busy_s", range(0, 150, 5))
async def test_busy_for_a_minute_is_not_silent_for_two(monkeypatch: pytest.MonkeyPatch, busy_s: int) -> None:
    """A transaction that takes a minute, begun at the worst moment: systemd (WatchdogSec=120) hears us all the same."""
    story = Story(busy_s, busy_s + 60.0)
    monkeypatch.setattr(ServiceManager, "say", lambda _manager, text: story.heard(text))
    monkeypatch.setattr(asyncio, "sleep", story.pause)
    with pytest.raises(EndedError):
        await keep_watchdog(ServiceManager("/nobody", 120.0), story.works)
    assert max(late - early for early, late in zip(story.fed_s, story.fed_s[1:], strict=False)) < 120
