r"""Element strings: application identifiers (AI) and their values, as barcodes carry them.

In a symbol, values of variable length end at a separator (FNC1, sent by scanners as GS, 0x1D) unless they
are last. For people, AIs stand in brackets: (01)09506000134352(21)123; an opening bracket inside of a value
is written `\(`. What an AI's value may look like is biip's knowledge; check digits are tested here, because
biip notes a wrong one and goes on.
"""

import re
from typing import Final

from biip import ParseConfig, ParseError
from biip.gs1_application_identifiers import GS1ApplicationIdentifier
from biip.gs1_element_strings import GS1ElementString

from wire.gs1.check_digit import check_digit
from wire.gs1.errors import BadCharacter, BadCheckDigit, BadUri

Elements = tuple[tuple[str, str], ...]

GS: Final = "\x1d"

CHECKED: Final[dict[str, tuple[int, int]]] = {
    "00": (0, 18),
    "01": (0, 14),
    "02": (0, 14),
    "03": (0, 14),
    **{f"41{last}": (0, 13) for last in range(8)},
    "253": (0, 13),
    "255": (0, 13),
    "402": (0, 17),
    "8003": (1, 14),
    "8006": (0, 14),
    "8017": (0, 18),
    "8018": (0, 18),
    "8026": (0, 14),
}
"""AIs with a check digit: where the checked number begins and ends in the value."""

BRACKETED: Final = re.compile(r"\(([0-9]{2,4})\)((?:\\\(|[^(\\]|\\(?!\())+)", re.ASCII)

PLAIN: Final = re.compile(r"[\x20-\x7E]*", re.ASCII)

CONFIG: Final = ParseConfig()


def format_bracketed(elements: Elements) -> str:
    """Elements with their AIs in brackets."""
    return "".join(f"({ai}){value.replace('(', chr(92) + '(')}" for ai, value in elements)


def format_raw(elements: Elements) -> str:
    """Elements as a scanner sends them: a GS behind every value of variable length but the last.

    Raises:
        BadUri: an AI that nobody knows.
    """
    text = ""
    for ai, value in elements:
        text += f"{ai}{value}{GS if known_ai(ai).separator_required else ''}"
    return text.removesuffix(GS)


def parse_bracketed(text: str) -> Elements:
    """Elements of a bracketed string, each value checked.

    Raises:
        BadUri: another form, an unknown AI, or a value that is not one.
        BadCheckDigit: naming the AI.
    """
    elements: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = BRACKETED.match(text, at)
        if match is None:
            raise BadUri(
                "element string",
                value=text,
                expected="(AI)value(AI)value",
                found=repr(text[at : at + 8]),
                place=f"character {at + 1}",
            )
        ai, value = match[1], match[2].replace("\\(", "(")
        check_element(ai, value)
        elements.append((ai, value))
        at = match.end()
    if not elements:
        raise BadUri("element string", value=text, expected="(AI)value(AI)value", found="nothing")
    return tuple(elements)


def known_ai(ai: str) -> GS1ApplicationIdentifier:
    """What biip knows of an AI.

    Raises:
        BadUri: no such AI.
    """
    try:
        found = GS1ApplicationIdentifier.extract(ai)
    except ParseError as error:
        raise BadUri("application identifier", value=ai, expected="one that GS1 has given", found=ai) from error
    if found.ai != ai:
        raise BadUri("application identifier", value=ai, expected=found.ai, found=ai)
    return found


def check_element(ai: str, value: str) -> None:
    """Check one AI and its value.

    Raises:
        BadCharacter: not printable ASCII.
        BadUri: an unknown AI, or a value that does not have its form (length, digits, a date of the calendar).
        BadCheckDigit: naming the AI.
    """
    if not PLAIN.fullmatch(value):
        raise BadCharacter(f"({ai})", value=value, expected="printable ASCII", found="something else")
    form = known_ai(ai)
    try:
        GS1ElementString.parse(ai + value, config=CONFIG)
    except ParseError as error:
        raise BadUri(f"({ai})", value=value, expected=f"the form {form.format}", found="another") from error
    check_key(ai, value)


def check_key(ai: str, value: str) -> None:
    """Check the check digit inside of a value, if its AI has one.

    Raises:
        BadCheckDigit: naming the AI and the right digit.
    """
    span = CHECKED.get(ai)
    if span is None:
        return
    number = value[span[0] : span[1]]
    right = check_digit(number[:-1])
    if number[-1] != right:
        raise BadCheckDigit(
            f"({ai})", value=value, expected=f"check digit {right}", found=number[-1], place=f"digit {span[1]}"
        )
