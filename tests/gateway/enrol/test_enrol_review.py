"""Hostile renewals, and an authority that is over: each is an error with a name, and nothing else stops for it."""

from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from edge.identity import ask_to_renew
from gateway.enrol.authority import span_us
from gateway.enrol.broker_files import ACL, CRL
from gateway.enrol.broker_writer import BrokerWriter
from gateway.enrol.errors import RenewalRefusedError
from gateway.storage.engine import Database
from tests.gateway.enrol.enrol_rig import EnrolRig

P256_OID = bytes.fromhex("06082a8648ce3d030107")
ODD_CURVE_OID = bytes.fromhex("06082a8648ce3d030106")
ECDSA_SHA256_OID = bytes.fromhex("06082a8648ce3d040302")
ODD_SIGNATURE_OID = bytes.fromhex("06082a8648ce3d04037f")


@pytest.fixture
async def rig(sqlite_database: Database) -> EnrolRig:
    rig = EnrolRig(sqlite_database)
    await rig.begin()
    return rig


@pytest.mark.parametrize(
    ("ours", "odd"), [(P256_OID, ODD_CURVE_OID), (ECDSA_SHA256_OID, ODD_SIGNATURE_OID)], ids=["curve", "signature"]
)
async def test_a_certificate_of_an_unknown_algorithm_is_refused(
    rig: EnrolRig, tmp_path: Path, ours: bytes, odd: bytes
) -> None:
    box = tmp_path / "box"
    await rig.enrol(box, await rig.code())
    request = ask_to_renew(box, "0" * 32)
    held = x509.load_pem_x509_certificate(request.certificate.encode())
    der = held.public_bytes(serialization.Encoding.DER)
    assert ours in der
    strange = x509.load_der_x509_certificate(der.replace(ours, odd))
    pem = strange.public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(RenewalRefusedError):
        await rig.desk.renew(msgspec.structs.replace(request, certificate=pem), "192.0.2.1")
    assert rig.desk.figures.renewals_refused == 1


@pytest.mark.parametrize("tail", ["\n", "0\n"])
async def test_a_signature_that_is_no_hexadecimal_is_refused(rig: EnrolRig, tmp_path: Path, tail: str) -> None:
    box = tmp_path / "box"
    await rig.enrol(box, await rig.code())
    request = ask_to_renew(box, "0" * 32)
    body = msgspec.json.encode(msgspec.structs.replace(request, signature=request.signature[:4] + tail))
    decoded = msgspec.json.decode(body, type=type(request))  # `$` of the pattern lets a line's end pass
    with pytest.raises(RenewalRefusedError):
        await rig.desk.renew(decoded, "192.0.2.1")


async def test_the_end_of_the_authority_does_not_end_the_writer(rig: EnrolRig, tmp_path: Path) -> None:
    await rig.enrol(tmp_path / "box", await rig.code())
    files = tmp_path / "files"
    files.mkdir()
    writer = BrokerWriter(rig.database, rig.clock, rig.issuer, files)
    await writer.once()
    before = (files / ACL).read_bytes(), (files / CRL).read_bytes()
    rig.clock.now_us = span_us(rig.issuer.authority.certificate)[1] + 30 * 86_400_000_000
    await writer.once()
    assert writer.figures.broker_file_failures == 1
    assert ((files / ACL).read_bytes(), (files / CRL).read_bytes()) == before
