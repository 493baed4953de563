"""Patterns of texts in bodies, and how a person is told of each."""

from typing import Final

NAME: Final = r"^[\x21-\x7e]+$"
WHO: Final = r"^[^\x00-\x1f\x7f]+$"
SHIPMENT_NAME: Final = r"^[!-.0-~]+$"
"""No slash: it stands in paths."""

IN_WORDS: Final = {
    NAME: "printable ASCII characters without blanks",
    WHO: "text without control characters",
    SHIPMENT_NAME: "printable ASCII characters without blanks and slashes",
}
