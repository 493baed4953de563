"""kill -9 at random and at named points: what was accepted is there, whole and in order."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.outbox import Outbox

ROOT = Path(__file__).parents[2]
POINTS = ("BEGIN", "INSERT INTO row", "INSERT OR REPLACE", "COMMIT", "RETURN", "DELETE", "SELECT count")


@dataclass
class Promise:
    """What one child said before it died."""

    stream: bytes = b""
    accepted: int = 0
    observations: int = 0
    deleting: int = 0
    lines: list[str] = field(default_factory=list)


def run_child(path: Path, *, point: tuple[str, int] | None = None, live_s: float = 0.0) -> Promise:
    arguments = [sys.executable, "-m", "tests.edge.outbox_child", str(path), *map(str, point or ())]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert child.stdout is not None
    first = child.stdout.readline()
    if point is None:
        time.sleep(live_s)
        child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()
    child.stdout.close()
    assert child.wait(60) == -signal.SIGKILL
    promise = Promise()
    for line in (first + rest).decode().splitlines(keepends=True):
        if not line.endswith("\n"):
            break  # cut while it was said: nothing was promised
        word, stream, *numbers = line.split()
        promise.stream = bytes.fromhex(stream)
        promise.lines.append(line)
        if word == "accepted":
            promise.accepted, promise.observations = int(numbers[0]), int(numbers[1])
        elif word == "deleting":
            promise.deleting = int(numbers[0])
    return promise


def check_promise(path: Path, promise: Promise) -> int:
    """Open what the child left and hold it against what the child said. Returns the rows that were accepted."""
    outbox = Outbox(path, "store-1", "edge-1")
    try:
        assert outbox.fresh_because == "" or not promise.accepted
        seqs = [row.seq for row in outbox.read(promise.stream, 1, 2**62)]
        last = seqs[-1] if seqs else 0
        assert last >= promise.accepted or promise.deleting >= promise.accepted
        assert seqs == list(range(last - len(seqs) + 1, last + 1)), "a hole"
        if seqs:
            assert seqs[0] <= promise.deleting + 1, "a row is gone that nobody deleted"
        assert outbox.figures().accepted_observations >= promise.observations
        return promise.accepted
    finally:
        outbox.close()


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("count", [1, 4])
def test_killed_at_a_named_point_nothing_accepted_is_lost(tmp_path: Path, point: str, count: int) -> None:
    path = tmp_path / "outbox.db"
    first = run_child(path, live_s=0.02)
    check_promise(path, first)
    check_promise(path, run_child(path, point=(point, count)))
    check_promise(path, run_child(path, point=("COMMIT", 3)))


def test_killed_at_random_nothing_accepted_is_lost(tmp_path: Path) -> None:
    assert kill_many(tmp_path, kills=12, seed=7) > 50


@pytest.mark.proof
def test_killed_at_random_many_times_nothing_accepted_is_lost(tmp_path: Path) -> None:
    for block in range(30):
        (tmp_path / str(block)).mkdir()
        assert kill_many(tmp_path / str(block), kills=100, seed=block) > 100


def kill_many(folder: Path, *, kills: int, seed: int) -> int:
    """Kill one child after the other on the same file; return the rows that were accepted over all."""
    rng = random.Random(seed)
    path = folder / "outbox.db"
    accepted = 0
    for _ in range(kills):
        accepted += check_promise(path, run_child(path, live_s=rng.uniform(0.0, 0.08)))
    return accepted


def test_the_check_sees_a_row_that_is_gone(tmp_path: Path) -> None:
    """The judge is judged: take one accepted row away, and it must object."""
    path = tmp_path / "outbox.db"
    promise = run_child(path, point=("COMMIT", 9))
    outbox = Outbox(path, "store-1", "edge-1")
    outbox._connection().execute("DELETE FROM row WHERE seq = (SELECT max(seq) FROM row)")
    outbox.close()
    with pytest.raises(AssertionError):
        check_promise(path, promise)
