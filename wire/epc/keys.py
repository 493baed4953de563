"""The values that tags can hold: one frozen class for each GS1 key, whatever scheme carried it.

Each class is written down in two ways. *Parts* are what classic binaries and URNs hold: company prefix,
reference, serial; the check digit is left out and a leading indicator or extension digit is moved behind the
prefix (TDS section 6.3). *Elements* are what barcodes, Digital Links and `+` binaries hold: application
identifiers and whole values (TDS section 7). Parts need the length of the company prefix, elements do not.
Everything else in this package goes through these two.
"""

from typing import Any, ClassVar, Self

from wire.epc.value import Epc
from wire.gs1.check_digit import check_digit
from wire.gs1.gtin import Gtin14

Elements = tuple[tuple[str, str], ...]


def with_check_digit(body: str) -> str:
    """The digits with their check digit behind."""
    return body + check_digit(body)


class Sgtin(Epc, frozen=True, eq=False, gc=False):
    """One item (TDS section 6.3.1). `date` is set by DSGTIN+ only: (AI, YYMMDD); it is not part of the identity."""

    urn: ClassVar[str] = "sgtin"

    gtin: Gtin14
    serial: str
    date: tuple[str, str] | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """(GTIN-14, serial)."""
        return (self.gtin, self.serial)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.gtin[1:]

    def elements(self) -> Elements:
        """AI 01 and 21, and the date of a DSGTIN+."""
        elements = (("01", self.gtin), ("21", self.serial))
        return elements if self.date is None else (*elements, self.date)

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, indicator with item reference, serial."""
        gtin = self.gtin
        return gtin[1 : 1 + length], gtin[:1] + gtin[1 + length : 13], self.serial

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, item, serial = parts
        return cls(Gtin14(with_check_digit(item[0] + gcp + item[1:])), serial, **attributes)


class Sscc(Epc, frozen=True, eq=False, gc=False):
    """One logistic unit: a carton or a pallet (TDS section 6.3.2)."""

    urn: ClassVar[str] = "sscc"

    sscc: str

    @property
    def identity(self) -> tuple[str]:
        """(SSCC,)."""
        return (self.sscc,)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.sscc[1:]

    def elements(self) -> Elements:
        """AI 00."""
        return (("00", self.sscc),)

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, extension digit with serial reference."""
        sscc = self.sscc
        return sscc[1 : 1 + length], sscc[:1] + sscc[1 + length : 17]

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, reference = parts
        return cls(with_check_digit(reference[0] + gcp + reference[1:]), **attributes)


class Sgln(Epc, frozen=True, eq=False, gc=False):
    """One place (TDS section 6.3.3). Extension "0" means the place that the GLN itself names."""

    urn: ClassVar[str] = "sgln"

    gln: str
    extension: str

    @property
    def identity(self) -> tuple[str, str]:
        """(GLN, extension)."""
        return (self.gln, self.extension)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.gln

    def elements(self) -> Elements:
        """AI 414, and 254 unless the extension is "0" (TDS section 7.5)."""
        gln = (("414", self.gln),)
        return gln if self.extension == "0" else (*gln, ("254", self.extension))

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, location reference, extension."""
        return self.gln[:length], self.gln[length:12], self.extension

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, location, extension = parts
        return cls(with_check_digit(gcp + location), extension, **attributes)


class Grai(Epc, frozen=True, eq=False, gc=False):
    """One returnable asset (TDS section 6.3.4). `grai`: 13 digits, without AI 8003's 0 in front."""

    urn: ClassVar[str] = "grai"

    grai: str
    serial: str

    @property
    def identity(self) -> tuple[str, str]:
        """(GRAI, serial)."""
        return (self.grai, self.serial)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.grai

    def elements(self) -> Elements:
        """AI 8003."""
        return (("8003", f"0{self.grai}{self.serial}"),)

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, asset type, serial."""
        return self.grai[:length], self.grai[length:12], self.serial

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, asset, serial = parts
        return cls(with_check_digit(gcp + asset), serial, **attributes)


class Giai(Epc, frozen=True, eq=False, gc=False):
    """One asset of its owner (TDS section 6.3.5)."""

    urn: ClassVar[str] = "giai"

    giai: str

    @property
    def identity(self) -> tuple[str]:
        """(GIAI,)."""
        return (self.giai,)

    @property
    def numbered(self) -> str:
        """What begins with the company prefix."""
        return self.giai

    def elements(self) -> Elements:
        """AI 8004."""
        return (("8004", self.giai),)

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, asset reference."""
        return self.giai[:length], self.giai[length:]

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        return cls("".join(parts), **attributes)


