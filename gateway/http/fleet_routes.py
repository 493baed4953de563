"""The fleet: how readers and scanners are configured, and profiles rolled out, stopped, brought back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from gateway.fleet.board import FleetBoard
from gateway.fleet.desk import Asked, Asker, FleetDesk, Shown, digest_of
from gateway.fleet.errors import (
    FleetError,
    ImpossibleRolloutError,
    KeyUsedError,
    TooManyRolloutsError,
    UnknownRolloutError,
    UnusableProfileError,
    WrongStageError,
)
from gateway.fleet.findings import known_against
from gateway.fleet.limits import BODY_MAX_BYTES, PAGE, PAGE_MAX
from gateway.fleet.profiles import given_profile
from gateway.http import answer, fleet_examples, problem
from gateway.http.access import Caller, check_site, requires
from gateway.http.body import body_of, request_body
from gateway.http.fleet_rollout_rows import (
    ActBody,
    Rollout,
    RolloutAnswer,
    RolloutBody,
    Rollouts,
    entry_row,
    pace_of,
    plan_row,
    rollout_row,
    targets_of,
)
from gateway.http.fleet_rows import (
    Fleet,
    KnownBad,
    device_row,
)
from gateway.http.openapi import described, taken
from gateway.http.patterns import NAME
from gateway.http.problem import Kind, Problem, RefusedError
from gateway.http.reservation_routes import IdempotencyKey, key_of
from gateway.ingest.births import EdgeName
from gateway.keys.scopes import DEVICE_ADMIN
from wire.limits import ID_MAX_CHARS

Admin = Annotated[Caller, Depends(requires(DEVICE_ADMIN))]
RolloutId = Annotated[str, Path(description="`id` of a roll-out", max_length=36, pattern=NAME)]
SiteWanted = Annotated[
    str | None, Query(description="only devices of this site", min_length=1, max_length=ID_MAX_CHARS, pattern=NAME)
]

_KINDS: Final[dict[type[FleetError], Kind]] = {
    UnknownRolloutError: problem.UNKNOWN_ROLLOUT,
    ImpossibleRolloutError: problem.ROLLOUT_IMPOSSIBLE,
    UnusableProfileError: problem.PROFILE_UNUSABLE,
    TooManyRolloutsError: problem.TOO_MANY_ROLLOUTS,
    KeyUsedError: problem.KEY_REUSED,
}


@contextmanager
def refused() -> Iterator[None]:
    """Turn what the fleet refuses into its problem."""
    try:
        yield
    except WrongStageError as error:
        members: dict[str, problem.Member] = {"value": error.stage, "expected": list(error.expected)}
        raise RefusedError(Problem(problem.WRONG_STATE, str(error), members)) from error
    except FleetError as error:
        raise RefusedError(Problem(_KINDS[type(error)], str(error))) from error


def asker_of(caller: Caller, by: str | None = None) -> Asker:
    """Return a caller as the fleet knows him."""
    return Asker(key=caller.key_id, sites=caller.sites, by=by or "")


def routes(desk: FleetDesk, board: FleetBoard) -> APIRouter:
    """Return the routes to the fleet."""
    router = APIRouter(tags=["devices"])
    _add_reading(router, desk, board)
    _add_begin(router, desk)
    _add_acts(router, desk)
    return router


def _add_reading(router: APIRouter, desk: FleetDesk, board: FleetBoard) -> None:
    @router.get(
        "/v1/fleet",
        summary="How devices are configured",
        response_class=Response,
        responses=described((Fleet,), {"a reader": fleet_examples.FLEET}),
    )
    async def fleet(
        caller: Admin,
        site: SiteWanted = None,
        limit: Annotated[int, Query(description="edge boxes of a page", ge=1, le=PAGE_MAX)] = PAGE,
        after: Annotated[
            str | None, Query(description="`next` of the page before", max_length=2 * ID_MAX_CHARS + 1, pattern=NAME)
        ] = None,
    ) -> Response:
        """Each device with the profile that is asked of it, the one that it runs as it was read back, and its model.

        `standing` says how the two stand to each other; `drift` is for a person to look at. `known_bad` names what is
        known against its firmware.
        """
        sites = caller.sites if site is None else frozenset({site})
        begin = None if after is None else EdgeName(*(after.partition("/")[::2]))
        views, following = await board.page(sites, after=begin, limit=limit)
        rows = [
            device_row(view, [KnownBad(one.reason, one.source) for one in known_against(view, board.findings)])
            for view in views
        ]
        return answer.uncached(Fleet(rows, None if following is None else f"{following.site}/{following.edge}"))

    @router.get(
        "/v1/fleet/rollouts",
        summary="Roll-outs",
        response_class=Response,
        responses=described((Rollouts,), {"one that was stopped": fleet_examples.ROLLOUTS}),
    )
    async def rollouts(caller: Admin) -> Response:
        """Those of the key's sites, the newest first; at most 200."""
        return answer.uncached(Rollouts([entry_row(stored) for stored in await desk.listed(asker_of(caller))]))

    @router.get(
        "/v1/fleet/rollouts/{rollout}",
        summary="A roll-out",
        response_class=Response,
        responses=described((Rollout,), {"one that was stopped": fleet_examples.ROLLOUT}, problem.UNKNOWN_ROLLOUT),
    )
    async def one(caller: Admin, rollout: RolloutId) -> Response:
        """Where it is, each device with its reads before and after, and what happened."""
        with refused():
            return answer.uncached(rollout_row(await desk.get(asker_of(caller), rollout)))


