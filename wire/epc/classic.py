"""The classic schemes with a partition table, both directions, from one table (TDS section 14.6).

Every one has the same head: header 8, filter 3, partition 3, then company prefix and reference in a field of
fixed width, then a *tail* that differs: zero bits, a number, 7-bit characters. `decode` goes bits -> parts
-> value, `encode` the other way. SGTIN-96 has a decoder of its own beside this one, for speed only: tests
hold the two against each other.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from wire.epc.characters import pack7, read_characters, require_set82
from wire.epc.grammar import require_number
from wire.epc.headers import HEADER_OF
from wire.epc.keys import Cpi, Gdti, Giai, Grai, Gsrn, Gsrnp, Itip, Sgcn, Sgln, Sgtin, Sscc
from wire.epc.partition import (
    CPI_96_PARTITIONS,
    GIAI_96_PARTITIONS,
    GRAI_PARTITIONS,
    PARTITIONS,
    SGLN_PARTITIONS,
    SGTIN_PARTITIONS,
    SSCC_PARTITIONS,
    PartitionRow,
)
from wire.epc.reject import Refused, RejectCode
from wire.epc.value import Epc

Read = Callable[[int], tuple[str, ...]]
Write = Callable[[tuple[str, ...], str], int]
Key = type[Sgtin | Sscc | Sgln | Grai | Giai | Gsrn | Gdti | Cpi | Sgcn | Itip]


class Tail(NamedTuple):
    """What follows the reference: its width, how it is read and how it is written."""

    bits: int
    read: Read
    write: Write


class Classic(NamedTuple):
    """One scheme: its value class, its partition table with the width of the field, its tail."""

    key: Key
    rows: tuple[PartitionRow, ...]
    key_bits: int
    tail: Tail


def decode_classic(number: int, scheme: str) -> Epc:
    """Decode the scheme's bits, given as a number without padding behind them.

    Raises:
        Refused: a rule is broken.
    """
    spec = CLASSIC[scheme]
    tail_bits = spec.tail.bits
    partition = number >> (spec.key_bits + tail_bits) & 7
    if partition == PARTITIONS:
        raise Refused(RejectCode.PARTITION, "partition 7 is reserved; expected 0 to 6")
    row = spec.rows[partition]
    field = number >> tail_bits & ((1 << spec.key_bits) - 1)
    gcp = field >> row.ref_bits
    reference = field & row.ref_mask
    if gcp >= row.gcp_limit or reference >= row.ref_limit:
        raise out_of_range(row, gcp, reference)
    text = f"{reference:0{row.ref_digits}d}" if row.ref_digits or row.ref_is_number else ""
    tail = spec.tail.read(number & ((1 << tail_bits) - 1))
    return spec.key.of(
        (f"{gcp:0{row.gcp_digits}d}", text, *tail),
        scheme=scheme,
        filter=number >> (spec.key_bits + tail_bits + 3) & 7,
        company_prefix_length=row.gcp_digits,
    )


def out_of_range(row: PartitionRow, gcp: int, reference: int) -> Refused:
    """Why a company prefix or a reference over its decimal digits is refused."""
    if gcp >= row.gcp_limit:
        text = f"company prefix {gcp} has more than {row.gcp_digits} digits"
    else:
        prefix = f"a company prefix of {row.gcp_digits} digits"
        text = f"reference {reference} behind {prefix}; expected less than {row.ref_limit}"
    return Refused(RejectCode.RANGE, text)


def encode_classic(parts: tuple[str, ...], scheme: str, filter_value: int) -> tuple[int, int]:
    """Bits of a scheme from parts that keep their grammar: (number, width in bits).

    Raises:
        IdentifierError: the serial or reference does not fit this scheme.
    """
    spec = CLASSIC[scheme]
    row = spec.rows[12 - len(parts[0])]
    if row.ref_is_number:
        reference = require_number(f"{scheme} reference", parts[1], row.ref_limit - 1)
    else:
        reference = int(parts[1] or "0")
    head = (HEADER_OF[scheme] << 3 | filter_value) << 3 | (12 - len(parts[0]))
    number = (head << spec.key_bits) | int(parts[0]) << row.ref_bits | reference
    width = 14 + spec.key_bits + spec.tail.bits
    return number << spec.tail.bits | spec.tail.write(parts[2:], scheme), width


# -- tails


def zeros(bits: int) -> Tail:
    """`bits` bits that must be zero."""

    def read(tail: int) -> tuple[str, ...]:
        if tail:
            raise Refused(RejectCode.PADDING, f"the last {bits} bits must be 0, found {tail:#x}")
        return ()

    return Tail(bits, read, lambda _parts, _scheme: 0)


def number(bits: int, most: int = 0) -> Tail:
    """A number without leading zeros, at most `most` (everything that fits, if 0)."""
    limit = most or (1 << bits) - 1

    def read(tail: int) -> tuple[str, ...]:
        if tail > limit:
            raise Refused(RejectCode.RANGE, f"serial {tail}; expected at most {limit}")
        return (str(tail),)

    def write(parts: tuple[str, ...], scheme: str) -> int:
        return require_number(f"{scheme} serial", parts[0], limit)

    return Tail(bits, read, write)


def characters(length: int) -> Tail:
    """Up to `length` characters of 7 bits."""

    def write(parts: tuple[str, ...], scheme: str) -> int:
        require_set82(f"{scheme} serial", parts[0], length)
        return pack7(parts[0].encode("ascii"), length)

    return Tail(7 * length, lambda tail: (read_characters(tail, length, "serial"),), write)


def prepended() -> Tail:
    """A number string of 1 to 12 digits with a 1 put in front, so that leading zeros stay (TDS section 14.4.6)."""

    def read(tail: int) -> tuple[str, ...]:
        text = str(tail)
        if text[0] != "1" or not 2 <= len(text) <= 13:
            raise Refused(RejectCode.RANGE, f"serial field {tail}; expected 1 and 1 to 12 more digits")
        return (text[1:],)

    return Tail(41, read, lambda parts, _scheme: int("1" + parts[0]))


def pieces(serial: Tail) -> Tail:
    """Piece and total of an ITIP, 7 bits for two digits each, then its serial (TDS section 14.6.11)."""

    def read(tail: int) -> tuple[str, ...]:
        piece, total = tail >> (serial.bits + 7), tail >> serial.bits & 0x7F
        if piece > 99 or total > 99:
            raise Refused(RejectCode.RANGE, f"piece {piece} of {total}; expected two digits each")
        return (f"{piece:02d}", f"{total:02d}", *serial.read(tail & ((1 << serial.bits) - 1)))

    def write(parts: tuple[str, ...], scheme: str) -> int:
        head = int(parts[0]) << 7 | int(parts[1])
        return head << serial.bits | serial.write(parts[2:], scheme)

    return Tail(14 + serial.bits, read, write)


CLASSIC: Final[dict[str, Classic]] = {
    "sgtin-96": Classic(Sgtin, SGTIN_PARTITIONS, 44, number(38)),
    "sgtin-198": Classic(Sgtin, SGTIN_PARTITIONS, 44, characters(20)),
    "sscc-96": Classic(Sscc, SSCC_PARTITIONS, 58, zeros(24)),
    "sgln-96": Classic(Sgln, SGLN_PARTITIONS, 41, number(41)),
    "sgln-195": Classic(Sgln, SGLN_PARTITIONS, 41, characters(20)),
    "grai-96": Classic(Grai, GRAI_PARTITIONS, 44, number(38)),
    "grai-170": Classic(Grai, GRAI_PARTITIONS, 44, characters(16)),
    "giai-96": Classic(Giai, GIAI_96_PARTITIONS, 82, zeros(0)),
    "cpi-96": Classic(Cpi, CPI_96_PARTITIONS, 51, number(31)),
    "gsrn-96": Classic(Gsrn, SSCC_PARTITIONS, 58, zeros(24)),
    "gsrnp-96": Classic(Gsrnp, SSCC_PARTITIONS, 58, zeros(24)),
    "gdti-96": Classic(Gdti, SGLN_PARTITIONS, 41, number(41)),
    "gdti-113": Classic(Gdti, SGLN_PARTITIONS, 41, number(58, 10**17 - 1)),
    "gdti-174": Classic(Gdti, SGLN_PARTITIONS, 41, characters(17)),
    "sgcn-96": Classic(Sgcn, SGLN_PARTITIONS, 41, prepended()),
    "itip-110": Classic(Itip, SGTIN_PARTITIONS, 44, pieces(number(38))),
    "itip-212": Classic(Itip, SGTIN_PARTITIONS, 44, pieces(characters(20))),
}
