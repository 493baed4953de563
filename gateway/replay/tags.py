"""Which tag is which item, and which antenna is which: text of a file to small numbers, each text looked at once.

A *tag* is what a file's EPC stands for: an SGTIN of the site's own company prefixes (all of them, when the site file
names none). Without company prefixes other tags are tags too, each known by its EPC: surveys hang reference tags on
racks. Tags are numbered in the order in which the file brings them; items in the order in which the replay's clock
meets them (`gateway.replay.run`).
"""

import re
from typing import Final

from gateway.limits import EPC_CACHE_MAX, SITE_MAX_ITEMS
from gateway.replay.limits import UNKNOWN_ANTENNAS_KEPT
from wire.epc import EPC_MAX_BITS, CompanyPrefixes, Sgtin, TagClass, classify, decode_epc
from wire.site import Site

BAD: Final = -9
"""A text that is no EPC, or no antenna number: the row is bad."""

FOREIGN: Final = -1
"""A tag that is no item of this site: counted."""

UNKNOWN: Final = -1
"""A (reader, antenna) that the site file does not have: counted."""

OVER_LIMIT: Final = -2
"""One tag more than a site may have: counted."""

TEXT_KEPT_CHARS: Final = 200
"""The longest EPC has 124 digits, the longest id 64: longer texts are bad and not remembered."""

EPC_EXPECTED: Final = f"expected the EPC in hexadecimal, 2 to {EPC_MAX_BITS // 4} digits, an even number of them"
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


class Tags(dict[str, int]):
    """Tag number by EPC text, below 0 where there is none; `tags[text]` decodes a text that is new.

    What is remembered of texts is bounded (and then forgotten as a whole); tags and their numbers stay.
    """

    def __init__(self, site: Site, max_tags: int = SITE_MAX_ITEMS) -> None:
        self._prefixes = CompanyPrefixes(list(site.company_prefixes))
        self._max_tags = max_tags
        self._number: dict[tuple[str, str], int] = {}
        self.epcs: list[str] = []
        """EPC of each tag as the file first wrote it, in capitals."""
        self.gtins: list[str] = []
        """GTIN-14 of each tag, empty where it says none."""

    def __missing__(self, text: str) -> int:
        number = self._decode(text.strip())
        if len(self) >= EPC_CACHE_MAX:
            self.clear()
        if len(text) <= TEXT_KEPT_CHARS:
            self[text] = number
        return number

    def _decode(self, text: str) -> int:
        if len(text) > EPC_MAX_BITS // 4 or not _HEX.fullmatch(text):
            return BAD
        decoded = decode_epc(bytes.fromhex(text), 4 * len(text))
        if classify(decoded, self._prefixes) is TagClass.OURS and isinstance(decoded, Sgtin):
            return self._number_of((str(decoded.gtin), decoded.serial), text)
        if self._prefixes:
            return FOREIGN
        return self._number_of(("", text.upper()), text)

    def _number_of(self, key: tuple[str, str], text: str) -> int:
        found = self._number.get(key)
        if found is not None:
            return found
        if len(self.epcs) >= self._max_tags:
            return OVER_LIMIT
        number = self._number[key] = len(self.epcs)
        self.epcs.append(text.upper())
        self.gtins.append(key[0])
        return number


class Antennas(dict[tuple[str, str], int]):
    """Number of each (reader, antenna) as texts, in the order of the site file; `UNKNOWN` or `BAD` below 0."""

    def __init__(self, site: Site) -> None:
        self.keys_in_order: tuple[tuple[str, int], ...] = tuple(site.zone_of_antenna())
        self._numbers = {key: number for number, key in enumerate(self.keys_in_order)}
        self._devices = {device for device, _ in self.keys_in_order}
        self.other_readers: set[str] = set()
        """Names of readers that the file has and the site file has not."""
        self.device_known = False
        """Whether the file named a reader of the site at all."""

    def __missing__(self, key: tuple[str, str]) -> int:
        number = self._find(key[0].strip(), key[1].strip())
        if len(self) >= UNKNOWN_ANTENNAS_KEPT:
            self.clear()
        if max(len(key[0]), len(key[1])) <= TEXT_KEPT_CHARS:
            self[key] = number
        return number

    def _find(self, reader: str, port: str) -> int:
        known = reader in self._devices
        self.device_known |= known
        if not known and len(self.other_readers) < UNKNOWN_ANTENNAS_KEPT:
            self.other_readers.add(reader[:TEXT_KEPT_CHARS])
        if not (port.isascii() and port.isdecimal() and len(port) < 10) or not reader:
            return BAD
        return self._numbers.get((reader, int(port)), UNKNOWN)
