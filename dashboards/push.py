"""Bring a Grafana to what it is to have: look at each thing, write what differs, and nothing else.

Theory of operation. `push` goes through the artefacts in the order of their kinds. Each is read back by its uid and
compared (`dashboards.difference`); what is the same is not written, so that a second push changes nothing, and a dry
run says what a real one would do. One thing that fails costs itself; the others are tried, unless they lie in it.
A board or rule that somebody changed by hand is brought back, and the report says what he had changed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from dashboards.artefact import TAG, UID_PREFIX, Artefact, Kind, canonical
from dashboards.difference import differences, listed


class PushError(Exception):
    """Grafana cannot be used at all: the message names it, and the mend."""


class RefusedError(Exception):
    """Grafana refused one thing: the message says what it said, and the mend where one is known."""


class Grafana(Protocol):
    """What `push` needs of a Grafana: `dashboards.grafana` has it by HTTP."""

    def read(self, artefact: Artefact) -> dict[str, object] | None:
        """Return what Grafana has under this kind and uid, None when it has nothing. Raises as `write`."""
        ...

    def write(self, artefact: Artefact, found: dict[str, object] | None) -> None:
        """Make it so; `found` is what was read before. Raises `RefusedError`, `PushError`."""
        ...

    def boards_with(self, tag: str) -> Sequence[tuple[str, str]]:
        """Return (uid, title) of all boards with a tag. Raises as `write`."""
        ...

    def delete_board(self, uid: str) -> None:
        """Delete a board. Raises as `write`."""
        ...


class Did(StrEnum):
    """What became of one thing."""

    SAME = "same"
    MADE = "made"
    CHANGED = "changed"
    LEFT_OVER = "left over"
    DELETED = "deleted"
    FAILED = "failed"


_MARKS: Final = {
    Did.SAME: "=",
    Did.MADE: "+",
    Did.CHANGED: "~",
    Did.LEFT_OVER: "?",
    Did.DELETED: "-",
    Did.FAILED: "!",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing, what became of it (in a dry run: what would), and the lines that differ or say why not."""

    kind: Kind
    uid: str
    title: str
    did: Did
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{_MARKS[self.did]} {self.kind.word} {self.title!r} ({self.uid}): {self.did.value}"
        return "\n".join([head, *(f"    {line}" for line in self.lines)])


@dataclass(slots=True)
class Report:
    """All outcomes of a push."""

    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, did: Did) -> int:
        """Return how many things came out so."""
        return sum(one.did is did for one in self.outcomes)

    @property
    def failed(self) -> bool:
        """Whether something did not become what it is to be."""
        return self.count(Did.FAILED) > 0


def push(
    grafana: Grafana,
    artefacts: Iterable[Artefact],
    *,
    dry_run: bool = False,
    prune: bool = False,
    said: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """Make a Grafana have these artefacts; `said` hears each outcome as it comes. Raises `PushError`.

    `prune`: delete boards with our tag that are none of these; without it they are named.
    """
    wanted = sorted(artefacts, key=lambda one: (one.kind, one.folder, one.uid))
    run = _Run(grafana, dry_run=dry_run, said=said)
    for artefact in wanted:
        run.one(artefact)
    kept = {one.uid for one in wanted if one.kind is Kind.BOARD}
    run.left_over(kept, prune=prune)
    return run.report


class _Run:
    """One push."""

    def __init__(self, grafana: Grafana, *, dry_run: bool, said: Callable[[Outcome], None]) -> None:
        self._grafana = grafana
        self._dry_run = dry_run
        self._said = said
        self._lost: set[str] = set()
        self._new: set[str] = set()
        self.report = Report()

    def one(self, artefact: Artefact) -> None:
        if artefact.folder in self._lost:
            self._tell(artefact, Did.FAILED, f"its folder {artefact.folder} could not be made")
            return
        try:
            self._bring(artefact)
        except RefusedError as error:
            if artefact.kind is Kind.FOLDER:
                self._lost.add(artefact.uid)
            self._tell(artefact, Did.FAILED, str(error))

    def _bring(self, artefact: Artefact) -> None:
        found = None if artefact.folder in self._new else self._grafana.read(artefact)
        if found is None:
            self._write(artefact, None)
            if artefact.kind is Kind.FOLDER and self._dry_run:
                self._new.add(artefact.uid)
            self._tell(artefact, Did.MADE, f"{len(canonical(artefact.body))} bytes")
            return
        lines = listed(differences(found, artefact.wanted))
        if lines:
            self._write(artefact, found)
        self._tell(artefact, Did.CHANGED if lines else Did.SAME, *lines)

    def _write(self, artefact: Artefact, found: dict[str, object] | None) -> None:
        if not self._dry_run:
            self._grafana.write(artefact, found)

    def left_over(self, kept: set[str], *, prune: bool) -> None:
        for uid, title in sorted(self._grafana.boards_with(TAG)):
            if uid in kept or not uid.startswith(UID_PREFIX):  # a copy that somebody made of ours has our tag, too
                continue
            board = Artefact(Kind.BOARD, uid, title, {})
            if not prune:
                self._tell(board, Did.LEFT_OVER, "not one of ours any more: --prune deletes it")
                continue
            try:
                if not self._dry_run:
                    self._grafana.delete_board(uid)
                self._tell(board, Did.DELETED)
            except RefusedError as error:
                self._tell(board, Did.FAILED, str(error))

    def _tell(self, artefact: Artefact, did: Did, *lines: str) -> None:
        outcome = Outcome(artefact.kind, artefact.uid, artefact.title, did, lines)
        self.report.outcomes.append(outcome)
        self._said(outcome)
