"""Rows of a file that cannot be used: all are counted, the first are shown."""

from dataclasses import dataclass, field

from gateway.replay.limits import BAD_ROWS_SHOWN

VALUE_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row: its line in the file (the first line is 1), the column, its value, and what was expected."""

    line: int
    column: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column} {self.value[:VALUE_SHOWN_CHARS]!r}: {self.expected}"


@dataclass(slots=True)
class BadRows:
    """Counts bad rows of one file; `first` are some of the first."""

    count: int = 0
    first: list[BadRow] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether further rows are only counted."""
        return len(self.first) >= BAD_ROWS_SHOWN

    def add(self, row: BadRow) -> None:
        """Note a row."""
        self.count += 1
        if not self.full:
            self.first.append(row)
