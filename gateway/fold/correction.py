"""When a program folds entries again by other rules than those that made the ledger.

A checkpoint and the log behind it lead to the places of the ledger only as long as the rules are the same: those of the
fold and those of the tracker. After a crash of one program and the start of another they may differ. What stands in
the ledger is never changed, and movements of entries that were applied are not posted again. Instead the state takes
the ledger's places and numbers, and for each item whose place the new rules see elsewhere one movement with the cause
`correction` follows, posted with the next commit under the same fence. A program that dies before that does the same
again. A checkpoint of exactly the newest applied entry needs none of this: there is nothing to fold again.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from gateway.fold.outputs import Outputs
from gateway.fold.state import NEVER, FoldState, ItemKey
from gateway.ledger.movement import Movement
from wire.site import OUT

CORRECTION: Final = "correction"


def corrections(state: FoldState, ledger: Mapping[ItemKey, str], newest_m: int) -> Outputs:
    """Bring `state` to the ledger's numbers, and return the movements from its places to those of the state."""
    assert state.tracker is not None
    for key in sorted(ledger.keys() - state.index.keys()):
        state.places[state.item(key)] = ledger[key]  # of a program that read tags otherwise
    state.meet_new()
    state.m = newest_m
    state.figures["movements"] = newest_m
    outputs = Outputs()
    wrong = [number for number, key in enumerate(state.items) if (state.places[number] or OUT) != ledger.get(key, OUT)]
    if not wrong:
        return outputs
    column = {zone: i for i, zone in enumerate(state.tracker.zones)} | {OUT: len(state.tracker.zones)}
    chances = state.tracker.probabilities(np.array(wrong, np.int32))
    for row, number in enumerate(wrong):
        place, at = state.places[number] or OUT, column.get(state.places[number] or OUT)
        known = state.says_probability and at is not None
        state.m += 1
        key = state.items[number]
        outputs.movements.append(
            Movement(
                m=state.m,
                n=state.n,
                gtin=key.gtin,
                serial=key.serial,
                credit=ledger.get(key, OUT),
                debit=place,
                happened_us=state.now_us,
                first_read_us=state.now_us,
                decided_us=state.now_us,
                cause=CORRECTION,
                probability=float(chances[row, at]) if known else None,
            )
        )
        if state.places[number] == NEVER:
            state.places[number] = OUT
    state.figures["movements"] = state.m
    state.figures["corrections"] += len(wrong)
    return outputs
