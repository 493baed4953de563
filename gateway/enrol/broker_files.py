"""What Mosquitto reads: its configuration, and the ACL with one explicit block for each certificate. Pure.

Theory of operation
-------------------
Every client shows a certificate of ours; there is no other listener, no password and no anonymous user. The broker
takes the certificate's common name for the user *and* for the client id, whatever the client calls itself: so nobody
ends another's connection by using its client id. The ACL knows the user; whoever has no block may do nothing.

Measured on Mosquitto 2.0.11 (`tests/integration/test_broker_acl_matrix.py` holds it to it):

* SIGHUP reads the ACL, the list of revoked certificates and the broker's own certificate again. A new ACL counts for
  connections that stand already: a certificate that lost its block can neither publish nor receive from then on.
* SIGHUP ends no connection. The list of revoked certificates keeps a revoked one from connecting again.
* Every subscription is granted; the ACL decides at each delivery. A foreign filter is answered with success and
  delivers nothing.
* A publish that is denied is told to MQTT 5 (reason code 135); to MQTT 3.1.1 it looks like success.
* A retained message outlives the block of the certificate that sent it. By the manual `check_retain_source` (on by
  default) withholds it then, and a gateway whose certificate was renewed would take all stock and all desired
  configuration with it. 2.0.11 did not withhold it in our trial; it is off all the same. Whoever put a retained
  message there was allowed to when he did.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wire.errors import WireError
from wire.identity import Principal, acl_block
from wire.limits import JSON_FRAME_MAX_BYTES, TOPIC_MAX_BYTES

ACL: Final = "acl"
CRL: Final = "crl.pem"
CLIENTS_CA: Final = "clients-ca.pem"
SERVER: Final = "server.pem"
SERVER_KEY: Final = "server.key"
CONFIGURATION: Final = "mosquitto.conf"

PORT: Final = 8_883

PACKET_MAX_BYTES: Final = JSON_FRAME_MAX_BYTES + TOPIC_MAX_BYTES + 1_024

_TOP: Final = """\
# Made by Last Unit from the register of certificates: changes here are overwritten.
# One block for each certificate that is good. Whoever has none may do nothing.
"""


class BrokerFilesError(WireError):
    """A setting that cannot stand in Mosquitto's configuration."""

    code = "broker_files"


@dataclass(frozen=True, slots=True)
class Listening:
    """How the broker runs: `folder` holds these files as the broker sees them, `data` what it keeps.

    An empty `address` listens on all. `user` is whom it becomes when it is started as root.
    """

    folder: str = "/etc/mosquitto/lastunit"
    data: str = "/var/lib/mosquitto"
    address: str = ""
    port: int = PORT
    user: str = "mosquitto"

    def __post_init__(self) -> None:
        for name in ("folder", "data", "address", "user"):
            value: str = getattr(self, name)
            if not value.isprintable() or value != value.strip() or (name in {"address", "user"} and " " in value):
                raise BrokerFilesError(f"{name} {value!r}: expected printable text without blanks around it")
        if not 0 < self.port <= 65_535:
            raise BrokerFilesError(f"port {self.port}: expected 1 to 65535")


def acl_text(blocks: Iterable[tuple[str, Principal]]) -> str:
    """Return the ACL file for certificates, each a common name and whose it is. Raises `PrincipalError`."""
    return "\n".join([_TOP, *(acl_block(user, principal) for user, principal in sorted(blocks, key=_user))])


def _user(block: tuple[str, Principal]) -> str:
    return block[0]


def configuration_text(listening: Listening) -> str:
    """Return Mosquitto's configuration."""
    place = f"{listening.port} {listening.address}".strip()
    return _CONFIGURATION.format(
        place=place,
        folder=listening.folder.rstrip("/"),
        data=listening.data.rstrip("/"),
        user=listening.user,
        packet_max=PACKET_MAX_BYTES,
        acl=ACL,
        crl=CRL,
        ca=CLIENTS_CA,
        server=SERVER,
        key=SERVER_KEY,
    )


_CONFIGURATION: Final = """\
# Made by `lastunit ca broker` for Mosquitto 2.0: mutual TLS, and nothing else.
# After a change of acl, crl.pem or server.pem: SIGHUP. After a change of this file: restart.

per_listener_settings false
user {user}

# -- who may come in: whoever shows a certificate of ours that is not over and not revoked
allow_anonymous false
acl_file {folder}/{acl}

listener {place}
cafile {folder}/{ca}
crlfile {folder}/{crl}
certfile {folder}/{server}
keyfile {folder}/{key}
tls_version tlsv1.2
require_certificate true
# The common name is the user, and the client id too: nobody takes over another's connection.
use_identity_as_username true
use_username_as_clientid true

# -- limits
# The largest message of the contract is a frame of 1 MiB in JSON, and its topic. Mosquitto's default is 256 MiB.
max_packet_size {packet_max}
# One connection for each certificate; a chain with more than 4,096 boxes, gateways and channels has several brokers.
max_connections 4096
# A client that says nothing for three minutes is gone. Ours say something every 20 s.
max_keepalive 120
# Of a gateway that is away for a moment. Beyond it messages are dropped, and edges send them again: they keep each
# until the gateway's own ack. Mosquitto's default of 1,000 lost most of a burst of 20,000.
max_queued_messages 100000
max_queued_bytes 268435456
# Across a country a message takes 50 ms: 100 on their way are 2,000 a second for each client.
max_inflight_messages 100
# Sessions that nobody comes back to. Ours are always clean.
persistent_client_expiration 1d

# -- what is kept: retained state, stock and configuration, over a restart
persistence true
persistence_location {data}/
autosave_interval 60
# A retained message outlives the certificate that sent it: a gateway's certificate is renewed every year.
check_retain_source false

log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
connection_messages true
"""
