"""What the fleet refuses. Each error's text is for the person who asked."""


class FleetError(Exception):
    """Something about the fleet that cannot be done as asked."""


class UnknownRolloutError(FleetError):
    """A roll-out that there is not, or that is not the caller's to see."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no roll-out {name[:64]!r}: `lastunit firmware status` lists those of the key's sites")


class ImpossibleRolloutError(FleetError):
    """A roll-out with nobody to begin with."""


class UnusableProfileError(FleetError):
    """A profile that there is not, or that cannot be used."""


class TooManyRolloutsError(FleetError):
    """As many roll-outs are under way as there may be."""


class KeyUsedError(FleetError):
    """An idempotency key that was used for another roll-out."""


class WrongStageError(FleetError):
    """A roll-out that cannot be stopped or brought back from where it is."""

    def __init__(self, name: str, stage: str, expected: tuple[str, ...], wanted: str) -> None:
        super().__init__(f"roll-out {name} is {stage}: {wanted} goes from {', '.join(expected)}")
        self.stage = stage
        self.expected = expected
