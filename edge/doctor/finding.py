"""What the doctor found: one thing that was looked at, how it is, and what to do about it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `subject`: a device's id, or `edge`, `broker`, `outbox`, `clock`; `do` is empty when all is well."""

    subject: str
    check: str
    verdict: Verdict
    text: str
    do: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)


def well(subject: str, check: str, text: str) -> Finding:
    """Return a finding that is good."""
    return Finding(subject, check, "ok", text)


def bad(subject: str, check: str, text: str, do: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(subject, check, "problem", text, do)


def doubtful(subject: str, check: str, text: str, do: str) -> Finding:
    """Return a finding that may be right, or mended by itself."""
    return Finding(subject, check, "warning", text, do)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing must be mended."""
    return all(finding.verdict != "problem" for finding in findings)
