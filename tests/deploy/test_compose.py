"""compose.yaml: taken by compose itself, closed, bounded, and in agreement with what it starts.

There is no container engine on the machines of the tests: nothing of this was started there.
"""

import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import ENV_PREFIX, GatewayConfig, load_config
from tests.deploy.places import DEPLOY, ROOT, run, tool
from wire.site_file import parse_site

ALL = ("broker", "gateway", "grafana", "influxdb", "postgres")
SITE = (ROOT / "simulator" / "sites" / "main-street.yaml").read_text(encoding="utf-8")


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Return what lies where in a container: its path -> the host's."""
    found = {}
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            host, inside, *_ = volume.split(":")
        else:  # as compose 2 writes them
            host, inside = volume["source"], volume["target"]
        found[inside] = host
    return found


def secrets_of(service: dict[str, Any]) -> set[str]:
    return {secret if isinstance(secret, str) else secret["source"] for secret in service.get("secrets", [])}


def test_compose_takes_it_and_has_the_services(composed: dict[str, Any]) -> None:
    assert sorted(composed["services"]) == sorted(ALL)


def test_without_its_settings_it_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    done = run(tool("docker-compose"), "--env-file", tmp_path / "empty", "-f", DEPLOY / "compose.yaml", "config")
    assert done.returncode != 0
    assert "run deploy/secrets.sh" in done.stderr


@pytest.mark.parametrize("name", ALL)
def test_every_container_is_closed_and_bounded(composed: dict[str, Any], name: str) -> None:
    service = composed["services"][name]
    uid, gid = (int(part) for part in service["user"].split(":"))
    assert uid > 0
    assert gid > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & service.keys()
    assert service["restart"] == "unless-stopped"
    assert {"mem_limit", "pids_limit", "healthcheck"} <= service.keys()
    assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}
    assert not [path for path in mounts(service).values() if "docker.sock" in path or path == "/"]
    if name != "gateway":  # ours is built here
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+|postgres:15\.\d+-bookworm", service["image"])


def test_only_the_broker_is_reachable_from_outside(composed: dict[str, Any]) -> None:
    services = composed["services"]
    open_ones = {}
    for name, service in services.items():
        for port in service.get("ports", []):
            local = port.startswith("127.0.0.1:") if isinstance(port, str) else port.get("host_ip") == "127.0.0.1"
            if not local:
                open_ones[name] = port
    assert list(open_ones) == ["broker"]
    assert composed["networks"]["back"]["internal"] is True
    for name in ("postgres", "influxdb"):
        assert list(services[name]["networks"]) == ["back"]
        assert "ports" not in services[name]


def test_every_file_that_is_mounted_exists(composed: dict[str, Any]) -> None:
    hosts = {path for service in composed["services"].values() for path in mounts(service).values()}
    assert len(hosts) > 10
    for path in sorted(hosts):
        assert Path(path).exists(), path
    for secret in composed["secrets"].values():
        assert Path(secret["file"]).is_file()


def test_no_secret_stands_in_the_configuration_of_a_container(home: Path) -> None:
    done = run(tool("docker-compose"), "--env-file", home / ".env", "-f", DEPLOY / "compose.yaml", "config")
    values = [path.read_text() for path in (home / "secrets").iterdir()]
    assert len(values) == 5
    assert [value for value in values if value in done.stdout or value.partition(":")[2] in done.stdout.split()] == []
    text = (DEPLOY / "compose.yaml").read_text()
    passwords = re.findall(r"^\s*\w*(?:PASSWORD|TOKEN|SECRET)\w*:\s*(.*)$", text, re.MULTILINE)
    assert passwords
    assert [value for value in passwords if not value.startswith(("/run/secrets/", "sh "))] == []


