"""Blocks of bytes to lines, with their numbers: any file size in bounded memory."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.replay.limits import LINE_MAX_BYTES

_BOM = b"\xef\xbb\xbf"


class Lines(NamedTuple):
    r"""Some lines in one text, a \n between each two; `first` is the number of the first of them, from 1."""

    first: int
    text: str

    def split(self) -> list[str]:
        """Return the lines one by one."""
        return self.text.split("\n")


def lines_of(blocks: Iterable[bytes]) -> Iterator[Lines]:
    r"""Yield the lines of a file, many at a time; ends are \n or \r\n.

    Bytes that are not UTF-8 become U+FFFD, and with them the row is a bad one. Of a line that is longer than
    `LINE_MAX_BYTES` the beginning is kept, which no row survives.
    """
    number, rest, begun = 1, b"", False
    for block in blocks:
        data = rest + block
        if not begun:
            data, begun = data.removeprefix(_BOM), len(data) >= len(_BOM)
        cut = data.rfind(b"\n") + 1
        whole, rest = data[:cut], data[cut:][:LINE_MAX_BYTES]
        if whole:
            yield Lines(number, _text(whole[:-1]))
            number += whole.count(b"\n")
    if rest:
        yield Lines(number, _text(rest))


def _text(data: bytes) -> str:
    text = data.decode("utf-8", errors="replace")
    return text.replace("\r", "") if "\r" in text else text
