"""The broker's files follow the register, and only when it says something else."""

from pathlib import Path

import pytest
from cryptography import x509

from gateway.enrol import register
from gateway.enrol.broker_files import ACL, CRL, BrokerFilesError, Listening, configuration_text
from gateway.enrol.broker_writer import BrokerWriter
from gateway.enrol.limits import LEAF_DAYS
from gateway.storage.engine import Database
from tests.gateway.enrol.enrol_rig import EDGE, SITE, EnrolRig
from wire.identity import serial_text

DAY_US = 86_400_000_000


@pytest.fixture
async def rig(sqlite_database: Database) -> EnrolRig:
    rig = EnrolRig(sqlite_database)
    await rig.begin()
    return rig


def revoked_in(folder: Path) -> set[int]:
    return {one.serial_number for one in x509.load_pem_x509_crl((folder / CRL).read_bytes())}


async def test_the_files_follow_the_register(rig: EnrolRig, tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    writer = BrokerWriter(rig.database, rig.clock, rig.issuer, folder)
    await writer.once()
    assert "user " not in (folder / ACL).read_text()
    await rig.enrol(tmp_path / "box", await rig.code())
    await rig.enrol(tmp_path / "other", await rig.code(edge="box-2"))
    await writer.once()
    acl = (folder / ACL).read_text()
    assert acl.count("\nuser ") == 2
    assert f"topic write lastunit/1/{SITE}/{EDGE}/data\n" in acl
    assert revoked_in(folder) == set()
    async with rig.database.write() as connection:
        await register.revoke(connection, [serial_text(100)], "", rig.clock())
    await writer.once()
    assert f"lastunit/1/{SITE}/{EDGE}/" not in (folder / ACL).read_text()
    assert revoked_in(folder) == {100}
    rig.clock.now_us += LEAF_DAYS * DAY_US  # all are over: none has a block, none need be in the list
    await writer.once()
    assert "user " not in (folder / ACL).read_text()
    assert revoked_in(folder) == set()
    assert writer.counters() == {"broker_files_written": 4, "broker_file_failures": 0}


async def test_what_is_there_already_wakes_no_broker(rig: EnrolRig, tmp_path: Path) -> None:
    await rig.enrol(tmp_path / "box", await rig.code())
    async with rig.database.write() as connection:
        await register.revoke(connection, [serial_text(100)], "", rig.clock())
    await BrokerWriter(rig.database, rig.clock, rig.issuer, tmp_path).once()
    before = {name: (tmp_path / name).stat().st_ino for name in (ACL, CRL)}
    again = BrokerWriter(rig.database, rig.clock, rig.issuer, tmp_path)
    await again.once()
    assert {name: (tmp_path / name).stat().st_ino for name in (ACL, CRL)} == before
    assert again.counters()["broker_files_written"] == 0
    (tmp_path / CRL).write_text("damaged")
    (tmp_path / ACL).write_text("topic readwrite #\n")
    await BrokerWriter(rig.database, rig.clock, rig.issuer, tmp_path).once()
    assert revoked_in(tmp_path) == {100}
    assert "readwrite" not in (tmp_path / ACL).read_text()


async def test_a_directory_that_is_away_is_counted_and_tried_again(rig: EnrolRig, tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    writer = BrokerWriter(rig.database, rig.clock, rig.issuer, folder)
    await writer.once()
    await writer.once()
    assert writer.counters() == {"broker_files_written": 0, "broker_file_failures": 2}
    folder.mkdir()
    await writer.once()
    assert (folder / ACL).exists()
    assert writer.counters()["broker_files_written"] == 1


@pytest.mark.parametrize(
    "wrong", [{"user": "a b"}, {"folder": "a\nuser root"}, {"address": " "}, {"port": 0}, {"port": 65_536}]
)
def test_a_setting_cannot_change_what_the_configuration_says(wrong: dict[str, str | int]) -> None:
    with pytest.raises(BrokerFilesError):
        Listening(**wrong)  # type: ignore[arg-type]


def test_the_configuration_opens_one_door() -> None:
    lines = [line for line in configuration_text(Listening()).splitlines() if line and not line.startswith("#")]
    keys = [line.split()[0] for line in lines if not line.startswith("log_type ")]
    assert len(keys) == len(set(keys))
    assert [line for line in lines if line.startswith("listener")] == ["listener 8883"]
    for line in (
        "allow_anonymous false",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "acl_file /etc/mosquitto/lastunit/acl",
        "crlfile /etc/mosquitto/lastunit/crl.pem",
    ):
        assert line in lines
    assert not any("password" in key or "pattern" in key for key in keys)
