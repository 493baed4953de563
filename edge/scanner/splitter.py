r"""From a scanner's bytes to barcodes: where one ends and the next begins.

Theory of operation. What ends a barcode is a setting of the scanner, and shops change it: CR, LF, both, TAB, ETX, or
nothing at all. With a suffix in the site file that suffix ends a barcode; one whose suffix does not come within
`INCOMPLETE_S` lost bytes and is given up. With `none` only a pause ends it. With `auto` (the default)

* any of CR, LF, TAB, ETX ends a barcode, and so does a pause;
* how long that pause is follows from what was seen: short (`idle_s`) while no suffix was seen, `INCOMPLETE_S` after a
  barcode that had one, so that a hiccup of the link does not cut it in two. What such a long pause ends is handed
  over all the same, and the short pause holds again: somebody changed the scanner's setting.

Empty pieces vanish, so CR LF ends one barcode, not two. In front, a prefix of the site file must stand (what comes
before it is noise and is told); without one, STX is taken off. A piece that is longer than a barcode can be is given
up to its end. The result does not depend on how the bytes were cut into chunks. A pause is told by `tick` alone:
bytes that waited in the kernel while this process slept belong together.

Pure: bytes and monotonic seconds in, pieces out.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, TypeAlias

from edge.scanner.limits import IDLE_S, INCOMPLETE_S, SCAN_MAX_BYTES

Suffix: TypeAlias = Literal["auto", "none", "cr", "lf", "crlf", "tab", "etx"]

_ENDS: Final[dict[str, re.Pattern[bytes] | None]] = {
    "auto": re.compile(rb"[\r\n\t\x03]"),
    "none": None,
    "cr": re.compile(rb"\r"),
    "lf": re.compile(rb"\n"),
    "crlf": re.compile(rb"\r\n"),
    "tab": re.compile(rb"\t"),
    "etx": re.compile(rb"\x03"),
}
_STX: Final = b"\x02"
_LINE_ENDS: Final = b"\r\n"


class SplitRules(NamedTuple):
    """How a scanner frames a barcode. `idle_s`: the pause that ends one without a suffix."""

    suffix: Suffix = "auto"
    prefix: bytes = b""
    idle_s: float = IDLE_S


class Lost(NamedTuple):
    """Bytes that cannot be a barcode, and why; never the bytes themselves."""

    problem: str


class Splitter:
    """The bytes of one scanner. Begin anew (`forget`) with each opening of its port."""

    def __init__(self, rules: SplitRules) -> None:
        self._rules = rules
        self._end = _ENDS[rules.suffix]
        self._held = bytearray()
        self._skipping = False
        self._seen_suffix = False
        self._last_s = 0.0

    def feed(self, data: bytes, now_s: float) -> list[bytes | Lost]:
        """Take bytes; return the barcodes that are complete now, and what was lost."""
        self._last_s = now_s
        out: list[bytes | Lost] = []
        self._held += data
        if self._end is not None:
            at = 0
            for match in self._end.finditer(self._held):
                self._piece(bytes(self._held[at : match.start()]), out)
                at = match.end()
                self._seen_suffix = True
            del self._held[:at]
        if len(self._held) > SCAN_MAX_BYTES + 1:
            del self._held[:-1]  # the CR of a CR LF may be the last one
            self._too_long(out)
        return out

    def deadline(self) -> float | None:
        """Return when a pause ends what is held; None when nothing is."""
        if not self._held and not self._skipping:
            return None
        return self._last_s + self._pause_s()

    def tick(self, now_s: float) -> list[bytes | Lost]:
        """Look at the time; return what a pause ended."""
        deadline_s = self.deadline()
        if deadline_s is None or now_s < deadline_s:
            return []
        out: list[bytes | Lost] = []
        held = self._take()
        if self._rules.suffix in {"auto", "none"}:
            self._piece(held, out)
        elif held.strip(_LINE_ENDS) and not self._skipping:
            out.append(Lost(f"barcodes without their suffix (the site file says suffix: {self._rules.suffix})"))
        self._skipping = self._seen_suffix = False
        return out

    def forget(self) -> list[Lost]:
        """Begin anew: the line is gone. Return what was half received, as lost."""
        held = self._take()
        self._skipping = self._seen_suffix = False
        return [Lost("barcodes that were cut off when the line was lost")] if held.strip(_LINE_ENDS) else []

    # -- inside

    def _pause_s(self) -> float:
        if self._rules.suffix == "none" or (self._rules.suffix == "auto" and not self._seen_suffix):
            return self._rules.idle_s
        return max(INCOMPLETE_S, self._rules.idle_s)

    def _take(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held

    def _too_long(self, out: list[bytes | Lost]) -> None:
        if not self._skipping:
            self._skipping = True
            out.append(Lost(f"barcodes of more than {SCAN_MAX_BYTES} bytes (is it a scanner? is the suffix right?)"))

    def _piece(self, piece: bytes, out: list[bytes | Lost]) -> None:
        """Hand over one piece between two ends."""
        if self._skipping:
            self._skipping = False  # the rest of one that was too long
            return
        if len(piece) > SCAN_MAX_BYTES:
            self._too_long(out)
            self._skipping = False
            return
        piece = piece.strip(_LINE_ENDS)
        prefix = self._rules.prefix
        if not piece:
            return
        if not prefix:
            piece = piece.removeprefix(_STX)
        else:
            noise, found, piece = piece.partition(prefix)
            if noise or not found:
                out.append(Lost("bytes before the prefix, or barcodes without it (the site file names a prefix)"))
        if piece:
            out.append(piece)
