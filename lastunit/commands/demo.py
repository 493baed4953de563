"""`lastunit demo`: a whole store, and a second one, in one process."""

import asyncio
import sys
from enum import StrEnum
from typing import Annotated

import typer

from lastunit.commands.mend import mendable


class Level(StrEnum):
    """How hard the simulated radio is."""

    EASY = "easy"
    REALISTIC = "realistic"
    HOSTILE = "hostile"


def demo(
    seconds: Annotated[float | None, typer.Option(min=1, help="End after so many seconds; without it, Ctrl-C.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the live page; 0 takes a free one.")] = 0,
    level: Annotated[Level, typer.Option(help="How hard the simulated radio is.")] = Level.REALISTIC,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another day in the stores.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON on the last line.")] = False,
) -> None:
    """Run two whole stores on this machine: readers over real LLRP, edges, broker, gateway, live page.

    Nothing else is needed, nothing is left behind. At the end it says what it measured.
    Exit code 1 if an observation was lost.
    """
    import msgspec
    import structlog

    from lastunit.demo.figures import as_text
    from lastunit.demo.run import DemoOptions, run_demo

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(30),  # warnings and above; the demo says the rest itself
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    with mendable():
        figures = asyncio.run(run_demo(DemoOptions(seconds, port, level.value, seed), say))
    say("\n" + as_text(figures) + "\n")
    if as_json:
        print(msgspec.json.encode(figures).decode(), flush=True)
    if figures.lost:
        raise typer.Exit(1)
