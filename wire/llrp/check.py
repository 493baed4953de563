"""Checks a message against the tables, and says what a reader would answer (LLRP 1.0.1 section 14.2).

Fields are checked by name only here; their ranges are checked when they are written, and cannot be wrong once read.
Parameters must be ones that their parent may hold, in the standard's order, often enough and not too often, and not
newer than the message's protocol version. A vendor's parameter may stand where the standard allows a custom one, or
where its vendor's table says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wire.llrp.message import Node, Parameter
from wire.llrp.tables import MESSAGES, PARAMETERS, Definition
from wire.llrp.tables.enumerations import StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wire.llrp.message import Message
    from wire.llrp.tables import Slot


class Fault(NamedTuple):
    """One thing that the tables forbid.

    Attributes:
        status: the code that belongs into LLRPStatus (M_*: in the message itself; P_*: in a parameter).
        parameter_type: type number of the offending parameter (1023 for a vendor's), 0 where the message has none.
        path: names from the message down.
        problem: what is wrong, for people.
    """

    status: StatusCode
    parameter_type: int
    path: str
    problem: str


def check(message: Message) -> list[Fault]:
    """Return every fault of a message, outermost first; an empty list means that it may be sent."""
    if message.name == "Unknown":
        return [Fault(StatusCode.M_UnsupportedMessage, 0, message.name, "a message type that the tables do not know")]
    definition = MESSAGES.get(message.name)
    if definition is None:
        return [Fault(StatusCode.M_UnsupportedMessage, 0, message.name, "no message of that name")]
    if definition.since > message.version:
        problem = f"needs protocol version {definition.since}, the message has {message.version}"
        return [Fault(StatusCode.M_UnsupportedMessage, 0, message.name, problem)]
    return list(_faults(message, definition, message.name, message.version))


def _faults(node: Node, definition: Definition, path: str, version: int) -> Iterator[Fault]:
    in_message = definition.is_message
    expected = definition.field_names
    if node.fields.keys() != expected:
        status = StatusCode.M_FieldError if in_message else StatusCode.P_FieldError
        problem = f"fields {sorted(node.fields)}, expected {sorted(expected)}"
        yield Fault(status, _type_of(node), path, problem)
    yield from _slot_faults(node.parameters, definition, path)
    for parameter in node.parameters:
        inner = f"{path}/{parameter.name}"
        known = PARAMETERS.get(parameter.name)
        if known is None:
            status = StatusCode.M_UnknownParameter if in_message else StatusCode.P_UnknownParameter
            yield Fault(status, _type_of(parameter), inner, "a parameter that the tables do not know")
        elif known.since > version:
            status = StatusCode.M_UnsupportedParameter if in_message else StatusCode.P_UnsupportedParameter
            problem = f"needs protocol version {known.since}, the message has {version}"
            yield Fault(status, _type_of(parameter), inner, problem)
        else:
            yield from _faults(parameter, known, inner, version)


def _type_of(node: Node) -> int:
    definition = PARAMETERS.get(node.name)
    if definition is not None:
        return definition.number if definition.vendor is None else 1023
    number = node.fields.get("Type")
    return number if isinstance(node, Parameter) and isinstance(number, int) else 0


def _slot_faults(parameters: Sequence[Parameter], definition: Definition, path: str) -> Iterator[Fault]:
    """Walk parameters and slots side by side: each parameter takes the first slot, not before the last, that fits."""
    prefix = "M" if definition.is_message else "P"
    slots = definition.slots
    taken = [0] * len(slots)
    at = 0
    for parameter in parameters:
        if parameter.name not in PARAMETERS:
            continue  # reported as unknown by the caller
        names = _slot_names(parameter)
        fitting = [i for i, slot in enumerate(slots) if not names.isdisjoint(slot.names)]
        ahead = next((i for i in fitting if i >= at and not _full(slots[i], taken[i])), None)
        if ahead is not None:
            taken[ahead] += 1
            at = ahead
            continue
        code, problem = _misplaced(fitting, at, slots)
        yield Fault(StatusCode[f"{prefix}_{code}"], _type_of(parameter), f"{path}/{parameter.name}", problem)
    for slot, count in zip(slots, taken, strict=True):
        if count < slot.least:
            number = PARAMETERS[min(slot.names)].number
            yield Fault(StatusCode[f"{prefix}_MissingParameter"], number, path, f"{slot.label} is missing")


def _full(slot: Slot, count: int) -> bool:
    return slot.most is not None and count >= slot.most


def _slot_names(parameter: Parameter) -> set[str]:
    definition = PARAMETERS[parameter.name]
    return {parameter.name} if definition.vendor is None else {parameter.name, "Custom"}


def _misplaced(fitting: list[int], at: int, slots: Sequence[Slot]) -> tuple[str, str]:
    """Return the status code without its prefix, and the problem."""
    if not fitting:
        return "UnexpectedParameter", "not allowed here"
    if max(fitting) < at:
        return "UnexpectedParameter", f"out of order, expected before {slots[at].label}"
    return "DuplicateParameter", f"expected at most {slots[fitting[-1]].most}"
