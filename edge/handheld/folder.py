"""The folder of count files: what waits there, and where each file goes when it was read.

    FOLDER/            whoever makes counts puts files here
    FOLDER/done/       counted; a report of the same name and `.txt` says what
    FOLDER/failed/     refused; the report says why

Theory of operation. A file is taken when it looked the same (size, time, inode) for `settle_s`: whoever writes it is
done. The move is the last step and one step of the file system: a crash before it means that the file is read again,
and as its session is its content, the gateway counts it once. New names begin with the time of the move and the
content's digest, so that the folder itself remembers what was counted.

Only plain files with the ending of an export, and with something in them, are looked at. Names that begin with a dot or
a tilde are somebody's file in the making. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge.handheld.count_file import session_of
from edge.handheld.limits import (
    FILE_MAX_BYTES,
    FOLDER_MAX_FILES,
    KEPT_MAX_FILES,
    NAME_MAX_CHARS,
    REMEMBERED_MAX,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DONE: Final = "done"
FAILED: Final = "failed"
ENDINGS: Final = (".csv", ".tsv", ".txt", ".ndjson", ".jsonl", ".json")
_KEPT: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-(file-[0-9a-f]{32})-.*", re.DOTALL)
_REPORT: Final = ".report.txt"

_Look = tuple[int, int, int]
"""Size, time of change and inode: a file that differs in none of them was not written to."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that waits, as it looked."""

    path: Path
    look: _Look

    @property
    def changed_us(self) -> int:
        """When it was written, UTC."""
        return self.look[1] // 1_000

    @property
    def name(self) -> str:
        """Its name for people and messages: bytes that are no UTF-8 become `?`."""
        return self.path.name.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Taken:
    """A file's content; `session` is the name of its count."""

    waiting: Waiting
    data: bytes
    session: str


@dataclass(slots=True)
class CountFolder:
    """One watched folder."""

    path: Path
    settle_s: float
    ignored: int = 0
    """Files of other kinds, and empty ones, that lie there by the last look."""
    _seen: dict[str, tuple[_Look, float]] = field(default_factory=dict)
    _counted: dict[str, None] = field(default_factory=dict)
    _told: dict[str, _Look] = field(default_factory=dict)
    _opened: bool = False

    def look(self, now_s: float) -> list[Waiting]:
        """Return the files that can be read, the oldest first. `now_s`: monotonic.

        Raises `OSError` when the folder is not there, or `done` and `failed` cannot be made in it.
        """
        if not self._opened:
            self._open()
        found = self._waiting()
        self._seen = {
            name: self._seen[name] if self._seen.get(name, (None,))[0] == one.look else (one.look, now_s)
            for name, one in found.items()
        }
        settled = [one for name, one in found.items() if now_s - self._seen[name][1] >= self.settle_s]
        return sorted(settled, key=lambda one: (one.look[1], one.path.name))[:FOLDER_MAX_FILES]

    def lost(self) -> None:
        """Say that the folder is gone: it is opened anew, and what lies in it must settle again."""
        self._opened = False
        self._seen.clear()

    def take(self, waiting: Waiting) -> Taken | None:
        """Read a file, no more of it than one byte over its limit; None when it is written to. Raises `OSError`."""
        with waiting.path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
            if _look_of(os.fstat(file.fileno())) != waiting.look:
                return None
        return Taken(waiting, data, session_of(data))

    def is_news(self, waiting: Waiting) -> bool:
        """Whether nobody asked this before of a file as it looks now."""
        if self._told.get(waiting.path.name) == waiting.look:
            return False
        if len(self._told) >= FOLDER_MAX_FILES:
            self._told.clear()
        self._told[waiting.path.name] = waiting.look
        return True

    def was_counted(self, session: str) -> bool:
        """Whether a file of this content was counted."""
        return session in self._counted

    def remember(self, session: str) -> None:
        """Say that this content was counted."""
        self._counted[session] = None
        while len(self._counted) > REMEMBERED_MAX:
            del self._counted[next(iter(self._counted))]

    def put_away(self, taken: Taken, folder: str, report: str, now_us: int) -> bool:
        """Move a file into `done` or `failed`, its report first; False when it was written to or taken away meanwhile.

        Raises `OSError`: it stays where it is.
        """
        source = taken.waiting.path
        try:
            if _look_of(source.stat(follow_symlinks=False)) != taken.waiting.look:
                return False
        except FileNotFoundError:
            if self.path.is_dir():
                return False
            raise
        moment = datetime.fromtimestamp(now_us / 1e6, UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{moment}-{taken.session}-{_short(source.name)}"
        target = self.path / folder
        beside = target / f"{name}{_REPORT}"
        try:
            beside.write_text(report, encoding="utf-8")
            source.replace(target / name)
        except OSError:  # the next try has another name
            beside.unlink(missing_ok=True)
            raise
        self._seen.pop(source.name, None)
        _forget_oldest(target)
        return True

    # -- inside

    def _open(self) -> None:
        """Make the two folders, and read from `done` what was counted before."""
        if not self.path.is_dir():
            raise FileNotFoundError(2, "no such folder", str(self.path))
        for name in (DONE, FAILED):
            (self.path / name).mkdir(exist_ok=True)
            if not os.access(self.path / name, os.W_OK | os.X_OK):
                raise PermissionError(13, "the edge may not write there", str(self.path / name))
        for name in sorted(_names(self.path / DONE)):
            kept = _KEPT.fullmatch(name)
            if kept is not None and not name.endswith(_REPORT):
                self.remember(kept[1])
        self._opened = True

    def _waiting(self) -> dict[str, Waiting]:
        found: dict[str, Waiting] = {}
        ignored = 0
        with os.scandir(self.path) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False) or entry.name.startswith((".", "~")):
                    continue
                try:
                    look = _look_of(entry.stat(follow_symlinks=False))
                except FileNotFoundError:  # taken away while we looked
                    continue
                if not entry.name.lower().endswith(ENDINGS) or not look[0]:
                    ignored += 1
                    continue
                found[entry.name] = Waiting(self.path / entry.name, look)
        self.ignored = ignored
        return found


def _look_of(stat: os.stat_result) -> _Look:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _names(folder: Path) -> Iterable[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]


def _short(name: str) -> str:
    """Return the end of a name, which holds its ending."""
    return name.encode("utf-8", "replace")[-NAME_MAX_CHARS:].decode("utf-8", "ignore")


def _forget_oldest(folder: Path) -> None:
    """Delete the oldest of our files beyond `KEPT_MAX_FILES`, each with its report."""
    kept = sorted(name for name in _names(folder) if _KEPT.fullmatch(name) and not name.endswith(_REPORT))
    for name in kept[: max(0, len(kept) - KEPT_MAX_FILES)]:
        (folder / name).unlink(missing_ok=True)
        (folder / f"{name}{_REPORT}").unlink(missing_ok=True)
