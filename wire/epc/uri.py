"""EPC URIs: pure identity (`urn:epc:id:sgtin:9506000.134352.1`) and tag (`urn:epc:tag:sgtin-96:1.9506000...`).

Both list the parts of a key between dots (TDS sections 6.3 and 12). In a part, the characters `" % & / < >
?` and `#` stand as `%` and two hexadecimal digits; nothing else is escaped, and what must be is never
accepted raw (TDS section 5, rule GS3A3Component, and table A-1). A tag URI says the binary scheme and the
filter value in addition.
"""

from typing import Final

from wire.epc.encode import CHOICES, FILTER_MAX, classic_parts, encode_bits
from wire.epc.grammar import GRAMMAR, check_parts, part_count
from wire.epc.keys import Cpi, Gdti, Giai, Grai, Gsrn, Gsrnp, Itip, Sgcn, Sgln, Sgtin, Sscc
from wire.epc.plain_keys import Adi, Gid, Usdod
from wire.epc.value import Epc
from wire.gs1.errors import BadUri, IdentifierError

URN_PREFIX: Final = "urn:epc:id:"
TAG_PREFIX: Final = "urn:epc:tag:"

URI_MAX_CHARS: Final = 512
"""The longest tag URI, a GIAI-202 with every character escaped, has fewer than 150."""

ESCAPES: Final[dict[str, str]] = {c: f"%{ord(c):02X}" for c in '"%&/<>?#'}

KEYS: Final[dict[str, type[Epc]]] = {
    key.urn: key
    for key in (
        Sgtin, Sscc, Sgln, Grai, Giai, Gsrn, Gsrnp, Gdti, Cpi, Sgcn, Itip, Gid, Usdod, Adi,
    )
}  # fmt: skip

CLASSIC_SCHEMES: Final[dict[str, str]] = {
    **{scheme: urn for urn, schemes in CHOICES.items() for scheme in schemes},
    "gdti-113": "gdti",
}
"""Schemes that a tag URI can name, with the type of their key; `+` schemes have no tag URI (TDS section 12)."""


def escape(part: str) -> str:
    """A part as it stands in a URN."""
    return "".join(ESCAPES.get(character, character) for character in part)


def urn_of(epc: Epc, company_prefix_length: int | None = None) -> str:
    """The pure identity URI.

    Raises:
        PrefixUnknown: the key needs a company prefix and nobody knows its length.
        IdentifierError: a part that breaks the key's grammar.
    """
    parts = classic_parts(epc, company_prefix_length)
    return f"{URN_PREFIX}{epc.urn}:{'.'.join(map(escape, parts))}"


def tag_uri_of(epc: Epc, scheme: str = "", company_prefix_length: int | None = None) -> str:
    """The tag URI of the value's own scheme, or of `scheme`.

    Raises:
        BadUri: a `+` scheme, or none: they have no tag URI.
        IdentifierError: as `urn_of`, or a part that the scheme cannot hold.
    """
    scheme = scheme or epc.scheme
    if scheme not in CLASSIC_SCHEMES:
        raise BadUri("tag URI", value=scheme, expected="a scheme of TDS 1", found=repr(scheme))
    encode_bits(epc, scheme, company_prefix_length)
    parts = ".".join(map(escape, classic_parts(epc, company_prefix_length)))
    filter_part = "" if scheme == "gid-96" else f"{epc.filter}."
    return f"{TAG_PREFIX}{scheme}:{filter_part}{parts}"


def parse_urn(text: str) -> Epc:
    """The value of a pure identity URI, without scheme and filter.

    Raises:
        IdentifierError: not such a URI, a type that no tag holds, or a part that breaks the key's grammar.
    """
    urn, _, body = _without_prefix(text, URN_PREFIX).partition(":")
    key = KEYS.get(urn)
    if key is None:
        raise BadUri("EPC URI", value=text, expected=f"a type of {', '.join(KEYS)}", found=repr(urn))
    return _value(text, key, _split(text, body, part_count(urn)), "", 0)


def parse_tag_uri(text: str) -> Epc:
    """The value of a tag URI, with its scheme and filter.

    Raises:
        IdentifierError: not such a URI, an unknown scheme, a filter or part that does not fit.
    """
    scheme, _, body = _without_prefix(text, TAG_PREFIX).partition(":")
    urn = CLASSIC_SCHEMES.get(scheme)
    if urn is None:
        raise BadUri("tag URI", value=text, expected=f"a scheme of {', '.join(CLASSIC_SCHEMES)}", found=repr(scheme))
    has_filter = scheme != "gid-96"
    parts = _split(text, body, part_count(urn) + has_filter)
    filter_value = 0
    if has_filter:
        most = FILTER_MAX.get(scheme, 7)
        if parts[0] not in map(str, range(most + 1)):
            raise BadUri(
                "tag URI", value=text, expected=f"a filter of 0 to {most}", found=repr(parts[0]), place="filter"
            )
        filter_value, parts = int(parts[0]), parts[1:]
    epc = _value(text, KEYS[urn], parts, scheme, filter_value)
    encode_bits(epc, scheme)
    return epc


def _value(text: str, key: type[Epc], parts: tuple[str, ...], scheme: str, filter_value: int) -> Epc:
    try:
        check_parts(key.urn, parts)
    except IdentifierError as error:
        raise type(error)(
            error.what, value=text, expected=error.expected, found=error.found, place=error.place or error.what
        ) from error
    length = len(parts[0]) if key.urn in GRAMMAR else None
    return key.of(parts, scheme=scheme, filter=filter_value, company_prefix_length=length)


def _without_prefix(text: str, prefix: str) -> str:
    if len(text) > URI_MAX_CHARS or not text.startswith(prefix):
        raise BadUri("EPC URI", value=text, expected=f"{prefix}...", found=f"{len(text)} other characters")
    return text.removeprefix(prefix)


def _split(text: str, body: str, count: int) -> tuple[str, ...]:
    """The parts; a dot may stand in the last one, which is the only one that holds more than digits."""
    return tuple(_unescape(text, part) for part in body.split(".", count - 1))


def _unescape(text: str, part: str) -> str:
    """A part with its escapes undone; refuses raw characters that must be escaped, and escapes of others."""
    head, *escaped = part.split("%")
    plain = _raw(text, head)
    for piece in escaped:
        character = chr(int(piece[:2], 16)) if _is_hex(piece[:2]) else ""
        if character not in ESCAPES:
            raise BadUri("EPC URI", value=text, expected='escapes of " % & / < > ? #', found=f"%{piece[:2]}")
        plain += character + _raw(text, piece[2:])
    return plain


def _raw(text: str, piece: str) -> str:
    """A piece that holds no escapes; refuses the characters that must be escaped."""
    raw = next((c for c in piece if c in ESCAPES), None)
    if raw is not None:
        raise BadUri("EPC URI", value=text, expected=f"{ESCAPES[raw]}", found=f"a raw {raw}")
    return piece


def _is_hex(pair: str) -> bool:
    return len(pair) == 2 and all(c in "0123456789abcdefABCDEF" for c in pair)
