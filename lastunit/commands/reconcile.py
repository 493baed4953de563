"""`lastunit reconcile`: where tags, book and counts differ, with likely causes; and what a person decides about it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lastunit.commands.fleet_asking import KEY_VARIABLE, URL, asked, open_gateway, segment
from lastunit.commands.mend import complain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.http.ports import Approved, DifferenceRow

app = typer.Typer(no_args_is_help=True, help="Where tags, book and counts differ, and what to do about it.")

PAGE_SKUS: Final = 200
"""For one page: a large store's differences take a second or two."""

ITEMS_SHOWN: Final = 5
CAUSES: Final = ("unread", "sold_unrecorded", "left_unpaid", "misplaced", "untagged", "not_booked")
DECISIONS: Final = ("gone", "here", "ignore")

Url = Annotated[str, typer.Option("--url", help="Where the gateway's HTTP side listens.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help=f"File with a key (docs/keys.md); without it {KEY_VARIABLE} is used."),
]
SiteOption = Annotated[str, typer.Option("--site", help="The site's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command("list")
def list_differences(
    site: SiteOption,
    url: Url = URL,
    key_file: KeyFile = None,
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
    for row in _rows(url, key_file, site, gtin=gtin, cause=cause):
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
    key_file: KeyFile = None,
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
    path = f"/v1/sites/{segment(site)}/differences/{segment(difference)}:approve"
    with open_gateway(url, key_file) as http:
        done = asked(http, "POST", path, Approved, json=body)
    print(msgspec.json.encode(done).decode() if as_json else _told(done))


def _rows(url: str, key_file: Path | None, site: str, **only: str | None) -> "Iterator[DifferenceRow]":
    """Yield the differences of all pages; what is read so far is told while more is coming."""
    from gateway.http.ports import DifferencePage

    parameters: dict[str, str | int] = {name: value for name, value in only.items() if value is not None}
    parameters["limit"] = PAGE_SKUS
    pages = 0
    with open_gateway(url, key_file) as http:
        while True:
            path = f"/v1/sites/{segment(site)}/differences"
            page = asked(http, "GET", path, DifferencePage, params=parameters)
            yield from page.rows
            pages += 1
            if page.next is None:
                return
            parameters["after"] = page.next
            if sys.stderr.isatty():
                print(f"\r{pages * PAGE_SKUS:,} SKUs ", end="", file=sys.stderr, flush=True)


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
