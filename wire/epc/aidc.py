"""Further application identifiers behind the EPC of a `+` tag whose data toggle is set (TDS section 15.3).

Each is its AI as decimal digits in nibbles (two digits say how many there are, TDS table K), then its value
by table F. Batch, expiry date or weight may stand there. What the item *is* does not depend on them: an AI
whose format is not in the table below ends the reading, as does one of the data headers that the standard
keeps for later (a nibble A to F in its first byte). Everything from there on is kept as bits under the empty
AI, so that nothing is lost and the tag still counts.
"""

from typing import Final, NamedTuple

from wire.epc.alphanumeric import (
    INTEGER_BITS,
    read_alphanumeric,
    read_integer,
    read_numeric,
    write_alphanumeric,
    write_numeric,
)
from wire.epc.bits import Bits
from wire.epc.characters import require_set82
from wire.epc.date import DATE_BITS, read_date, write_date
from wire.epc.reject import Refused, RejectCode
from wire.gs1.errors import BadCharacter, BadLength, OutOfRange
from wire.gs1.gtin import require_digits

Data = tuple[tuple[str, str], ...]


class Component(NamedTuple):
    """One component of a value. `kind`: digits (nibbles), integer, text, number, date, bit; `size`: its characters."""

    kind: str
    size: int
    length_bits: int = 0


def _digits(size: int) -> tuple[Component, ...]:
    return (Component("digits", size),)


def _integer(size: int) -> tuple[Component, ...]:
    return (Component("integer", size),)


def _text(longest: int, length_bits: int = 5) -> tuple[Component, ...]:
    return (Component("text", longest, length_bits),)


def _number(longest: int, length_bits: int = 4) -> tuple[Component, ...]:
    return (Component("number", longest, length_bits),)


DATE: Final = (Component("date", 6),)
BIT: Final = (Component("bit", 1),)


def _measures() -> list[str]:
    """The trade and logistic measures 310n to 369n, n = 0 to 5 decimal places."""
    stems = [*range(310, 317), *range(320, 338), *range(340, 358), *range(360, 370)]
    return [f"{stem}{places}" for stem in stems for places in range(6)]


def _tens(*stems: int) -> list[str]:
    return [f"{stem}{last}" for stem in stems for last in range(10)]


_GROUPS: Final[list[tuple[list[str], tuple[Component, ...]]]] = [
    (["00", "8006", "8017", "8018", "8026"], _digits(18)),
    (["01", "02"], _digits(14)),
    (["410", "411", "412", "413", "414", "415", "416", "417"], _digits(13)),
    (["7241"], _digits(2)),
    (["253"], _digits(13) + _text(17)),
    (["255"], _digits(13) + _number(12)),
    (["8003"], _digits(14) + _text(16)),
    (["11", "12", "13", "15", "16", "17", "4326", "7006"], DATE),
    (["4321", "4322", "4323"], BIT),
    (["7252"], _integer(1)),
    (["20"], _integer(2)),
    (["422", "424", "426"], _integer(3)),
    (["3940", "3941", "3942", "3943", "8111"], _integer(4)),
    ([*_measures(), "3950", "3951", "3952", "3953", "8005"], _integer(6)),
    (["7250"], _integer(8)),
    (["7251"], _integer(12)),
    (["7001"], _integer(13)),
    (["8001"], _integer(14)),
    (["402"], _integer(17)),
    (["4309"], _integer(20)),
    (["421"], _integer(3) + _text(9, 4)),
    (_tens(703), _integer(3) + _text(27)),
    (_tens(391, 393), _integer(3) + _number(15)),
    ([*_tens(390, 392), "423", "425"], _number(15)),
    (["7004"], _number(4, 3)),
    (["242"], _number(6, 3)),
    (["8019"], _number(10)),
    (["8011"], _number(12)),
    (["30", "37"], _number(8)),
    (["7010"], _text(2, 2)),
    (["427", "7008"], _text(3, 2)),
    (["7040", "7041"], _text(4, 3)),
    (["7009", "7255"], _text(10, 4)),
    (["7005"], _text(12, 4)),
    (["10", "21", "22", "243", "254", "420", "4318", "7020", "7021", "7022", "7240", "8002", "8012"], _text(20)),
    (["710", "711", "712", "713", "714", "715", "716"], _text(20)),
    (["8007"], _text(24)),
    (["7242", "8013", "8020"], _text(25)),
    (["235"], _text(28)),
    (["240", "241", "250", "251", "400", "401", "403", "4308", "4319", "7002", *_tens(723), "90"], _text(30)),
    (["4300", "4301", "4310", "4311", "4320"], _text(35, 6)),
    (["7253", "7254", "7259"], _text(40, 6)),
    (["8009"], _text(50, 6)),
    (["4302", "4303", "4304", "4305", "4306", "4312", "4313", "4314", "4315", "4316"], _text(70, 7)),
    (["7257", "8110", "8112", "8200"], _text(70, 7)),
    (["7256", "8030", "91", "92", "93", "94", "95", "96", "97", "98", "99"], _text(90, 7)),
]

