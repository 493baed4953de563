"""Every command of the docs runs: against a live simulated store, a real broker and a gateway that the docs start."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from gateway.config import GatewayConfig
from gateway.presence.model import encode_model
from lastunit.cli import app
from tests.dashboards.documented_grafana import TOKEN, DocumentedGrafana
from tests.docs.commands import DOCS, ROOT, Command, commands_of
from tests.gateway.small_model import small_model
from tests.servers.mosquitto import Mosquitto, free_port
from wire.site_file import parse_site

READY = {
    "gateway": "broker_connected",
    "edge": '"what": "up"',
    "edge --out": " devices up",
    "simulate": "speaks LLRP",
    "demo": "Open  http://",
}
WAIT_S = 60.0


class Shop:
    """A folder as a store engineer has it: a site file, a catalogue, readers that answer, a broker."""

    def __init__(self, folder: Path, broker: Mosquitto, grafana: DocumentedGrafana) -> None:
        self.folder = folder
        self.broker = broker
        self.grafana = grafana
        text = (ROOT / "simulator" / "sites" / "main-street.yaml").read_text(encoding="utf-8")
        while "127.0.0.1:0" in text:
            text = text.replace("127.0.0.1:0", f"127.0.0.1:{free_port()}", 1)
        (folder / "store-001.yaml").write_text(text, encoding="utf-8")
        (folder / "store-001-model.json").write_bytes(encode_model(small_model(parse_site(text))))
        (folder / "epcs.txt").write_text("3066C4409047E140075BCD15\n")
        (folder / "grafana-token").write_text(TOKEN)
        (folder / "deploy").symlink_to(ROOT / "deploy")
        self._running: list[tuple[Command, subprocess.Popen[bytes]]] = []
        self._env = os.environ | {
            "LASTUNIT_GATEWAY_BROKER_URL": broker.url,
            "LASTUNIT_GATEWAY_HTTP_PORT": "0",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "120",
        }
        self.http = ""

    def output(self, process_number: int) -> str:
        return (self.folder / f"out-{process_number}").read_text(errors="replace")

    def run(self, command: Command) -> None:
        """Run a command as it stands, with our broker's and gateway's addresses in the place of the docs'."""
        text = re.sub(r"mqtts?://[a-z0-9.]+:1883", self.broker.url, command.text)
        text = text.replace("https://grafana.example.com", self.grafana.url)
        if command.program == "curl":
            text = self._asked(text)
        kind = self._kind(command)
        if kind not in READY:
            done = subprocess.run(
                ["sh", "-c", text], cwd=self.folder, env=self._env, capture_output=True, timeout=WAIT_S, check=False
            )
            assert done.returncode == 0, (
                f"{command}\nexit code {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
            )
            return
        self.start(command, text, READY[kind])

    def _asked(self, text: str) -> str:
        """Ask our gateway about a GTIN that it knows; an answer that is no success fails the command."""
        if not self.http:
            for line in ("lastunit catalogue import catalogue.csv", "lastunit gateway --site store-001.yaml"):
                self.run(Command("this test", 0, line))
        gtin = (self.folder / "catalogue.csv").read_text().splitlines()[1].partition(",")[0]
        return text.replace("http://127.0.0.1:8080", self.http).replace("9506000134352", gtin) + " --fail"

    def _kind(self, command: Command) -> str:
        words = command.words
        name = words[1] if len(words) > 1 and words[0] == "lastunit" else ""
        if name == "gateway" and len(words) > 2 and not words[2].startswith("-"):
            return "gateway command"
        if name == "edge" and words[2:3] == ["doctor"]:
            return "edge doctor"
        if name == "edge" and "--out" in words:
            return "edge for some time" if "--seconds" in words else "edge --out"
        ends = {"simulate": "--out", "demo": "--seconds"}
        return f"{name} that ends" if ends.get(name) in words else name

    def start(self, command: Command, text: str, ready: str) -> None:
        number = len(self._running)
        with (self.folder / f"out-{number}").open("wb") as out:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {text}"], cwd=self.folder, env=self._env, stdout=out, stderr=out
            )
        self._running.append((command, process))
        until = time.monotonic() + WAIT_S
        while ready not in self.output(number):
            alive = process.poll() is None and time.monotonic() < until
            assert alive, f"{command} never said {ready!r}:\n{self.output(number)}"
            time.sleep(0.1)
        served = re.search(r"http://127\.0\.0\.1:\d+", self.output(number))
        if served:
            self.http = served[0]

    def close(self) -> None:
        """End all, the newest first; each must end well when it is asked to."""
        for number, (command, process) in reversed(list(enumerate(self._running))):
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_S) == 0, f"{command} did not end well:\n{self.output(number)}"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Mosquitto(tmp_path / "broker") as broker, DocumentedGrafana() as grafana:
        folder = tmp_path / "shop"
        folder.mkdir()
        shop = Shop(folder, broker, grafana)
        yield shop
        shop.close()


WITH_COMMANDS = [path for path in DOCS if any(command.program != "make" for command in commands_of(path))]


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_of_a_document_runs(path: Path, shop: Shop) -> None:
    simulate = Command("this test", 0, "lastunit simulate --site store-001.yaml")
    catalogue = Command("this test", 0, "lastunit simulate --site store-001.yaml --hours 0.01 --out .")
    typed = [command for command in commands_of(path) if command.program != "make"]
    shop.run(catalogue)
    if any(command.words[1:2] == ["edge"] for command in typed):
        shop.run(simulate)
    for command in typed:
        shop.run(command)


def test_every_setting_of_the_gateway_is_documented() -> None:
    text = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
    assert [key for key in GatewayConfig.model_fields if f"`{key}`" not in text] == []
    defaults = GatewayConfig()
    for key in ("lease_ttl_s", "checkpoint_entries", "checkpoint_s", "http_port"):
        assert f"{getattr(defaults, key):g}" in text, key


def test_every_make_target_of_the_docs_exists() -> None:
    told = {command for path in DOCS for command in commands_of(path) if command.program == "make"}
    assert told
    for command in sorted(told, key=str):
        done = subprocess.run(["make", "-n", *command.words[1:]], cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"


def test_the_map_of_the_code_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = "bench|dashboards|deploy|edge|firmware_config|gateway|lastunit|simulator|wire"
    told = set(re.findall(rf"\b(?:{packages})/[\w/*.-]*\w", text))
    assert len(told) > 40
    assert [path for path in sorted(told) if not list(ROOT.glob(path))] == []


def _indented() -> list[Command]:
    """Commands that the docs show and that cannot run here as they stand: they need a box, a code, a roll-out."""
    found = []
    for path in DOCS:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("    lastunit "):
                found.append(Command(str(path.relative_to(ROOT)), number, line.strip().removesuffix("\\")))
    return found


@pytest.mark.parametrize("shown", _indented(), ids=str)
def test_commands_that_are_shown_only_exist_with_their_options(shown: Command) -> None:
    command = typer.main.get_command(app)
    words = [word for word in shown.words[1:] if word != ">"]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    asked = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert asked <= options | {"--help"}, f"{shown}: no such options: {sorted(asked - options)}"
    assert not getattr(command, "commands", {}) or not words or words[0].startswith("-"), f"{shown}: no such command"
