"""Seven-bit character fields: GS1's set of 82 characters, one character in 7 bits, NUL behind the last.

TDS appendix A (GS1 AI encodable character set 82) says which codes are allowed; section 14.4.2 how a string
of less than the field's length ends: with NULs to the end, so that anything behind the first NUL is an
error.
"""

from typing import Final

from wire.epc.reject import Refused, RejectCode
from wire.gs1.errors import BadCharacter, BadLength

SET_82: Final = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
SET_82_BYTES: Final = SET_82.encode()


def unpack7(field: int, length: int) -> bytes:
    """The `length` 7-bit codes of a field, most significant first."""
    return bytes([field >> shift & 0x7F for shift in range(7 * (length - 1), -1, -7)])


def pack7(text: bytes, length: int) -> int:
    """A field of `length` 7-bit codes, NUL padded."""
    field = 0
    for code in text:
        field = field << 7 | code
    return field << 7 * (length - len(text))


def read_characters(field: int, length: int, what: str) -> str:
    """The text of a NUL-padded field of `length` 7-bit codes.

    Raises:
        Refused: empty, or a code (also a NUL before the last character) outside of the set.
    """
    raw = unpack7(field, length).rstrip(b"\0")
    if not raw:
        raise Refused(RejectCode.EMPTY, f"{what} is empty; expected at least one character")
    if raw.translate(None, SET_82_BYTES):
        at, code = next((i, c) for i, c in enumerate(raw) if c not in SET_82_BYTES)
        text = f"{what}: code {code:#04x} at character {at + 1} is not one of GS1's 82 characters"
        raise Refused(RejectCode.CHARACTER, text)
    return raw.decode("ascii")


def require_set82(what: str, text: str, longest: int) -> None:
    """Check that `text` is 1 to `longest` of GS1's 82 characters.

    Raises:
        BadLength: empty or too long.
        BadCharacter: naming the first character outside of the set.
    """
    if not 1 <= len(text) <= longest:
        raise BadLength(what, value=text, expected=f"1 to {longest} characters", found=str(len(text)))
    require_characters(what, text, SET_82)


def require_characters(what: str, text: str, allowed: str, start: int = 0) -> None:
    """Check that `text` from `start` on holds characters of `allowed` only.

    Raises:
        BadCharacter: naming the first one that is not.
    """
    for at, character in enumerate(text[start:], start + 1):
        if character not in allowed:
            raise BadCharacter(
                what,
                value=text,
                expected=f"characters of {allowed}",
                found=repr(character),
                place=f"character {at}",
            )
