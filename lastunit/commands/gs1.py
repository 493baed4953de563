"""`lastunit gs1`: what a barcode says."""

from typing import Annotated, Any

import typer

from lastunit.commands.lines import Failed, each_line
from wire.gs1.barcode import Barcode, BarcodeReject, parse_barcode
from wire.gs1.digital_link import QUALIFIERS, format_digital_link
from wire.gs1.element_string import GS
from wire.gs1.errors import IdentifierError
from wire.gs1.restricted import REGIONS

app = typer.Typer(
    no_args_is_help=True, help="What a barcode says: EAN, UPC, ITF-14, GS1-128, DataMatrix, QR, Digital Link."
)


@app.callback()
def gs1() -> None:
    """What a barcode says: EAN, UPC, ITF-14, GS1-128, DataMatrix, QR, Digital Link."""


@app.command()
def parse(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="What a scanner sent; one per line from standard input if none."),
    ] = None,
    *,
    region: Annotated[
        str,
        typer.Option("--region", "-r", help=f"Whose rules price-embedded codes follow: {', '.join(sorted(REGIONS))}."),
    ] = "",
    separators: Annotated[
        str, typer.Option("--separator", help="Characters that stand for FNC1; GS (0x1D) if not given.")
    ] = GS,
) -> None:
    """Say what scans are: one JSON object per line.

    With or without AIM identifier (]E0, ]C1, ]d2, ]Q3, ...). A line has text, kind (gtin, elements, digital_link),
    symbology, gtin (14 digits), key (what to ask the catalogue: the price taken out of price-embedded codes),
    serial, sscc, elements, digital_link and restricted (a number of the shop's or country's own); where they apply
    price, weight_kg, count, and suspect: an AI whose value may hold its neighbours, because the scanner sends no
    FNC1. A rejected line has text and error.

    Exit code: 0 all good, 1 some input was rejected, 2 wrong usage.

        lastunit gs1 parse 9506000134352

        lastunit gs1 parse --separator ^ "]d20109506000134352" "]C10109506000134352^10ABC^21XYZ"

        lastunit gs1 parse --region de 2211114002394

        lastunit gs1 parse "https://id.gs1.org/01/09506000134352/21/42"
    """
    if region and region.lower() not in REGIONS:
        raise typer.BadParameter(f"{region!r}: expected one of {', '.join(sorted(REGIONS))}", param_hint="--region")
    if not separators:
        raise typer.BadParameter("expected at least one character", param_hint="--separator")
    each_line("text", texts, lambda text: _parsed(text, region.lower(), separators))


def _parsed(text: str, region: str, separators: str) -> dict[str, Any]:
    scan = parse_barcode(text, region=region, separators=separators)
    if isinstance(scan, BarcodeReject):
        raise Failed(scan.code, scan.message)
    return {"text": text, **_described(scan)}


def _described(scan: Barcode) -> dict[str, Any]:
    elements = scan.elements or ((("01", scan.gtin),) if scan.gtin else ())
    measure = scan.restricted
    optional = {
        "price": measure and measure.price,
        "weight_kg": measure and measure.weight_kg,
        "count": measure and measure.count,
        "suspect": scan.suspect or None,
    }
    return {
        "kind": scan.kind,
        "symbology": scan.symbology or None,
        "gtin": scan.gtin,
        "key": scan.key,
        "serial": scan.serial,
        "sscc": scan.sscc,
        "elements": dict(elements),
        "digital_link": None if measure else _link(elements),
        "restricted": measure is not None,
        **{name: str(value) for name, value in optional.items() if value is not None},
    }


def _link(elements: tuple[tuple[str, str], ...]) -> str | None:
    """The Digital Link of these elements, None where they cannot stand in one."""
    if not any(ai in QUALIFIERS for ai, _ in elements):
        return None
    try:
        return format_digital_link(elements)
    except IdentifierError:
        return None
