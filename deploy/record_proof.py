"""Turn a JUnit report of `make proof` into a page under docs/proof: what ran, what it showed, on which machine.

python deploy/record_proof.py artefacts/proof.xml docs/proof
"""

import os
import platform
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """Return what the figures depend on."""
    cpu = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} cores of {cpu}, {pages / 2**30:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def commit() -> str:
    """Return the commit that was tested; a tree with changes says so."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.strip() or "unknown"


def main(report: str, folder: str) -> int:
    """Write the page; return 1 when a test failed."""
    cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - pytest wrote it a moment ago
    rows, failed = [], 0
    for case in cases:
        bad = [kind for kind in ("failure", "error") if case.find(kind) is not None]
        skipped = case.find("skipped") is not None
        failed += bool(bad)
        outcome = "FAILED" if bad else "skipped" if skipped else "passed"
        where = case.get("classname", "").replace(".", "/")
        rows.append(f"| {where} | {case.get('name')} | {outcome} | {float(case.get('time', 0)):,.0f} |")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    text = [
        f"# Proof of {day}",
        "",
        f"`make proof` at {commit()}. {machine()}. {len(cases) - failed} of {len(cases)} passed.",
        "",
        "| file | test | outcome | seconds |",
        "|---|---|---|---|",
        *rows,
        "",
    ]
    target = Path(folder) / f"{day}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(text), encoding="utf-8")
    print(f"written: {target}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
