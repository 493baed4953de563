"""Did the goods come? Refill tasks are closed by what the reads show; by a person's word only where reads cannot. Pure.

*Moved* are items of the SKU, whichever they be, that were in a back room when the task began or later, came to the
floor since, and did not go back; each counts when it has stayed for `stay_us`. What a shopper does with it on the floor
(tried on, bought) takes nothing away.

    open, claimed:  enough moved -> closed by the reads, whoever brought them
    done:           enough moved -> closed by the reads
                    the reads cannot say (nobody looks at the floor, no tags) -> closed by the person's word
                    some moved -> after `see_us` closed with those; what still lacks is a new task's matter
                    none moved -> after `see_us` reopened; after `reopen_max` times disputed: a person has to look

A task asks for a person's word (`ASK`) exactly while reads cannot say. It is the floor that has to be looked at: what
arrives there is read there, whether the back room is looked at or not. A zone that became live or blind just now gets
`see_us` to read anew what lies there, or to come back, but nobody waits for it longer than `word_us`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.replenishment.limits import MOVES_MAX
from gateway.replenishment.places import Places, Role, role_of
from gateway.replenishment.task import RefillTask

_MINUTE_US: Final = 60_000_000


class Outcome(StrEnum):
    """What becomes of a task."""

    WAIT = "wait"
    ASK = "ask"
    """As `WAIT`, and a person has to say how many came: reads cannot."""
    CLOSE = "close"
    REOPEN = "reopen"
    DISPUTE = "dispute"
    """It is over, and somebody has to look: person and reads said different things each time."""


class By(StrEnum):
    """Who says what became of it."""

    READS = "reads"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Move:
    """A movement of an item of the task's SKU. `m`: its place in the site's ledger; `decided_us`: when it was known.

    `chance`: how sure the new place was; None where the tracker says none.
    """

    serial: str
    from_zone: str
    to_zone: str
    m: int
    decided_us: int
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class CloseRules:
    """Time bounds and sureness of closing.

    `sure`: a move to the floor counts from this probability on; `stay_us`: and after this time there; `see_us`: how
    long the reads may take to show what a person did; `word_us`: how long after `done` they are waited for at most;
    `reopen_max`: how often a task is opened again. Raises `ValueError` that names the rule and its range.
    """

    sure: float = 0.6
    stay_us: int = _MINUTE_US // 2
    see_us: int = 5 * _MINUTE_US
    word_us: int = 30 * _MINUTE_US
    reopen_max: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.sure <= 1:
            raise ValueError(f"sure {self.sure}: expected 0 to 1")
        if self.reopen_max < 0:
            raise ValueError(f"reopen_max {self.reopen_max}: expected 0 or more")
        if not 0 <= self.stay_us <= self.see_us <= self.word_us:
            given = f"stay_us {self.stay_us}, see_us {self.see_us}, word_us {self.word_us}"
            raise ValueError(f"{given}: expected 0 or more, each at least the one before")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a task. `moved`: units that came, by the reads; with `By.WORD` those of the person's word, too.

    `again_us`: judge again then, though nothing changes; None: when movements, zones or the task change.
    """

    outcome: Outcome
    moved: int
    by: By | None = None
    says: str = ""
    again_us: int | None = None


def came_of(task: RefillTask, moves: Iterable[Move], places: Places, sure: float) -> dict[str, int]:
    """Return the items that came from a back room to the floor since the task began and did not go back, and when.

    The order of `moves` does not matter; those decided before the task began are left out.
    Raises `ValueError` for more than `MOVES_MAX` since then.
    """
    since = sorted((move for move in moves if move.decided_us >= task.opened_us), key=lambda move: move.m)
    if len(since) > MOVES_MAX:
        raise ValueError(f"task {task.id}: {len(since)} movements: expected at most {MOVES_MAX}")
    behind: dict[str, bool] = {}
    came: dict[str, int] = {}
    for move in since:
        was_behind = behind.setdefault(move.serial, role_of(places, move.from_zone) is Role.BACK)
        target = role_of(places, move.to_zone)
        if target is Role.BACK:
            behind[move.serial] = True
            came.pop(move.serial, None)
        elif target is Role.FLOOR and was_behind and (move.chance is None or move.chance >= sure):
            behind[move.serial] = False
            came[move.serial] = move.decided_us
    return came


def judge(task: RefillTask, moves: Iterable[Move], places: Places, rules: CloseRules, now_us: int) -> Verdict:
    """Return what becomes of a task at `now_us`. `moves`: those of its SKU at the site since it began."""
    came = came_of(task, moves, places, rules.sure)
    settled = [at_us for at_us in came.values() if now_us - at_us >= rules.stay_us]
    moved = len(settled)
    if moved >= task.quantity:
        return Verdict(Outcome.CLOSE, moved, By.READS, _shown(task, moved))
    stays_us = min((at_us + rules.stay_us for at_us in came.values() if now_us - at_us < rules.stay_us), default=None)
    if task.done_us is None:
        says = _doubt(task, places)
        return Verdict(Outcome.ASK if says else Outcome.WAIT, moved, says=says, again_us=stays_us)
    until_us = _wait_until(task, places, rules, task.done_us)
    word = task.quantity if task.word is None else task.word
    if task.unread and moved >= min(word, task.quantity) - task.unread:
        total = max(moved, min(word, moved + task.unread))
        return Verdict(Outcome.CLOSE, total, By.WORD, "units without tags: a person's word counts")
    if now_us >= until_us:
        return _waited(task, moved, word, places, rules)
    again_us = until_us if stays_us is None else min(until_us, stays_us)
    return Verdict(Outcome.WAIT, moved, says="the reads have time to show it", again_us=again_us)


def _wait_until(task: RefillTask, places: Places, rules: CloseRules, done_us: int) -> int:
    """Return until when the reads may show what a person did: longer where a zone became live, or blind, just now."""
    since_us = max((places[zone].since_us for zone in task.to_zones if zone in places), default=0)
    return max(done_us + rules.see_us, min(since_us + rules.see_us, done_us + rules.word_us))


def _waited(task: RefillTask, moved: int, word: int, places: Places, rules: CloseRules) -> Verdict:
    """Judge a task of which the reads did not show all in their time."""
    blind = _blind(task, places)
    if blind:
        return Verdict(Outcome.CLOSE, max(moved, word), By.WORD, f"nobody looks at {', '.join(blind)}")
    if moved:
        return Verdict(Outcome.CLOSE, moved, By.READS, _shown(task, moved))
    return _contradicted(task, word, rules)


def _contradicted(task: RefillTask, word: int, rules: CloseRules) -> Verdict:
    says = f"a person said {word}, the reads show none on the floor"
    if task.reopened < rules.reopen_max:
        return Verdict(Outcome.REOPEN, 0, By.READS, says)
    times = task.reopened + 1
    return Verdict(Outcome.DISPUTE, 0, By.READS, f"{says}, {times} times: look for tags that cannot be read")


def _shown(task: RefillTask, moved: int) -> str:
    return f"the reads show {moved} of {task.quantity}"


def _doubt(task: RefillTask, places: Places) -> str:
    """Say why reads cannot tell whether the goods came; empty when they can."""
    if task.unread:
        return f"{task.unread} of {task.quantity} units have no tag"
    blind = _blind(task, places)
    return f"nobody looks at {', '.join(blind)}" if blind else ""


def _blind(task: RefillTask, places: Places) -> list[str]:
    """Return the floor zones of a task that nobody looks at, or that the site has no more."""
    return [zone for zone in task.to_zones if zone not in places or not places[zone].live]
