"""What we ship: known holes, lists of parts (SBOM), licences. `make audit`, or `.venv/bin/python deploy/audit.py`.

    python deploy/audit.py --out artefacts

* **Known holes**: every pinned package of `requirements/` is asked for at OSV (https://osv.dev) by pip-audit.
* **Parts**: `sbom-<set>.cdx.json` for each set that is shipped (`requirements/*.txt` except `dev.txt`), CycloneDX 1.6,
  the same bytes for the same lock, with versions, hashes and licences.
* **Licences**: of every package that is shipped; one that is not allowed, or says nothing, is a finding.

Exit code 0: all of it was looked at and nothing found. 1: a finding. 2: it could not run. 3: the advisories could not
be had, for all packages or for some: that is never called clean.

It is a script of the project's own virtual environment, whose packages say their licences.
"""

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
DEV: Final = "dev"
OSV: Final = "https://api.osv.dev/v1/query"
TIMEOUT_S: Final = 15
RUN_MAX_S: Final = 900
"""Some two hundred questions, one after the other."""

CLEAN, FINDINGS, CANNOT, UNKNOWN = range(4)

PIN: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)

ALLOWED: Final = (
    *("0bsd", "apache", "bsd", "cc0", "isc", "mit", "mozilla public license 2", "mpl-2.0", "psf", "psfl"),
    *("python software foundation", "zlib", "epl-2.0 or bsd"),
)
"""Beginnings of what a licence is called, in lower case. MPL is about its own files, which we do not change."""

REFUSED: Final = re.compile(r"\b(?:a?gpl|gnu (?:affero )?general|sspl|busl|commons clause|proprietary)", re.IGNORECASE)

_TOGETHER: Final = re.compile(r"\s+AND\s+")
"""Between licences that all hold (SPDX, annex D)."""

EXCEPTIONS: Final = {
    "psycopg": "LGPL-3.0-only: a library of its own, which anybody can replace",
    "psycopg-binary": "LGPL-3.0-only: as psycopg",
}
"""What is shipped although its licence stands in neither list, and why."""

UNSTATED: Final = {"verlib2": "BSD-2-Clause, PSF-2.0: stands in its repository, not in its metadata"}
"""Packages whose metadata names no licence, and where it stands."""

NEVER: Final = {"sllurp": "GPL-3.0-only: an optional extra and a test peer (docs/dependencies.md)"}
"""In no set that is shipped, whatever it says."""


@dataclass(slots=True)
class Report:
    """What was found, and what could not be looked at."""

    findings: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code."""
        if self.findings:
            return FINDINGS
        return UNKNOWN if self.unknown else CLEAN


def pins(file: Path) -> dict[str, str]:
    """Return the version of each package that a lock names."""
    return {name.lower().replace("_", "-"): version for name, version in PIN.findall(file.read_text(encoding="utf-8"))}


def judged(file: Path, answer: str, report: Report) -> None:
    """Read what pip-audit says of a lock. A package that it passed over was not looked at, whatever its exit code."""
    try:
        found: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        report.unknown.append(f"{file.name}: pip-audit gave no answer that can be read")
        return
    seen = {one["name"].lower().replace("_", "-") for one in found if "skip_reason" not in one}
    for one in found:
        for hole in one.get("vulns", ()):
            mend = ", ".join(hole.get("fix_versions", ())) or "none yet"
            also = ", ".join(hole.get("aliases", ()))
            report.findings.append(
                f"{file.name}: {one['name']} {one['version']}: {hole['id']} {also}; mended in {mend}"
            )
    missing = sorted(set(pins(file)) - seen)
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        report.unknown.append(f"{file.name}: {len(missing)} of {len(pins(file))} packages were not looked at: {shown}")
    else:
        report.said.append(f"{file.name}: {len(seen)} packages were looked at")


def holes(file: Path, osv: str, report: Report) -> None:
    """Ask for the known holes of a lock."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(file), "--require-hashes", "--disable-pip"]
    command += ["-s", "osv", "--osv-url", osv, "--timeout", str(TIMEOUT_S), "-f", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_MAX_S)  # noqa: S603
    except subprocess.TimeoutExpired:
        report.unknown.append(f"{file.name}: no end after {RUN_MAX_S} s")
        return
    if not done.stdout.strip():
        last = done.stderr.strip().rpartition("\n")[2][:200]
        report.unknown.append(f"{file.name}: the advisories could not be had ({osv}): {last}")
        return
    judged(file, done.stdout, report)


