"""What certificates say: who may sign, who is a client, who a server, and for how long."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.enrol import authority as ca
from gateway.enrol.authority import Revoked
from gateway.enrol.errors import AuthorityError
from gateway.enrol.limits import ISSUING_DAYS, LEAF_DAYS, ROOT_DAYS
from tests.gateway.enrol.enrol_rig import new_issuer
from tests.gateway.small_store import T0_US
from wire.identity import Kind, Principal

DAY_US = 86_400_000_000
EDGE = Principal(Kind.EDGE, site="s", edge="e")


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def limits(certificate: x509.Certificate) -> tuple[bool, int | None]:
    found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert found.critical
    return found.value.ca, found.value.path_length


def test_each_may_do_one_thing() -> None:
    issuer, key = new_issuer(), ca.new_key()
    edge = ca.issue(issuer.authority, EDGE, key.public_key(), 7, T0_US)
    broker = ca.issue_broker(issuer.authority, ["mqtt.example.com", "10.0.0.5", "::1"], key.public_key(), 8, T0_US)
    assert limits(issuer.root) == (True, 1)
    assert limits(issuer.authority.certificate) == (True, 0)
    assert limits(edge) == limits(broker) == (False, None)
    assert usages(edge) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert usages(broker) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["mqtt.example.com", "10.0.0.5", "::1"]
    assert edge.subject.rfc4514_string() == f"CN={EDGE.common_name(7)},OU=e,O=s"
    assert ca.is_signed_by(issuer.authority, edge)
    assert not ca.is_signed_by(new_issuer().authority, edge)


def test_nothing_outlives_who_signed_it() -> None:
    issuer, key = new_issuer(), ca.new_key()
    began_us, ended_us = ca.span_us(ca.issue(issuer.authority, EDGE, key.public_key(), 7, T0_US))
    assert (T0_US - began_us, ended_us - T0_US) == (DAY_US, LEAF_DAYS * DAY_US)
    late_us = T0_US + (ISSUING_DAYS - 10) * DAY_US
    short = ca.issue(issuer.authority, EDGE, key.public_key(), 8, late_us)
    assert ca.span_us(short)[1] == T0_US + ISSUING_DAYS * DAY_US
    with pytest.raises(AuthorityError, match="ended"):
        ca.issue(issuer.authority, EDGE, key.public_key(), 9, T0_US + ISSUING_DAYS * DAY_US)
    root = ca.make_root("Test", 1, T0_US)
    last = ca.make_issuing("Test", root, 2, T0_US + (ROOT_DAYS - 1) * DAY_US)
    assert ca.span_us(last.certificate)[1] == T0_US + ROOT_DAYS * DAY_US


def test_a_list_of_revoked_ones_names_them_and_lasts() -> None:
    issuer = new_issuer()
    pem = ca.revocation_list(issuer.authority, [Revoked(9, T0_US), Revoked(3, T0_US)], 5, T0_US)
    found = x509.load_pem_x509_crl(pem)
    public = issuer.authority.key.public_key()
    assert found.is_signature_valid(public)
    assert [one.serial_number for one in found] == [3, 9]
    assert found.next_update_utc == issuer.authority.certificate.not_valid_after_utc


@pytest.mark.parametrize("name", ["", "a\nb", "-" * 300 + "ä" * 64])
def test_a_broker_has_a_name_that_can_be_one(name: str) -> None:
    with pytest.raises(AuthorityError, match="broker name"):
        ca.issue_broker(new_issuer().authority, [name], ca.new_key().public_key(), 7, T0_US)


def test_a_key_is_known_by_its_digest() -> None:
    one, other = ca.new_key().public_key(), ca.new_key().public_key()
    assert isinstance(one, ec.EllipticCurvePublicKey)
    assert ca.key_digest(one) == ca.key_digest(one) != ca.key_digest(other)
