"""The host name behind a `++` scheme: whose resolver answers for this tag (TDS 2.3 section 14.5.16).

One bit says how: 0 = URN Code 40, 1 = 7-bit codes in which frequent beginnings and endings have a code of
their own. Six bits count the characters or codes. Two-code sequences for country endings (first code 0 to 3)
are named in the standard, but no published vector covers them: a tag that uses them is a typed reject, and
we write such endings letter by letter.
"""

from typing import Final

from wire.epc.alphanumeric import CODE_40, CODE_40_SET, characters_of, codes_of, field_bits
from wire.epc.bits import Bits
from wire.epc.reject import Refused, RejectCode
from wire.gs1.errors import BadCharacter, BadLength

SHORT: Final[dict[int, str]] = {
    0x1E: "qr.",
    0x1F: "www.",
    0x20: "id.",
    0x5B: ".com",
    0x5C: ".org",
    0x5D: ".net",
    0x5E: ".int",
    0x60: ".edu",
    0x7B: ".gov",
    0x7C: ".mil",
    0x7D: ".biz",
    0x7E: ".eco",
    0x7F: ".med",
}
"""Codes that stand for more than one character (TDS 2.3, optimisation table A)."""

HOST_SET: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
"""Letters, digits, hyphen (RFC 1123) and the dots between labels; names are kept in lower case."""

CODES_MAX: Final = 63
HEAD_BITS: Final = 7


def read_hostname(bits: Bits) -> str:
    """The host name that comes next, in lower case.

    Raises:
        Refused: no host name, or over the end.
    """
    short = bits.take(1)
    length = bits.take(6)
    if short:
        text = "".join(_character(bits.take(7)) for _ in range(length))
    else:
        text = characters_of(bits.take(field_bits(CODE_40, length)), CODE_40, length) or ""
    text = text.lower()
    if not is_hostname(text):
        raise Refused(RejectCode.HOSTNAME, f"host name {text!r}; expected labels of a-z, 0-9 and -")
    return text


def write_hostname(host: str) -> tuple[int, int]:
    """(field, width in bits) in the narrower of the two forms.

    Raises:
        BadCharacter: no host name.
        BadLength: more than 63 codes.
    """
    host = host.lower()
    if not is_hostname(host):
        raise BadCharacter("host name", value=host, expected="labels of a-z, 0-9 and -", found="something else")
    codes = _codes(host)
    wide = field_bits(CODE_40, len(host))
    if frozenset(host.upper()) <= CODE_40_SET and wide < 7 * len(codes) and len(host) <= CODES_MAX:
        return len(host) << wide | codes_of(host.upper(), CODE_40), HEAD_BITS + wide
    if len(codes) > CODES_MAX:
        raise BadLength("host name", value=host, expected=f"at most {CODES_MAX} codes", found=str(len(codes)))
    field = 0x40 | len(codes)
    for code in codes:
        field = field << 7 | code
    return field, HEAD_BITS + 7 * len(codes)


def is_hostname(text: str) -> bool:
    """Whether these are labels of letters, digits and inner hyphens, with single dots between them."""
    labels = text.split(".")
    return frozenset(text) <= HOST_SET and all(label and label[0] != "-" and label[-1] != "-" for label in labels)


def _character(code: int) -> str:
    """The text of one 7-bit code; a space, which no host name has, where the code stands for none that we know."""
    return SHORT.get(code) or (chr(code) if code > 0x20 else " ")


def _codes(host: str) -> list[int]:
    codes = []
    while host:
        code, text = next(
            ((code, text) for code, text in SHORT.items() if host.startswith(text)), (ord(host[0]), host[0])
        )
        codes.append(code)
        host = host[len(text) :]
    return codes
