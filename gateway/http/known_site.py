"""A site id of a request, looked up: its row, or 404 with the sites that there are."""

from gateway.http import problem
from gateway.http.ports import Queries, SiteRow
from gateway.http.problem import Problem, RefusedError
from wire.limits import ID_MAX_CHARS


async def known_site(queries: Queries, site: str) -> SiteRow:
    """Return the site's row.

    Raises:
        RefusedError: 404, naming the site asked for and those of this gateway.
    """
    rows = await queries.sites()
    for row in rows:
        if row.site == site:
            return row
    detail = f"no site {site[:ID_MAX_CHARS]!r} here; this gateway has {len(rows)}"
    members: dict[str, problem.Member] = {"value": site[:ID_MAX_CHARS], "expected": [row.site for row in rows]}
    raise RefusedError(Problem(problem.UNKNOWN_SITE, detail, members))
