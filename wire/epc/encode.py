"""From a value to the bits of a tag, for commissioning, tests and the simulator (TDS section 14.3 and 14.6)."""

from typing import Final

from wire.epc.classic import CLASSIC, encode_classic
from wire.epc.company_prefix import gtin_prefix_length, known_prefix_length
from wire.epc.grammar import check_parts, check_prefix_length
from wire.epc.headers import HEADER_OF
from wire.epc.irregular import encode_irregular
from wire.epc.keys import Itip, Sgtin
from wire.epc.plus import check_open_key, encode_plus
from wire.epc.value import Epc
from wire.gs1.errors import BadCharacter, BadCheckDigit, IdentifierError, OutOfRange, PrefixUnknown
from wire.gs1.gtin import parse_gtin

FILTER_MAX: Final[dict[str, int]] = {"gid-96": 0, "usdod-96": 15, "adi-var": 63}
"""Widths of filter fields that are not three bits."""

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "sgtin": ("sgtin-96", "sgtin-198"),
    "sscc": ("sscc-96",),
    "sgln": ("sgln-96", "sgln-195"),
    "grai": ("grai-96", "grai-170"),
    "giai": ("giai-96", "giai-202"),
    "gsrn": ("gsrn-96",),
    "gsrnp": ("gsrnp-96",),
    "gdti": ("gdti-96", "gdti-174"),
    "cpi": ("cpi-96", "cpi-var"),
    "sgcn": ("sgcn-96",),
    "itip": ("itip-110", "itip-212"),
    "gid": ("gid-96",),
    "usdod": ("usdod-96",),
    "adi": ("adi-var",),
}
"""Classic schemes of each key, the tightest first."""


def encode_epc(epc: Epc, scheme: str = "", *, company_prefix_length: int | None = None) -> bytes:
    """The bytes of a tag, padded with zero bits to a 16-bit word.

    `scheme` is the value's own unless given; a value without one takes the tightest classic scheme that holds it. The
    length of the company prefix is the value's own, or `company_prefix_length`, or what GS1's table says of the number.

    Raises:
        IdentifierError: unknown scheme, one of another key, a part that the scheme cannot hold, or a prefix whose
            length nobody knows.
    """
    scheme = scheme or epc.scheme
    if scheme:
        return padded(*encode_bits(epc, scheme, company_prefix_length))
    choices = CHOICES[epc.urn]
    for choice in choices[:-1]:
        try:
            return padded(*encode_bits(epc, choice, company_prefix_length))
        except PrefixUnknown:
            raise
        except IdentifierError:
            continue
    return padded(*encode_bits(epc, choices[-1], company_prefix_length))


def encode_bits(epc: Epc, scheme: str, company_prefix_length: int | None = None) -> tuple[int, int]:
    """As `encode_epc` for a named scheme: (number, width in bits), without padding.

    Raises:
        IdentifierError: as `encode_epc`.
    """
    if scheme not in HEADER_OF:
        raise BadCharacter("scheme", value=scheme, expected=f"one of {', '.join(HEADER_OF)}", found="another")
    key = scheme.partition("-")[0].rstrip("+")
    if key.removeprefix("d") != epc.urn and key != epc.urn:
        raise BadCharacter("scheme", value=scheme, expected=f"a scheme of {epc.urn}", found=f"one of {key}")
    most = FILTER_MAX.get(scheme, 7)
    if not 0 <= epc.filter <= most:
        raise OutOfRange("filter", value=epc.filter, expected=f"0 to {most}", found=str(epc.filter))
    if scheme.endswith("+"):
        check_value(epc)
        return encode_plus(epc, scheme)
    parts = classic_parts(epc, company_prefix_length)
    encode = encode_classic if scheme in CLASSIC else encode_irregular
    return encode(parts, scheme, epc.filter)


def classic_parts(epc: Epc, company_prefix_length: int | None = None) -> tuple[str, ...]:
    """The checked parts of a key: company prefix, reference, and so on.

    Raises:
        PrefixUnknown: the key needs a company prefix and nobody knows its length.
        IdentifierError: a part that breaks the key's grammar.
    """
    length = prefix_length(epc, company_prefix_length)
    parts = epc.parts(length)
    check_parts(epc.urn, parts)
    _require_check_digit(epc, parts)
    return parts


def prefix_length(epc: Epc, company_prefix_length: int | None = None) -> int:
    """Digits of the company prefix: as given, as the tag said, or by GS1's table; 0 for keys that have none.

    Raises:
        OutOfRange: not 6 to 12.
        PrefixUnknown: not given, and the table does not know the number.
    """
    if not epc.numbered:
        return 0
    length = epc.company_prefix_length if company_prefix_length is None else company_prefix_length
    if length is None:
        by_table = gtin_prefix_length if isinstance(epc, Sgtin | Itip) else known_prefix_length
        length = by_table(epc.numbered)
    if length is None:
        raise PrefixUnknown(
            epc.urn,
            value=epc.numbered,
            expected="a company prefix length of 6 to 12 digits",
            found="none: neither given nor in GS1's table",
        )
    check_prefix_length(length)
    return length


def check_value(epc: Epc) -> None:
    """Check a value whose company prefix length does not matter: as with one of 7 digits.

    Raises:
        IdentifierError: a part that breaks the key's grammar.
    """
    if epc.urn in {"giai", "cpi"}:
        check_open_key(epc)
        if epc.urn == "cpi":
            check_parts("cpi", ("0000000", "0", epc.identity[1]))
        return
    parts = epc.parts(7)
    check_parts(epc.urn, parts)
    _require_check_digit(epc, parts)


def _require_check_digit(epc: Epc, parts: tuple[str, ...]) -> None:
    """The value must be the one that its own parts make, with the right check digit and length."""
    right = type(epc).of(parts).identity
    if right != epc.identity:
        raise BadCheckDigit(epc.urn, value=epc.identity, expected=str(right), found=str(epc.identity))


def padded(number: int, width: int) -> bytes:
    """A bit string as bytes, with zero bits to the next 16-bit word (TDS section 15.1.1)."""
    spare = -width % 16
    return (number << spare).to_bytes((width + spare) // 8, "big")


def encode_sgtin96(
    gtin: str,
    serial: str | int,
    *,
    company_prefix_length: int,
    filter: int = 1,  # noqa: A002 - the standard's word
) -> bytes:
    """The 12 bytes of an SGTIN-96.

    Raises:
        IdentifierError: bad GTIN, filter not 0 to 7, company prefix length not 6 to 12, serial not a number without
            leading zeros up to 274,877,906,943.
    """
    epc = Sgtin(parse_gtin(gtin), str(serial), filter=filter)
    return encode_epc(epc, "sgtin-96", company_prefix_length=company_prefix_length)


def encode_sgtin198(
    gtin: str,
    serial: str,
    *,
    company_prefix_length: int,
    filter: int = 1,  # noqa: A002 - the standard's word
) -> bytes:
    """The 26 bytes of an SGTIN-198: 198 bits, padded with zero bits to a 16-bit word.

    Raises:
        IdentifierError: bad GTIN, filter not 0 to 7, company prefix length not 6 to 12, serial not 1 to 20 of GS1's
            82 characters.
    """
    epc = Sgtin(parse_gtin(gtin), serial, filter=filter)
    return encode_epc(epc, "sgtin-198", company_prefix_length=company_prefix_length)
