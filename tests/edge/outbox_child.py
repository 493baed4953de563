"""A process that stores and deletes until it is killed, and says on standard output what it may rely on.

    python -m tests.edge.outbox_child PATH [SQL-PREFIX COUNT]

Lines: `begin <stream>`, `accepted <stream> <last seq> <accepted observations>` after an append returned,
`deleting <stream> <upto>` before a delete. With a prefix, it kills itself *before* the COUNT-th statement that begins
with it, or, for the prefix `RETURN`, after the COUNT-th append returned and before it says so.
"""

import os
import secrets
import signal
import sys
from pathlib import Path

from edge.outbox import NewRow, Outbox


def main() -> None:
    """Run until killed."""
    path, point = Path(sys.argv[1]), sys.argv[2:]
    prefix, count = (point[0], int(point[1])) if point else ("", 0)
    outbox = Outbox(path, "store-1", "edge-1")
    stream = secrets.token_bytes(16)
    seen = 0

    def die_at(statement: str) -> None:
        nonlocal seen
        if prefix and statement.lstrip().startswith(prefix):
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    outbox._connection().set_trace_callback(die_at)
    print(f"begin {stream.hex()}", flush=True)
    step = 0
    while True:
        step += 1
        rows = [NewRow(b"#%d.%d" % (step, i) + b"x" * (step % 7 * 500), 1 + i) for i in range(1 + step % 5)]
        appended = outbox.append(stream, rows, step, step / 1_000)
        die_at("RETURN")
        print(f"accepted {stream.hex()} {appended.last} {outbox.figures().accepted_observations}", flush=True)
        if step % 3 == 0:
            upto = appended.last - 2
            print(f"deleting {stream.hex()} {upto}", flush=True)
            outbox.delete({stream: upto})


if __name__ == "__main__":
    main()
