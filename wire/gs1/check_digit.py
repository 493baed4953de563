"""The GS1 check digit: weights 3, 1, 3, ... from the right, modulo 10 (General Specifications 7.9).

Four digits are an even number of places, so that the weights of every group of four, counted from the right,
are the same: one table of 10,000 sums serves numbers of any length, by integer division instead of a loop
over digits.
"""

from typing import Final

GROUP: Final = 10_000

GROUP_SUMS: Final = bytes(((n % 10) * 3 + (n // 10 % 10) + (n // 100 % 10) * 3 + n // 1000) % 10 for n in range(GROUP))
"""Weighted digit sum modulo 10 of each group of four digits that stands left of the check digit."""


def check_digit_of(body: int) -> int:
    """Check digit for the number `body` (without its check digit), 0 to 9."""
    total = 0
    while body:
        body, group = divmod(body, GROUP)
        total += GROUP_SUMS[group]
    return -total % 10


def check_digit(body: str) -> str:
    """Check digit for a string of ASCII digits without its check digit."""
    return str(check_digit_of(int(body)))


def is_checked(number: str) -> bool:
    """Whether the last of these ASCII digits is the check digit of those before it."""
    return number[-1] == check_digit(number[:-1])
