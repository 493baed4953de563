"""GS1 Digital Link: a web address that is an identifier (GS1 Digital Link Standard, URI Syntax).

    https://host[:port][/stem...]/key/value[/qualifier/value...][?ai=value&...][#fragment]

The rightmost primary key of the path begins the identifier; anything left of it is the host's own.
Qualifiers come in their order, once each. AIs in the query are attributes. Values are percent-encoded. Short
names (`gtin`, `ser`), which the standard took back, and GTINs of fewer than 14 digits are refused, as GS1's
own engine does at its defaults.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import quote

from wire.gs1.element_string import Elements, check_element, format_bracketed, known_ai
from wire.gs1.errors import BadUri

DEFAULT_HOST: Final = "id.gs1.org"

URI_MAX_CHARS: Final = 8_192
"""Twice what a QR code of the largest size holds in letters."""

QUALIFIERS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "00": ((),),
    "01": (("22", "10", "21"), ("235",)),
    "253": ((),),
    "255": ((),),
    "401": ((),),
    "402": ((),),
    "414": (("254",), ("7040",)),
    "415": (("8020",),),
    "417": (("7040",),),
    "8003": ((),),
    "8004": (("7040",),),
    "8006": (("22", "10", "21"),),
    "8010": (("8011",),),
    "8013": ((),),
    "8017": (("8019",),),
    "8018": (("8019",),),
}
"""Primary keys with their sequences of qualifiers (GS1 syntax dictionary, `dlpkey`)."""

NO_ATTRIBUTE: Final = frozenset(
    ("03", "21", "22", "235", "254", "7040", "7041", "8011", "8014", "8019", "8020", "8040", "8041", "8042", "8043")
) | {"8200"}
"""AIs that may not stand in the query (GS1 syntax dictionary, those without `?`)."""

URI: Final = re.compile(
    r"(?:https?|HTTPS?)://(?P<host>(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?)"
    r"/(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.ASCII,
)
CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)
"""What RFC 3986 lets a URI hold."""

ESCAPE: Final = re.compile(r"%(..?)?", re.ASCII | re.DOTALL)


class DigitalLink(NamedTuple):
    """A parsed link: host with port, stem without slashes at its ends, elements in the order of the link."""

    host: str
    stem: str
    elements: Elements


def parse_digital_link(uri: str) -> DigitalLink:
    """Take a Digital Link apart and check every value.

    Raises:
        BadUri: not a Digital Link, wrong order of qualifiers, a repeated or unknown AI, a value of another form.
        BadCheckDigit: naming the AI.
    """
    if len(uri) > URI_MAX_CHARS:
        raise BadUri("Digital Link", value=uri, expected=f"at most {URI_MAX_CHARS}", found=str(len(uri)))
    match = URI.fullmatch(uri)
    if match is None or not CHARACTERS.fullmatch(uri):
        raise BadUri("Digital Link", value=uri, expected="http(s)://host/path in URI characters", found="another")
    stem, path = _split_path(uri, match["path"].split("/"))
    attributes = _attributes(uri, match["query"] or "")
    _check_order(uri, path, attributes)
    elements = path + attributes
    if len({ai for ai, _ in elements}) < len(elements):
        raise BadUri("Digital Link", value=uri, expected="each AI once", found=format_bracketed(elements))
    for ai, value in elements:
        check_element(ai, value)
    return DigitalLink(match["host"], stem, elements)


def format_digital_link(elements: Elements, host: str = DEFAULT_HOST) -> str:
    """The Digital Link of these elements: the first primary key, its qualifiers in order, the rest as attributes.

    Raises:
        BadUri: no primary key among them, or an AI that may not be an attribute here.
    """
    values = dict(elements)
    key = next((ai for ai, _ in elements if ai in QUALIFIERS), None)
    if key is None:
        raise BadUri("Digital Link", value=format_bracketed(elements), expected="a primary key", found="none")
    sequence = next((s for s in QUALIFIERS[key] if any(ai in values for ai in s)), ())
    path = [key, *(ai for ai in sequence if ai in values)]
    attributes = sorted((ai for ai in values if ai not in path), key=_is_variable)
    _check_order(format_bracketed(elements), tuple((ai, "") for ai in path), tuple((ai, "") for ai in attributes))
    link = "/".join(f"{ai}/{quote(values[ai], safe='')}" for ai in path)
    query = "&".join(f"{ai}={quote(values[ai], safe='')}" for ai in attributes)
    return f"https://{host}/{link}?{query}" if query else f"https://{host}/{link}"


def _is_variable(ai: str) -> bool:
    """AIs of fixed length come first, as in the canonical order of symbols."""
    return known_ai(ai).separator_required


def _split_path(uri: str, segments: list[str]) -> tuple[str, Elements]:
    """Stem and path elements: pairs from the right, up to the first primary key."""
    at = len(segments) - 2
    while at >= 0 and segments[at] not in QUALIFIERS:
        at -= 2
    if at < 0:
        raise BadUri("Digital Link", value=uri, expected="a primary key and its value in the path", found="none")
    pairs = segments[at:]
    path = tuple((pairs[i], _decoded(uri, pairs[i + 1])) for i in range(0, len(pairs), 2))
    return "/".join(segments[:at]), path


def _attributes(uri: str, query: str) -> Elements:
    """The AIs of the query, where `+` stands for a space; other keys, unless they are numbers, belong to the host."""
    found = []
    for pair in query.split("&"):
        ai, equals, value = pair.partition("=")
        if ai.isdigit() and equals:
            known_ai(ai)
            found.append((ai, _decoded(uri, value.replace("+", " "))))
    return tuple(found)


def _check_order(uri: str, path: Elements, attributes: Elements) -> None:
    """Qualifiers in one of the key's sequences; no attribute that could have stood in the path."""
    key, *used = (ai for ai, _ in path)
    sequences = [s for s in QUALIFIERS[key] if list(used) == [ai for ai in s if ai in used]]
    if not sequences:
        raise BadUri("Digital Link", value=uri, expected=f"qualifiers of ({key}): {QUALIFIERS[key]}", found=f"{used}")
    misplaced = [
        ai
        for ai, _ in attributes
        if ai in NO_ATTRIBUTE or ai in used or any(ai in s and ai not in used for s in sequences)
    ]
    if misplaced:
        raise BadUri("Digital Link", value=uri, expected="AIs that may be attributes", found=f"{misplaced}")


def _decoded(uri: str, text: str) -> str:
    """A value with its percent escapes undone."""
    for match in ESCAPE.finditer(text):
        pair = match[1] or ""
        if len(pair) < 2 or any(c not in "0123456789abcdefABCDEF" for c in pair):
            raise BadUri("Digital Link", value=uri, expected="% and two hexadecimal digits", found=match[0])
    return ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
