"""What the replenishment of a process counts."""

from dataclasses import dataclass

from gateway.replenishment.close import By, Outcome
from gateway.replenishment.writer import WITHDRAWN, Change


@dataclass(slots=True)
class RefillFigures:
    """Counters since this process began."""

    refill_skus_judged: int = 0
    refill_turns: int = 0
    refill_passes: int = 0
    refill_tasks_opened: int = 0
    refill_tasks_amended: int = 0
    refill_tasks_closed_by_reads: int = 0
    refill_tasks_closed_by_word: int = 0
    refill_tasks_reopened: int = 0
    refill_tasks_disputed: int = 0
    refill_tasks_withdrawn: int = 0
    refill_conflicts: int = 0
    """Tasks on which somebody acted while they were judged."""
    refill_alarms_raised: int = 0
    refill_alarms_cleared: int = 0
    refill_alarms_left_out: int = 0
    refill_leases_taken: int = 0
    refill_fenced: int = 0
    refill_failures: int = 0
    refill_changes_missed: int = 0
    """Times that changes were gone before they were read: every SKU was judged anew."""

    def wrote(self, change: Change) -> None:
        """Count what became of a task."""
        match change.ended:
            case Outcome.CLOSE.value if change.detail.get("by") == By.READS.value:
                self.refill_tasks_closed_by_reads += 1
            case Outcome.CLOSE.value:
                self.refill_tasks_closed_by_word += 1
            case Outcome.REOPEN.value:
                self.refill_tasks_reopened += 1
            case Outcome.DISPUTE.value:
                self.refill_tasks_disputed += 1
            case _ if change.ended == WITHDRAWN:
                self.refill_tasks_withdrawn += 1
            case _:
                self.refill_tasks_amended += 1
