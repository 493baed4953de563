"""The systemd units: taken by systemd's own checks, closed, and in agreement with the programs that they start."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gateway.config import GatewayConfig
from gateway.storage.migrate import migrate
from tests.deploy.places import DEPLOY, ROOT, UNITS, run, tool

SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
EXPOSURE_BELOW = 4.0
MOSQUITTO = "[Service]\nType=notify\nExecStart=/bin/true\nExecReload=/bin/kill -HUP $MAINPID\n"


def values(name: str, key: str) -> list[str]:
    """Return every value of a key of a unit."""
    return re.findall(rf"^{key}=(.*)$", (UNITS / name).read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units beside each other; the program's path is one that exists here."""
    made = tmp_path_factory.mktemp("units")
    for unit in UNITS.iterdir():
        (made / unit.name).write_text(unit.read_text().replace("/opt/lastunit/bin/lastunit", "/bin/true"))
    (made / "mosquitto.service").write_text(MOSQUITTO)
    (made / "mosquitto.service.d").mkdir()
    drop_in = (UNITS / "mosquitto-lastunit.conf").read_text().replace("/usr/sbin/mosquitto", "/bin/true")
    (made / "mosquitto.service.d" / "lastunit.conf").write_text(drop_in)
    (made / "postgresql.service").write_text(MOSQUITTO)
    return made


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.iterdir() if path.suffix != ".conf"))
def test_systemd_verifies_it(folder: Path, name: str) -> None:
    done = run(tool("systemd-analyze"), "verify", "--man=no", folder / name)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_brokers_drop_in_replaces_its_command(folder: Path) -> None:
    done = run(tool("systemd-analyze"), "verify", "--man=no", folder / "mosquitto.service")
    assert (done.returncode, done.stderr) == (0, "")
    assert values("mosquitto-lastunit.conf", "ExecStart") == [
        "",
        "/usr/sbin/mosquitto -c /etc/mosquitto/lastunit/mosquitto.conf",
    ]


def test_systemd_would_say_what_is_wrong(folder: Path) -> None:
    bad = (folder / "lastunit-gateway.service").read_text().replace("WatchdogSec=120", "WatchdogSec=soon\nWatchdgSec=1")
    (folder / "bad.service").write_text(bad)
    done = run(tool("systemd-analyze"), "verify", "--man=no", folder / "bad.service")
    (folder / "bad.service").unlink()
    assert "soon" in done.stderr
    assert "WatchdgSec" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_exposed_little(folder: Path, name: str) -> None:
    done = run(
        tool("systemd-analyze"),
        "security",
        "--offline=true",
        "--no-pager",
        f"--threshold={EXPOSURE_BELOW * 10:.0f}",
        folder / name,
    )
    level = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    assert level
    assert float(level[1]) < EXPOSURE_BELOW, done.stdout
    assert done.returncode == 0
    open_one = re.sub(
        r"^(Protect|Restrict|Capab|System|Private|NoNew|Device|Lock|Memory).*\n",
        "",
        (folder / name).read_text(),
        flags=re.MULTILINE,
    )
    (folder / "open.service").write_text(open_one)
    wrong = run(tool("systemd-analyze"), "security", "--offline=true", "--threshold=40", folder / "open.service")
    (folder / "open.service").unlink()
    assert wrong.returncode != 0, "a threshold that everything passes is none"


def test_nothing_of_ours_runs_as_root_but_what_tells_systemd() -> None:
    without = [name for name in SERVICES if values(name, "User") != ["lastunit"]]
    assert without == ["lastunit-broker-reload.service"]
    assert values("lastunit-broker-reload.service", "ExecStart") == [
        "/bin/systemctl try-reload-or-restart mosquitto.service"
    ]


@pytest.mark.parametrize("name", ["lastunit-edge.service", "lastunit-gateway.service"])
def test_a_service_is_watched_and_tried_again_for_ever(name: str) -> None:
    assert values(name, "Type") == ["notify"]
    assert values(name, "NotifyAccess") == ["main"]
    assert values(name, "WatchdogSec")
    assert values(name, "Restart") == ["always"]
    assert values(name, "StartLimitIntervalSec") == ["0"]


@pytest.mark.parametrize("name", [name for name in SERVICES if "broker" not in name])
def test_every_option_that_it_gives_is_one_of_the_program(name: str) -> None:
    words = shlex.split(values(name, "ExecStart")[0])
    assert words[0] == "/opt/lastunit/bin/lastunit"
    commands = []
    for word in words[1:]:
        if not re.fullmatch(r"[a-z]+", word):
            break
        commands.append(word)
    done = run(sys.executable, "-m", "lastunit", *commands, "--help", COLUMNS="200", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    told = set(re.findall(r"--[a-z-]+", done.stdout))
    asked = [word for word in words if word.startswith("--")]
    assert [word for word in asked if word not in told] == []


def test_timers_and_paths_start_services_that_exist() -> None:
    for path in [*UNITS.glob("*.timer"), *UNITS.glob("*.path")]:
        assert path.with_suffix(".service").exists(), path.name
        assert "[Install]" in path.read_text()
    watched = {Path(path).name for path in values("lastunit-broker-reload.path", "PathChanged")}
    assert watched == {"acl", "crl.pem", "server.pem"}


def test_the_example_in_the_gateways_unit_is_a_configuration() -> None:
    text = (UNITS / "lastunit-gateway.service").read_text()
    block = re.search(r"gateway\.yaml, for instance:\n((?:#   .*\n)+)", text)
    assert block
    example = yaml.safe_load(block[1].replace("#   ", ""))
    assert [key for key in example if key not in GatewayConfig.model_fields] == []
    loaded = {value.partition(":")[0] for value in values("lastunit-gateway.service", "LoadCredential")}
    spare = {value.partition(":")[0] for value in values("lastunit-gateway.service", "SetCredential")}
    assert example["database_password_file"] in loaded
    assert loaded == spare, "a credential without a spare keeps the service from starting where it is not needed"


def test_the_timers_command_makes_a_backup(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/lastunit.db")
    (tmp_path / "lastunit-backups").mkdir()
    (tmp_path / "gateway.yaml").write_text(f"database_url: sqlite:///{tmp_path}/lastunit.db\n")
    command = values("lastunit-backup.service", "ExecStart")[0]
    command = command.replace("%S", str(tmp_path)).replace("/etc/lastunit", str(tmp_path))
    words = [sys.executable, "-m", "lastunit", *shlex.split(command)[1:]]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "lastunit-backups").glob("lastunit-*.backup"))) == 1


def test_the_installer_installs_units_that_exist() -> None:
    text = (DEPLOY / "install-edge.sh").read_text()
    told = set(re.findall(r"lastunit-\w+\.(?:service|timer)", text))
    assert told == {"lastunit-edge.service", "lastunit-renew.service", "lastunit-renew.timer"}
    assert all((UNITS / name).is_file() for name in told)
