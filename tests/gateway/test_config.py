"""Configuration: file, environment before it, command line before both; every mistake is named."""

from pathlib import Path

import pytest

from gateway.app import mqtt_source
from gateway.clock import system_clock
from gateway.config import BrokerAddress, ConfigError, load_config, load_sites
from tests.gateway.small_store import SITE, SITE_FILE
from wire.errors import SiteFileError


def written(folder: Path, text: str) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(text)
    return file


def test_environment_before_file_and_command_line_before_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "http_port: 1111\nlease_ttl_s: 5\nlog_level: debug\n")
    monkeypatch.setenv("LASTUNIT_GATEWAY_HTTP_PORT", "2222")
    monkeypatch.setenv("LASTUNIT_GATEWAY_LOG_LEVEL", "error")
    config = load_config(file, log_level="warning", http_host=None)
    assert (config.http_port, config.lease_ttl_s, config.log_level) == (2222, 5, "warning")


def test_site_files_stand_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SITE_FILE)
    config = load_config(written(tmp_path, "sites: [shop.yaml]"))
    assert load_sites(config) == [SITE]
    twice = load_config(written(tmp_path, "sites: [shop.yaml, shop.yaml]"))
    with pytest.raises(ConfigError, match="store-001"):
        load_sites(twice)


def test_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LASTUNIT_GATEWAY_HTTP_PORT", raising=False)
    assert load_config(None).http_port == 8080


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("http_prt: 1", r"http_prt: unknown key \(did you mean http_port"),
        ("http_port: 70000", "http_port"),
        ("lease_ttl_s: 0", "lease_ttl_s"),
        ("sites: 7", "sites"),
        ("- a list", "expected keys and values"),
        ("a: [", "not YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        load_config(written(tmp_path, text))
    assert "gateway.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FOO", "1", r"LASTUNIT_GATEWAY_FOO: unknown key; see docs/gateway\.md"),
        ("DATABASE", "x", r"LASTUNIT_GATEWAY_DATABASE: .*did you mean LASTUNIT_GATEWAY_DATABASE_URL"),
        ("PORT", "8080", r"LASTUNIT_GATEWAY_PORT: .*did you mean LASTUNIT_GATEWAY_HTTP_PORT"),
        ("SITES", "shop.yaml", r"LASTUNIT_GATEWAY_SITES: expected a JSON list such as \[\"site.yaml\"\]"),
        ("MODELS", "model.json", r"LASTUNIT_GATEWAY_MODELS: expected a JSON list such as \[\"model.json\"\]"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"LASTUNIT_GATEWAY_{name}", value)
    with pytest.raises(ConfigError, match=told):
        load_config(None)


def test_what_kubernetes_sets_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_HTTP": "8080",
        "PORT": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP_ADDR": "10.0.0.1",
    }.items():
        monkeypatch.setenv(f"LASTUNIT_GATEWAY_{name}", value)
    assert load_config(None).http_port == 8080


def test_without_sites_there_is_nothing_to_serve() -> None:
    with pytest.raises(ConfigError, match="no site: --site FILE"):
        load_sites(load_config(None))


def test_a_bad_site_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("site: 1")
    with pytest.raises(SiteFileError, match=r"shop\.yaml"):
        load_sites(load_config(written(tmp_path, "sites: [shop.yaml]")))


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    urls = "database_url: postgresql://u:hush@h/d\nbroker_url: mqtt://u:hush@h\ninsecure_dev: true"
    config = load_config(written(tmp_path, urls))
    assert "hush" not in repr(config)


def test_broker_addresses() -> None:
    plain = BrokerAddress("mqtt://broker")
    assert (plain.host, plain.port, plain.tls, plain.username) == ("broker", 1883, False, None)
    full = BrokerAddress("mqtts://user:p%40ss@[::1]:9999")
    assert (full.host, full.port, full.tls, full.username, full.password) == ("::1", 9999, True, "user", "p@ss")


@pytest.mark.parametrize("url", ["", "broker", "http://broker", "mqtt://", "mqtt://h:port", "mqtt://h:99999"])
def test_a_broker_that_cannot_be_one(url: str) -> None:
    with pytest.raises(ConfigError, match="broker_url"):
        BrokerAddress(url)


async def test_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "broker_url: mqtts://h\nbroker_ca_file: nowhere.pem"))
    with pytest.raises(ConfigError, match="broker_ca_file"):
        mqtt_source(config, system_clock)


@pytest.mark.parametrize(
    ("lines", "taken"),
    [
        ("broker_url: mqtt://10.0.0.5", False),
        ("broker_url: mqtts://broker", False),
        ("broker_url: mqtt://10.0.0.5\ninsecure_dev: true", True),
        ("broker_url: mqtt://127.0.0.1", True),
        ("broker_url: mqtts://localhost", True),
    ],
)
def test_a_broker_that_takes_anybody_is_refused(tmp_path: Path, lines: str, *, taken: bool) -> None:
    config = load_config(written(tmp_path, lines))
    if taken:
        mqtt_source(config, lambda: 0)
    else:
        with pytest.raises(ConfigError, match="takes anybody"):
            mqtt_source(config, lambda: 0)
