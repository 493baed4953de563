"""Between a tag's value and application identifiers: element strings and Digital Links of EPCs (TDS section 7).

Only *serialised* keys are EPCs: a GTIN without a serial, or a GRAI, GDTI or coupon without one, names a
class of things. Other elements in the same string (a batch, a date) are attributes of the scan, not of the
identity, and are not kept here.
"""

from typing import Final

from wire.epc.encode import check_value
from wire.epc.keys import Cpi, Gdti, Giai, Grai, Gsrn, Gsrnp, Itip, Sgcn, Sgln, Sgtin, Sscc
from wire.epc.value import Epc
from wire.gs1.digital_link import DEFAULT_HOST, format_digital_link, parse_digital_link
from wire.gs1.element_string import Elements, format_bracketed, parse_bracketed
from wire.gs1.errors import BadLength, BadUri
from wire.gs1.gtin import Gtin14, parse_gtin

KEY_AIS: Final = ("8006", "01", "00", "8003", "8004", "8018", "8017", "253", "8010", "255", "414")
"""In the order in which they are looked for; a place comes last, since it stands beside other keys."""

SPLIT_AT: Final = {"8003": 14, "253": 13, "255": 13}
"""Where the serial begins in the keys that hold their own."""


def of_elements(elements: Elements) -> Epc:
    """The EPC that these application identifiers name.

    Raises:
        BadUri: none of the keys, or one without its serial.
        IdentifierError: a value that breaks its key's grammar.
    """
    values = dict(elements)
    ai = next((ai for ai in KEY_AIS if ai in values), None)
    if ai is None:
        raise BadUri("elements", value=format_bracketed(elements), expected=f"one of the AIs {KEY_AIS}", found="none")
    epc = _value(ai, values, elements)
    check_value(epc)
    return epc


def _value(ai: str, values: dict[str, str], elements: Elements) -> Epc:
    key = values[ai]
    if ai == "01":
        return Sgtin(parse_gtin(key), _serial(values, "21", elements))
    if ai == "8006":
        if len(key) != 18:
            raise BadLength("(8006)", value=key, expected="18 digits", found=str(len(key)))
        serial = _serial(values, "21", elements)
        return Itip(Gtin14(key[:14]), key[14:16], key[16:], serial)
    if ai == "8010":
        return Cpi(key, _serial(values, "8011", elements))
    if ai == "414":
        return Sgln(key, values.get("254", "0"))
    if ai in SPLIT_AT:
        return _split(ai, key, elements)
    plain: dict[str, type[Sscc | Giai | Gsrn]] = {"00": Sscc, "8004": Giai, "8018": Gsrn, "8017": Gsrnp}
    return plain[ai](key)


def _split(ai: str, value: str, elements: Elements) -> Epc:
    key, serial = value[: SPLIT_AT[ai]], value[SPLIT_AT[ai] :]
    if not serial:
        raise _no_serial(f"a serial behind the {SPLIT_AT[ai]} digits of ({ai})", elements)
    if ai == "8003":
        if not key.startswith("0"):
            raise BadUri("(8003)", value=value, expected="0 in front of the GRAI", found=key[:1])
        return Grai(key[1:], serial)
    return Gdti(key, serial) if ai == "253" else Sgcn(key, serial)


def _serial(values: dict[str, str], ai: str, elements: Elements) -> str:
    if ai not in values:
        raise _no_serial(f"a serial ({ai})", elements)
    return values[ai]


def _no_serial(expected: str, elements: Elements) -> BadUri:
    return BadUri("elements", value=format_bracketed(elements), expected=expected, found="none: no single thing")


def digital_link_of(epc: Epc, host: str = "") -> str:
    """The GS1 Digital Link URI, at `host`, the tag's own host name or id.gs1.org; further data of a `+` tag follows.

    Raises:
        BadUri: a GID, DoD or ADI identifier: they have none.
    """
    elements = elements_of(epc)
    return format_digital_link(elements, host or epc.hostname or DEFAULT_HOST)


def element_string_of(epc: Epc) -> str:
    """The element string with brackets: (01)09506000134352(21)123.

    Raises:
        BadUri: a GID, DoD or ADI identifier: they have none.
    """
    return format_bracketed(elements_of(epc))


def elements_of(epc: Epc) -> Elements:
    """Application identifiers of key, date and further data.

    Raises:
        BadUri: a GID, DoD or ADI identifier: they have none.
    """
    elements = epc.elements()
    if not elements:
        raise BadUri(epc.urn, value=epc.identity, expected="a GS1 key", found="an identifier without one")
    return elements + tuple((ai, value) for ai, value in epc.data if ai)


def parse_epc_link(uri: str) -> Epc:
    """The EPC that a Digital Link names.

    Raises:
        IdentifierError: not a Digital Link, or one of no single thing.
    """
    return of_elements(parse_digital_link(uri).elements)


def parse_element_string(text: str) -> Epc:
    """The EPC that a bracketed element string names.

    Raises:
        IdentifierError: not an element string, or one of no single thing.
    """
    return of_elements(parse_bracketed(text))
