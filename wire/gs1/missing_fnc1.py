"""Has a value swallowed its neighbours? What a scanner that does not send FNC1 leaves behind.

Values of variable length end at a separator. Without it, `10ABC17251231` reads as batch "ABC17251231".
Nothing in the text is wrong, so this can only be suspected: the value ends in something that is hardly there
by chance, a date AI with a day that the calendar has, or a key with a right check digit. About one in 500
random numeric serials looks like that, so a suspicion marks the value and does not refuse the scan.
"""

import re
from typing import Final

from wire.gs1.check_digit import is_checked

DATE: Final = re.compile(r"1[123567][0-9]{2}(?:0[1-9]|1[0-2])(?:0[0-9]|[12][0-9]|3[01])", re.ASCII)
KEY: Final = re.compile(r"(?:0[12]([0-9]{14})|00([0-9]{18})|41[0-7]([0-9]{13}))", re.ASCII)
TEXT_AI: Final = re.compile(r"(?:10|21|22|240|241|250|30|37|400)[!-~]", re.ASCII)
"""AIs of variable length that commonly stand behind a date on labels."""


def swallowed(value: str) -> bool:
    """Whether `value`, behind its first character, ends in elements of its own."""
    return any(_is_chain(value[at:]) for at in range(1, len(value)))


def _is_chain(text: str) -> bool:
    """One strong element or more, then nothing or a text AI."""
    found = False
    while text:
        size = _strong(text)
        if not size:
            return found and TEXT_AI.match(text) is not None
        found, text = True, text[size:]
    return found


def _strong(text: str) -> int:
    """Length of a date or a checked key at the start of `text`, 0 if there is none."""
    date = DATE.match(text)
    if date:
        return date.end()
    key = KEY.match(text)
    return key.end() if key and is_checked(key[1] or key[2] or key[3]) else 0
