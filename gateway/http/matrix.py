"""A site's stock as people read it: one matrix for each style, a row for each colour, a column for each size.

Pure: flat rows in, nested answer out. Every unit counts in exactly one of three groups by the kind of its zone: what
a shopper can see (`floor`), what can be brought there (`back`), and what is in somebody's hands (`other`), so that
floor + back + other = on_hand in each cell; units without tags count as `other`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, takewhile
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.availability import Policy
from gateway.http.ports import SiteRow, Snapshot, StockRow, ZoneRow
from gateway.http.size_order import size_key
from wire.site import ZoneKind

Group: TypeAlias = Literal["floor", "back", "other"]

GROUPS: Final[Mapping[str, Group]] = {
    ZoneKind.SALES_FLOOR: "floor",
    ZoneKind.WINDOW: "floor",
    ZoneKind.EXIT: "floor",
    ZoneKind.BACK_ROOM: "back",
    ZoneKind.RECEIVING: "back",
    ZoneKind.FITTING_ROOM: "other",
    ZoneKind.CHECKOUT: "other",
}

SEPARATORS: Final = " ,;/-"

Status = Annotated[
    str,
    Meta(
        description="live: every zone with stock is being read; stale: at least one of them is blind and the numbers "
        "are the last known ones; unknown: no reader has looked yet. Take a word that you do not know for stale."
    ),
]


class ZoneTile(msgspec.Struct, frozen=True):
    """One zone: what it is for, how many units are there, whether anybody looks."""

    zone: str
    kind: str
    group: Group
    sellable: bool
    counts_as: str
    status: Annotated[str, Meta(description="live, blind (no antenna of the zone looks) or unknown")]
    as_of: str | None
    since: str | None
    units: int


class Cell(msgspec.Struct, frozen=True):
    """One SKU: floor + back + other = on_hand = sum of zones."""

    gtin: str
    size: str
    on_hand: int
    floor: int
    back: int
    other: int
    atp: int
    status: Status
    version: int
    zones: dict[str, int]
    held: Annotated[int, Meta(description="units bound by active reservations")] = 0


class ColourRow(msgspec.Struct, frozen=True):
    """One colour of a style; `cells` in the order of the style's `sizes`, sizes that do not exist left out.

    A size stands once in a row: a second GTIN of the same colour and size has a row of its own, whose label names it.
    """

    colour: str
    label: str
    cells: list[Cell]


class Style(msgspec.Struct, frozen=True):
    """One style: all sizes that any of its colours comes in, in a shop's order."""

    style: str
    description: str
    department: str
    sizes: list[str]
    on_hand: int
    colours: list[ColourRow]


class SiteStock(msgspec.Struct, frozen=True):
    """A site's stock and the cursor that it is true at: follow it with `/v1/changes?cursor=`."""

    site: str
    name: str
    cursor: int
    as_of: Annotated[str | None, Meta(description="the fold's clock; null when it never ran")]
    on_hand: int
    skus: int
    zones: list[ZoneTile]
    styles: list[Style]


def zone_tile(zone: ZoneRow) -> ZoneTile:
    """Return a zone with its group."""
    return ZoneTile(
        zone.zone,
        zone.kind,
        GROUPS.get(zone.kind, "other"),
        zone.sellable,
        zone.counts_as,
        zone.status,
        zone.as_of,
        zone.since,
        zone.units,
    )


def _cell(row: StockRow, groups: Mapping[str, Group], policy: Policy) -> Cell:
    sums = {"floor": 0, "back": 0, "other": 0}
    for zone, units in row.zones.items():
        sums[groups.get(zone, "other")] += units
    sums["other"] += row.untagged
    return Cell(
        row.gtin,
        row.size,
        row.on_hand,
        sums["floor"],
        sums["back"],
        sums["other"],
        row.offer(policy).atp,
        row.status,
        row.version,
        row.zones,
        row.held,
    )


def _of_style(row: StockRow) -> str:
    """A SKU's description without the colour and size at its end: `Linen shirt, sky, XS` -> `Linen shirt`."""
    text = row.description.rstrip(SEPARATORS)
    ends = [end.casefold() for end in (row.size, row.colour) if end]
    while end := next((end for end in ends if text.casefold().endswith(end)), ""):
        ends.remove(end)
        text = text[: -len(end)].rstrip(SEPARATORS)
    return text


def common_description(rows: Sequence[StockRow]) -> str:
    """The words that the descriptions of all SKUs of a style begin with; a comma behind a word does not count."""
    words = _of_style(rows[0]).split()
    for row in rows[1:]:
        pairs = zip(words, _of_style(row).split(), strict=False)
        words = [a for a, _ in takewhile(lambda pair: pair[0].rstrip(SEPARATORS) == pair[1].rstrip(SEPARATORS), pairs)]
    return " ".join(words).rstrip(SEPARATORS)


def _colour_rows(colour: str, rows: Sequence[StockRow], groups: Mapping[str, Group], policy: Policy) -> list[ColourRow]:
    """One row, and a further one for each GTIN whose size is taken already."""
    layers: list[list[StockRow]] = []
    for row in rows:
        layer = next((layer for layer in layers if layer[-1].size != row.size), None)
        if layer is None:
            layers.append([row])
        else:
            layer.append(row)
    return [
        ColourRow(
            colour,
            colour if colour and number == 0 else f"{colour} {layer[0].gtin}".strip(),
            [_cell(row, groups, policy) for row in layer],
        )
        for number, layer in enumerate(layers)
    ]


def _style(name: str, rows: Sequence[StockRow], groups: Mapping[str, Group], policy: Policy) -> Style:
    colours = [
        found
        for colour, of_colour in groupby(rows, key=lambda row: row.colour)
        for found in _colour_rows(colour, list(of_colour), groups, policy)
    ]
    sizes = sorted({row.size for row in rows}, key=size_key)
    units = sum(row.on_hand for row in rows)
    return Style(name, common_description(rows), rows[0].department, sizes, units, colours)


def _styles(rows: Iterable[StockRow], groups: Mapping[str, Group], policy: Policy) -> list[Style]:
    in_order = sorted(rows, key=lambda row: (row.style, row.colour, size_key(row.size), row.gtin))
    by_style = groupby(in_order, key=lambda row: row.style)
    return [_style(name, list(rows_of), groups, policy) for name, rows_of in by_style]


def site_stock(site: SiteRow, snapshot: Snapshot, policy: Policy) -> SiteStock:
    """Fold a snapshot of flat rows into the matrices of its styles, by style, colour and size, as a channel sees it."""
    tiles = [zone_tile(zone) for zone in snapshot.zones]
    groups: dict[str, Group] = {tile.zone: tile.group for tile in tiles}
    return SiteStock(
        site=site.site,
        name=site.name,
        cursor=snapshot.cursor,
        as_of=site.now,
        on_hand=sum(row.on_hand for row in snapshot.rows),
        skus=len(snapshot.rows),
        zones=tiles,
        styles=_styles(snapshot.rows, groups, policy),
    )
