"""UPC-E: a GTIN-12 with its zeros pressed out (GS1 General Specifications, section 5.2.2.4.2)."""

from wire.gs1.check_digit import is_checked


def expand_upc_e(text: str) -> str | None:
    """The GTIN-12 of eight digits (number system 0 or 1, six digits, check digit); None if they are no UPC-E."""
    if len(text) != 8 or text[0] not in "01" or not (text.isascii() and text.isdigit()):
        return None
    system, body, check, last = text[0], text[1:7], text[7], text[6]
    if last in "012":
        middle = body[:2] + last + "0000" + body[2:5]
    elif last == "3":
        middle = body[:3] + "00000" + body[3:5]
    elif last == "4":
        middle = body[:4] + "00000" + body[4]
    else:
        middle = body[:5] + "0000" + last
    expanded = system + middle + check
    return expanded if is_checked(expanded) else None
