"""A made-up day of the small store as a log: items arrive, wander, leave; readers fail; junk comes in."""

import random
from collections.abc import Sequence
from typing import Final

from gateway.storage.input_log import Entry, Kind
from gateway.storage.site_register import encode_site
from tests.gateway.small_store import (
    BACK,
    EXIT,
    FIT,
    FLOOR,
    FOREIGN,
    SECOND_US,
    SHIRT_M,
    SHIRT_S,
    SITE,
    T0_US,
    epc,
    reads,
)
from wire.messages import Durable, ReadBatch, encode_durable
from wire.site import Site

JUNK: Final = bytes(12)


def day(seed: int, seconds: int, items: int = 12) -> list[ReadBatch]:
    """Return one window for each second."""
    rng = random.Random(seed)
    tags = [epc(rng.choice([SHIRT_S, SHIRT_M]), 1 + i) for i in range(items)]
    place = [BACK] * items
    silent = [0] * items
    windows = []
    for second in range(seconds):
        seen = []
        for i, tag in enumerate(tags):
            silent[i] = max(0, silent[i] - 1)
            if rng.random() < 0.03:
                place[i] = rng.choice([BACK, FLOOR, FIT, EXIT])
            if place[i] == EXIT and rng.random() < 0.1:
                silent[i] = 40  # gone, and maybe brought back
                place[i] = FLOOR
            if not silent[i] and rng.random() < 0.8:
                seen.append((place[i], tag))
            if not silent[i] and rng.random() < 0.1:
                seen.append((rng.choice([BACK, FLOOR]), tag))  # a stray read through a wall
        if rng.random() < 0.1:
            seen.append((FLOOR, epc(FOREIGN, second)))
        if rng.random() < 0.1:
            seen.append((FLOOR, JUNK))
        looking = (1, 2, 3, 4) if second % 100 < 60 else (2, 3, 4)  # the back room's antenna fails for a while
        windows.append(reads(second, seen, looking=looking))
    return windows


def log_of(messages: Sequence[Durable], site: Site = SITE, *, start: int = 0) -> list[Entry]:
    """Return the log that the messages would make: the site, then each message with the tick of its second."""
    entries = [Entry(1, T0_US, Kind.SITE, encode_site(site))]
    for second, message in enumerate(messages, start):
        at_us = T0_US + (second + 1) * SECOND_US
        entries.append(Entry(len(entries) + 1, at_us + 40_000, Kind.DATA, encode_durable(message)))
        entries.append(Entry(len(entries) + 1, at_us + 50_000, Kind.TICK, b""))
    return entries
