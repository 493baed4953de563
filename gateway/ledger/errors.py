"""What the ledger and the desk refuse."""


class LedgerError(RuntimeError):
    """Our bug, or rows that someone changed by hand: a movement leaves a place where the item is not."""


class DeskError(ValueError):
    """What somebody told us cannot be taken; the text names the value and the mend. Nothing was written."""


class UnknownZoneError(DeskError):
    """Evidence names a zone that the site does not have; `zones` are those that it has."""

    def __init__(self, zone: str, zones: list[str]) -> None:
        self.zone, self.zones = zone, zones
        super().__init__(f"no zone {zone!r} in this site; it has {', '.join(zones)}")


class ForeignItemError(DeskError):
    """Evidence names an item whose company prefix is none of the site's."""

    def __init__(self, gtin: str, prefixes: list[str]) -> None:
        self.gtin, self.prefixes = gtin, prefixes
        super().__init__(f"GTIN {gtin} is under none of this site's company prefixes ({', '.join(prefixes)})")


class IdReusedError(DeskError):
    """The same name for another event."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"id {name!r} was used for something else; a new event needs an id of its own")


class DifferenceGoneError(DeskError):
    """There is no such difference, or not any more."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"difference {name!r} is not there (any more): list the differences again")


class AlreadyApprovedError(DeskError):
    """Somebody decided otherwise about this difference."""

    def __init__(self, name: str, who: str, decision: str) -> None:
        self.name, self.who, self.decision = name, who, decision
        super().__init__(f"{who} decided {decision!r} about difference {name!r} already")
