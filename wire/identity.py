"""Who somebody is at the broker: an edge, a gateway, a channel. Pure.

A certificate is one principal's. Its common name is the broker's user name and, by the broker's configuration, its
client id too: unique for each certificate, so that old and new may be connected side by side while one replaces the
other, and nobody can take over a connection without the certificate that opened it. What a name may do is not read
from the name: it stands in the register of certificates, and from there in the broker's ACL, one block for each.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wire.errors import WireError
from wire.topics import channel_acl, check_id, edge_acl, gateway_acl

SERIAL_BYTES: Final = 16
"""Random bytes of a certificate's serial number: never one twice (RFC 5280 section 4.1.2.2 allows 20)."""

NAME_MAX_CHARS: Final = 64
"""The longest common name (RFC 5280, ub-common-name)."""

_PART_CHARS: Final = 14
"""Of site and edge, so much stands in a name for people to read: two parts, two dots and the serial make 62."""

_NAME: Final = re.compile(rf"[A-Za-z0-9_.-]{{1,{NAME_MAX_CHARS}}}")


class PrincipalError(WireError):
    """A principal, a name or a certificate that cannot be one of ours."""

    code = "identity"


class Kind(StrEnum):
    """What a certificate is for. The broker's own is in no ACL."""

    EDGE = "edge"
    GATEWAY = "gateway"
    CHANNEL = "channel"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a certificate names: an edge has a site and an edge, a channel its name, a gateway or broker a label."""

    kind: Kind
    name: str = ""
    site: str = ""
    edge: str = ""

    def __post_init__(self) -> None:
        if self.kind is Kind.EDGE:
            check_id("site", self.site)
            check_id("edge", self.edge)
        else:
            check_id(self.kind.value, self.name)

    def __str__(self) -> str:
        return f"edge {self.site}/{self.edge}" if self.kind is Kind.EDGE else f"{self.kind.value} {self.name}"

    def acl(self) -> tuple[str, ...]:
        """Return its lines of the broker's ACL; none for the broker itself."""
        if self.kind is Kind.EDGE:
            return edge_acl(self.site, self.edge)
        if self.kind is Kind.GATEWAY:
            return gateway_acl()
        return channel_acl(self.name) if self.kind is Kind.CHANNEL else ()

    def common_name(self, serial: int) -> str:
        """Return the common name of its certificate with this serial number."""
        parts = (self.site, self.edge) if self.kind is Kind.EDGE else (self.kind.value, self.name)
        return ".".join(part[:_PART_CHARS] for part in parts) + f".{serial_text(serial)}"


def serial_text(serial: int) -> str:
    """Return a serial number as it is shown and kept: 32 hexadecimal digits. Raises `PrincipalError`."""
    if not 0 < serial < 1 << 8 * SERIAL_BYTES:
        raise PrincipalError(f"serial number {serial:x}: not one of ours: expected at most {SERIAL_BYTES} bytes")
    return f"{serial:0{2 * SERIAL_BYTES}x}"


def acl_block(user: str, principal: Principal) -> str:
    """Return the block of one certificate in Mosquitto's ACL file. Raises `PrincipalError` for no common name of ours.

    A name with a blank, a line's end or a wildcard would change what the file says.
    """
    if not _NAME.fullmatch(user):
        raise PrincipalError(f"common name {user!r}: expected 1 to {NAME_MAX_CHARS} letters, digits, '_', '.' or '-'")
    return "\n".join((f"# {principal}", f"user {user}", *principal.acl())) + "\n"
