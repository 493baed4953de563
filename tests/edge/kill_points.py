"""The places at which a daemon is killed: before and after each step that makes something durable or lets it go.

A step is a method of the real daemon, or a statement that SQLite is about to run inside one. `arm` wraps them, in the
process that is to die, so that a function of the test hears of each place as it is passed.
"""

import contextvars
import functools
import inspect
import sqlite3
from collections.abc import Callable
from typing import Any, Final

from edge.forwarder import Forwarder
from edge.intake import Intake
from edge.outbox import Outbox
from edge.outbox_thread import OutboxThread
from edge.pipeline import Pipeline
from edge.uplink.mqtt import MqttUplink

METHODS: Final[dict[str, tuple[type, str]]] = {
    "window": (Pipeline, "close"),
    "append": (Outbox, "append"),
    "stored": (Forwarder, "on_appended"),
    "link": (Forwarder, "_settle_link"),
    "publish": (MqttUplink, "publish_data"),
    "ack": (Forwarder, "on_ack"),
    "delete": (Outbox, "delete"),
}
STOPPING: Final[dict[str, tuple[type, str]]] = {
    "flush": (Intake, "flush"),
    "drain": (Forwarder, "drain"),
    "farewell": (MqttUplink, "stop"),
    "close": (OutboxThread, "close"),
}
STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    "open": ("CREATE TABLE row", "CREATE TABLE figure", "COMMIT"),
    "append": ("BEGIN", "INSERT INTO row", "INSERT OR REPLACE", "COMMIT"),
    "delete": ("BEGIN", "DELETE", "COMMIT"),
}
EVICTION: Final = "append: DELETE"
VACUUM: Final = "delete: PRAGMA incremental_vacuum"

OPENING: Final = tuple(f"open: {statement}" for statement in STATEMENTS["open"])
RUNNING: Final = tuple(
    [f"{step}: {side}" for step in METHODS for side in ("before", "after")]
    + [f"{step}: {statement}" for step in ("append", "delete") for statement in STATEMENTS[step]]
)
LEAVING: Final = tuple(f"{step}: {side}" for step in STOPPING for side in ("before", "after"))

_doing: contextvars.ContextVar[str] = contextvars.ContextVar("doing", default="")


def arm(passed: Callable[[str], None]) -> None:
    """Call `passed` at each place from now on; it need not come back."""
    for step, (owner, name) in (METHODS | STOPPING).items():
        setattr(owner, name, _around(step, getattr(owner, name), passed))
    Outbox._connect = _watched(Outbox._connect, passed)  # type: ignore[method-assign]


def _around(step: str, real: Callable[..., Any], passed: Callable[[str], None]) -> Callable[..., Any]:
    @functools.wraps(real)
    def plain(*args: Any, **kwargs: Any) -> Any:
        passed(f"{step}: before")
        before = _doing.set(step)
        try:
            result = real(*args, **kwargs)
        finally:
            _doing.reset(before)
        passed(f"{step}: after")
        return result

    @functools.wraps(real)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        passed(f"{step}: before")
        result = await real(*args, **kwargs)
        passed(f"{step}: after")
        return result

    return awaited if inspect.iscoroutinefunction(real) else plain


def _watched(connect: Callable[[Outbox], sqlite3.Connection], passed: Callable[[str], None]) -> Any:
    """Hear of each statement before it runs. The file's own steps come before there is a connection to listen on."""

    def statement_begins(statement: str) -> None:
        said = statement.lstrip()
        step = _doing.get() or "open"
        for prefix in (*STATEMENTS.get(step, ()), EVICTION.split(": ")[1], VACUUM.split(": ")[1]):
            if said.startswith(prefix):
                passed(f"{step}: {prefix}")
                return

    class Listening(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.set_trace_callback(statement_begins)

    def connected(outbox: Outbox) -> sqlite3.Connection:
        opens = sqlite3.connect
        sqlite3.connect = functools.partial(opens, factory=Listening)  # type: ignore[assignment]
        try:
            return connect(outbox)
        finally:
            sqlite3.connect = opens

    return connected
