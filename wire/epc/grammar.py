"""What the parts of each key may look like: lengths and characters (TDS section 6.3).

For callers who encode or parse text; a tag's own bits are checked by the decoders.
"""

from typing import Final, NamedTuple

from wire.epc.characters import SET_82, require_characters
from wire.gs1.errors import BadCharacter, BadLength, BadUri, OutOfRange
from wire.gs1.gtin import require_digits

DIGITS: Final = "0123456789"
SET_CAGE: Final = DIGITS + "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Government entity codes leave out I and O (TDS section 6.3.17)."""
SET_COMPONENT: Final = "#-/" + DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SET_ADI: Final = "-/" + DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

GCP_MIN: Final = 6
GCP_MAX: Final = 12


class Field(NamedTuple):
    """One part: its characters, its lengths, and a limit if it is a number without leading zeros."""

    name: str
    characters: str
    shortest: int
    longest: int
    number_max: int = -1


class KeyGrammar(NamedTuple):
    """`digits`: of company prefix and reference together, 0 for keys of free length; `fields`: what follows them."""

    digits: int
    fields: tuple[Field, ...]
    open_characters: str = ""
    open_longest: int = 0


NUMBER_36: Final = (1 << 36) - 1

GRAMMAR: Final[dict[str, KeyGrammar]] = {
    "sgtin": KeyGrammar(13, (Field("serial", SET_82, 1, 20),)),
    "sscc": KeyGrammar(17, ()),
    "sgln": KeyGrammar(12, (Field("extension", SET_82, 1, 20),)),
    "grai": KeyGrammar(12, (Field("serial", SET_82, 1, 16),)),
    "giai": KeyGrammar(0, (), SET_82, 30),
    "gsrn": KeyGrammar(17, ()),
    "gsrnp": KeyGrammar(17, ()),
    "gdti": KeyGrammar(12, (Field("serial", SET_82, 1, 17),)),
    "cpi": KeyGrammar(0, (Field("serial", DIGITS, 1, 12, 10**12 - 1),), SET_COMPONENT, 30),
    "sgcn": KeyGrammar(12, (Field("serial", DIGITS, 1, 12),)),
    "itip": KeyGrammar(
        13, (Field("piece", DIGITS, 2, 2), Field("total", DIGITS, 2, 2), Field("serial", SET_82, 1, 20))
    ),
}
"""Keys that begin with a company prefix and a reference."""

PLAIN_GRAMMAR: Final[dict[str, tuple[Field, ...]]] = {
    "gid": (
        Field("general manager", DIGITS, 1, 9, (1 << 28) - 1),
        Field("object class", DIGITS, 1, 8, (1 << 24) - 1),
        Field("serial", DIGITS, 1, 11, NUMBER_36),
    ),
    "usdod": (Field("CAGE or DoDAAC", SET_CAGE, 5, 6), Field("serial", DIGITS, 1, 11, NUMBER_36)),
    "adi": (
        Field("CAGE or DoDAAC", SET_CAGE, 5, 6),
        Field("part number", SET_ADI, 0, 32),
        Field("serial", SET_ADI, 1, 30),
    ),
}
"""Identifiers without a company prefix."""


def check_parts(urn: str, parts: tuple[str, ...]) -> None:
    """Check the parts of a key named by its URN type ("sgtin").

    Raises:
        IdentifierError: naming the part, the rule and what was found.
    """
    plain = PLAIN_GRAMMAR.get(urn)
    if plain is not None:
        _count(urn, parts, len(plain))
        for field, text in zip(plain, parts, strict=True):
            _check_field(urn, field, text)
        return
    grammar = GRAMMAR[urn]
    _count(urn, parts, 2 + len(grammar.fields))
    _check_reference(urn, grammar, parts[0], parts[1])
    for field, text in zip(grammar.fields, parts[2:], strict=True):
        _check_field(urn, field, text)


def part_count(urn: str) -> int:
    """How many parts a key has, by its URN type."""
    plain = PLAIN_GRAMMAR.get(urn)
    return len(plain) if plain is not None else 2 + len(GRAMMAR[urn].fields)


def check_prefix_length(length: int) -> None:
    """Check the length of a company prefix in digits.

    Raises:
        OutOfRange: not 6 to 12 (TDS section 14.3).
    """
    if not GCP_MIN <= length <= GCP_MAX:
        raise OutOfRange("company prefix length", value=length, expected="6 to 12", found=f"{length}")


def _count(urn: str, parts: tuple[str, ...], expected: int) -> None:
    if len(parts) != expected:
        raise BadUri(urn, value=".".join(parts), expected=f"{expected} parts", found=f"{len(parts)}")


def _check_reference(urn: str, grammar: KeyGrammar, gcp: str, reference: str) -> None:
    if not GCP_MIN <= len(gcp) <= GCP_MAX:
        raise BadLength(f"{urn} company prefix", value=gcp, expected="6 to 12 digits", found=str(len(gcp)))
    require_digits(f"{urn} company prefix", gcp)
    if grammar.digits:
        size = grammar.digits - len(gcp)
        _check_field(urn, Field("reference", DIGITS, size, size), reference)
    else:
        size = grammar.open_longest - len(gcp)
        _check_field(urn, Field("reference", grammar.open_characters, 1, size), reference)


def _check_field(urn: str, field: Field, text: str) -> None:
    what = f"{urn} {field.name}"
    if not field.shortest <= len(text) <= field.longest:
        raise BadLength(
            what,
            value=text,
            expected=f"{field.shortest} to {field.longest} characters",
            found=str(len(text)),
        )
    start = 1 if urn == "adi" and field.name == "serial" and text.startswith("#") and len(text) > 1 else 0
    require_characters(what, text, field.characters, start)
    if field.number_max >= 0:
        require_number(what, text, field.number_max)


def require_number(what: str, text: str, most: int) -> int:
    """The value of a decimal number without leading zeros.

    Raises:
        BadCharacter: other characters or a leading zero.
        OutOfRange: above `most`.
    """
    require_digits(what, text)
    if text == "" or (text[0] == "0" and text != "0"):
        raise BadCharacter(what, value=text, expected="a number without leading zeros", found=repr(text[:1]))
    if int(text) > most:
        raise OutOfRange(what, value=text, expected=f"at most {most}", found=f"{len(text)} digits")
    return int(text)
