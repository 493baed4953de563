"""What alarms refuse. Nothing was written."""


class AlarmError(ValueError):
    """A request about an alarm cannot be done; the text names the value and the mend."""


class UnknownAlarmError(AlarmError):
    """There is no such alarm, or it is of none of the caller's sites."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no alarm {name!r} of this key's sites")
