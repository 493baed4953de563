"""The pages that a Digital Link leads people to: the product, and what went wrong. Pure: rows in, bytes out.

They need no script and nothing from elsewhere. Nothing in a shopper's page comes from the link but the GTIN.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final
from urllib.parse import quote

from gateway.availability import LIVE, UNKNOWN
from gateway.http.digital_link_rows import LinkItem, LinkSize, LinkStore, ProductLink, Store, Word
from gateway.http.markup import Markup, Node, document, element
from gateway.http.offered import age_s
from gateway.http.problem import Problem
from gateway.ledger.picture import BOOK
from wire.site import OUT

WORDS: Final[dict[Word, str]] = {"in_stock": "In stock", "last_ones": "Last ones", "not_now": "Not now"}

STATES: Final = {
    "available": "For sale",
    "in_transit": "On its way to another store",
    "sold": "Sold",
    "returned_unchecked": "Returned, not checked yet",
    "damaged": "Damaged",
    "missing": "Missing",
    "left_unsold": "Left the store unsold",
}

ROLES: Final = {"ship": "to be sent", "pickup": "to be collected", "ship_from_store": "to be sent from the store"}

NO_COLOUR: Final = "one colour"
NO_SIZE: Final = "one size"


def age_in_words(seconds: float | None) -> str:
    """Return an age as the live page says it: "just now", "4 min ago", "2 h ago", "5 days ago"."""
    if seconds is None:
        return "never"
    if seconds < 90:
        return "just now"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 129_600:
        return f"{seconds / 3_600:.0f} h ago"
    return f"{seconds / 86_400:.0f} days ago"


def _when(instant: str, now_us: int) -> Markup:
    return element("time", age_in_words(age_s(instant, now_us)), datetime=instant)


def _mark(word: Word) -> Markup:
    """Return a word with its sign: never by colour alone."""
    return element("span", element("i", aria_hidden="true"), WORDS[word], class_="word", data_word=word)


def _path(gtin: str, near: str | None = None) -> str:
    """Return where the page of a GTIN is; the place that was chosen goes with it."""
    return f"/01/{gtin}?near={quote(near, safe=',')}" if near else f"/01/{gtin}"


def _page(title: str, *content: Node, script: bool = False) -> bytes:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} · Last Unit"),
        element("link", rel="icon", href="/page/icon.svg", type="image/svg+xml"),
        element("link", rel="stylesheet", href="/page/style.css"),
        element("link", rel="stylesheet", href="/page/link.css"),
        element("script", type="module", src="/page/link.js") if script else None,
    )
    icon = element("img", src="/page/icon.svg", alt="", width=24, height=24)
    bar = element("header", element("span", icon, "Last Unit", class_="brand"), class_="bar")
    return document("en", head, element("body", bar, element("main", *content, id="main"), class_="product"))


# -- the product


def product_page(link: ProductLink, places: Sequence[Store], near: str | None, now_us: int, *, staff: bool) -> bytes:
    """Return the page of a product; `places` are to be chosen from, `near` is the one that was."""
    colour, size = link.colour or NO_COLOUR, link.size or NO_SIZE
    having = next(row.stores for row in link.sizes if row.gtin == link.gtin)
    title = " ".join(part for part in (link.name, link.colour, link.size) if part)
    return _page(
        title,
        element("h1", link.name),
        element("p", element("strong", colour), " · size ", element("strong", size), class_="facts"),
        element("p", _mark(link.availability), " ", _in_stores(having), class_="answer"),
        _staff(link, now_us) if staff else None,
        _sizes(link, near),
        _colours(link, near),
        _stores(link, places, near, now_us),
        _legend(),
        element("footer", element("p", "GTIN ", element("span", link.gtin, class_="gtin"))),
        script=True,
    )


def _in_stores(stores: int) -> Node:
    if not stores:
        return "in no store"
    return "in 1 store" if stores == 1 else f"in {stores} stores"


def _table(caption: str, head: Iterable[str], rows: Iterable[Markup], **attributes: str) -> Markup:
    titles = element("tr", [element("th", title, scope="col") for title in head])
    return element(
        "table",
        element("caption", caption, class_="vh"),
        element("thead", titles),
        element("tbody", rows),
        **attributes,
    )


def _size_row(row: LinkSize, asked: str, near: str | None) -> Markup:
    here = row.gtin == asked
    name = row.size or NO_SIZE
    label = element("span", name, aria_current="page") if here else element("a", name, href=_path(row.gtin, near))
    stores = element("td", f"{row.stores} {'store' if row.stores == 1 else 'stores'}" if row.stores else "none")
    return element(
        "tr",
        element("th", label, scope="row"),
        element("td", _mark(row.availability)),
        stores,
        class_="here" if here else None,
    )


def _sizes(link: ProductLink, near: str | None) -> Markup:
    rows = [_size_row(row, link.gtin, near) for row in link.sizes if row.colour == link.colour]
    title = f"Sizes in {link.colour}" if link.colour else "Sizes"
    table = _table(f"{title}: availability", ("Size", "Availability", "Where"), rows, class_="sizes-table")
    return element("section", element("h2", title, id="sizes-title"), table, aria_labelledby="sizes-title")


def _colours(link: ProductLink, near: str | None) -> Markup | None:
    """Return the other colours, each with the sizes that any store has."""
    rows = []
    others = (row for row in link.sizes if row.colour != link.colour)
    for colour, of_colour in groupby(others, key=lambda row: row.colour):
        sizes = list(of_colour)
        had = [row for row in sizes if row.availability != "not_now"]
        links = [
            (element("a", row.size or NO_SIZE, href=_path(row.gtin, near)), ", " if row is not had[-1] else "")
            for row in had
        ]
        first = element("a", colour or NO_COLOUR, href=_path((had or sizes)[0].gtin, near))
        rows.append(element("tr", element("th", first, scope="row"), element("td", links or _mark("not_now"))))
    if not rows:
        return None
    table = _table("Other colours, and the sizes that are to be had", ("Colour", "Sizes to be had"), rows)
    return element(
        "section", element("h2", "Other colours", id="colours-title"), table, aria_labelledby="colours-title"
    )


# -- the stores


def _stores(link: ProductLink, places: Sequence[Store], near: str | None, now_us: int) -> Markup:
    size = link.size or NO_SIZE
    by_gtin = {row.gtin: row for row in link.sizes}
    rows = [_store_row(row, by_gtin, link, now_us) for row in link.stores]
    title = f"Stores near you: size {size}" if near else f"Stores: size {size}"
    table = _table(title, ("Store", f"Size {size}", "Other sizes"), rows, class_="stores-table")
    left_out = link.stores_left_out
    more = f"{left_out} more {'store is' if left_out == 1 else 'stores are'} not shown: choose a place to see others."
    return element(
        "section",
        element("h2", title, id="stores-title"),
        _place_form(link.gtin, places, near),
        table if rows else element("p", "No store is known here yet.", class_="note"),
        element("p", more, class_="note") if left_out else None,
        aria_labelledby="stores-title",
    )


def _store_row(row: LinkStore, by_gtin: dict[str, LinkSize], link: ProductLink, now_us: int) -> Markup:
    far = None if row.distance_km is None else element("small", _distance(row.distance_km))
    others = [by_gtin[gtin].size or NO_SIZE for gtin in row.also_here if by_gtin[gtin].colour == link.colour]
    return element(
        "tr",
        element("th", row.name, far, scope="row"),
        element("td", _mark(row.availability), element("small", _freshness(row, now_us))),
        element("td", ", ".join(others) or "none"),
    )


def _distance(km: float) -> str:
    """Return a distance as well as it is known: a shopper's own place is told to a kilometre or so."""
    return "less than 1 km away" if km < 1 else f"{km:.0f} km away"


