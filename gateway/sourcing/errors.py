"""What sourcing refuses."""

from collections.abc import Mapping

from gateway.holds.errors import HoldError
from gateway.sourcing.plan import LeftOut


class NoPlanError(HoldError):
    """No site, and no few sites together, can serve the whole order now.

    `left_out` says how many of the `considered` sites were not asked, and why; the others have not enough.
    """

    def __init__(self, considered: int, left_out: Mapping[LeftOut, int], attempts: int) -> None:
        self.considered, self.left_out = considered, dict(left_out)
        why = ", ".join(f"{reason} {number}" for reason, number in sorted(left_out.items()))
        taken = f"; {attempts} plans were tried, and their units were taken meanwhile" if attempts else ""
        super().__init__(
            f"of {considered} sites none, and no few together, can serve all of it"
            + (f" (left out: {why})" if why else "")
            + taken
        )
