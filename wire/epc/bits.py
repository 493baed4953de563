"""Reading a bit string from the front."""

from wire.epc.reject import Refused, RejectCode

WORD_BITS = 16
"""Tags are written and read in words of 16 bits (Gen2, section 6.3.2.1)."""


class Bits:
    """`number` holds the bits, `left` says how many of them are still to be read."""

    __slots__ = ("left", "number")

    def __init__(self, number: int, left: int) -> None:
        self.number = number
        self.left = left

    def take(self, bits: int) -> int:
        """The next `bits` bits as a number.

        Raises:
            Refused: fewer are left.
        """
        left = self.left - bits
        if left < 0:
            raise Refused(RejectCode.TRUNCATED, f"a field of {bits} bits runs over the end: {self.left} are left")
        self.left = left
        return self.number >> left & ((1 << bits) - 1)

    def rest(self) -> int:
        """All that is left, without taking it."""
        return self.number & ((1 << self.left) - 1)

    def end(self) -> None:
        """Only padding may follow: fewer than 16 bits, all zero (TDS section 15.1.1).

        Raises:
            Refused: something else follows.
        """
        if self.left >= WORD_BITS or self.rest():
            text = f"{self.left} bits follow the last field; expected fewer than {WORD_BITS}, all 0"
            raise Refused(RejectCode.PADDING, text)