def _freshness(row: LinkStore, now_us: int) -> Node:
    """Say by what, and how long ago, the store knows."""
    if row.truth == BOOK:
        return "by the store's records"
    if row.status == UNKNOWN or not row.as_of:
        return "not checked yet"
    if row.status != LIVE:
        return ("last checked ", _when(row.as_of, now_us))
    return ("checked ", _when(row.as_of, now_us))


def _place_form(gtin: str, places: Sequence[Store], near: str | None) -> Markup | None:
    """Return a choice of places that needs no script; `link.js` lets the button appear."""
    if not places:
        return None
    options = [element("option", "all stores", value="")]
    known = False
    for store in places:
        assert store.location is not None
        value = f"{store.location[0]:.3f},{store.location[1]:.3f}"
        chosen = not known and value == near
        known = known or chosen
        options.append(element("option", store.name, value=value, selected=chosen))
    if near and not known:
        options.append(element("option", "your place", value=near, selected=True))
    return element(
        "form",
        element("label", "Near ", element("select", options, name="near")),
        element("button", "Show", type="submit"),
        element("button", "Use my location", type="button", id="locate", hidden=True),
        element("p", id="locate-said", role="status", class_="note"),
        action=_path(gtin),
        method="get",
        class_="near",
    )


def _legend() -> Markup:
    said: tuple[tuple[Word, str], ...] = (
        ("in_stock", "Three or more can be sold right now."),
        ("last_ones", "One or two are left. Somebody may be holding them."),
        ("not_now", "None that we could promise."),
    )
    rows = [(element("dt", _mark(word)), element("dd", text)) for word, text in said]
    return element(
        "section",
        element("h2", "What the words mean", id="legend-title"),
        element("dl", rows),
        aria_labelledby="legend-title",
        class_="legend-words",
    )


