"""Tags of goods that were sold: the edge drops their reads, because a sold item's tag must not follow its owner.

Bounded: the oldest give way. A tag is dropped from the end of its grace time on (the shopper is still in the store
before) for `SOLD_KEEP_S`; after that a read of it is news again, most likely a return.
"""

from edge.limits import SOLD_KEEP_S, SOLD_MAX_EPCS
from wire.messages import ForgetSold


class SoldTags:
    """The sold tags of one edge. Times are monotonic seconds. A restart forgets them; the gateway says them again."""

    def __init__(self, capacity: int = SOLD_MAX_EPCS) -> None:
        self._capacity = capacity
        self._from_s: dict[bytes, float] = {}
        self.malformed = 0

    def __len__(self) -> int:
        return len(self._from_s)

    def forget(self, command: ForgetSold, now_s: float) -> None:
        """Take the gateway's list; EPCs that are no hexadecimal text are counted."""
        for text in command.epcs:
            try:
                epc = bytes.fromhex(text)
            except ValueError:
                self.malformed += 1
                continue
            self._from_s.pop(epc, None)  # newest last
            self._from_s[epc] = now_s + command.grace_s
        while len(self._from_s) > self._capacity:
            del self._from_s[next(iter(self._from_s))]

    def drops(self, epc: bytes, now_s: float) -> bool:
        """Whether a read of this tag is to be dropped now."""
        from_s = self._from_s.get(epc)
        if from_s is None or now_s < from_s:
            return False
        if now_s < from_s + SOLD_KEEP_S:
            return True
        del self._from_s[epc]
        return False
