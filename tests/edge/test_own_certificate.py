"""The edge's certificate at a broker of ours: told, renewed while the daemon runs; open brokers refused."""

import asyncio
import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from edge.config import EdgeConfig, read_site
from edge.doctor.examine import examine
from edge.errors import ConfigError
from edge.metrics import EdgeCollector
from edge.state import EdgeStats, edge_state
from edge.uplink import certificate as own
from edge.uplink.broker_url import Credentials, check_not_open, parse_broker_url
from edge.uplink.certificate import OwnCertificate
from edge.uplink.mqtt import MqttUplink
from edge.uplink.port import UplinkFigures
from gateway.enrol import authority as ca
from tests.edge.test_state import stats
from tests.edge.uplink_sides import EDGE, LOG, SITE, Listener, death, system_host, until
from tests.servers.mosquitto_mtls import MtlsMosquitto, now_us
from wire.identity import Kind, Principal

WHO = Principal(Kind.EDGE, site=SITE, edge=EDGE)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MtlsMosquitto]:
    root = ca.make_root("Test", 1, now_us())
    with MtlsMosquitto(tmp_path, root, ca.make_issuing("Test", root, 2, now_us())) as broker:
        yield broker


async def test_a_renewed_certificate_is_taken_while_the_edge_runs(
    broker: MtlsMosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "WATCH_S", 0.05)
    first, following = broker.enrol(WHO), broker.enrol(WHO, at_us=now_us() + 3_600_000_000)
    broker.write([first, following])
    broker.reload()
    file = tmp_path / "edge.pem"
    file.write_bytes(first.pem.read_bytes())
    credentials = Credentials(broker.ca_file, file, file)
    uplink = MqttUplink(parse_broker_url(broker.url), SITE, EDGE, system_host(), credentials=credentials, log=LOG)
    before_us = uplink.figures.certificate_not_after_us
    assert before_us is not None
    uplink.start(Listener(), death())
    await until(lambda: uplink.connected, "connection")
    beside = tmp_path / "new"
    beside.write_bytes(following.pem.read_bytes())
    beside.replace(file)
    await until(lambda: uplink.figures.connects == 2 and uplink.connected, "a connection with the new one")
    assert uplink.figures.certificate_not_after_us == before_us + 3_600_000_000
    broker.write([following], [first])  # the old one is of no use any more, and nothing shows it
    broker.reload()
    uplink.publish_data(b"mine")
    await until(lambda: uplink.figures.confirmed >= 1, "confirmation")
    assert uplink.figures.refused == 0
    await uplink.stop()


async def test_only_another_file_ends_the_wait(broker: MtlsMosquitto, tmp_path: Path) -> None:
    file = tmp_path / "edge.pem"
    file.write_bytes(broker.enrol(WHO).pem.read_bytes())
    mine = OwnCertificate(Credentials(broker.ca_file, file, file), tls=True, watch_s=0.001)
    waiting = asyncio.create_task(mine.replaced())
    file.unlink()  # away for a moment: the one that was read is good enough
    for _ in range(20):
        await asyncio.sleep(0.002)
    assert not waiting.done()
    file.write_bytes(broker.enrol(WHO).pem.read_bytes())
    await waiting


def test_without_tls_there_is_no_certificate(tmp_path: Path) -> None:
    plain = OwnCertificate(Credentials(), tls=False)
    assert (plain.context(), plain.not_after_us) == (None, None)
    with pytest.raises(ConfigError, match="nowhere"):
        OwnCertificate(Credentials(cert_file=tmp_path / "nowhere", key_file=tmp_path / "nowhere"), tls=True)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    for name, text in (("user", "edge-1"), ("known", "Password123"), ("same", "edge-1"), ("good", "kQ7-vv2-xP")):
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in ("user", "known", "same", "good", "certificate")}