def _add_begin(router: APIRouter, desk: FleetDesk) -> None:
    kinds = (
        problem.KEY_MISSING,
        problem.KEY_REUSED,
        problem.PROFILE_UNUSABLE,
        problem.ROLLOUT_IMPOSSIBLE,
        problem.TOO_MANY_ROLLOUTS,
    )

    @router.post(
        "/v1/fleet/rollouts",
        summary="Roll a profile out, a few devices first",
        response_class=Response,
        responses=taken(RolloutAnswer, fleet_examples.PLANNED, *kinds),
        openapi_extra=request_body(
            RolloutBody, {"one model in one store": fleet_examples.BODY, "what would be done": fleet_examples.DRY_RUN}
        ),
    )
    async def begin(request: Request, caller: Admin, idempotency_key: IdempotencyKey = None) -> Response:
        """Canaries first, then waves four times as large each; every wave is watched before the next one begins.

        It stops by itself when a device refuses the profile, runs something else, does not come up, or reads less than
        half of what it read before; the devices of that wave are then brought back to their last good profile.
        `dry_run` says who would be in which wave, and does nothing; it needs no `Idempotency-Key`.
        """
        body = await body_of(request, RolloutBody, BODY_MAX_BYTES)
        for site in body.sites:
            check_site(caller, site)
        name = "" if body.dry_run else key_of(idempotency_key)
        who = asker_of(caller, body.by)
        with refused():
            given = given_profile(body.profile, body.table)
            targets = targets_of(body, caller.sites, given)
            asked = Asked(profile=given, targets=targets, pace=pace_of(body), name=name, digest=digest_of(body))
            if body.dry_run:
                made = await desk.planned(who, asked)
                return answer.uncached(RolloutAnswer(None, plan_row(made, given.setting)))
            shown, plan = await desk.begin(who, asked)
        planned = None if plan is None else plan_row(plan, given.setting)
        return _replayed(RolloutAnswer(rollout_row(shown), planned), replayed=plan is None)


def _replayed(found: object, *, replayed: bool) -> Response:
    response = answer.uncached(found)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _add_acts(router: APIRouter, desk: FleetDesk) -> None:
    described_body = request_body(ActBody, {"an example": fleet_examples.ACT})
    described_body["requestBody"]["required"] = False
    documented = taken(Rollout, fleet_examples.ROLLOUT, problem.UNKNOWN_ROLLOUT, problem.WRONG_STATE)

    @router.post(
        "/v1/fleet/rollouts/{rollout}:stop",
        summary="Stop a roll-out",
        response_class=Response,
        responses=documented,
        openapi_extra=described_body,
    )
    async def stop(request: Request, caller: Admin, rollout: RolloutId) -> Response:
        """No further device is asked, and those of the wave under way are brought back to their last good profile.

        Devices of earlier waves keep the new one: `:rollback` brings back all of them.
        """
        body = await _act(request)
        with refused():
            shown, before = await desk.stop(asker_of(caller, body.by), rollout)
        return _acted(shown, before=before)

    @router.post(
        "/v1/fleet/rollouts/{rollout}:rollback",
        summary="Bring every device of a roll-out back",
        response_class=Response,
        responses=documented,
        openapi_extra=described_body,
    )
    async def rollback(request: Request, caller: Admin, rollout: RolloutId) -> Response:
        """Each device gets its last good profile of before; one that has another profile by now is left alone."""
        body = await _act(request)
        with refused():
            shown, before = await desk.rollback(asker_of(caller, body.by), rollout)
        return _acted(shown, before=before)


async def _act(request: Request) -> ActBody:
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    return ActBody() if empty else await body_of(request, ActBody, BODY_MAX_BYTES)


def _acted(shown: Shown, *, before: bool) -> Response:
    return _replayed(rollout_row(shown), replayed=before)
