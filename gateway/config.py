"""The gateway's configuration: a YAML file, and environment variables `LASTUNIT_GATEWAY_<KEY>` that go before it."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

import yaml
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from gateway.limits import CHECKPOINT_ENTRIES, CHECKPOINT_S, LEASE_TTL_S, SOLD_GRACE_S
from gateway.secret_files import check_guessable, place_of, read_secret
from gateway.series.limits import MIB, OUTBOX_MAX_BYTES, RETENTION_DAYS
from wire.errors import WireError
from wire.site import Site
from wire.site_file import decode_site_text, parse_site
from wire.this_machine import is_this_machine

ENV_PREFIX: Final = "LASTUNIT_GATEWAY_"
_BROKER_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_PATHS: Final = {"sites": "site.yaml", "models": "model.json"}
_FILES: Final = (
    *("broker_ca_file", "broker_cert_file", "broker_key_file", "broker_username_file", "broker_password_file"),
    *("database_password_file", "series_token_file", "series_ca_file"),
    *("ca_dir", "broker_files_dir", "known_bad_file"),
)
"""Keys of one file each."""

_IN_QUERY: Final = frozenset({"password", "sslpassword"})
"""Parameters of a database's URL that are secret (PostgreSQL, 34.1.2: Parameter Key Words)."""

_IN_URL: Final = (
    "{key}: it holds a user's password or name, which shows in lists of processes and in traces; "
    "put it into a file of its own: {files} (docs/security.md)"
)

_OF_A_CLUSTER: Final = re.compile(r"service_(host|port\w*)=.*|port(_\d+_\w+)?=\w+://.*|port_\d+_\w+=.*", re.DOTALL)
"""What Kubernetes sets in every container beside a service called `lastunit-gateway`: not meant for us."""


class ConfigError(WireError):
    """A configuration that a person must mend; the text names each key."""

    code = "config"


