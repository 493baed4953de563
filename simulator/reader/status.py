"""What a reader answers when it refuses: LLRPStatus and the error that caused it (LLRP 1.1 section 15).

A `Refusal` is raised where a request turns out to be wrong, deep in a ROSpec or at its surface; the machine puts it
into the LLRPStatus of the response. It is an answer to the client, never a fault of this program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.reader.limits import MAX_DESCRIPTION_CHARS
from wire.llrp.message import param
from wire.llrp.tables import MESSAGES, PARAMETERS
from wire.llrp.tables.enumerations import StatusCode

if TYPE_CHECKING:
    from wire.llrp.check import Fault
    from wire.llrp.message import Parameter


class RefusedError(Exception):
    """The request cannot be carried out.

    Args:
        status: the code of the outer LLRPStatus.
        problem: what is wrong, for people: value, expectation, place.
        parameter: the offending parameter's name, when it is in one.
        field: the offending field's name, in `parameter` or else in the message `message`.
        detail: the code of the ParameterError or FieldError.
    """

    def __init__(
        self,
        status: StatusCode,
        problem: str,
        *,
        parameter: str = "",
        message: str = "",
        field: str = "",
        detail: StatusCode = StatusCode.A_Invalid,
    ) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.parameter_type = _parameter_type(parameter) if parameter else 0
        self.field_number = _field_number(parameter or message, field) if field else None
        self.detail = detail


def bad_field(parameter: str, field: str, problem: str, detail: StatusCode = StatusCode.A_OutOfRange) -> RefusedError:
    """Return the refusal of a field's value inside a parameter."""
    status = StatusCode.M_ParameterError
    return RefusedError(status, problem, parameter=parameter, field=field, detail=detail)


def bad_request(message: str, field: str, problem: str) -> RefusedError:
    """Return the refusal of a field's value in the message itself, such as a ROSpecID that is not there."""
    return RefusedError(StatusCode.M_FieldError, problem, message=message, field=field)


def unsupported(parameter: str, problem: str) -> RefusedError:
    """Return the refusal of a parameter that this reader cannot do."""
    status = StatusCode.M_ParameterError
    return RefusedError(status, problem, parameter=parameter, detail=StatusCode.P_UnsupportedParameter)


def too_many(parameter: str, problem: str) -> RefusedError:
    """Return the refusal of one parameter more than the reader's capabilities allow."""
    status = StatusCode.M_ParameterError
    return RefusedError(status, problem, parameter=parameter, detail=StatusCode.P_OverflowParameter)


def of_fault(fault: Fault) -> RefusedError:
    """Return the refusal for what `wire.llrp.check` found."""
    refused = RefusedError(fault.status, f"{fault.path}: {fault.problem}", detail=fault.status)
    if fault.status.name.startswith("P_"):
        refused.status = StatusCode.M_ParameterError
    refused.parameter_type = fault.parameter_type
    return refused


def status(code: StatusCode, problem: str = "") -> Parameter:
    """Return an LLRPStatus without inner errors."""
    return param("LLRPStatus", StatusCode=code, ErrorDescription=problem[:MAX_DESCRIPTION_CHARS])


def status_of(refused: RefusedError) -> Parameter:
    """Return the LLRPStatus of a refusal."""
    inner: list[Parameter] = []
    field = None
    if refused.field_number is not None:
        field = param("FieldError", FieldNum=refused.field_number, ErrorCode=refused.detail)
    if refused.parameter_type:
        code = StatusCode.P_FieldError if field else refused.detail
        children = (field,) if field else ()
        inner.append(param("ParameterError", *children, ParameterType=refused.parameter_type, ErrorCode=code))
    elif field is not None:
        inner.append(field)
    problem = refused.problem[:MAX_DESCRIPTION_CHARS]
    return param("LLRPStatus", *inner, StatusCode=refused.status, ErrorDescription=problem)


def _parameter_type(name: str) -> int:
    definition = PARAMETERS[name]
    return definition.number if definition.vendor is None else PARAMETERS["Custom"].number


def _field_number(owner: str, field: str) -> int:
    """Return a field's place among the fields of its owner, from 0."""
    definition = PARAMETERS[owner] if owner in PARAMETERS else MESSAGES[owner]
    return [known.name for known in definition.named_fields].index(field)