def test_a_broker_that_takes_anybody_is_refused(files: dict[str, Path]) -> None:
    certificate = Credentials(cert_file=files["certificate"], key_file=files["certificate"])
    login = Credentials(username_file=files["user"], password_file=files["good"])
    for url, credentials, told in (
        ("mqtts://broker", certificate, ""),
        ("mqtts://broker", login, ""),
        ("mqtt://broker", login, "the password travels in the clear: use mqtts://"),
        ("mqtt://127.0.0.1", login, ""),
        ("mqtt://127.0.0.1", Credentials(), "the broker takes whoever is on this machine"),
        ("mqtts://localhost", Credentials(), "the broker takes whoever is on this machine"),
    ):
        assert check_not_open(parse_broker_url(url), credentials) == told, url
    for url, credentials in (
        ("mqtt://broker", Credentials()),
        ("mqtts://broker", Credentials()),
        ("mqtt://broker", certificate),  # without TLS nobody is shown it
        ("mqtt://10.0.0.5", Credentials()),
    ):
        with pytest.raises(ConfigError, match="takes anybody"):
            check_not_open(parse_broker_url(url), credentials)


@pytest.mark.parametrize("name", ["known", "same"])
@pytest.mark.parametrize("url", ["mqtts://broker", "mqtt://127.0.0.1"])
def test_a_password_that_everybody_knows_is_refused(files: dict[str, Path], name: str, url: str) -> None:
    login = Credentials(username_file=files["user"], password_file=files[name])
    with pytest.raises(ConfigError, match="stands in manuals") as refusal:
        check_not_open(parse_broker_url(url), login)
    assert files[name].read_text() not in str(refusal.value)


def scraped(given: EdgeStats) -> list[Metric]:
    return list(EdgeCollector(lambda: given).collect())


def test_when_it_ends_is_told_to_the_gateway_and_to_prometheus() -> None:
    ends_us = 1_900_000_000_000_000
    without = stats()
    with_one = dataclasses.replace(without, uplink=UplinkFigures(certificate_not_after_us=ends_us))
    assert edge_state("health", without, 5).certificate_not_after_us is None
    assert edge_state("health", with_one, 5).certificate_not_after_us == ends_us
    name = "lastunit_edge_certificate_not_after_timestamp_seconds"
    for given, expected in ((without, []), (with_one, [ends_us / 1e6])):
        found = [one for one in scraped(given) if "certificate" in one.name]
        assert [sample.value for one in found for sample in one.samples] == expected
        assert {one.name for one in found} <= {name}


async def test_the_doctor_does_not_cut_the_daemon_off(broker: MtlsMosquitto, tmp_path: Path) -> None:
    held = broker.enrol(WHO)
    broker.write([held])
    broker.reload()
    site_file = tmp_path / "site.yaml"
    site_file.write_text(
        f"site: {SITE}\nzones: [{{id: FLOOR, kind: sales_floor}}]\n"
        f"devices: [{{id: F1, driver: file, address: '{tmp_path}', zone: FLOOR, edge: {EDGE}}}]\n"
    )
    outbox = tmp_path / "outbox.db"
    credentials = Credentials(broker.ca_file, held.pem, held.pem)
    config = EdgeConfig(site_file, broker.url, outbox=outbox, credentials=credentials)
    uplink = MqttUplink(parse_broker_url(broker.url), SITE, EDGE, system_host(), credentials=credentials, log=LOG)
    uplink.start(Listener(), death())
    await until(lambda: uplink.connected, "connection")
    with sqlite3.connect(outbox, isolation_level=None) as daemon:  # what a daemon does to its outbox
        daemon.execute("PRAGMA locking_mode = EXCLUSIVE")
        daemon.execute("BEGIN EXCLUSIVE")
        findings = await examine(read_site(site_file), config, system_host())
        daemon.execute("COMMIT")
    (found,) = [one for one in findings if one.subject == "broker"]
    assert (found.verdict, "the daemon runs" in found.text) == ("ok", True)
    assert uplink.figures.connects == 1
    await uplink.stop()
