"""The pages of a deployment: every command is run, or says itself that it is not; what it names exists all the same.

The commands of the Debian way and of a store's box run in their order, as they stand, below a scratch folder: `sudo` is
left out, paths are those of the folder, and where `systemctl` starts a service the command of its unit is started.
"""

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simulator.sites import read_demo_site
from tests.deploy.places import DEPLOY, ROOT, UNITS, run
from tests.docs.commands import _FENCE, _lines
from tests.servers.mosquitto import BINARY, free_port

PAGES = ("deploy.md", "backup.md", "upgrade.md")
NOT_RUN = "# not run by our tests"
PROGRAM = "/opt/lastunit/bin/lastunit"
WAIT_S = 60.0


def blocks(page: str) -> list[tuple[bool, list[str]]]:
    """Return the page's blocks of shell: whether they run, and their commands."""
    found = []
    for fence in _FENCE.finditer((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if fence["language"] == "sh":
            lines = [line for _, line in _lines(fence["text"]) if line.strip()]
            runs = not lines[0].startswith(NOT_RUN)
            found.append((runs, [line.partition("  #")[0] for line in lines if not line.startswith("#")]))
    return found


def typed(page: str, *, runs: bool) -> list[str]:
    return [line for which, lines in blocks(page) if which is runs for line in lines]


def test_every_command_is_run_by_somebody_or_says_that_it_is_not() -> None:
    """Lines that begin with our program are run by `tests/docs`, those of the Debian way below; no third kind."""
    for page in PAGES:
        for line in typed(page, runs=True):
            words = shlex.split(line)
            mine = page == "deploy.md" and words[0] == "sudo"
            assert mine or words[0] == "lastunit", f"{page}: {line}: nobody runs this"
    assert len(typed("deploy.md", runs=True)) > 8
    assert [page for page in PAGES if typed(page, runs=False)] == ["deploy.md"]


@pytest.mark.parametrize("line", typed("deploy.md", runs=False))
def test_what_is_not_run_names_files_and_commands_that_exist(line: str) -> None:
    for path in re.findall(r"(?<![\w/])(?:deploy|requirements)/[\w./-]+", line):
        assert (ROOT / path).exists(), path
    words = shlex.split(line)
    if words[0] != "lu" or "gateway" not in words[2:]:
        return
    if words[1] in {"build", "logs"}:
        return
    asked = words[words.index("gateway") + 1 :]
    names = [word for word in asked[:2] if re.fullmatch(r"[a-z]+", word)]
    done = run(sys.executable, "-m", "lastunit", *names, "--help", COLUMNS="200", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    options = {word for word in asked if word.startswith("--")}
    assert [option for option in options if option not in done.stdout] == []


class Machine:
    """A gateway's machine and a store's box in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.broker_port = free_port()
        self.code = ""
        self.url = ""
        self.ended = threading.Event()
        self.watcher: threading.Thread | None = None
        for name in ("etc/lastunit/sites", "etc/mosquitto/lastunit", "var/lib/mosquitto", "var/lib/lastunit-edge"):
            (folder / name).mkdir(parents=True)
        (folder / "var/lib/lastunit").mkdir()

    def here(self, text: str) -> str:
        """Return a command or a file with the places and names of this machine."""
        for place in ("/etc/lastunit", "/etc/mosquitto", "/var/lib/mosquitto", "/var/lib/lastunit"):
            text = re.sub(rf"(?<![\w.]){place}", f"{self.folder}{place}", text)
        text = text.replace("mqtt.example.com:8883", f"localhost:{self.broker_port}")
        text = text.replace("mqtt.example.com", "localhost").replace("http://stock.example.com:8080", self.url)
        return text.replace("--code CODE", f"--code {self.code}")

    def do(self, line: str) -> None:
        """Run one command of the page."""
        words = shlex.split(self.here(line))
        while words[0] in {"sudo", "-u", "lastunit"}:
            words = words[1:]
        if words[0] == "systemctl":
            self.systemctl(words[1:])
            return
        if words[0] == "chown":  # the broker of this test runs as whoever runs the test
            return
        assert words[0] == PROGRAM, line
        if words[1:3] == ["ca", "broker"]:
            data = self.folder / "var/lib/mosquitto"
            words += ["--port", str(self.broker_port), "--data", str(data), "--user", "root"]
        done = run(sys.executable, "-m", "lastunit", *words[1:], PYTHONPATH=str(ROOT))
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if words[1:3] == ["ca", "code"]:
            self.code = done.stdout.strip()

    def systemctl(self, words: list[str]) -> None:
        if words == ["restart", "mosquitto"]:
            command = re.findall(r"^ExecStart=(.+)$", (UNITS / "mosquitto-lastunit.conf").read_text(), re.MULTILINE)[0]
            self.start("mosquitto", self.here(command).replace("/usr/sbin/mosquitto", BINARY), "running")
            return
        if words[:2] != ["enable", "--now"]:
            assert words == ["daemon-reload"]
            return
        for name in words[2:]:
            unit = UNITS / (name if "." in name else f"{name}.service")
            assert unit.exists()
            if unit.suffix == ".service":
                self.service(name, unit)
            if unit.suffix == ".path":
                files = re.findall(r"^PathChanged=(.+)$", unit.read_text(), re.MULTILINE)
                self.watcher = threading.Thread(target=self.watch, args=([Path(self.here(file)) for file in files],))
                self.watcher.start()

    def watch(self, files: list[Path]) -> None:
        """Do what the path unit's service does: let the broker read its files again when one of them changed."""
        before = [file.read_bytes() for file in files]
        while not self.ended.wait(0.1):
            now = [file.read_bytes() for file in files]
            if now != before:
                before = now
                self.running["mosquitto"].send_signal(signal.SIGHUP)

    def service(self, name: str, unit: Path) -> None:
        text = unit.read_text()
        command = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)[0]
        command = command.replace("%S", "/var/lib").replace("${STATE_DIRECTORY}", f"/var/lib/{name}")
        defaults = " ".join(re.findall(r"^Environment=(.*)$", text, re.MULTILINE))
        for variable, value in re.findall(r"(LASTUNIT_\w+)=(\S*)", defaults):
            command = command.replace(f"${{{variable}}}", value).replace(f"${variable}", value)
        command = re.sub(r"--metrics-port \d+", "--metrics-port 0", self.here(command))
        ready = {"lastunit-gateway": "broker_connected", "lastunit-edge": '"what": "up"'}[name]
        self.start(name, command.replace(PROGRAM, f"{sys.executable} -m lastunit"), ready)
        found = re.findall(r"http://[\d.]+:\d+", self.log(name))
        if name == "lastunit-gateway":
            self.url = found[0].replace("0.0.0.0", "127.0.0.1")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start(self, name: str, command: str, ready: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                shlex.split(command), cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self.wait(name, ready)

    def wait(self, name: str, text: str) -> None:
        until = time.monotonic() + WAIT_S
        while text not in self.log(name):
            ended = self.running[name].poll() is not None
            assert not ended, f"{name} ended:\n{self.log(name)}"
            assert time.monotonic() < until, f"{name} never said {text!r}:\n{self.log(name)}"
            time.sleep(0.05)

    def stop(self) -> None:
        self.ended.set()
        if self.watcher is not None:
            self.watcher.join()
        for name, process in reversed(self.running.items()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"{name} did not end") from None


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.stop()


def yaml_block(page: str) -> str:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return next(fence["text"] for fence in _FENCE.finditer(text) if fence["language"] == "yaml")


def store_file(folder: Path) -> str:
    """Return a site file whose readers answer: those of a simulated store that is started beside."""
    text = (ROOT / "simulator" / "sites" / "main-street.yaml").read_text(encoding="utf-8")
    while "127.0.0.1:0" in text:
        text = text.replace("127.0.0.1:0", f"127.0.0.1:{free_port()}", 1)
    (folder / "store.yaml").write_text(text)
    return text


def test_from_an_empty_machine_to_a_box_that_publishes(machine: Machine) -> None:
    site = store_file(machine.folder)
    assert read_demo_site("main-street").id == "store-001"
    (machine.folder / "etc/lastunit/sites/store-001.yaml").write_text(site)
    (machine.folder / "etc/lastunit/site.yaml").write_text(site)
    configuration = machine.here(yaml_block("deploy.md")) + "http_port: 0\n"
    (machine.folder / "etc/lastunit/gateway.yaml").write_text(configuration)
    machine.start(
        "simulator", f"{sys.executable} -m lastunit simulate --site {machine.folder}/store.yaml", "speaks LLRP"
    )
    lines = typed("deploy.md", runs=True)
    for line in lines:
        machine.do(line)
    box = lines[lines.index(next(line for line in lines if "ca code" in line)) :]
    assert len(box) == 3, "an enrolment takes three commands"
    database = machine.folder / "var/lib/lastunit/lastunit.db"
    until = time.monotonic() + WAIT_S
    while batches(database) < 2:
        assert time.monotonic() < until, machine.log("lastunit-gateway") + machine.log("lastunit-edge")
        time.sleep(0.1)


def batches(database: Path) -> int:
    """Return how many messages of edges the gateway has logged."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM site_input WHERE kind = 'data'").fetchone()[0])


def test_the_unit_files_that_the_page_installs_exist() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text()
    told = set(re.findall(r"deploy/systemd/([\w.-]+)", text)) - {""}
    assert told >= {"lastunit-gateway.service", "mosquitto-lastunit.conf"}
    assert [name for name in told if name and not (DEPLOY / "systemd" / name).exists()] == []
