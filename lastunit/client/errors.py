"""What goes wrong, by who must act: nobody (try again), the caller (the problem says why), or who set the address."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.http.reservation_rows import AlternativeSite, ShortageRow

PROBLEM_TYPE: Final = "application/problem+json"


class LastUnitError(Exception):
    """Root of everything that this client raises."""


class UnreachableError(LastUnitError):
    """No answer: try again later. Of a write nobody knows whether it was done; send the same again."""


class ProtocolError(LastUnitError):
    """An answer that no gateway would give: another server, or a proxy's own page."""


class ProblemError(LastUnitError):
    """The gateway refused; `problem` is its RFC 9457 document, `code` its stable name."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        super().__init__(f"{status} {self.code}: {problem.get('detail', problem.get('title', ''))}")


class InvalidRequestError(ProblemError):
    """400, 413, 415, 422: the caller asked for something that cannot be; sending it again does not help."""


class ForbiddenError(ProblemError):
    """401, 403 or 421: this caller may not ask here."""


class NotFoundError(ProblemError):
    """404: no such site, GTIN, reservation or path."""


class ConflictError(ProblemError):
    """409: it cannot be done as things are now; `code` says what stands against it."""


class InsufficientAtpError(ConflictError):
    """409 `insufficient-atp`: there are not enough units; `shortages` say of what, and which other sites have it."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(status, problem)
        self.shortages = msgspec.convert(problem.get("shortages", []), list[ShortageRow])

    @property
    def alternatives(self) -> list[AlternativeSite]:
        """Sites that have enough of the first SKU that is short, the surest first."""
        return self.shortages[0].alternatives if self.shortages else []


class HoldExpiredError(ConflictError):
    """409 `hold-expired`: the time of the hold is over; `renew` asks for its units anew."""


class TooManyHoldsError(ProblemError):
    """429 `too-many-holds`: confirm or release some of the key's open holds first."""


class CursorLostError(ProblemError):
    """410: changes after this cursor are gone; load the stock and go on from its cursor."""


class UnavailableError(ProblemError):
    """5xx or 429: the gateway cannot answer now; the request can be sent again, after `retry_after_s` if it says so."""

    retry_after_s: float | None = None


_BY_CODE: Final[Mapping[str, type[ProblemError]]] = {
    "insufficient-atp": InsufficientAtpError,
    "hold-expired": HoldExpiredError,
    "too-many-holds": TooManyHoldsError,
}

_BY_STATUS: Final[Mapping[int, type[ProblemError]]] = {
    400: InvalidRequestError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: CursorLostError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    421: ForbiddenError,
    422: InvalidRequestError,
    429: UnavailableError,
}


def problem_of(status: int, content_type: str, body: bytes, retry_after: str = "") -> LastUnitError:
    """Return the exception for an answer of status 400 and above; `retry_after` is that header."""
    kind = _BY_STATUS.get(status, UnavailableError if status >= 500 else ProblemError)
    if content_type.partition(";")[0].strip() != PROBLEM_TYPE:
        if kind is UnavailableError:
            return _late(kind(status, {"detail": "a proxy answers in the gateway's place"}), retry_after)
        return ProtocolError(f"status {status} with {content_type or 'no content type'}, expected {PROBLEM_TYPE}")
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
        return _late(_BY_CODE.get(str(problem.get("code")), kind)(status, problem), retry_after)
    except msgspec.DecodeError as error:
        return ProtocolError(f"status {status} with a problem of another form: {error}")


def _late(error: ProblemError, retry_after: str) -> ProblemError:
    if isinstance(error, UnavailableError) and retry_after.isascii() and retry_after.isdigit():
        error.retry_after_s = float(retry_after[:9])
    return error
