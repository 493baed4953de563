"""What a module tells: values, in the order in which they happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wire.messages import AntennaSettings


class Tag(NamedTuple):
    """A tag as a module heard it. `rssi_cdbm` None: it does not say. `reads`: how often since its last word."""

    port: int
    epc: bytes
    rssi_cdbm: int | None
    reads: int = 1


class Seen(NamedTuple):
    """Tags of one frame."""

    tags: tuple[Tag, ...]


class Works(NamedTuple):
    """A sign of life of a module that inventories: it is up."""


class Looked(NamedTuple):
    """The module vouches that these ports inventoried in turn for so long, all together."""

    ports: tuple[int, ...]
    for_s: float


class Settings(NamedTuple):
    """How the ports inventory from now on, and what could not be done as asked."""

    by_port: Mapping[int, AntennaSettings]
    problems: tuple[str, ...]
    firmware: str = ""
    """What the module says of its own; empty: it was not asked."""


class AntennaState(NamedTuple):
    """A port's antenna fails or works again."""

    port: int
    works: bool
    detail: str


class Temperature(NamedTuple):
    """Of the module's board."""

    celsius: float


class Overflow(NamedTuple):
    """The module had no room for more tags: some are lost."""

    detail: str


class Complaint(NamedTuple):
    """The module's own trouble, in words."""

    detail: str


class Bad(NamedTuple):
    """Something came and could not be understood: it is lost."""

    problem: str


class Failed(NamedTuple):
    """The module does not do what it should; nothing follows on this line."""

    reason: str


News: TypeAlias = Seen | Works | Looked | Settings | AntennaState | Temperature | Overflow | Complaint | Bad | Failed
