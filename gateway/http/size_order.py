"""The order in which a shop lists sizes: S before M before XL, 36 before 36.5 before 40, 6M before 2Y.

Sizes are free text of the catalogue. Letter sizes are ranked by how many times they are larger; numbers by value;
children's months before years; what fits no rule comes last, by its text. The order is total and does not depend on
the other sizes, so that two stores show the same columns.
"""

import re
from typing import Final, TypeAlias

SizeKey: TypeAlias = tuple[int, tuple[float, ...], str, str]

SINGLE: Final = frozenset({"OS", "O/S", "ONE SIZE", "ONESIZE", "TU", "U", "UNI", "NOSIZE"})

_SINGLE_RANK, _LETTER_RANK, _MONTH_RANK, _YEAR_RANK, _NUMBER_RANK, _TEXT_RANK = range(6)

_LETTER: Final = re.compile(r"(\d{0,2})(X*)([SL])|(M)")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
_HALF: Final = re.compile(r"(\d+)\s*(?:1/2|½)")
_AGE: Final = re.compile(r"\d+(?:\s*[-/]\s*\d+)?\s*(M|MO|MONTHS?|Y|YRS?|YEARS?)")


def _letter_rank(text: str) -> float | None:
    """M is 0, S -1, XS -2, 2XS -3; L 1, XL 2, 3XL 4. None when `text` is no letter size."""
    match = _LETTER.fullmatch(text)
    if match is None:
        return None
    if match[4]:
        return 0.0
    times = int(match[1]) if match[1] else len(match[2])
    if match[1] and len(match[2]) != 1:
        return None
    return float(times + 1) * (1 if match[3] == "L" else -1)


def size_key(size: str) -> SizeKey:
    """Sorting key of a size."""
    text = " ".join(size.upper().split())
    if text in SINGLE:
        return (_SINGLE_RANK, (), text, size)
    ranks = [_letter_rank(part.strip()) for part in re.split(r"[/-]", text)]
    if all(rank is not None for rank in ranks):
        return (_LETTER_RANK, tuple(rank for rank in ranks if rank is not None), text, size)
    numbers = tuple(float(n.replace(",", ".")) for n in _NUMBER.findall(_HALF.sub(r"\1.5", text)))
    age = _AGE.fullmatch(text)
    if age:
        return (_MONTH_RANK if age[1].startswith("M") else _YEAR_RANK, numbers, text, size)
    return (_NUMBER_RANK, numbers, text, size) if numbers else (_TEXT_RANK, (), text, size)
