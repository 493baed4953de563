"""JSON objects out of what a reader sends: one to a line, several glued together, with rubbish between them.

Theory of operation. Two framings are in the field. An HTTP stream (Impinj) is a line for each event, ended by CR LF;
an empty line is a keep-alive. An MQTT message (Impinj: one event; Zebra: one or several, glued as `}{` or by line
breaks; an array where somebody forwards webhooks) is whole by itself. In both the objects are found one after
another; white space, commas and the brackets of an array between them mean nothing. Any other stretch between two
objects is *bad*: it is counted once and costs only itself.

After a mistake inside an object the search goes on at the first `{` behind the mistake, not behind the object's
begin: what was read up to there was well-formed and belongs to the broken one, so the parts of a torn event are never
taken for events. In a stream the line's end ends everything that is open. A message or line with more than
`limits.MISTAKES_MAX` mistakes is given up: each of them costs a walk over it.

A line need not be complete: objects at its front are handed over as soon as they are whole, because some senders end a
line only with the next keep-alive. However the bytes are cut, the same comes out.

Pure; bounded by `limits.LINE_MAX_BYTES`.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple, TypeAlias

from edge.iot.limits import EAGER_MAX_BYTES, LINE_MAX_BYTES, MISTAKES_MAX, NUMBER_MAX_CHARS

JsonObject: TypeAlias = dict[str, Any]


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= NUMBER_MAX_CHARS else None


def _nothing(_constant: str) -> None:
    """NaN and Infinity are no JSON: as if the value were not there."""


_DECODER: Final = json.JSONDecoder(parse_int=_whole, parse_constant=_nothing)
_BYTES_KEPT: Final = "surrogateescape"
"""How bytes that are no UTF-8 are carried: each comes out as it went in, and `fields.text` cleans what is shown."""
_BETWEEN: Final = re.compile(r"[\s,\[\]\ufeff]*")


class Split(NamedTuple):
    """What came out: the objects in order, and the number of stretches that made no sense."""

    objects: list[JsonObject]
    bad: int


def objects_in(payload: bytes) -> Split:
    """Return the objects of one whole message or line. Never raises."""
    text = payload.decode("utf-8", _BYTES_KEPT)
    found: list[JsonObject] = []
    bad, in_bad, at = 0, False, 0
    for _ in range(MISTAKES_MAX):
        after = _front(text, at, found)
        if after > at:
            in_bad = False
        if after >= len(text):
            return Split(found, bad)
        bad += not in_bad
        in_bad = True
        at = _behind_mistake(text, after)
    return Split(found, bad)


def _front(text: str, at: int, found: list[JsonObject]) -> int:
    """Read whole objects from `at` on into `found`; return where the first thing stands that is none."""
    while True:
        at = _skip(text, at)
        if not text.startswith("{", at):
            return at
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return at
        found.append(value)


def _behind_mistake(text: str, at: int) -> int:
    """Return where an object may begin behind what stands at `at` and is none."""
    if text.startswith("{", at):
        try:
            _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            at = max(error.pos, at + 1)
        except (ValueError, RecursionError):  # deeper than any reader's event: what belongs to what is not told apart
            return len(text)
    start = text.find("{", at)
    return len(text) if start < 0 else start


def _skip(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    assert match is not None, "it matches nothing too"
    return match.end()


class LineStream:
    """The objects of a stream of lines, however it is cut into chunks."""

    def __init__(self) -> None:
        self._open = b""
        self._overlong = False

    def feed(self, data: bytes) -> Split:
        """Take a chunk; return the objects that it completes."""
        *ends, rest = data.split(b"\n")
        objects: list[JsonObject] = []
        bad = 0
        for end in ends:
            self._keep(end, objects)
            line = objects_in(self._open)
            objects += line.objects
            bad += line.bad + self._overlong
            self._open, self._overlong = b"", False
        self._keep(rest, objects)
        if b"}" in rest and len(self._open) <= EAGER_MAX_BYTES:
            self._hand_over(objects)
        return Split(objects, bad)

    def _keep(self, part: bytes, objects: list[JsonObject]) -> None:
        if self._overlong:
            return
        self._open += part
        if len(self._open) > LINE_MAX_BYTES:
            self._hand_over(objects)
            if len(self._open) > LINE_MAX_BYTES:
                self._open, self._overlong = b"", True

    def _hand_over(self, objects: list[JsonObject]) -> None:
        """Hand over the whole objects at the front of the open line."""
        text = self._open.decode("utf-8", _BYTES_KEPT)
        at = _front(text, 0, objects)
        if at:
            self._open = text[at:].encode("utf-8", _BYTES_KEPT)
