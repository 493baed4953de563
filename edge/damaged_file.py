"""What becomes of an outbox file that is no database any more.

A box in a cupboard heals by itself: the damaged file is set aside under a number, a new one takes its place, and a few
old ones are kept for whoever wants to look. A file that a *person* wrote never was an outbox: it is refused untouched.
"""

import codecs
from pathlib import Path
from typing import Final

from edge.errors import OutboxError
from edge.limits import DAMAGED_FILES_MAX, OUTBOX_HEAD_BYTES

_MAGIC: Final = b"SQLite format 3\x00"
"""How every SQLite database begins (SQLite, Database File Format, section 1.3.1)."""
_SUFFIXES: Final = ("", "-wal", "-shm")
"""The files of one database."""


def refuse_text(path: Path) -> None:
    """Raise `OutboxError` for a file that is text; `OSError` when it cannot be read."""
    with path.open("rb") as file:
        head = file.read(OUTBOX_HEAD_BYTES)
    if head and not head.startswith(_MAGIC) and _is_text(head):
        raise OutboxError(
            f"outbox {path}: this file is text and never was an outbox; it was left as it is. "
            "Choose another path for the outbox, or move the file away"
        )


def set_aside(path: Path) -> tuple[Path, list[str]]:
    """Rename the file after those set aside before; return its new name, and the oldest ones, now removed."""
    before = _numbers(path)
    aside = _numbered(path, max(before, default=0) + 1)
    for suffix in _SUFFIXES:
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
    removed = [_numbered(path, number) for number in before[: -(DAMAGED_FILES_MAX - 1)]]
    for old in removed:
        for suffix in _SUFFIXES:
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    return aside, [old.name for old in removed]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.damaged-{number}")


def _numbers(path: Path) -> list[int]:
    """Return the numbers of the files set aside before, the oldest first."""
    ours = f"{path.name}.damaged-"
    numbers = [file.name.removeprefix(ours) for file in path.parent.iterdir() if file.name.startswith(ours)]
    return sorted(int(number) for number in numbers if number.isascii() and number.isdigit())


def _is_text(head: bytes) -> bool:
    """Return whether the beginning of a file is text in UTF-8; its last character may be cut off."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)
