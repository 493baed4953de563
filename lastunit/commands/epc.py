"""`lastunit epc`: what a tag is, and what to write on one."""

from typing import Annotated, Any

import typer
from msgspec.structs import replace

from lastunit.commands.lines import Failed, each_line
from wire.epc import Epc, Reject, Sgtin, decode_epc, decode_tag, encode_epc
from wire.epc.elements import digital_link_of, parse_element_string, parse_epc_link
from wire.epc.uri import TAG_PREFIX, URN_PREFIX, parse_tag_uri, parse_urn, tag_uri_of, urn_of
from wire.gs1.errors import BadUri, IdentifierError, shown

app = typer.Typer(
    no_args_is_help=True,
    help="What a tag is, and what to write on one: EPC binaries, EPC URIs and Digital Links (GS1 TDS 2.3).",
)

SEPARATORS = str.maketrans("", "", " :-\t")
"""What people and reader tools put between bytes."""

PrefixLength = Annotated[
    int | None,
    typer.Option(
        "--prefix-length",
        "-p",
        min=6,
        max=12,
        help="Digits of the company prefix, where neither the tag nor GS1's table says it.",
    ),
]


@app.command()
def decode(
    hexes: Annotated[
        list[str] | None,
        typer.Argument(metavar="HEX", help="EPCs in hexadecimal; one per line from standard input if none."),
    ] = None,
    *,
    pc: Annotated[bool, typer.Option("--pc", help="Each begins with its PC word, as in tag memory.")] = False,
    prefix_length: PrefixLength = None,
) -> None:
    """Say what EPCs are: one JSON object per line.

    A line has hex, scheme, uri (pure identity), tag_uri, digital_link, gtin, serial and filter; or hex and error with a
    code and a message. uri is null, with a note, where the length of the company prefix is not known: tags of TDS 2
    (sgtin+ ...) do not carry it.

    Exit code: 0 all good, 1 some input was rejected, 2 wrong usage.

        lastunit epc decode 3066C4409047E140075BCD15

        lastunit epc decode F73795211411234538566CB0AFC4

        lastunit epc decode --pc 30003066C4409047E140075BCD15

        lastunit epc decode < epcs.txt | jq -r .digital_link
    """
    each_line("hex", hexes, lambda text: _decoded(text, pc, prefix_length))


@app.command()
def encode(
    uris: Annotated[
        list[str] | None,
        typer.Argument(metavar="URI", help="EPC URIs, tag URIs, Digital Links or bracketed element strings."),
    ] = None,
    *,
    scheme: Annotated[
        str, typer.Option("--scheme", "-s", help="Binary scheme, such as sgtin-96, sgtin-198 or sgtin+.")
    ] = "",
    filter_value: Annotated[
        int | None,
        typer.Option(
            "--filter", "-f", min=0, max=63, help="Filter value; 1 (point of sale item) for SGTINs if not given."
        ),
    ] = None,
    prefix_length: PrefixLength = None,
) -> None:
    """Write identifiers as the bits of a tag: one JSON object per line, as `decode` prints it.

    Without --scheme, a tag URI keeps its own and everything else takes the tightest classic scheme that holds it.
    On failure a line has uri and error.

    Exit code: 0 all good, 1 some input was rejected, 2 wrong usage.

        lastunit epc encode urn:epc:id:sgtin:95060001343.05.123456789

        lastunit epc encode --scheme sgtin+ https://id.gs1.org/01/09506000134352/21/32a%2Fb

        lastunit epc encode --prefix-length 7 "(01)09506000134352(21)42"
    """
    each_line("uri", uris, lambda text: _encoded(text, scheme, filter_value, prefix_length))


def _decoded(text: str, pc: bool, prefix_length: int | None) -> dict[str, Any]:
    digits = text.translate(SEPARATORS).removeprefix("0x")
    if digits.isascii():  # an "ff" ligature in capitals is FF
        digits = digits.upper()
    try:
        epc = bytes.fromhex(digits + "0" * (len(digits) % 2))
    except ValueError as error:
        raise Failed("hex", f"{shown(text)}: expected hexadecimal digits") from error
    value = decode_tag(epc) if pc else decode_epc(epc, 4 * len(digits))
    if isinstance(value, Reject):
        raise Failed(value.code, value.message)
    return {"hex": digits, **_described(value, prefix_length)}


def _described(epc: Epc, prefix_length: int | None) -> dict[str, Any]:
    """The fields of a decoded EPC, null where there is no such form."""
    note = {}
    try:
        uri = urn_of(epc, prefix_length)
    except IdentifierError as error:
        uri, note = None, {"note": str(error)}
    return {
        "scheme": epc.scheme,
        "uri": uri,
        "tag_uri": None if uri is None or epc.scheme.endswith("+") else tag_uri_of(epc),
        "digital_link": digital_link_of(epc) if epc.elements() else None,
        "gtin": getattr(epc, "gtin", None),
        "serial": getattr(epc, "serial", None),
        "filter": epc.filter,
        **note,
    }


def _encoded(text: str, scheme: str, filter_value: int | None, prefix_length: int | None) -> dict[str, Any]:
    try:
        epc = _parsed(text)
        length = prefix_length or epc.company_prefix_length
        chosen = filter_value if filter_value is not None else epc.filter
        if filter_value is None and not epc.scheme and isinstance(epc, Sgtin):
            chosen = 1
        value = replace(epc, filter=chosen, company_prefix_length=length)
        bits = encode_epc(value, scheme.lower())
    except IdentifierError as error:
        raise Failed(error.code, str(error)) from error
    return _decoded(bits.hex(), pc=False, prefix_length=length)


def _parsed(text: str) -> Epc:
    """The value of any of the four ways to write an EPC."""
    if text.startswith(TAG_PREFIX):
        return parse_tag_uri(text)
    if text.startswith(URN_PREFIX):
        return parse_urn(text)
    if text.startswith("("):
        return parse_element_string(text)
    if text.lower().startswith("http"):
        return parse_epc_link(text)
    raise BadUri(
        "identifier",
        value=text,
        expected=f"{URN_PREFIX}..., {TAG_PREFIX}..., a Digital Link or (AI)value...",
        found="another form",
    )