class Gsrn(Epc, frozen=True, eq=False, gc=False):
    """One recipient of a service (TDS section 6.3.6)."""

    urn: ClassVar[str] = "gsrn"
    ai: ClassVar[str] = "8018"

    gsrn: str

    @property
    def identity(self) -> tuple[str]:
        """(GSRN,)."""
        return (self.gsrn,)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.gsrn

    def elements(self) -> Elements:
        """AI 8018, or 8017 for the provider."""
        return ((self.ai, self.gsrn),)

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, service reference."""
        return self.gsrn[:length], self.gsrn[length:17]

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        return cls(with_check_digit("".join(parts)), **attributes)


class Gsrnp(Gsrn, frozen=True, eq=False, gc=False):
    """One provider of a service (TDS section 6.3.7)."""

    urn: ClassVar[str] = "gsrnp"
    ai: ClassVar[str] = "8017"


class Gdti(Epc, frozen=True, eq=False, gc=False):
    """One document (TDS section 6.3.8)."""

    urn: ClassVar[str] = "gdti"

    gdti: str
    serial: str

    @property
    def identity(self) -> tuple[str, str]:
        """(GDTI, serial)."""
        return (self.gdti, self.serial)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.gdti

    def elements(self) -> Elements:
        """AI 253."""
        return (("253", self.gdti + self.serial),)

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, document type, serial."""
        return self.gdti[:length], self.gdti[length:12], self.serial

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, document, serial = parts
        return cls(with_check_digit(gcp + document), serial, **attributes)


class Cpi(Epc, frozen=True, eq=False, gc=False):
    """One component or part (TDS section 6.3.9)."""

    urn: ClassVar[str] = "cpi"

    cpi: str
    serial: str

    @property
    def identity(self) -> tuple[str, str]:
        """(CPI, serial)."""
        return (self.cpi, self.serial)

    @property
    def numbered(self) -> str:
        """What begins with the company prefix."""
        return self.cpi

    def elements(self) -> Elements:
        """AI 8010 and 8011."""
        return (("8010", self.cpi), ("8011", self.serial))

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, component reference, serial."""
        return self.cpi[:length], self.cpi[length:], self.serial

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, component, serial = parts
        return cls(gcp + component, serial, **attributes)


class Sgcn(Epc, frozen=True, eq=False, gc=False):
    """One coupon (TDS section 6.3.10). The serial keeps its leading zeros."""

    urn: ClassVar[str] = "sgcn"

    gcn: str
    serial: str

    @property
    def identity(self) -> tuple[str, str]:
        """(GCN, serial)."""
        return (self.gcn, self.serial)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.gcn

    def elements(self) -> Elements:
        """AI 255."""
        return (("255", self.gcn + self.serial),)

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, coupon reference, serial."""
        return self.gcn[:length], self.gcn[length:12], self.serial

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, coupon, serial = parts
        return cls(with_check_digit(gcp + coupon), serial, **attributes)


class Itip(Epc, frozen=True, eq=False, gc=False):
    """One piece of an item that comes in pieces (TDS section 6.3.13). `piece` and `total` are two digits each."""

    urn: ClassVar[str] = "itip"

    gtin: Gtin14
    piece: str
    total: str
    serial: str

    @property
    def identity(self) -> tuple[str, ...]:
        """(GTIN-14, piece, total, serial)."""
        return (self.gtin, self.piece, self.total, self.serial)

    @property
    def numbered(self) -> str:
        """The digits that begin with the company prefix."""
        return self.gtin[1:]

    def elements(self) -> Elements:
        """AI 8006 and 21."""
        return (("8006", self.gtin + self.piece + self.total), ("21", self.serial))

    def parts(self, length: int) -> tuple[str, ...]:
        """Company prefix, indicator with item reference, piece, total, serial."""
        gtin = self.gtin
        item = gtin[:1] + gtin[1 + length : 13]
        return gtin[1 : 1 + length], item, self.piece, self.total, self.serial

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        gcp, item, piece, total, serial = parts
        gtin = Gtin14(with_check_digit(item[0] + gcp + item[1:]))
        return cls(gtin, piece, total, serial, **attributes)
