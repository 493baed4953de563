"""The two scripts that run inside of containers: with a real broker, and with a stand-in for an image's entry point."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.deploy.places import DEPLOY, run
from tests.servers.mosquitto import BINARY, free_port

WAIT_S = 20.0


@contextmanager
def broker_of(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the script as compose does, looking ten times a second."""
    environment = os.environ | {
        "LASTUNIT_LOOK_S": "0.1",
        "PATH": f"{Path(BINARY).parent}:{os.environ['PATH']}",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", DEPLOY / "compose" / "run-broker.sh", folder], env=environment, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT_S)


def written(folder: Path) -> int:
    port = free_port()
    (folder / "acl").write_text("user nobody\n")
    (folder / "crl.pem").write_text("-")
    (folder / "server.pem").write_text("-")
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nacl_file {folder}/acl\nlog_dest stderr\n"
    )
    return port


def logged(folder: Path, text: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + WAIT_S
    while text not in (folder / "log").read_text(errors="replace"):
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.02)


def heard(port: int, topic: str) -> bool:
    """Whether a message that we publish comes back to us, before one that is always let through does."""
    got: list[str] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: got.append(message.topic)
    client.connect("127.0.0.1", port)
    client.subscribe([(topic, 0), ("always", 0)])
    client.loop_start()
    client.publish(topic, b"x", qos=1)
    deadline = time.monotonic() + WAIT_S
    while "always" not in got and time.monotonic() < deadline:
        client.publish("always", b"x", qos=1)
        time.sleep(0.02)
    client.disconnect()
    client.loop_stop()
    assert "always" in got
    return topic in got


def test_a_changed_acl_is_read_without_a_restart(tmp_path: Path) -> None:
    port = written(tmp_path)
    (tmp_path / "acl").write_text("topic readwrite always\n")
    with broker_of(tmp_path) as process:
        logged(tmp_path, "running", process)
        assert not heard(port, "news")
        (tmp_path / "acl.new").write_text("topic readwrite always\ntopic readwrite news\n")
        (tmp_path / "acl.new").replace(tmp_path / "acl")
        logged(tmp_path, "changed: reading them again", process)
        logged(tmp_path, "Reloading config", process)
        assert heard(port, "news")
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0


def test_a_broker_that_ends_by_itself_ends_the_container(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "mosquitto.conf").write_text("listener not-a-port\n")
    with broker_of(tmp_path) as process:
        assert process.wait(WAIT_S) not in {0, None}


def test_passwords_reach_influxdb_by_files_only(tmp_path: Path) -> None:
    for name, value in (
        ("influxdb_admin_password", "a-secret"),
        ("influxdb_gateway_login", "till:w-secret"),
        ("lastunit_series_password", "r-secret"),
    ):
        (tmp_path / name).write_text(value)
    entry = tmp_path / "entry"
    entry.write_text(
        '#!/bin/sh\necho "$@ $INFLUXDB_ADMIN_PASSWORD $INFLUXDB_WRITE_USER_PASSWORD $INFLUXDB_READ_USER_PASSWORD"\n'
    )
    entry.chmod(0o755)
    environment = {"LASTUNIT_SECRETS_DIR": str(tmp_path), "LASTUNIT_IMAGE_ENTRY": str(entry)}
    script = DEPLOY / "compose" / "run-influxdb.sh"
    done = run("sh", script, "influxd", INFLUXDB_WRITE_USER="till", **environment)
    assert (done.returncode, done.stdout) == (0, "influxd a-secret w-secret r-secret\n")
    wrong = run("sh", script, "influxd", INFLUXDB_WRITE_USER="other", **environment)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "influxdb_gateway_login names till" in wrong.stderr
    assert "secret" not in wrong.stderr
