"""What an operation refuses. Nothing was written."""

from gateway.ledger.errors import DeskError


class TradeError(DeskError):
    """What somebody told us cannot be; the text names the value and the mend."""


class UnknownSiteError(TradeError):
    """No such site."""

    def __init__(self, site: str) -> None:
        self.site = site
        super().__init__(f"no site {site!r} here")


class AlreadySoldError(TradeError):
    """Items that are sold already are sold again by another event."""

    def __init__(self, items: list[str]) -> None:
        self.items = items
        more = f" and {len(items) - 1} more" if len(items) > 1 else ""
        super().__init__(f"item {items[0]}{more} is sold already; a return comes before another sale")


class NotReturnedError(TradeError):
    """Items are inspected that do not wait for it."""

    def __init__(self, items: list[str]) -> None:
        self.items = items
        more = f" and {len(items) - 1} more" if len(items) > 1 else ""
        super().__init__(f"item {items[0]}{more} does not wait for an inspection; a return comes before it")


class NotReceivingError(TradeError):
    """New goods are to be put where new goods do not come in."""

    def __init__(self, zone: str, zones: list[str]) -> None:
        self.zone, self.zones = zone, zones
        super().__init__(f"goods do not come in by {zone!r}; receiving and back rooms are {', '.join(zones) or 'none'}")


class UnknownShipmentError(TradeError):
    """No such shipment, or none for this site."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no shipment {name!r}; announce it first, or receive without naming one")


class ShipmentExistsError(TradeError):
    """A shipment of that name is there."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"shipment {name!r} exists already; another one needs a name of its own")


class ShipmentStateError(TradeError):
    """The shipment is in a state in which this cannot be done."""

    def __init__(self, name: str, state: str, wanted: str) -> None:
        self.name, self.state = name, state
        super().__init__(f"shipment {name!r} is {state}; it can be {wanted} no more, or not yet")


class VersionConflictError(TradeError):
    """Somebody set a quantity who has not seen the newest row of stock."""

    def __init__(self, gtin: str, expected: int, current: int) -> None:
        self.gtin, self.expected, self.current = gtin, expected, current
        super().__init__(f"stock of {gtin} is at version {current}, not {expected}: read it again and decide anew")


class BelowTaggedError(TradeError):
    """A quantity is set that is less than the items which the tags say are there."""

    def __init__(self, gtin: str, quantity: int, tagged: int) -> None:
        self.gtin, self.quantity, self.tagged = gtin, quantity, tagged
        super().__init__(
            f"{quantity} units of {gtin} cannot be set: {tagged} items of it are there by their tags; "
            "name those that are not (delta, reason missing)"
        )


class ReservationError(TradeError):
    """The reservation that a sale names cannot be used up by it."""

    def __init__(self, reservation: str, text: str) -> None:
        self.reservation = reservation
        super().__init__(f"reservation {reservation!r}: {text}")