class GatewayConfig(BaseSettings):
    """Everything that can be set. Files are paths, relative to the configuration file."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    sites: list[Path] = Field(default=[], description="site files, one for each site that this gateway serves")
    models: list[Path] = Field(
        default=[], description="sensor models of sites, as `lastunit calibrate` wrote them, at most one for each"
    )
    database_url: SecretStr = Field(
        default=SecretStr("sqlite:///lastunit.db"), description="sqlite:///<file> or postgresql://<user>@<host>/<name>"
    )
    database_password_file: Path | None = Field(default=None, description="file with the database user's password")
    broker_url: SecretStr = Field(default=SecretStr("mqtt://127.0.0.1:1883"), description="mqtt:// or mqtts://")
    broker_username_file: Path | None = Field(default=None, description="file with our user name at the broker")
    broker_password_file: Path | None = Field(default=None, description="file with its password")
    broker_ca_file: Path | None = Field(default=None, description="certificates that may sign the broker's (mqtts)")
    broker_cert_file: Path | None = Field(default=None, description="our own certificate (mqtts)")
    broker_key_file: Path | None = Field(default=None, description="its key")
    ca_dir: Path | None = Field(
        default=None, description="directory of `lastunit ca init`: from it boxes are enrolled (docs/identity.md)"
    )
    broker_files_dir: Path | None = Field(
        default=None, description="directory of the broker's ACL and list of revoked certificates, kept true from here"
    )
    broker_public_url: str = Field(
        default="", max_length=300, description="where boxes that enrol find the broker: mqtts://host:8883"
    )
    known_bad_file: Path | None = Field(default=None, description="own findings of bad firmware (docs/firmware.md)")
    http_host: str = Field(default="127.0.0.1", description="address that the HTTP side listens on")
    http_port: int = Field(default=8080, ge=0, le=65_535, description="its port; 0 takes a free one")
    lease_ttl_s: float = Field(
        default=LEASE_TTL_S, ge=0.1, le=60, description="how long another process waits before it takes over a site"
    )
    checkpoint_entries: int = Field(
        default=CHECKPOINT_ENTRIES, ge=1, le=1_000_000, description="log entries between two checkpoints of a site"
    )
    checkpoint_s: float = Field(default=CHECKPOINT_S, gt=0, description="seconds between two checkpoints, at most")
    keep_log: bool = Field(default=False, description="never prune the input log (audits); it grows without bound")
    webhook_allow_private: bool = Field(
        default=False, description="webhooks may go to private addresses, and by plain http to this machine"
    )
    sold_grace_s: int = Field(
        default=SOLD_GRACE_S, ge=0, le=86_400, description="how long after a sale edges still read the sold item"
    )
    gateway_name: str = Field(
        default="gateway", pattern=r"^[!-~]{1,64}$", description="what this process is called in time series"
    )
    series_days: int = Field(
        default=RETENTION_DAYS, ge=1, le=3_650, description="how long the database keeps time series"
    )
    series_url: str = Field(default="", description="a server of time series as well: http://host:8086; none by itself")
    series_api: Literal["v2", "v1"] = Field(
        default="v2", description="how it is written to: v2 (InfluxDB 2, 3, VictoriaMetrics) or v1 (InfluxDB 1)"
    )
    series_bucket: str = Field(
        default="lastunit", min_length=1, description="v2: bucket; v1: database, or database/retention-policy"
    )
    series_org: str = Field(default="", description="v2: organisation")
    series_token_file: Path | None = Field(default=None, description="file with its token, or user:password (v1)")
    series_ca_file: Path | None = Field(default=None, description="certificates that may sign its own (https)")
    series_outbox_mb: int = Field(
        default=OUTBOX_MAX_BYTES // MIB, ge=1, le=100_000, description="megabytes of points that wait for it, at most"
    )
    insecure_dev: bool = Field(
        default=False, description="take secrets in URLs, well-known passwords and an open broker: never in production"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="what is logged")


def load_config(file: Path | None, **overrides: Any) -> GatewayConfig:
    """Return the configuration: `overrides` (command line) before environment before file.

    The password of the database is read from its file into `database_url`, which is never shown.

    Raises `ConfigError`, `SecretError`; a file that cannot be read raises `OSError`.
    """
    values: dict[str, Any] = dict(_read(file)) if file is not None else {}
    values |= _environment(os.environ)
    values |= {key: value for key, value in overrides.items() if value is not None}
    try:
        config = GatewayConfig(**values)
    except ValidationError as error:
        where = str(file) if file else "configuration"
        lines = [f"{where}: {'.'.join(map(str, wrong['loc']))}: {_reason(wrong)}" for wrong in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    folder = file.parent if file is not None else Path()
    found: dict[str, Any] = {key: [folder / path for path in getattr(config, key)] for key in _PATHS}
    found |= {key: place_of(path, folder) for key in _FILES if (path := getattr(config, key)) is not None}
    return _with_password(config.model_copy(update=found))


def _with_password(config: GatewayConfig) -> GatewayConfig:
    """Return the configuration with the database's password in its URL. Raises `ConfigError`, `SecretError`."""
    url = _split("database_url", config.database_url.get_secret_value())
    login = _split("broker_url", config.broker_url.get_secret_value())
    in_query = _IN_QUERY & {name for name, _ in parse_qsl(url.query)}
    if not config.insecure_dev:
        if login.username is not None or login.password is not None:
            raise ConfigError(_IN_URL.format(key="broker_url", files="broker_username_file and broker_password_file"))
        if url.password is not None or in_query:
            raise ConfigError(_IN_URL.format(key="database_url", files="database_password_file"))
    if config.database_password_file is None:
        return config
    if url.scheme.partition("+")[0] != "postgresql":
        raise ConfigError("database_password_file: only a PostgreSQL database asks for a password")
    if url.password is not None or in_query:
        raise ConfigError("database_password_file: database_url holds a password too: take it out")
    password = read_secret("database_password_file", config.database_password_file)
    if not config.insecure_dev:
        check_guessable("database_password_file", password, url.username or "")
    user = url.username if url.username is not None else ""
    place = url.netloc.rpartition("@")[2]
    whole = url._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()
    return config.model_copy(update={"database_url": SecretStr(whole)})