FORMATS: Final[dict[str, tuple[Component, ...]]] = {ai: form for ais, form in _GROUPS for ai in ais}
"""TDS table F without the formats of sections 14.5.5, 14.5.9 to 14.5.12, 14.5.14 and 14.5.15."""

KEY_LENGTHS: Final[dict[str, int]] = {
    **{ai[:2]: len(ai) for ai in FORMATS},
    "43": 4,
    "70": 4,
    "72": 4,
    "80": 4,
    "82": 4,
}
"""Digits of an AI by its first two (TDS table K)."""


def read_aidc(bits: Bits) -> Data:
    """All that follows: ((AI, value), ...); from an AI without a format here on, ("", "0b...") with the bits.

    Raises:
        Refused: no application identifier, or a value that breaks its format.
    """
    data: list[tuple[str, str]] = []
    while rest := bits.rest():
        left = bits.left
        ai = _read_ai(bits)
        form = FORMATS.get(ai)
        if form is None:  # not known here, or reserved
            data.append(("", f"0b{rest:0{left}b}"))
            return tuple(data)
        data.append((ai, "".join(_read(bits, component) for component in form)))
    bits.end()
    return tuple(data)


def _read_ai(bits: Bits) -> str:
    """The AI that comes next, or a reserved data header."""
    ai = f"{bits.take(8):02X}"
    if not ai.isdigit():
        return ai
    length = KEY_LENGTHS.get(ai, 0)
    if length > 2:
        ai += f"{bits.take(4 * length - 8):0{length - 2}X}"
    if not (length and ai.isdigit()):
        raise Refused(RejectCode.AIDC, f"{ai}: expected the digits of an application identifier")
    return ai


def _read(bits: Bits, component: Component) -> str:
    kind, size, length_bits = component
    if kind == "text":
        return read_alphanumeric(bits, size, length_bits)
    if kind == "number":
        return read_numeric(bits, size, length_bits)
    if kind == "integer":
        return read_integer(bits, size)
    if kind == "bit":
        return str(bits.take(1))
    if kind == "date":
        return read_date(bits)
    text = f"{bits.take(4 * size):0{size}x}"
    if not text.isdigit():
        raise Refused(RejectCode.DIGIT, f"{text.upper()}: expected decimal digits")
    return text


def write_aidc(data: Data) -> tuple[int, int]:
    """The bits of further application identifiers: (field, width).

    Raises:
        IdentifierError: an AI without a format here, or a value that breaks its format.
    """
    field, width = 0, 0
    for ai, value in data:
        if ai == "" and value.startswith("0b"):
            bits = value[2:]
            field, width = field << len(bits) | int(bits, 2), width + len(bits)
            continue
        form = FORMATS.get(ai)
        if form is None:
            raise BadCharacter("AIDC data", value=f"({ai})", expected="an AI of TDS table F", found="another")
        field, width = field << 4 * len(ai) | int(ai, 16), width + 4 * len(ai)
        rest = value
        for component in form:
            fixed = component.kind not in {"text", "number"}
            part, rest = (rest[: component.size], rest[component.size :]) if fixed else (rest, "")
            bits_of, size = _write(ai, component, part)
            field, width = field << size | bits_of, width + size
        if rest:
            raise BadLength(f"({ai})", value=value, expected="the length of its format", found=f"{rest!r} behind")
    return field, width


def _write(ai: str, component: Component, text: str) -> tuple[int, int]:
    kind, size, length_bits = component
    what = f"({ai})"
    if kind == "text":
        require_set82(what, text, size)
        return write_alphanumeric(text, length_bits)
    require_digits(what, text)
    if kind == "number":
        if not 1 <= len(text) <= size:
            raise BadLength(what, value=text, expected=f"1 to {size} digits", found=str(len(text)))
        return write_numeric(text, length_bits)
    if len(text) != size:
        raise BadLength(what, value=text, expected=f"{size} digits", found=str(len(text)))
    if kind == "date":
        return write_date(what, text), DATE_BITS
    if kind == "digits":
        return int(text, 16), 4 * size
    if kind == "bit" and text not in {"0", "1"}:
        raise OutOfRange(what, value=text, expected="0 or 1", found=text)
    return int(text), 1 if kind == "bit" else INTEGER_BITS[size]
