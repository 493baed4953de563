"""`lastunit reconcile`: where tags, book and counts differ, with likely causes; and what a person decides about it."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from lastunit.commands.mend import complain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from gateway.http.ports import Approved, DifferenceRow

app = typer.Typer(no_args_is_help=True, help="Where tags, book and counts differ, and what to do about it.")

URL: Final = "http://127.0.0.1:8080"
PAGE_SKUS: Final = 200
TIMEOUT_S: Final = 30.0
"""For one page: a large store's differences take a second or two."""

ITEMS_SHOWN: Final = 5
CAUSES: Final = ("unread", "sold_unrecorded", "left_unpaid", "misplaced", "untagged", "not_booked")
DECISIONS: Final = ("gone", "here", "ignore")

_T = TypeVar("_T")

KEY_VARIABLE: Final = "LASTUNIT_KEY"

Url = Annotated[str, typer.Option("--url", help="Where the gateway's HTTP side listens.")]
KeyOption = Annotated[
    str,
    typer.Option(
        "--key",
        envvar=KEY_VARIABLE,
        show_default=False,
        help="Key to ask with (docs/keys.md). Options show in the list of processes: better set the variable.",
    ),
]
SiteOption = Annotated[str, typer.Option("--site", help="The site's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command("list")
def list_differences(
    site: SiteOption,
    url: Url = URL,
    key: KeyOption = "",
    gtin: Annotated[str | None, typer.Option(help="Only this SKU.")] = None,
    cause: Annotated[str | None, typer.Option(help=f"Only this likely cause: {', '.join(CAUSES)}.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the units on which tags, book and counts disagree, each with its likely cause and the items concerned.

    docs/reconciliation.md says which rule gives which cause. Exit code 1 when there is something to decide, 0 when all
    agrees or was decided, 2 when the gateway cannot be asked. A key needs stock:read; with staff:read it sees which
    items are concerned, else how many.

        lastunit reconcile list --site store-001 --cause left_unpaid
    """
    import msgspec

    if cause is not None and cause not in CAUSES:
        raise complain(f"--cause {cause!r}: expected one of {', '.join(CAUSES)}")
    undecided = total = 0
    for row in _rows(url, key, site, gtin=gtin, cause=cause):
        total += 1
        undecided += row.approved is None
        if as_json:
            print(msgspec.json.encode(row).decode())
        else:
            _print(row)
    if not as_json:
        print(f"{site}: {total:,} differences, {undecided:,} to decide")
    if undecided:
        raise typer.Exit(1)


@app.command()
def approve(
    difference: Annotated[str, typer.Argument(help="The id of a difference, as `lastunit reconcile list` prints it.")],
    site: SiteOption,
    who: Annotated[str, typer.Option(help="Who decides; it is written down.")],
    decision: Annotated[
        str, typer.Option(help="gone: the units are not in the site; here: they are (--zone); ignore: change nothing.")
    ],
    url: Url = URL,
    key: KeyOption = "",
    zone: Annotated[str | None, typer.Option(help="Where the items are, with --decision here.")] = None,
    serial: Annotated[list[str] | None, typer.Option(help="An item that is meant; may stand several times.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide about a difference: places its items, mends the book, or both; who and when is kept.

    The same decision may be sent again. Exit code 2 when it cannot be carried out: the text says why. A key needs
    stock:write.

        lastunit reconcile approve ID --site store-001 --who Kim --decision gone
    """
    import msgspec

    from gateway.http.ports import Approved

    if decision not in DECISIONS:
        raise complain(f"--decision {decision!r}: expected one of {', '.join(DECISIONS)}")
    body: dict[str, Any] = {"who": who, "decision": decision, "serials": serial or []}
    if zone is not None:
        body["zone"] = zone
    path = f"/v1/sites/{_segment(site)}/differences/{_segment(difference)}:approve"
    with _open(url, key) as http:
        done = _asked(http, "POST", path, Approved, json=body)
    print(msgspec.json.encode(done).decode() if as_json else _told(done))


def _rows(url: str, key: str, site: str, **asked: str | None) -> "Iterator[DifferenceRow]":
    """Yield the differences of all pages; what is read so far is told while more is coming."""
    from gateway.http.ports import DifferencePage

    parameters: dict[str, str | int] = {name: value for name, value in asked.items() if value is not None}
    parameters["limit"] = PAGE_SKUS
    pages = 0
    with _open(url, key) as http:
        while True:
            path = f"/v1/sites/{_segment(site)}/differences"
            page = _asked(http, "GET", path, DifferencePage, params=parameters)
            yield from page.rows
            pages += 1
            if page.next is None:
                return
            parameters["after"] = page.next
            if sys.stderr.isatty():
                print(f"\r{pages * PAGE_SKUS:,} SKUs ", end="", file=sys.stderr, flush=True)


def _open(url: str, key: str) -> "httpx.Client":
    import httpx

    from gateway.keys.token import parse_token

    key = key.strip()
    if key and parse_token(key) is None:
        raise complain(f"--key or {KEY_VARIABLE} is no key: expected lu_, 12 characters, _, 43 characters")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False, headers=headers)
    except httpx.InvalidURL as error:
        raise complain(f"--url {url!r}: {error}; expected such as {URL}") from error


def _asked(http: "httpx.Client", method: str, path: str, answer: type[_T], **more: Any) -> _T:
    """Return an answer; what the gateway refuses, or that none is there, is told in one line."""
    import httpx
    import msgspec

    from lastunit.client import problem_of

    where = str(http.base_url).rstrip("/")
    try:
        response = http.request(method, path, **more)
    except httpx.HTTPError as error:
        raise complain(f"no gateway answers at {where}: {error or type(error).__name__}") from error
    if response.status_code != httpx.codes.OK:
        refused = problem_of(response.status_code, response.headers.get("content-type", ""), response.content)
        mend = f"; set {KEY_VARIABLE}, or give --key" if response.status_code == httpx.codes.UNAUTHORIZED else ""
        raise complain(f"{where}: {refused}{mend}")
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.DecodeError as error:
        raise complain(f"{where}: not the answer of a gateway: {error}") from error


def _segment(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _print(row: "DifferenceRow") -> None:
    book = "no book" if row.book is None else f"book {row.book.now}"
    zone = f" in {row.zone}" if row.zone else ""
    decided = f"; {row.approved.who} decided: {row.approved.decision}" if row.approved else ""
    print(f"{row.gtin}  {row.quantity} {row.cause}{zone}  (tags {row.on_hand}, {book}{decided})")
    print(f"    {row.id}")
    for item in row.items[:ITEMS_SHOWN]:
        print(f"    serial {item.serial}: {item.place} since {item.since}, {item.reason} from {item.came_from}")
    left_out = len(row.items) - ITEMS_SHOWN + row.items_left_out
    if left_out > 0:
        print(f"    and {left_out} more items")


def _told(done: "Approved") -> str:
    parts = []
    if done.items_placed:
        parts.append(f"{len(done.items_placed)} items are said to be in {done.place} (log entry {done.n})")
    if done.book_now is not None:
        parts.append(f"the book says {done.book_now} now ({done.book_units:+d})")
    return f"{done.gtin}: {' and '.join(parts) or 'nothing was changed'}; decided by {done.who} at {done.approved_at}"
