"""The doctor, against what it is for: real readers, brokers, ports and folders, well and broken."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from edge.config import EdgeConfig, read_site
from edge.doctor.box import check_clock, check_outbox, is_held
from edge.doctor.examine import examine
from edge.doctor.finding import Finding, is_healthy
from edge.outbox import Outbox
from edge.uplink.broker_url import Credentials
from simulator.json_readers.impinj import ImpinjReader
from simulator.pty_port import PtyPort
from simulator.reader.faults import Refusal
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from tests.edge.uplink_sides import system_host
from tests.servers.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
HEAD = "site: store-1\nzones: [{id: FLOOR, kind: sales_floor}]\ndevices:\n"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@asynccontextmanager
async def reader() -> AsyncIterator[ReaderServer]:
    async with ReaderServer("R1", load_persona("impinj-r420-like")) as server:
        yield server


@contextmanager
def listening(*, says: bytes = b"", hang_up: bool = False) -> Iterator[str]:
    """A host that accepts and says so much, in a thread of the kernel's and one of ours."""
    server = socket.create_server(("127.0.0.1", 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _HOST, str(server.fileno()), says.hex(), str(int(hang_up))], pass_fds=[server.fileno()]
    )
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        process.kill()
        process.wait()
        server.close()


_HOST = """
import socket, sys
server, kept = socket.socket(fileno=int(sys.argv[1])), []
while True:
    one, _ = server.accept()
    one.sendall(bytes.fromhex(sys.argv[2]))
    if int(sys.argv[3]):
        one.close()
    else:
        kept.append(one)
"""


def llrp(address: str, **more: object) -> str:
    options = "".join(f", {key}: {json.dumps(value)}" for key, value in more.items())
    return f'  - {{id: R1, driver: llrp, address: "{address}", antennas: [{{port: 1, zone: FLOOR}}]{options}}}\n'


async def findings_of(folder: Path, devices: str, broker: str, outbox: Path | None = None) -> list[Finding]:
    file = folder / "site.yaml"
    file.write_text(HEAD + devices)
    config = EdgeConfig(file, broker, outbox=outbox or folder / "outbox.db")
    return await examine(read_site(file), config, system_host())


def about(findings: list[Finding], subject: str) -> list[tuple[str, str]]:
    return [(one.check, one.verdict) for one in findings if one.subject == subject]


def told(findings: list[Finding], subject: str) -> str:
    """The last word on a subject, with what to do."""
    last = [one for one in findings if one.subject == subject][-1]
    return f"{last.text} -> {last.do}"


async def test_all_is_well(tmp_path: Path, broker: Mosquitto) -> None:
    async with reader() as server:
        findings = await findings_of(tmp_path, llrp(server.address), broker.url)
        assert is_healthy(findings)
        assert about(findings, "R1") == [("port", "ok"), ("llrp", "ok")]
        assert about(findings, "broker") == [("port", "ok"), ("mqtt", "ok")]
        assert about(findings, "clock") == [("clock", "ok")]
        assert "is free (LLRP 1.0.1)" in told(findings, "R1")
        assert "lastunit/1/store-1/edge-1/ack" in told(findings, "broker")
        assert [one.do for one in findings if one.verdict == "ok"] == [""] * sum(
            one.verdict == "ok" for one in findings
        )
        await server.until(lambda: not server.connected)
        again = await findings_of(tmp_path, llrp(server.address), broker.url)
        assert about(again, "R1")[-1] == ("llrp", "ok"), "the doctor holds no reader"
        assert set(server.heard) == {"CLOSE_CONNECTION"}, "it says goodbye, and changes nothing"


async def test_a_reader_that_another_client_holds(tmp_path: Path, broker: Mosquitto) -> None:
    async with reader() as server:
        server.faults.refusal = Refusal.HELD
        findings = await findings_of(tmp_path, llrp(server.address), broker.url)
        assert about(findings, "R1") == [("port", "ok"), ("llrp", "problem")]
        assert told(findings, "R1").startswith("held by another client -> stop the other program")
        outbox = Outbox(tmp_path / "held.db", "store-1", "edge-1")
        findings = await findings_of(tmp_path, llrp(server.address), broker.url, tmp_path / "held.db")
        outbox.close()
        assert about(findings, "R1") == [("port", "ok"), ("llrp", "warning")]
        assert "most likely it is the holder" in told(findings, "R1")
        assert ("daemon", "ok") in about(findings, "outbox")


