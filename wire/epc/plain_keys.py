"""Identifiers that tags can hold and that are no GS1 keys: no application identifier and no Digital Link."""

from typing import Any, ClassVar, Self

from wire.epc.value import Epc


class Gid(Epc, frozen=True, eq=False, gc=False):
    """A general identifier without GS1 key (TDS section 6.3.16). Has no filter value and no company prefix."""

    urn: ClassVar[str] = "gid"

    general_manager: str
    object_class: str
    serial: str

    @property
    def identity(self) -> tuple[str, ...]:
        """(Manager, class, serial)."""
        return (self.general_manager, self.object_class, self.serial)

    def parts(self, _length: int) -> tuple[str, ...]:
        """Manager, class, serial."""
        return self.identity

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        return cls(*parts, **attributes)


class Usdod(Epc, frozen=True, eq=False, gc=False):
    """An identifier of the US Department of Defense (TDS section 6.3.17)."""

    urn: ClassVar[str] = "usdod"

    cage: str
    serial: str

    @property
    def identity(self) -> tuple[str, ...]:
        """(CAGE or DoDAAC, serial)."""
        return (self.cage, self.serial)

    def parts(self, _length: int) -> tuple[str, ...]:
        """CAGE or DoDAAC, serial."""
        return self.identity

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        return cls(*parts, **attributes)


class Adi(Epc, frozen=True, eq=False, gc=False):
    """An aircraft part (TDS section 6.3.18). `part` may be empty; a serial of the owner's own begins with #."""

    urn: ClassVar[str] = "adi"

    cage: str
    part: str
    serial: str

    @property
    def identity(self) -> tuple[str, ...]:
        """(CAGE or DoDAAC, original part number, serial)."""
        return (self.cage, self.part, self.serial)

    def parts(self, _length: int) -> tuple[str, ...]:
        """CAGE or DoDAAC, original part number, serial."""
        return self.identity

    @classmethod
    def of(cls, parts: tuple[str, ...], **attributes: Any) -> Self:
        """From parts."""
        return cls(*parts, **attributes)
