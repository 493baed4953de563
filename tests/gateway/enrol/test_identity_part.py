"""Identity as a gateway has it: what it takes from files at its start, and what it says of ends to come."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.enrol import authority as ca
from gateway.enrol import register
from gateway.enrol.broker_writer import BrokerWriter
from gateway.enrol.ca_files import GATEWAYS, ROOT_KEY, Issuer, write_authority, write_secret
from gateway.enrol.errors import AuthorityError
from gateway.enrol.limits import EXPIRES_SOON_S, ISSUING_DAYS, LEAF_DAYS
from gateway.enrol.part import IdentityPart
from gateway.storage.engine import Database
from tests.gateway.enrol.enrol_rig import EnrolRig
from tests.gateway.small_store import T0_US
from wire.identity import Kind, Principal, serial_text

DAY_US = 86_400_000_000


def made(folder: Path) -> Issuer:
    root = ca.make_root("Test", 1, T0_US)
    issuer = write_authority(folder, root, ca.make_issuing("Test", root, 2, T0_US))
    key, main = ca.new_key(), Principal(Kind.GATEWAY, "main")
    pem = ca.issue(issuer.authority, main, key.public_key(), 3, T0_US)
    write_secret(folder / GATEWAYS / "main.pem", ca.key_pem(key) + issuer.chain(pem))
    return issuer


def part(rig: EnrolRig, ca_dir: Path | None, files_dir: Path | None = None) -> IdentityPart:
    return IdentityPart(rig.database, rig.clock, ca_dir=ca_dir, files_dir=files_dir, broker="")


async def test_what_was_revoked_stays_so_when_the_database_is_an_older_one(
    sqlite_database: Database, tmp_path: Path
) -> None:
    folder, broker = tmp_path / "ca", tmp_path / "broker"
    broker.mkdir()
    rig = EnrolRig(sqlite_database, made(folder))
    await rig.begin()
    await rig.enrol(tmp_path / "box", await rig.code())
    before = part(rig, folder, broker)
    await before.begin()
    assert before.writer is not None
    await before.writer.once()
    crl = ca.revocation_list(rig.issuer.authority, [ca.Revoked(100, T0_US), ca.Revoked(999, T0_US)], 1, T0_US)
    (broker / "crl.pem").write_bytes(crl)  # as it was written after the backup
    with capture_logs() as said:
        await part(rig, folder, broker).begin()
    assert [one["serial"] for one in said if one["event"] == "certificate_stays_revoked"] == [serial_text(100)]
    async with rig.database.read() as connection:
        assert [one.principal.kind for one in await register.good_ones(connection, rig.clock())] == [Kind.GATEWAY]
    await BrokerWriter(rig.database, rig.clock, rig.issuer, broker).once()
    assert "store-001" not in (broker / "acl").read_text()


async def test_a_list_that_another_signed_revokes_nobody(sqlite_database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    rig = EnrolRig(sqlite_database, made(folder))
    await rig.begin()
    await rig.enrol(tmp_path / "box", await rig.code())
    stranger = made(tmp_path / "other")
    (tmp_path / "crl.pem").write_bytes(ca.revocation_list(stranger.authority, [ca.Revoked(100, T0_US)], 1, T0_US))
    await part(rig, folder, tmp_path).begin()
    async with rig.database.read() as connection:
        assert len(await register.good_ones(connection, rig.clock())) == 2


async def test_ends_that_no_alarm_sees_are_logged(sqlite_database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    rig = EnrolRig(sqlite_database, made(folder))
    one = part(rig, folder)
    await one.begin()

    async def told() -> list[str]:
        with capture_logs() as said:
            await one.look(rig.issuer)
        return [line["of"] for line in said]

    assert await told() == []
    rig.clock.now_us = T0_US + LEAF_DAYS * DAY_US - EXPIRES_SOON_S * 1_000_000 + 1
    assert await told() == ["gateway main"]
    rig.clock.now_us = T0_US + (ISSUING_DAYS - LEAF_DAYS) * DAY_US + 1
    assert await told() == ["the issuing authority"]


async def test_a_root_key_on_this_machine_is_told(sqlite_database: Database, tmp_path: Path) -> None:
    rig = EnrolRig(sqlite_database, made(tmp_path / "ca"))
    with capture_logs() as said:
        await part(rig, tmp_path / "ca").begin()
    assert [line["event"] for line in said] == ["root_key_is_here"]
    (tmp_path / "ca" / ROOT_KEY).unlink()
    with capture_logs() as said:
        await part(rig, tmp_path / "ca").begin()
    assert said == []


async def test_directories_that_do_not_fit_are_told(sqlite_database: Database, tmp_path: Path) -> None:
    rig = EnrolRig(sqlite_database, made(tmp_path / "ca"))
    for ca_dir, files_dir, wrong in (
        (None, tmp_path, "needs a `ca_dir`"),
        (tmp_path / "ca", tmp_path / "nowhere", "is no directory"),
        (tmp_path / "nowhere", None, "No such file"),
    ):
        with pytest.raises(AuthorityError, match=wrong):
            part(rig, ca_dir, files_dir)
    other = made(tmp_path / "other")
    write_secret(tmp_path / "ca" / "issuing" / "issuing.key", ca.key_pem(other.authority.key))
    with pytest.raises(AuthorityError, match="not the key of"):
        part(rig, tmp_path / "ca")