def _split(key: str, url: str) -> SplitResult:
    """Return the parts of a URL. Raises `ConfigError`, which does not repeat it: it may hold a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ConfigError(f"{key}: not a URL") from None


def broker_login(config: GatewayConfig) -> tuple[str | None, str | None]:
    """Return our user name and password at the broker. Raises `ConfigError`, `SecretError`."""
    address = BrokerAddress(config.broker_url.get_secret_value())
    username, password = address.username, address.password
    if config.broker_username_file is not None:
        username = read_secret("broker_username_file", config.broker_username_file)
    if config.broker_password_file is not None:
        if username is None:
            raise ConfigError("broker_password_file: a password without a name: give broker_username_file too")
        password = read_secret("broker_password_file", config.broker_password_file)
    if password is not None and not config.insecure_dev:
        check_guessable("broker_password_file", password, username or "")
    return username, password


def check_not_anonymous(config: GatewayConfig) -> None:
    """Refuse a broker that lets anybody in, unless it is this machine's own. Raises `ConfigError`, `SecretError`."""
    address = BrokerAddress(config.broker_url.get_secret_value())
    username, _ = broker_login(config)
    if config.insecure_dev or is_this_machine(address.host) or username is not None:
        return
    if address.tls and config.broker_cert_file is not None:
        return
    raise ConfigError(
        f"broker_url: {address.host} is another machine, and we have neither a certificate nor a login there: a broker "
        "that takes us takes anybody. Give broker_cert_file with mqtts:// (docs/identity.md), or broker_username_file "
        "(or `insecure_dev: true` on a developer's own network)"
    )


def _environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what the environment sets. Raises `ConfigError` for every variable that is ours by name and no key."""
    unknown = [
        f"{name}: unknown key{_close_to(key, f'{ENV_PREFIX}{{}}')}; see docs/gateway.md"
        for name, key in ((name, name[len(ENV_PREFIX) :].lower()) for name in sorted(environment))
        if name.upper().startswith(ENV_PREFIX)
        and key not in GatewayConfig.model_fields
        and not _OF_A_CLUSTER.fullmatch(f"{key}={environment[name]}")
    ]
    if unknown:
        raise ConfigError("\n".join(unknown))
    try:
        return EnvSettingsSource(GatewayConfig)()
    except SettingsError as error:  # only lists of paths are not plain text
        key = "models" if 'field "models"' in str(error) else "sites"
        raise ConfigError(f'{ENV_PREFIX}{key.upper()}: expected a JSON list such as ["{_PATHS[key]}"]') from error


def _close_to(key: str, shown: str) -> str:
    close = difflib.get_close_matches(key, GatewayConfig.model_fields, n=2)
    names = (shown.format(name.upper() if ENV_PREFIX in shown else name) for name in close)
    return f" (did you mean {' or '.join(names)}?)" if close else ""


def _reason(wrong: Mapping[str, Any]) -> str:
    if wrong["type"] == "extra_forbidden":
        return f"unknown key{_close_to(str(wrong['loc'][-1]), '{}')}; see docs/gateway.md"
    return str(wrong["msg"])


def _read(file: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: expected keys and values, such as `sites: [site.yaml]`")
    return values


def load_sites(config: GatewayConfig) -> list[Site]:
    """Parse the site files. Raises `SiteFileError`, `ConfigError` for none or an id that stands twice, `OSError`."""
    if not config.sites:
        raise ConfigError("no site: --site FILE or `sites:` in the configuration")
    sites: dict[str, Site] = {}
    for path in config.sites:
        site = parse_site(decode_site_text(path.read_bytes(), str(path)), str(path))
        if site.id in sites:
            raise ConfigError(f"{path}: site {site.id!r} stands in another site file too")
        sites[site.id] = site
    return list(sites.values())


class BrokerAddress:
    """The parts of a broker's URL."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"broker_url: {error}") from error
        if parts.scheme not in _BROKER_PORTS or not parts.hostname:
            raise ConfigError("broker_url: expected mqtt://host[:port] or mqtts://host[:port]")
        self.tls = parts.scheme == "mqtts"
        self.host = parts.hostname
        self.port = port or _BROKER_PORTS[parts.scheme]
        self.username = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None
