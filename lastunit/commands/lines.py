"""Commands that answer line by line: arguments or standard input in, one JSON object per line out."""

import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import typer

LINE_MAX_CHARS = 65_536
"""Far above the longest identifier; keeps a file without line ends from filling memory."""

REJECTED = 1


class Failed(Exception):  # noqa: N818 - an answer for one line, not an error of the program
    """This input is rejected: `code` for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def each_line(name: str, arguments: list[str] | None, answer: Callable[[str], dict[str, Any]]) -> NoReturn:
    """Answer each argument, or each line of standard input that is not blank; then exit with 0 or 1.

    `name` is the key under which a rejected input is repeated beside its error.
    """
    rejected = False
    for text in arguments or _standard_input():
        try:
            line = answer(text)
        except Failed as failed:
            rejected = True
            line = {name: text, "error": {"code": str(failed.code), "message": failed.message}}
        typer.echo(json.dumps(line, ensure_ascii=True))
    raise typer.Exit(REJECTED if rejected else 0)


def _standard_input() -> Iterable[str]:
    if sys.stdin is None:  # closed by the caller
        return ()
    stream = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    if stream.isatty():
        typer.echo("Reading from the keyboard, one per line; end with Ctrl-D.", err=True)
    return _lines(stream)


def _lines(stream: io.TextIOWrapper) -> Iterator[str]:
    while line := stream.readline(LINE_MAX_CHARS):
        text = line.strip(" \t\r\n")
        if text:
            yield text
