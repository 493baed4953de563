"""What is wrong with an identifier that a caller asked for: value, expectation and place.

Raised by parsers and encoders only. Decoding what a tag or a scanner said never raises: it returns a reject.
"""

from wire.errors import WireError

SHOWN_MAX_CHARS = 80
"""A log line stays readable when somebody scans a shipping label's whole content into a GTIN field."""


def shown(value: object) -> str:
    """A value for an error's text: quoted, escaped, cut at `SHOWN_MAX_CHARS`."""
    text = repr(value)
    return text if len(text) <= SHOWN_MAX_CHARS else f"{text[:SHOWN_MAX_CHARS]}... ({len(text)} characters)"


class IdentifierError(WireError):
    """Root: `value` is what came, `expected` the rule, `found` what broke it, `place` where in the value."""

    code = "identifier"

    def __init__(self, what: str, *, value: object, expected: str, found: str, place: str = "") -> None:
        self.what = what
        self.value = value
        self.expected = expected
        self.found = found
        self.place = place
        where = f" at {place}" if place else ""
        super().__init__(f"{what} {shown(value)}: expected {expected}, found {found}{where}")


class BadLength(IdentifierError):  # noqa: N818 - reads as what is wrong
    """Too short or too long for its kind."""

    code = "length"


class BadCharacter(IdentifierError):  # noqa: N818 - reads as what is wrong
    """A character that the field cannot hold."""

    code = "character"


class BadCheckDigit(IdentifierError):  # noqa: N818 - reads as what is wrong
    """The last digit is not what the others say (GS1 General Specifications, section 7.9)."""

    code = "check_digit"


class OutOfRange(IdentifierError):  # noqa: N818 - reads as what is wrong
    """A number that does not fit its field."""

    code = "range"


class BadUri(IdentifierError):  # noqa: N818 - reads as what is wrong
    """Not one of the URI forms of TDS sections 6 and 12 or of the GS1 Digital Link standard."""

    code = "uri"


class PrefixUnknown(IdentifierError):  # noqa: N818 - reads as what is wrong
    """A company prefix's length is needed, was not given, and GS1's table does not know the number."""

    code = "prefix_unknown"