@pytest.mark.parametrize(
    ("says", "hang_up", "expected"),
    [
        (b"", True, "it closes the connection without a greeting"),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", False, "it does not speak LLRP"),
    ],
)
async def test_something_else_at_the_readers_port(
    tmp_path: Path, broker: Mosquitto, says: bytes, hang_up: bool, expected: str
) -> None:
    with listening(says=says, hang_up=hang_up) as address:
        findings = await findings_of(tmp_path, llrp(address), broker.url)
    assert about(findings, "R1") == [("port", "ok"), ("llrp", "problem")]
    assert expected in told(findings, "R1")


async def test_a_reader_that_says_nothing(tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.doctor.llrp_reader.GREETING_S", 0.3)
    with listening() as address:
        findings = await findings_of(tmp_path, llrp(address), broker.url)
    assert "says nothing for 0.3 s -> is it an LLRP port" in told(findings, "R1")


async def test_a_reader_without_the_tls_that_the_site_file_asks_for(tmp_path: Path, broker: Mosquitto) -> None:
    with listening(says=b"\x04\x3f" + bytes(60)) as address:
        findings = await findings_of(tmp_path, llrp(address, tls=True), broker.url)
    assert about(findings, "R1") == [("port", "ok"), ("tls", "problem")]
    assert "it does not speak TLS there" in told(findings, "R1")


async def test_what_stands_between_is_named(tmp_path: Path, broker: Mosquitto) -> None:
    findings = await findings_of(tmp_path, llrp("127.0.0.1:9"), broker.url)
    assert told(findings, "R1").startswith(
        "127.0.0.1:9 (LLRP): Connection refused -> the host answers, nothing listens"
    )
    findings = await findings_of(tmp_path, llrp("no-such-host.invalid"), broker.url)
    assert about(findings, "R1") == [("name", "problem")]
    assert "use an IP address" in told(findings, "R1")


async def test_settings_that_a_driver_refuses_are_a_finding_and_the_others_are_looked_at(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with reader() as server:
        devices = llrp(server.address) + llrp(server.address, profile="nonsense").replace("R1", "R2")
        findings = await findings_of(tmp_path, devices, broker.url)
    assert about(findings, "R1")[-1] == ("llrp", "ok")
    assert about(findings, "R2") == [("settings", "problem")]
    assert "nonsense" in told(findings, "R2")


async def test_a_port_for_readers_that_call(tmp_path: Path, broker: Mosquitto) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # the doctor asks for all addresses too
        port = taken.getsockname()[1]
        findings = await findings_of(tmp_path, llrp("10.0.0.11", listen=port), broker.url)
        assert about(findings, "R1") == [("listen", "problem")]
        assert "in use -> another program has it" in told(findings, "R1")
    findings = await findings_of(tmp_path, llrp("10.0.0.11", listen=port), broker.url)
    assert about(findings, "R1") == [("listen", "warning")]


async def test_scanners_and_their_ports(tmp_path: Path, broker: Mosquitto) -> None:
    port = PtyPort(tmp_path)
    port.plug_in()
    scanner = f'  - {{id: S1, driver: barcode_serial, address: "{port.path}", zone: FLOOR}}\n'
    findings = await findings_of(tmp_path, scanner, broker.url)
    assert about(findings, "S1") == [("serial", "ok"), ("path", "warning")]
    assert "/dev/serial/by-id" in told(findings, "S1")
    holder = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    import fcntl
    import termios

    fcntl.ioctl(holder, termios.TIOCEXCL)
    fcntl.flock(holder, fcntl.LOCK_EX)
    findings = await findings_of(tmp_path, scanner, broker.url)
    os.close(holder)
    assert about(findings, "S1") == [("serial", "problem")]
    assert "is held by" in told(findings, "S1")
    port.unplug()
    findings = await findings_of(tmp_path, scanner, broker.url)
    assert told(findings, "S1").endswith("-> plug it in; `ls /dev/serial/by-id` shows what this box sees")


async def test_an_impinj_reader_in_its_iot_interface(tmp_path: Path, broker: Mosquitto) -> None:
    (tmp_path / "name").write_text("root\n")
    (tmp_path / "word").write_text("impinj\n")
    async with ImpinjReader() as own:
        devices = (
            f'  - {{id: I1, driver: impinj_iot, address: "{own.address}", tls: false,'
            f' username_file: "{tmp_path / "name"}", password_file: "{tmp_path / "word"}",'
            " antennas: [{port: 1, zone: FLOOR}]}\n"
        )
        findings = await findings_of(tmp_path, devices, broker.url)
        assert about(findings, "I1") == [("port", "ok"), ("rest", "ok")]
        assert "the reader answers: idle" in told(findings, "I1")
        (tmp_path / "word").write_text("guessed\n")
        findings = await findings_of(tmp_path, devices, broker.url)
        assert about(findings, "I1") == [("port", "ok"), ("rest", "problem")]
        assert "the login is not accepted" in told(findings, "I1")
        assert not [one for one in own.requests if not one.startswith("GET ")], "nothing is changed"


async def test_folders_of_counts(tmp_path: Path, broker: Mosquitto) -> None:
    folder = tmp_path / "counts"
    counts = f'  - {{id: H1, driver: file, address: "{folder}", zone: FLOOR}}\n'
    assert "is not there -> make it" in told(await findings_of(tmp_path, counts, broker.url), "H1")
    folder.write_text("a file")
    assert "is no folder" in told(await findings_of(tmp_path, counts, broker.url), "H1")
    folder.unlink()
    folder.mkdir()
    (folder / "one.csv").write_text("epc\n")
    assert "1 files wait" in told(await findings_of(tmp_path, counts, broker.url), "H1")
    (folder / "failed").mkdir()
    (folder / "failed" / "two.csv").write_text("?\n")
    findings = await findings_of(tmp_path, counts, broker.url)
    assert about(findings, "H1") == [("folder", "warning")]
    assert "1 lie in failed" in told(findings, "H1")


async def test_brokers_of_readers_are_looked_at_with_their_login(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("reader\n")
    (tmp_path / "word").write_text("wrong\n")
    with Mosquitto(tmp_path / "own", users={"reader": "right"}) as own:
        zebra = (
            f'  - {{id: Z1, driver: zebra_iotc, address: "10.0.0.12", broker: "{own.url}", topic: tags/z1,'
            " command_topic: cmd/z1, response_topic: resp/z1, management_topic: mgmt/z1,"
            f' username_file: "{tmp_path / "name"}", password_file: "{tmp_path / "word"}",'
            " antennas: [{port: 1, zone: FLOOR}]}\n"
        )
        findings = await findings_of(tmp_path, zebra, own.url)
        assert about(findings, "Z1") == [("port", "ok"), ("mqtt", "problem")]
        assert "refused us" in told(findings, "Z1")
        assert about(findings, "broker")[-1] == ("mqtt", "problem"), "it has no login at all"
        (tmp_path / "word").write_text("right\n")
        findings = await findings_of(tmp_path, zebra, own.url)
        assert about(findings, "Z1") == [("port", "ok"), ("mqtt", "ok")]
        config = EdgeConfig(
            tmp_path / "site.yaml",
            own.url,
            outbox=tmp_path / "outbox.db",
            credentials=Credentials(username_file=tmp_path / "gone"),
        )
        findings = await examine(read_site(config.site_file), config, system_host())
        assert about(findings, "broker") == [("port", "ok"), ("login", "problem")]


def test_the_box(tmp_path: Path) -> None:
    assert check_clock(0.0).verdict == "problem"
    assert check_clock(1_795_000_000.0).verdict == "ok"
    assert about(check_outbox(tmp_path / "no" / "outbox.db", 1), "outbox") == [("folder", "problem")]
    assert about(check_outbox(tmp_path / "outbox.db", 1), "outbox") == [("disk", "ok")]
    assert about(check_outbox(tmp_path / "outbox.db", 2**60), "outbox") == [("disk", "warning")]
    outbox = Outbox(tmp_path / "outbox.db", "store-1", "edge-1")
    assert is_held(tmp_path / "outbox.db")
    outbox.close()
    assert not is_held(tmp_path / "outbox.db")
    (tmp_path / "text").write_text("no outbox")
    assert not is_held(tmp_path / "text")


async def test_the_command_says_it_and_its_exit_code_too(tmp_path: Path, broker: Mosquitto) -> None:
    async def run(*words: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lastunit", "edge", "doctor", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async with reader() as server:
        (tmp_path / "site.yaml").write_text(HEAD + llrp(server.address))
        call = ("--site", "site.yaml", "--broker", broker.url)
        code, out, err = await run(*call, "--json")
        assert code == 0, out + err
        assert {json.loads(line)["verdict"] for line in out.splitlines()} <= {"ok", "warning"}
        assert "looked at R1" in err
    code, out, _ = await run(*call)
    assert code == 1
    assert "MEND     R1: 127.0.0.1" in out
    assert "         -> the host answers, nothing listens there" in out
    code, _, err = await run()
    assert (code, "lastunit: --site" in err) == (2, True)
