"""What every decoded EPC has: its scheme, its filter value, and an identity that leaves both out."""

from typing import Any, ClassVar, Self

import msgspec


class Epc(msgspec.Struct, frozen=True, eq=False, gc=False, kw_only=True):
    """A decoded EPC. Equality and hash go by `identity` only: the same item on two kinds of tag is one item.

    `scheme` is the binary scheme that carried it ("sgtin-96", "sscc+"), empty when it came from a URI or a barcode.
    `filter` is for selection in the air and never part of what is identified (TDS section 10). The length of the
    company prefix is known from classic schemes only; it is None for the `+` and `++` schemes and for keys that came
    without it. `data` holds application identifiers that a `+` tag carries behind its EPC, `hostname` the host of
    a `++` scheme.
    """

    urn: ClassVar[str]

    scheme: str = ""
    filter: int = 0
    company_prefix_length: int | None = None
    data: tuple[tuple[str, str], ...] = ()
    hostname: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """The key that counts: never holds filter, scheme, host name or further data."""
        raise NotImplementedError

    @property
    def numbered(self) -> str:
        """The characters that begin with the company prefix; empty where there is none."""
        return ""

    def elements(self) -> tuple[tuple[str, str], ...]:
        """Application identifiers with their values; empty for the schemes without a GS1 key."""
        return ()

    def parts(self, length: int) -> tuple[str, ...]:
        """Parts of the URN, for a company prefix of `length` digits."""
        raise NotImplementedError

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """The value of these parts, which keep the key's grammar."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Epc) and type(self) is type(other) and self.identity == other.identity

    def __ne__(self, other: object) -> bool:
        # msgspec's own __ne__ compares addresses: without this one, both == and != could be true.
        return not self == other

    def __hash__(self) -> int:
        return hash(self.identity)
