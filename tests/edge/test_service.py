"""The command's way: options, site file, a process that SIGTERM ends, logs."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from edge.config import EdgeConfig, choose_edge, read_site
from edge.errors import ConfigError, OutboxError
from edge.log import configure_json_logs, get_log
from edge.service import build_daemon, system_host
from edge.uplink.broker_url import Credentials, parse_broker_url
from edge.uplink.mqtt import MqttUplink
from tests.edge.fake_driver import small_site
from tests.edge.uplink_sides import Listener, MosquittoSide, death, until
from wire.errors import SiteFileError

ROOT = Path(__file__).parents[2]
SITE_YAML = """
site: store-1
zones: [{id: FLOOR, kind: sales_floor}]
devices:
  - {id: R1, driver: llrp, address: "127.0.0.1:9", edge: edge-1, antennas: [{port: 1, zone: FLOOR}]}
"""


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE_YAML)
    return file


def test_the_only_edge_need_not_be_named(site_file: Path) -> None:
    chosen = read_site(site_file)
    assert (chosen.site.id, chosen.edge) == ("store-1", "edge-1")
    assert len(chosen.config_hash) == 16


def test_of_several_edges_one_must_be_named() -> None:
    site = small_site(edges=("edge-1", "edge-2"))
    assert choose_edge(site, "edge-2") == "edge-2"
    with pytest.raises(ConfigError, match="edge-1, edge-2"):
        choose_edge(site)
    with pytest.raises(ConfigError, match="no edge 'edge-3'"):
        choose_edge(site, "edge-3")
    with pytest.raises(ConfigError, match="no devices"):
        choose_edge(small_site(edges=()))


def test_a_site_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_site(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"site: caf\xe9")
    with pytest.raises(SiteFileError, match=r"latin\.yaml: line 1: not UTF-8"):
        read_site(tmp_path / "latin.yaml")
    (tmp_path / "bad.yaml").write_text("site: s\n")
    with pytest.raises(SiteFileError, match="zones"):
        read_site(tmp_path / "bad.yaml")


def test_everything_is_checked_before_anything_starts(site_file: Path, tmp_path: Path) -> None:
    host = system_host()
    with pytest.raises(ConfigError, match="expected mqtt"):
        build_daemon(EdgeConfig(site_file, broker="nowhere"), host)
    with pytest.raises(OutboxError, match="the least"):
        build_daemon(EdgeConfig(site_file, outbox_max_bytes=5), host)
    credentials = Credentials(username_file=tmp_path / "missing")
    with pytest.raises(ConfigError, match="missing"):
        build_daemon(EdgeConfig(site_file, credentials=credentials), host)
    (site_file.parent / "serial.yaml").write_text(SITE_YAML.replace("driver: llrp", "driver: no_such"))
    with pytest.raises(SiteFileError):
        build_daemon(EdgeConfig(site_file.parent / "serial.yaml"), host)
    with pytest.raises(ConfigError, match="is the site file itself"):
        build_daemon(EdgeConfig(site_file, outbox=site_file.parent / "." / site_file.name), host)
    with pytest.raises(ConfigError, match="File name too long"):
        build_daemon(EdgeConfig(site_file, outbox=site_file.parent / ("x" * 5_000)), host)
    with pytest.raises(ConfigError, match="log level"):
        configure_json_logs("loud")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("driver: llrp", "driver: llrp, ca_file: ca.pem", "device R1: ca_file: means nothing without `tls: true`"),
        ("edge: edge-1,", "profile: nonsense,", "device R1: profile 'nonsense': there is none of this name"),
        (SITE_YAML.partition("devices:")[2], " []", "site store-1 has no devices"),
        ("edge: edge-1", "edge: edge-2", "site store-1 has no edge 'edge-1'; there are edge-2"),
    ],
)
def test_what_the_site_file_asks_in_vain_names_the_file_once(site_file: Path, old: str, new: str, told: str) -> None:
    assert old in SITE_YAML
    site_file.write_text(SITE_YAML.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        build_daemon(EdgeConfig(site_file, edge="edge-1"), system_host())
    assert str(caught.value).startswith(f"{site_file}: {told}")


CHILD = """
import sys
from pathlib import Path
from edge.config import EdgeConfig
from edge.service import run_edge
run_edge(EdgeConfig(Path(sys.argv[1]), broker=sys.argv[2], outbox=Path(sys.argv[3])))
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_daemon_politely(site_file: Path, tmp_path: Path, ending: signal.Signals) -> None:
    side = MosquittoSide(tmp_path)
    await side.open()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, str(site_file), side.broker.url, str(tmp_path / "outbox.db")),
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        await until(lambda: len(side.frames) >= 2, "windows at the gateway", 60)
        state = await side.state()
        assert state is not None
        assert state.what == "birth"
        assert state.devices[0].device == "R1"
        process.send_signal(ending)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        last = await side.state()
        assert last is not None
        assert last.what == "death"
        logs = [json.loads(line) for line in errors.decode().splitlines()]
        assert {"outbox_begins", "edge_stopped"} <= {entry["event"] for entry in logs}
        assert all("timestamp" in entry and "level" in entry for entry in logs)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await side.close()


async def test_a_stop_does_not_wait_for_a_broker_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at a broker that accepts connections and says nothing."""
    monkeypatch.setattr("edge.uplink.mqtt._TCP_S", 3_600.0)
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _reader, writer: accepted.put_nowait(writer), "127.0.0.1", 0)
    url = parse_broker_url(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    uplink = MqttUplink(url, "store-1", "edge-1", system_host(), log=get_log())
    uplink.start(Listener(), death())
    async with asyncio.timeout(20):  # not the hour that a broker has to answer
        writer = await accepted.get()
        await uplink.stop(death())
    writer.transport.abort()
    server.close()
    await server.wait_closed()
