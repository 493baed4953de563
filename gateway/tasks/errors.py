"""What tasks refuse. Nothing was written."""

from collections.abc import Sequence


class TaskError(ValueError):
    """A request about a task cannot be done; the text names the value and the mend."""


class UnknownTaskError(TaskError):
    """There is no such task, or it is of none of the caller's sites."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no task {name!r} of this key's sites")


class ClaimedError(TaskError):
    """Somebody else has the task."""

    def __init__(self, name: str, by: str) -> None:
        self.name, self.by = name, by
        super().__init__(f"task {name} is with {by or 'somebody else'}; it is free when that is released or lapses")


class TaskStateError(TaskError):
    """The task is in a state from which this does not go."""

    def __init__(self, name: str, state: str, act: str, states: Sequence[str], reason: str = "") -> None:
        self.name, self.state, self.act, self.states = name, state, act, list(states)
        why = f" ({reason})" if reason else ""
        super().__init__(f"task {name} is {state}{why}; {act} needs one that is {' or '.join(states)}")


class TaskChangedError(TaskError):
    """The task is not what the caller saw."""

    def __init__(self, name: str, seen: int, version: int) -> None:
        self.name, self.seen, self.version = name, seen, version
        super().__init__(f"task {name} has version {version}, {seen} was seen: look at it again and decide anew")


class ItemNeededError(TaskError):
    """Which item could not be found has to be said; `items` are those that it may be."""

    def __init__(self, name: str, items: Sequence[str]) -> None:
        self.name, self.items = name, list(items)
        super().__init__(f"task {name} is of named items: say which one cannot be had")


class VersionNeededError(TaskError):
    """Units without a name were not found: the version that was seen tells a repeat from a second miss."""

    def __init__(self, name: str, version: int) -> None:
        self.name, self.version = name, version
        super().__init__(f"task {name} is of units without tags: send the version that you saw (it is {version})")


class ForeignTaskItemError(TaskError):
    """An item that is none of the task's."""

    def __init__(self, name: str, gtin: str, serial: str) -> None:
        self.name, self.gtin, self.serial = name, gtin, serial
        super().__init__(f"item {serial} of {gtin} is none of task {name}")