# -- for staff


def _staff(link: ProductLink, now_us: int) -> Markup:
    item = link.item
    body: Node
    if item is None:
        body = element("p", "This link names a product, no single item. Scan the label of an item to see its place.")
    else:
        body = element("dl", [(element("dt", name), element("dd", said)) for name, said in _facts(item, now_us)])
    return element(
        "section", element("h2", "For staff", id="staff-title"), body, aria_labelledby="staff-title", class_="staff"
    )


def _facts(item: LinkItem, now_us: int) -> list[tuple[str, Node]]:
    facts: list[tuple[str, Node]] = [("Serial", item.serial)]
    if item.state is None:
        return [*facts, ("State", "No site of yours ever heard of this item")]
    state: list[Node] = [STATES.get(item.state, item.state)]
    if item.state_since:
        state += [", since ", _when(item.state_since, now_us)]
    facts.append(("State", state))
    if item.owner not in {None, "own"}:
        facts.append(("Owner", item.owner))
    for place in item.places:
        if place.zone == OUT:
            where: list[Node] = ["Not in ", place.site_name]
        else:
            kind = f" ({place.zone_kind.replace('_', ' ')})" if place.zone_kind else ""
            where = [element("strong", place.zone), kind, ", ", place.site_name]
        where += [", since ", _when(place.since, now_us)]
        if place.status != LIVE:
            where.append("; nobody looks there now")
        elif place.confidence is not None:
            where.append(f"; {_percent(place.confidence)} sure")
        facts.append(("Place", where))
    facts.append(("Held", _held(item, now_us)))
    moved = item.last_movement
    if moved is not None:
        way = f"{_zone(moved.from_zone)} to {_zone(moved.to_zone)}, {moved.cause}, "
        facts.append(("Last movement", [way, _when(moved.happened_at, now_us)]))
    return facts


def _zone(zone: str) -> str:
    return "outside" if zone == OUT else zone


def _percent(share: float) -> str:
    """Return a share in percent, never rounded up to a certainty."""
    return f"{min(99.9, int(share * 1_000) / 10):g} %"


def _held(item: LinkItem, now_us: int) -> Node:
    hold = item.hold
    if hold is None:
        return "By nobody"
    said: list[Node] = [f"{ROLES.get(hold.mode, hold.mode)}, {hold.state}"]
    if hold.channel:
        said.append(f", by {hold.channel}")
    if hold.expires_at:
        left_s = datetime.fromisoformat(hold.expires_at).timestamp() - now_us / 1e6
        said.append(f", for {max(0, round(left_s / 60))} min more")
    said += [element("br"), element("small", f"reservation {hold.reservation}")]
    return said


# -- what went wrong

TITLES: Final = {
    "unknown-gtin": ("We do not know this product", "Ask in the store, or scan another label of it."),
    "invalid-gtin": ("This code cannot be right", "A digit may be missing or misread: scan the code again."),
    "too-many-requests": ("A moment, please", "Too many requests came from your network. Try again in a few seconds."),
}


def problem_page(problem: Problem) -> bytes:
    """Return the page of a refusal."""
    title, advice = TITLES.get(problem.kind.code, (problem.kind.title, problem.kind.advice))
    return _page(
        title, element("h1", title), element("p", advice, class_="lead"), element("p", problem.detail, class_="note")
    )
