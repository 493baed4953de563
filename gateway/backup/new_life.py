"""A database that was taken back in time, made safe to go on from there.

Everything that numbers what others keep would give the same numbers a second time, to other things:

* the change feed. A channel's cursor of before would silently miss the first changes of the new life, and read on
  as if nothing had happened. So the feed jumps beyond any number that can have been given, and what it kept is
  dropped: every cursor, of a feed, a stream or a webhook, is told that it is gone, and its owner loads the stock anew;
* the fences of leases. A process of before, forgotten on some machine, would meet its own number again. They jump too,
  and nobody holds a lease.

Streams of edges need nothing: what an edge no longer holds becomes a gap that is written down
(`gateway.ingest.watermark`).
"""

from typing import Final

JUMP: Final = 1_000_000_000
"""More changes, and more leases, than any gateway makes between a backup and its loss."""


def statements(now_us: int) -> tuple[str, ...]:
    """Return what makes a new life of it, in SQL that both databases understand; the tables are there since the first.

    Numbers go on from `now_us`, UTC microseconds: the same backup may be restored again, and no life gives a million
    numbers a second. Where they are beyond it already, by a clock that was ahead, they jump.
    """

    def beyond(last: str) -> str:
        return f"CASE WHEN {last} < {now_us} THEN {now_us} ELSE {last} + {JUMP} END"

    return (
        "DELETE FROM change WHERE seq IS NOT NULL",
        f"UPDATE feed SET last_seq = {beyond('last_seq')} WHERE name = 'change'",  # noqa: S608 - numbers of ours
        f"UPDATE lease SET fence = {beyond('fence')}, expires_us = 0",  # noqa: S608 - numbers of ours
    )