def test_the_gateway_is_set_by_keys_that_exist_and_files_that_it_sees(
    composed: dict[str, Any], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = composed["services"]["gateway"]
    seen: dict[str, str] = mounts(service) | {
        f"/run/secrets/{name}": composed["secrets"][name]["file"] for name in secrets_of(service)
    }
    made = run(sys.executable, "-m", "lastunit", "ca", "init", tmp_path / "ca", "--broker-name", "broker")
    assert made.returncode == 0, made.stderr
    seen["/var/lib/lastunit/ca"] = str(tmp_path / "ca")

    def on_host(path: str) -> str:
        inside = max((place for place in seen if path == place or path.startswith(f"{place}/")), key=len)
        return seen[inside] + path.removeprefix(inside)

    for key, value in service["environment"].items():
        assert key.startswith(ENV_PREFIX), key
        name = key.removeprefix(ENV_PREFIX).lower()
        assert name in GatewayConfig.model_fields, f"{key} is no setting of the gateway"
        path = on_host(value) if value.startswith("/") else value
        assert not value.startswith("/") or Path(path).exists(), f"{key}: {value} is not mounted"
        monkeypatch.setenv(key, path)
    (tmp_path / "gateway.yaml").write_text((home / "gateway.yaml").read_text().replace("[]", "[store.yaml]"))
    (tmp_path / "store.yaml").write_text(SITE)
    config = load_config(tmp_path / "gateway.yaml")
    password = (home / "secrets" / "database_password").read_text()
    assert config.database_url.get_secret_value() == f"postgresql://lastunit:{password}@postgres/lastunit"
    assert parse_site(config.sites[0].read_text()).id == parse_site(SITE).id
    assert (config.series_api, config.series_bucket) == ("v1", "lastunit")
    assert config.broker_cert_file is not None
    assert "PRIVATE KEY" in config.broker_cert_file.read_text()
    assert service["command"] == ["gateway", "--config", "/etc/lastunit/gateway.yaml"]
    assert "/var/backups/lastunit" in seen


def test_servers_and_their_clients_mean_the_same(composed: dict[str, Any], home: Path) -> None:
    services = composed["services"]
    login = (home / "secrets" / "influxdb_gateway_login").read_text()
    influx = services["influxdb"]["environment"]
    assert login.startswith(f"{influx['INFLUXDB_WRITE_USER']}:")
    assert influx["INFLUXDB_DB"] == services["gateway"]["environment"]["LASTUNIT_GATEWAY_SERIES_BUCKET"]
    grafana = services["grafana"]
    assert grafana["environment"]["LASTUNIT_SERIES_USER"] == influx["INFLUXDB_READ_USER"]
    assert grafana["environment"]["LASTUNIT_SERIES_DATABASE"] == influx["INFLUXDB_DB"]
    source = (DEPLOY / "grafana" / "provisioning" / "datasources" / "lastunit.yaml").read_text()
    wanted = set(re.findall(r"\$\{?(LASTUNIT_\w+)", source))
    assert wanted
    assert wanted <= grafana["environment"].keys()
    files = set(re.findall(r"/run/secrets/(\w+)", source))
    assert files
    assert files <= secrets_of(grafana)
    provider = (DEPLOY / "grafana" / "provisioning" / "dashboards" / "lastunit.yaml").read_text()
    boards = yaml.safe_load(provider)["providers"][0]["options"]["path"]
    assert mounts(grafana)[boards] == str(DEPLOY / "grafana" / "boards")
    gateway = services["gateway"]
    assert mounts(gateway)[gateway["environment"]["LASTUNIT_GATEWAY_BROKER_FILES_DIR"]] == f"{home}/broker"
    broker = mounts(services["broker"])
    assert (broker["/etc/mosquitto/lastunit"], broker["/var/lib/mosquitto"]) == (f"{home}/broker", f"{home}/mosquitto")


# -- deploy/secrets.sh


def test_secrets_are_random_private_and_never_printed(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    done = run("sh", DEPLOY / "secrets.sh", other, "b.example.com")
    assert done.returncode == 0
    mine = {path.name: path.read_text() for path in (home / "secrets").iterdir()}
    theirs = {path.name: path.read_text() for path in (other / "secrets").iterdir()}
    assert mine.keys() == theirs.keys()
    assert not set(mine.values()) & set(theirs.values())
    bare = [value.rpartition(":")[2] for value in theirs.values()]
    assert len(set(bare)) == len(bare)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in bare)
    assert [value for value in bare if value in done.stdout + done.stderr] == []
    assert stat.S_IMODE((other / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE(other.stat().st_mode) == 0o700
    assert stat.S_IMODE((other / ".env").stat().st_mode) == 0o600
    assert "LASTUNIT_BROKER_URL=mqtts://b.example.com:8883\n" in (other / ".env").read_text()


def test_again_it_keeps_what_is_there_and_adds_what_is_missing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run("sh", DEPLOY / "secrets.sh", home, "b.example.com").returncode == 0
    (home / "gateway.yaml").write_text("sites: [sites/mine.yaml]\n")
    (home / "secrets" / "grafana_admin_password").unlink()
    before = {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}
    done = run("sh", DEPLOY / "secrets.sh", home, "other.example.com")
    assert done.stderr == f"{home}: made secrets/grafana_admin_password\n"
    assert {path: path.read_bytes() for path in before} == before
    assert "everything was there" in run("sh", DEPLOY / "secrets.sh", home).stderr


@pytest.mark.parametrize(
    "words", [(), ("relative/home",), ("/tmp/with blank",), ("/tmp/x", "no host!"), ("a", "b", "c")]
)
def test_a_call_that_cannot_be_meant_is_refused(words: tuple[str, ...]) -> None:
    assert run("sh", DEPLOY / "secrets.sh", *words).returncode == 2
