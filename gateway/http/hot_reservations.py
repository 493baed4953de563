"""`POST /v1/reservations` before the router: hundreds of buyers a second ask for the same last units.

The same parsing, the same desk and the same answers as the route (`gateway.http.reservation_routes`); whatever is
refused before the desk is asked goes on to the route, which says what is wrong.
"""

from typing import Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.holds.errors import HoldError
from gateway.holds.limits import BODY_MAX_BYTES
from gateway.http.access import CALLER, Caller, count
from gateway.http.problem import RefusedError
from gateway.http.refusals import problem_response
from gateway.http.replay import header, is_json, read_once_more
from gateway.http.reservation_asked import asked_of
from gateway.http.reservation_routes import Holds, key_of, made_response, problem_of
from gateway.http.reservation_rows import ReservationBody

PATH: Final = "/v1/reservations"
SCOPE: Final = "hold:write"
_BODY: Final = msgspec.json.Decoder(ReservationBody)


class HotReservations:
    """ASGI middleware behind a gate; `app` is asked what is not plain."""

    def __init__(self, app: ASGIApp, holds: Holds) -> None:
        self._app = app
        self._holds = holds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make a reservation, or pass on."""
        caller = scope["state"].get(CALLER)
        plain = scope["method"] == "POST" and not scope["query_string"] and is_json(scope)
        if not plain or not isinstance(caller, Caller) or SCOPE not in caller.scopes or count(scope, caller) > 0:
            await self._app(scope, receive, send)
            return
        body, again = await read_once_more(receive, BODY_MAX_BYTES)
        try:
            name = key_of((header(scope, b"idempotency-key") or b"").decode("latin-1"))
            asked = asked_of(caller, name, _BODY.decode(body or b""))
        except (RefusedError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            await self._app(scope, again, send)
            return
        try:
            response = made_response(await self._holds.reserve(asked))
        except HoldError as error:
            response = problem_response(problem_of(error))
        except Exception:  # noqa: BLE001 - the route meets it too, under the same Idempotency-Key, and says so
            await self._app(scope, again, send)
            return
        await response(scope, again, send)
