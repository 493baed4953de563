"""The commands that the docs tell people to type."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAMS = ("lastunit", "make", "curl")


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a document."""

    file: str
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    @property
    def program(self) -> str:
        return self.words[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers; those that end in a backslash go on in the next."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines()):
        first = first if begun else number
        begun += line.strip() if begun else line
        if begun.endswith("\\"):
            begun = begun[:-1]
        else:
            yield first, begun
            begun = ""


def commands_of(path: Path) -> Iterator[Command]:
    """Yield the commands in a document's fenced blocks: lines that begin with one of our programs, also after `$ `."""
    whole = path.read_text(encoding="utf-8")
    for block in _FENCE.finditer(whole):
        first = whole.count("\n", 0, block.start("text")) + 1
        for number, line in _lines(block["text"]):
            text = line.removeprefix("$ ").strip()
            if text.partition(" ")[0] in _PROGRAMS:
                yield Command(str(path.relative_to(ROOT)), first + number, text)
