"""Kill -9 of the folder driver at every step: each count file is one count of the gateway, with all its tags."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from edge.handheld.limits import PART_MAX_EPCS
from gateway.fold.cycle_count import CountName, OpenCounts
from wire.messages import CountBatch, decode_durable

if TYPE_CHECKING:
    from pathlib import Path

TAGS = [0x3034257BF7194E4000000000 + i for i in range(PART_MAX_EPCS + 10)]


def child(folder: Path, outbox: Path, step: str) -> int:
    command = [sys.executable, "-m", "tests.edge.drivers.count_child", str(folder), str(outbox), step]
    return subprocess.run(command, check=False, timeout=60, capture_output=True).returncode


def gateway_counts(outbox: Path) -> list[set[int]]:
    """What the gateway makes of the parts: each count that ended, with its tags."""
    opened, ended = OpenCounts(), []
    for line in outbox.read_text().splitlines():
        part = decode_durable(bytes.fromhex(line))
        assert isinstance(part, CountBatch)
        name = CountName(part.edge, part.session, part.zone)
        if opened.has_ended(name):
            continue
        opened.part(name, [int.from_bytes(epc) for epc in part.epcs], part.started_us, 0)
        if part.ended_us is not None:
            ended.append(opened.end(name).items)
    assert len(opened) == 0
    return ended


@pytest.mark.parametrize(("step", "times_stored"), [("handed_over", 1), ("stored", 2), ("moved", 1)])
def test_a_killed_driver_counts_a_file_once(tmp_path: Path, step: str, times_stored: int) -> None:
    folder, outbox = tmp_path / "counts", tmp_path / "outbox"
    folder.mkdir()
    (folder / "a.csv").write_text("EPC\n" + "\n".join(f"{tag:024x}" for tag in TAGS))
    assert child(folder, outbox, step) == -9
    assert child(folder, outbox, "none") == 0
    assert gateway_counts(outbox) == [set(TAGS)]
    assert len(outbox.read_text().splitlines()) == 2 * times_stored
    kept = [path.name for path in (folder / "done").iterdir()]
    assert len(kept) == 2, "the file and its report"
