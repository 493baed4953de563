"""What reservations refuse. Nothing was written, unless the text says otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass


class HoldError(ValueError):
    """A request about a reservation cannot be done; the text names the value and the mend."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another site that has enough."""

    site: str
    atp: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Shortage:
    """A SKU of which a site has fewer units than were asked for."""

    gtin: str
    site: str
    requested: int
    atp: int
    alternatives: tuple[Alternative, ...] = ()


class InsufficientError(HoldError):
    """There are not enough units; `shortages` has each SKU that is short, in the order of the lines."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = tuple(shortages)
        first = self.shortages[0]
        more = f" (and {len(shortages) - 1} lines more)" if len(shortages) > 1 else ""
        super().__init__(f"{first.requested} of {first.gtin} asked for at {first.site}, {first.atp} can be had{more}")


class KeyReusedError(HoldError):
    """The same idempotency key for another request."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Idempotency-Key {name!r} was used for another reservation; a new one needs a key of its own")


class TooManyHoldsError(HoldError):
    """The key has as many open holds as it may have."""

    def __init__(self, held: int, allowed: int) -> None:
        self.held, self.allowed = held, allowed
        super().__init__(f"this key has {held} open holds, its channel allows {allowed}: confirm or release some")


class UnknownHoldSiteError(HoldError):
    """A line names a site that this gateway does not have; `sites` are those that the caller may use."""

    def __init__(self, site: str, sites: list[str]) -> None:
        self.site, self.sites = site, sites
        super().__init__(f"no site {site!r} here; there are {', '.join(sites) or 'none'}")


class UnknownHoldError(HoldError):
    """There is no such reservation, or it is none of the caller's."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no reservation {name!r} of this key")


class UnknownOrderError(HoldError):
    """There is no such order, or it is none of the caller's."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no order {name!r} of this key")


class ExpiredError(HoldError):
    """The hold is over: its time ran out before it was confirmed."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"reservation {name} has expired: renew it if its units are still there, or make another")


class WrongStateError(HoldError):
    """The reservation is in a state from which this does not go."""

    def __init__(self, name: str, state: str, verb: str, states: Sequence[str]) -> None:
        self.name, self.state, self.verb, self.states = name, state, verb, list(states)
        super().__init__(f"reservation {name} is {state}; {verb} needs one that is {' or '.join(states)}")


class ItemNotHeldError(HoldError):
    """An item that the reservation does not hold, and that cannot take the place of one that it does."""

    def __init__(self, name: str, gtin: str, serial: str) -> None:
        self.name, self.gtin, self.serial = name, gtin, serial
        super().__init__(f"reservation {name} does not hold item {serial} of {gtin}, and it cannot be swapped in")


class NothingHeldError(HoldError):
    """The reservation has no unit left to hand over: each needs a substitution."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"reservation {name} holds no unit: all of them need a substitution; release it")


class UnknownKeyError(HoldError):
    """A key that a reservation cannot be handed to."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"key {key!r} cannot take this reservation: expected a live key with hold:write for its sites")


class BusyError(HoldError):
    """Too many requests wait already, or the database did not let this one through; it can be sent again."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"{detail}; send the same request again, with the same Idempotency-Key")
