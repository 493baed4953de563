"""Names for the moments around each durable step, so that a test can end the process exactly there."""

from collections.abc import Callable
from typing import TypeAlias

Step: TypeAlias = Callable[[str], None]
"""Told the name of the step that begins or has just ended, such as `ingest.committed`."""

STEPS = (
    "ingest.begun",
    "ingest.written",
    "ingest.committed",
    "ingest.acked",
    "fold.folded",
    "fold.fenced",
    "fold.written",
    "fold.committed",
    "fold.checkpointed",
    "fold.pruned",
    "relay.written",
    "relay.committed",
    "webhook.sent",
    "retained.published",
    "refill.judged",
    "refill.written",
    "refill.committed",
)
"""Every step that is told, in order."""


def pass_by(name: str) -> None:
    """Do nothing at a step: what programs use."""
    assert name in STEPS, name
