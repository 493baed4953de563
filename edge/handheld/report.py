"""The report that lies beside a count file: what became of it, for whoever looks into the folder. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.handheld.count_file import CountFile
    from edge.handheld.export import Problem


def counted(name: str, file: CountFile, ended_us: int) -> str:
    """Return the report of a file that was counted; `ended_us`: where the file does not say."""
    lines = [f"{name}: counted as {file.session}", ""]
    lines += [f"  {zone}: {len(epcs)} tags" for zone, epcs in file.zones.items()]
    lines.append("")
    end = _instant(ended_us if file.ended_us is None else file.ended_us)
    lines.append(f"ended: {end}" + (" (when the file was written: it does not say)" if file.ended_us is None else ""))
    if file.started_us is not None:
        lines.append(f"started: {_instant(file.started_us)}")
    if file.coverage is not None:
        lowered = ", lowered for the lines that were lost" if file.bad_lines else ""
        lines.append(f"coverage: {file.coverage:.4f}{lowered}")
    if file.foreign:
        lines.append(f"tags of others, left out: {file.foreign}")
    if file.repeats:
        lines.append(f"lines whose tag had stood before: {file.repeats}")
    return "\n".join([*lines, *_problems(file.bad_lines, file.problems)]) + "\n"


def counted_before(name: str, session: str) -> str:
    """Return the report of a file whose content was counted already."""
    return (
        f"{name}: counted before as {session}, and so not again: its content is the same to the byte.\n"
        "If it is another count that found the same, put its times into the file.\n"
    )


def refused(name: str, reason: str) -> str:
    """Return the report of a file that counts nothing."""
    return f"{name}: not counted\n\n{reason}\n\nMend it and put it back into the folder.\n"


def _problems(bad: int, problems: Sequence[Problem]) -> list[str]:
    if not problems:
        return []
    named = [f"  line {one.line}: {one.text}" for one in problems]
    more = [f"  and {bad - len(problems)} more"] if bad > len(problems) else []
    return ["", f"lines that do not count: {bad}", *named, *more]


def _instant(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
