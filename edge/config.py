"""What `lastunit edge` is told, checked before anything starts."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import ConfigError
from edge.limits import OUTBOX_MAX_AGE_S, OUTBOX_MAX_BYTES
from edge.outbox import OutboxLimits
from edge.uplink.broker_url import Credentials
from wire.site import Site
from wire.site_file import decode_site_text, parse_site


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """Options of the edge daemon. `edge` may be empty when the site file names one edge only.

    `metrics_port`: None, no metrics; 0, any free port. `version` is told on in the edge's state. `insecure_dev` takes
    an open broker and well-known passwords: never in a store.
    """

    site_file: Path
    broker: str = "mqtt://127.0.0.1:1883"
    edge: str = ""
    outbox: Path = Path("outbox.db")
    outbox_max_bytes: int = OUTBOX_MAX_BYTES
    outbox_max_age_s: float = OUTBOX_MAX_AGE_S
    credentials: Credentials = field(default_factory=Credentials)
    log_level: str = "info"
    metrics_port: int | None = None
    version: str = ""
    insecure_dev: bool = False

    def outbox_limits(self) -> OutboxLimits:
        """Return the outbox's caps. Raises `OutboxError` for one under the least."""
        return OutboxLimits(self.outbox_max_bytes, self.outbox_max_age_s)


@dataclass(frozen=True, slots=True)
class SiteOfEdge:
    """A site file as one edge reads it; `config_hash` changes with every change of the file."""

    site: Site
    edge: str
    config_hash: str = ""
    file: str = "site file"


def read_site(path: Path, edge: str = "") -> SiteOfEdge:
    """Read a site file and choose the edge. Raises `ConfigError`, or `SiteFileError` with every line to mend."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"site file {path}: {error.strerror}") from error
    text = decode_site_text(data, str(path))
    site = parse_site(text, str(path))
    config_hash = hashlib.sha256(text.encode()).hexdigest()[:16]
    return SiteOfEdge(site, choose_edge(site, edge, str(path)), config_hash, str(path))


def choose_edge(site: Site, edge: str = "", file: str = "site file") -> str:
    """Return the edge to be: the one asked for, or the only one that owns devices. Raises `ConfigError`."""
    edges = site.edges()
    if not edges:
        raise ConfigError(f"{file}: site {site.id} has no devices: an edge has nothing to poll")
    if not edge:
        if len(edges) > 1:
            raise ConfigError(f"{file}: site {site.id} has the edges {', '.join(edges)}: say which this is (--edge)")
        return edges[0]
    if edge not in edges:
        raise ConfigError(f"{file}: site {site.id} has no edge {edge!r}; there are {', '.join(edges)}")
    return edge