def licence_of(name: str) -> str:
    """Return what a package says of its licence: the expression, else its field, else its classifiers."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "not installed here"
    expression, text = (((said.get_all(key) or [""])[0] or "").strip() for key in ("License-Expression", "License"))
    classifiers = [
        line.rpartition("::")[2].strip() for line in said.get_all("Classifier") or () if "License ::" in line
    ]
    if text.upper() == "UNKNOWN" or "\n" in text:
        text = text.partition("\n")[0].strip() if "\n" in text else ""
    return expression or text or " OR ".join(classifiers)


def unwelcome(name: str, licence: str) -> str:
    """Say what is wrong with shipping a package under its licence; empty when nothing is."""
    if name in NEVER:
        return NEVER[name]
    if name in EXCEPTIONS or (not licence and name in UNSTATED):
        return ""
    if REFUSED.search(licence):
        return f"{licence}: not for what we ship"
    if not all(part.lower().startswith(ALLOWED) for part in _TOGETHER.split(licence.replace("(", ""))):
        return f"{licence or 'no licence in its metadata'}: read it, and add it to a list in deploy/audit.py"
    return ""


def licences(file: Path, report: Report) -> None:
    """Judge the licence of each package of a set that is shipped."""
    for name in pins(file):
        wrong = "" if not is_for_here(file, name) else unwelcome(name, licence_of(name))
        if wrong:
            report.findings.append(f"{file.name}: {name}: {wrong}")


def is_for_here(file: Path, name: str) -> bool:
    """Whether a package is for this kind of machine: a lock for all has some for Windows, which are not installed."""
    line = next(line for line in file.read_text(encoding="utf-8").splitlines() if line.lower().startswith(f"{name}=="))
    return not re.search(r"sys_platform == 'win32'|platform_system == 'Windows'", line)


def parts(file: Path, out: Path) -> Path:
    """Write the list of parts of a lock; a test holds it against the schema. Raises `CalledProcessError`."""
    target = out / f"sbom-{file.stem}.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(file), "--of", "JSON", "--sv", "1.6"]
    command += ["--no-validate", "--output-reproducible", "--pyproject", str(ROOT / "pyproject.toml"), "-o", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own tools
    document = json.loads(done.stdout)
    for part in document["components"]:
        part.pop("description", None)  # the line of the lock, hashes and all, once more
        licence = licence_of(part["name"])
        if licence and licence != "not installed here":
            part["licenses"] = [{"license": {"name": licence}}]
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return target


def audit(folder: Path, out: Path, osv: str) -> Report:
    """Look at every lock in a folder; write the lists of parts of those that are shipped."""
    report = Report()
    files = sorted(folder.glob("*.txt"))
    looked: dict[str, str] = {}
    for file in sorted(files, key=lambda one: -len(pins(one))):  # a set within one that was looked at says nothing new
        if not pins(file).items() <= looked.items():
            holes(file, osv, report)
            looked |= pins(file)
        if file.stem != DEV:
            licences(file, report)
            report.said.append(f"{parts(file, out)}: {len(pins(file))} parts")
    return report


def main(words: list[str] | None = None) -> int:
    """Run, say what was found, return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requirements", type=Path, default=ROOT / "requirements", help="folder of the locks")
    parser.add_argument("--out", type=Path, default=ROOT / "artefacts", help="where the lists of parts go")
    parser.add_argument("--osv", default=OSV, help="the service that knows the holes; a mirror, for instance")
    asked = parser.parse_args(words)
    if not any(asked.requirements.glob("*.txt")):
        print(f"audit: no lock in {asked.requirements}: expected requirements/*.txt", file=sys.stderr)
        return CANNOT
    asked.out.mkdir(parents=True, exist_ok=True)
    try:
        report = audit(asked.requirements, asked.out, asked.osv)
    except subprocess.CalledProcessError as error:
        print(f"audit: {error.cmd[2]} failed: {error.stderr.strip()[-500:]}", file=sys.stderr)
        return CANNOT
    for line in report.said:
        print(f"  {line}")
    for line in report.findings:
        print(f"FOUND {line}")
    for line in report.unknown:
        print(f"NOT KNOWN {line}")
    ends = {
        CLEAN: "clean: no known hole, no licence that is not allowed",
        FINDINGS: f"{len(report.findings)} findings",
        UNKNOWN: "NOT KNOWN to be clean: the advisories were not had for everything; run it where OSV can be reached",
    }
    print(ends[report.code])
    return report.code


if __name__ == "__main__":
    sys.exit(main())
