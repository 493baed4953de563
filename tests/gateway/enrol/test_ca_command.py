"""`lastunit ca` and what `lastunit enroll` refuses, as typed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import update
from typer.testing import CliRunner

from gateway.enrol.ca_files import SERVER, own_certificates, read_certificate
from gateway.storage.engine import Database
from gateway.storage.enrol import certificate
from lastunit.cli import app
from lastunit.commands.keys import clock_us
from tests.gateway.enrol.enrol_rig import SITE
from tests.gateway.pairing.rig import add_site
from wire.enrolment import parse_code


def typed(*words: object, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done


async def _shop(url: str) -> None:
    database = Database(url)
    async with database.write() as connection:
        await add_site(connection, SITE)
    await database.close()


@pytest.fixture
def database(sqlite_url: str) -> list[str]:
    asyncio.run(_shop(sqlite_url))
    return ["--database", sqlite_url]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    typed("ca", "init", tmp_path / "ca", "--broker-name", "localhost", "--broker-name", "10.0.0.5")
    return tmp_path / "ca"


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


def test_an_authority_is_made_once_and_its_keys_are_its_owners(folder: Path) -> None:
    assert modes(folder) == {
        "root/root.pem": 0o644,
        "root/root.key": 0o600,
        "issuing/issuing.pem": 0o644,
        "issuing/issuing.key": 0o600,
        "ca.pem": 0o644,
        "broker/server.pem": 0o644,
        "broker/server.key": 0o600,
        "gateway/main.pem": 0o600,
    }
    before = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    done = typed("ca", "init", folder, "--broker-name", "localhost", code=2)
    assert "nothing is overwritten" in done.output
    assert {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()} == before


def test_the_brokers_files_are_written_and_its_own_certificates_known(
    folder: Path, database: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "broker"
    for _ in range(2):
        done = typed("ca", "broker", folder, "--out", out, *database)
        assert "1 certificates may come in, 0 are revoked" in done.output
    assert modes(out) == {
        "mosquitto.conf": 0o644,
        "acl": 0o644,
        "crl.pem": 0o644,
        "clients-ca.pem": 0o644,
        "server.pem": 0o644,
        "server.key": 0o600,
    }
    assert len(x509.load_pem_x509_certificates((out / "clients-ca.pem").read_bytes())) == 2
    rows = [json.loads(line) for line in typed("ca", "list", "--json", *database).output.splitlines()]
    assert sorted(row["kind"] for row in rows) == ["broker", "gateway"]


def test_a_code_is_of_an_edge(database: list[str]) -> None:
    shown = json.loads(typed("ca", "code", "--site", SITE, "--edge", "box-1", "--json", *database).output)
    assert parse_code(shown["code"]) is not None
    assert (shown["site"], shown["edge"]) == (SITE, "box-1")
    done = typed("ca", "code", "--site", "store-01", "--edge", "box-1", *database, code=2)
    assert "no site 'store-01' here; this database has store-001" in done.output
    done = typed("ca", "code", "--site", SITE, "--edge", "stock", *database, code=2)
    assert "belongs to the stock topics" in done.output


def test_channels_and_gateways_get_theirs_and_lose_them(folder: Path, database: list[str], tmp_path: Path) -> None:
    web = tmp_path / "web.pem"
    typed("ca", "issue", "channel", "web", folder, "--out", web, *database)
    assert web.stat().st_mode & 0o777 == 0o600
    assert (
        "nothing is overwritten"
        in typed("ca", "issue", "channel", "web", folder, "--out", web, *database, code=2).output
    )
    assert (
        "expected gateway or channel"
        in typed("ca", "issue", "edge", "box-1", folder, "--out", tmp_path / "x.pem", *database, code=2).output
    )
    typed("ca", "broker", folder, "--out", tmp_path / "broker", *database)
    assert "topic read lastunit/1/+/stock/web/+" in (tmp_path / "broker" / "acl").read_text()
    serial = f"{read_certificate(web).serial_number:032x}"
    assert "no certificate 'ffff'" in typed("ca", "revoke", "ffff", *database, code=2).output
    assert f"revoked {serial}, channel web" in typed("ca", "revoke", serial[:12], *database).output
    typed("ca", "broker", folder, "--out", tmp_path / "broker", *database)
    assert "stock/web" not in (tmp_path / "broker" / "acl").read_text()
    (listed,) = x509.load_pem_x509_crl((tmp_path / "broker" / "crl.pem").read_bytes())
    assert f"{listed.serial_number:032x}" == serial


def test_revoking_wants_to_be_told_what(database: list[str]) -> None:
    assert "say which" in typed("ca", "revoke", *database, code=2).output
    assert "say which" in typed("ca", "revoke", "ab", "--edge", "s/e", *database, code=2).output
    assert (
        "no certificate 'store-001/box-9'" in typed("ca", "revoke", "--edge", f"{SITE}/box-9", *database, code=2).output
    )


def test_a_certificate_that_ends_soon_is_an_exit_code(folder: Path, database: list[str], tmp_path: Path) -> None:
    typed("ca", "issue", "channel", "web", folder, "--out", tmp_path / "web.pem", *database)
    assert "good" in typed("ca", "list", *database).output

    async def soon() -> None:
        opened = Database(database[1])
        async with opened.write() as connection:
            await connection.execute(update(certificate).values(not_after_us=clock_us() + 29 * 86_400_000_000))
        await opened.close()

    asyncio.run(soon())
    assert "ends soon" in typed("ca", "list", *database, code=1).output
    typed("ca", "issue", "channel", "web", folder, "--out", tmp_path / "next.pem", *database)
    assert "replaced" in typed("ca", "list", *database).output  # it is followed already


def test_the_broker_keeps_its_names_when_renewed(folder: Path) -> None:
    before = read_certificate(folder / SERVER)
    typed("ca", "renew", folder, "broker")
    after = read_certificate(folder / SERVER)
    assert after.serial_number != before.serial_number
    assert [one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for one in (before, after)] == [
        x509.SubjectAlternativeName(list(before.extensions.get_extension_for_class(x509.SubjectAlternativeName).value))
    ] * 2
    serials = {one.certificate.serial_number for one in own_certificates(folder)}
    typed("ca", "renew", folder, "gateway")
    assert len(serials & {one.certificate.serial_number for one in own_certificates(folder)}) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ftp://gateway", "--code", "x"), "expected http:// or https:// and a host"),
        (("http://user:x@gateway", "--code", "x"), "expected http:// or https:// and a host"),
        (("http://127.0.0.1:9", "--code", "1234"), "expected seven groups of four"),
        (("http://127.0.0.1:9", "--renew", "--code", "1234"), "--renew needs no --code"),
        (("http://127.0.0.1:9", "--now", "--code", "1234"), "--now goes with --renew"),
        (("http://127.0.0.1:9", "--renew"), "`lastunit enroll` makes it"),
        (("http://127.0.0.1:9", "--code", "0" * 28), "is the gateway there?"),
    ],
)
def test_what_enroll_refuses(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = typed("enroll", *words, "--out", tmp_path / "identity", code=2)
    assert told in done.output
    assert not (tmp_path / "identity" / "edge.pem").exists()
