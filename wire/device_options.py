"""What may be set on a device of the site file beside its id, address and antennas, and which drivers know it.

Each key is checked for its type and range by the site file's shape; here stands which driver gives it a meaning. A key
that a driver would ignore is an error of the file: silence would let a person believe in it.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from wire.site import DevicePurpose, Driver

_Path = Annotated[str, Meta(min_length=1, max_length=500)]
_Topic = Annotated[str, Meta(min_length=1, max_length=500)]
_Port = Annotated[int, Meta(ge=1, le=65_535)]
_Seconds = Annotated[float, Meta(gt=0, le=3_600)]


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The settings of all drivers; None: not said."""

    keepalive_s: _Seconds | None = None
    """How often a reader shall say that it lives."""
    listen: _Port | None = None
    """LLRP: the reader connects to this port of the edge; `address` is then where it may come from."""
    llrp_version: Literal["1.0.1", "1.1"] | None = None
    """Which LLRP is spoken; not said: 1.0.1, or 1.1 with a reader that greets with it."""
    tls: bool | None = None
    ca_file: _Path | None = None
    """PEM of who signed the device's certificate, or the certificate itself."""
    tls_name: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    """The name in the device's certificate, where it is not its address."""
    cert_file: _Path | None = None
    key_file: _Path | None = None
    username_file: _Path | None = None
    password_file: _Path | None = None
    broker_username_file: _Path | None = None
    """The login at the MQTT broker, where `username_file` is the reader's own."""
    broker_password_file: _Path | None = None
    on_s: _Seconds | None = None
    """Duty cycle: inventory for so long, then rest for `off_s`."""
    off_s: _Seconds | None = None
    gpi_port: Annotated[int, Meta(ge=1, le=32)] | None = None
    """Inventory only while this input has `gpi_level`, or for `gpi_timeout_s` after it got it."""
    gpi_level: Literal["high", "low"] | None = None
    gpi_timeout_s: _Seconds | None = None
    air_filter: Literal["sgtin", "prefix"] | None = None
    """Let the reader itself pass over tags that cannot be ours; it then does not count them either."""
    baud: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    suffix: Literal["auto", "none", "cr", "lf", "crlf", "tab", "etx"] | None = None
    """What a scanner sends after a barcode."""
    prefix: Annotated[str, Meta(min_length=1, max_length=16)] | None = None
    """What a scanner sends before it."""
    idle_ms: Annotated[int, Meta(ge=10, le=2_000)] | None = None
    """A pause that ends a barcode without a suffix."""
    group_separator: Annotated[str, Meta(min_length=1, max_length=4)] | None = None
    """What the scanner sends in place of GS (0x1D)."""
    session_idle_s: _Seconds | None = None
    """A pause that ends a count session."""
    coverage: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Which share of the goods in a zone a count of this device finds; 0: what it did not see says nothing."""
    settle_s: _Seconds | None = None
    """How long a count file must stay as it is before it is taken: whoever writes it may not be done."""
    family: Literal["thingmagic", "chafon"] | None = None
    """Which protocol a UHF module on a serial port speaks."""
    region: Annotated[str, Meta(min_length=1, max_length=16)] | None = None
    """Where the reader stands, as far as radio law goes: a module's own word, else `FCC`, `ETSI` or `ETSI_UPPER`."""
    via: Literal["http", "mqtt"] | None = None
    broker: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    """MQTT broker to which a reader publishes by itself."""
    topic: _Topic | None = None
    """Topic of its tag reads."""
    management_topic: _Topic | None = None
    """Topic of what it tells of itself: Zebra's management events, an Impinj reader's `willTopic`."""
    command_topic: _Topic | None = None
    response_topic: _Topic | None = None
    start: bool | None = None
    """Whether we start and stop the reader's inventory; false: somebody else does."""


_TLS: Final = frozenset({"tls", "ca_file", "tls_name", "cert_file", "key_file"})
_LOGIN: Final = frozenset({"username_file", "password_file"})
_BROKER: Final = frozenset({"broker", "topic", "management_topic"})
_LLRP: Final = frozenset({"keepalive_s", "on_s", "off_s", "gpi_port", "gpi_level", "gpi_timeout_s", "air_filter"})

OPTIONS_OF: Final[dict[Driver, frozenset[str]]] = {
    Driver.LLRP: _LLRP | _TLS | {"llrp_version", "listen", "region"},
    Driver.SLLURP: frozenset({"keepalive_s"}),
    Driver.IMPINJ_IOT: _TLS
    | _LOGIN
    | _BROKER
    | {"keepalive_s", "start", "via", "broker_username_file", "broker_password_file"},
    Driver.ZEBRA_IOTC: _LOGIN
    | _BROKER
    | {"keepalive_s", "start", "command_topic", "response_topic", "ca_file", "cert_file", "key_file"},
    Driver.BARCODE_SERIAL: frozenset(
        {"baud", "suffix", "prefix", "idle_ms", "group_separator", "session_idle_s", "coverage"}
    ),
    Driver.UHF_SERIAL: frozenset({"family", "baud", "region", "keepalive_s", "on_s", "off_s"}),
    Driver.FILE: frozenset({"coverage", "settle_s"}),
}
"""Which settings each driver knows."""

SCANNER_PURPOSES: Final = frozenset(
    {DevicePurpose.COUNT, DevicePurpose.RECEIVE, DevicePurpose.SALE, DevicePurpose.LOOKUP}
)
READER_PURPOSES: Final = frozenset(
    {
        DevicePurpose.STOCK,
        DevicePurpose.PORTAL,
        DevicePurpose.SHELF,
        DevicePurpose.FITTING_ROOM,
        DevicePurpose.CHECKOUT,
    }
)

PURPOSES_OF: Final[dict[Driver, frozenset[DevicePurpose]]] = {
    Driver.LLRP: READER_PURPOSES,
    Driver.SLLURP: READER_PURPOSES,
    Driver.IMPINJ_IOT: READER_PURPOSES,
    Driver.ZEBRA_IOTC: READER_PURPOSES,
    Driver.BARCODE_SERIAL: SCANNER_PURPOSES,
    Driver.UHF_SERIAL: READER_PURPOSES,
    Driver.FILE: frozenset({DevicePurpose.COUNT}),
}
"""What a device of each driver can be there for. Empty is allowed everywhere: the zones' kinds then say it."""
