"""What stock operations refuse, as problems."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from gateway.http import problem
from gateway.http.problem import Member, Problem, RefusedError
from gateway.ledger.accounts import ShortError
from gateway.ledger.errors import DeskError, ForeignItemError, IdReusedError, UnknownZoneError
from gateway.trade.errors import (
    AlreadySoldError,
    BelowTaggedError,
    NotReceivingError,
    NotReturnedError,
    ReservationError,
    ShipmentExistsError,
    ShipmentStateError,
    UnknownShipmentError,
    UnknownSiteError,
    VersionConflictError,
)
from gateway.trade.limits import ITEMS_SHOWN

_NONE: Final[Mapping[str, Member]] = {}


@contextmanager
def refused() -> Iterator[None]:
    """Turn what an operation refuses into its problem."""
    try:
        yield
    except DeskError as error:
        raise RefusedError(_of_shipment_or_return(error) or _problem(error)) from error


def _problem(error: DeskError) -> Problem:
    kind, members = problem.INVALID_BODY, _NONE
    match error:
        case UnknownSiteError(site=site):
            kind, members = problem.UNKNOWN_SITE, {"value": site}
        case UnknownZoneError(zone=zone, zones=zones):
            kind, members = problem.UNKNOWN_ZONE, {"parameter": "zone", "value": zone, "expected": zones}
        case NotReceivingError(zone=zone, zones=zones):
            kind, members = problem.NOT_RECEIVING, {"parameter": "zone", "value": zone, "expected": zones}
        case ForeignItemError(gtin=gtin, prefixes=prefixes):
            kind, members = problem.FOREIGN_ITEM, {"value": gtin, "expected": prefixes}
        case IdReusedError(name=name):
            kind, members = problem.ID_REUSED, {"parameter": "source_event_id", "value": name}
        case AlreadySoldError(items=items):
            kind, members = problem.ALREADY_SOLD, {"value": items[:ITEMS_SHOWN]}
        case ShortError(gtin=gtin, found=found, wanted=wanted):
            kind, members = problem.NOT_ENOUGH, {"gtin": gtin, "value": found, "expected": wanted}
        case VersionConflictError(gtin=gtin, expected=expected, current=current):
            kind = problem.VERSION_CONFLICT
            members = {"gtin": gtin, "expected": expected, "current_version": current}
        case BelowTaggedError(gtin=gtin, quantity=quantity, tagged=tagged):
            kind, members = problem.BELOW_TAGGED, {"gtin": gtin, "value": quantity, "expected": tagged}
    return Problem(kind, str(error), members)


def _of_shipment_or_return(error: DeskError) -> Problem | None:
    kind, members = None, _NONE
    match error:
        case UnknownShipmentError(name=name):
            kind, members = problem.UNKNOWN_SHIPMENT, {"value": name}
        case ShipmentExistsError(name=name):
            kind, members = problem.SHIPMENT_EXISTS, {"value": name}
        case ShipmentStateError(state=state):
            kind, members = problem.SHIPMENT_STATE, {"value": state}
        case ReservationError(reservation=reservation):
            kind, members = problem.RESERVATION_UNUSABLE, {"value": reservation}
        case NotReturnedError(items=items):
            kind, members = problem.NOT_RETURNED, {"value": items[:ITEMS_SHOWN]}
    return None if kind is None else Problem(kind, str(error), members)
