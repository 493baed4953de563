"""Codes and renewals over a database: one code gives one certificate, to whoever was given the code."""

import asyncio
import secrets
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from edge.errors import ConfigError
from edge.identity import ask_to_enrol, ask_to_renew, read_held, take_enrolment, take_renewal
from gateway.enrol import authority as ca
from gateway.enrol import register
from gateway.enrol.desk import Enrolment
from gateway.enrol.errors import (
    EnrolRefusedError,
    EnrolTooOftenError,
    NoAuthorityError,
    RenewalRefusedError,
    RequestError,
    TooManyOpenCodesError,
    UnknownEnrolSiteError,
)
from gateway.enrol.limits import ADDRESS_PER_MIN, CODE_S, GOOD_OF_EDGE_MAX, LEAF_DAYS, OPEN_MAX
from gateway.storage.engine import Database
from gateway.storage.enrol import certificate
from tests.gateway.enrol.enrol_rig import BROKER, EDGE, SITE, EnrolRig, new_issuer
from wire.enrolment import Code, EnrolAnswer, EnrolRequest, RenewRequest, answer_mac, renewal_bytes, request_mac
from wire.identity import Kind, Principal, serial_text

DAY_US = 86_400_000_000


@pytest.fixture
async def rig(sqlite_database: Database) -> EnrolRig:
    rig = EnrolRig(sqlite_database)
    await rig.begin()
    return rig


async def entries(rig: EnrolRig) -> list[register.Entry]:
    async with rig.database.read() as connection:
        return await register.good_ones(connection, rig.clock())


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def pem_of(request: x509.CertificateSigningRequest) -> str:
    return request.public_bytes(serialization.Encoding.PEM).decode()


def request_of(code: Code, csr: str) -> EnrolRequest:
    nonce = secrets.token_hex(16)
    return EnrolRequest(code=code.name, nonce=nonce, csr=csr, mac=request_mac(code.key(), code.name, nonce, csr))


async def test_a_code_makes_a_box_an_edge(rig: EnrolRig, tmp_path: Path) -> None:
    code = await rig.code()
    box = tmp_path / "box"
    identity = await rig.enrol(box, code)
    assert (identity.site, identity.edge, identity.broker) == (SITE, EDGE, BROKER)
    held = read_held(box)
    assert [one.name for one in await entries(rig)] == [
        held.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    ]
    assert rig.changes == 1
    told = await rig.audit()
    assert [(action, subject) for action, subject, _ in told] == [
        ("enrol.open", code.name),
        ("certificate.issue", serial_text(100)),
        ("enrol.use", code.name),
    ]
    assert not any(code.secret.encode() in detail for _, _, detail in told)
    assert {path.name: path.stat().st_mode & 0o777 for path in box.iterdir()} == {
        "edge.pem": 0o600,
        "ca.pem": 0o644,
        "identity.json": 0o644,
    }


async def test_of_two_boxes_with_one_code_one_is_enrolled(database: Database, tmp_path: Path) -> None:
    rig = EnrolRig(database)
    await rig.begin()
    code = await rig.code()
    requests = [ask_to_enrol(tmp_path / name, code, secrets.token_hex(16)) for name in ("one", "two")]
    answers = await asyncio.gather(*(rig.desk.enrol(one, "192.0.2.1") for one in requests), return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["EnrolAnswer", "EnrolRefusedError"]
    assert len(await entries(rig)) == 1


async def test_a_lost_answer_is_given_once_more(rig: EnrolRig, tmp_path: Path) -> None:
    code = await rig.code()
    first = await rig.desk.enrol(ask_to_enrol(tmp_path, code, secrets.token_hex(16)), "192.0.2.1")
    again = await rig.desk.enrol(ask_to_enrol(tmp_path, code, secrets.token_hex(16)), "192.0.2.1")
    assert again == first
    take_enrolment(tmp_path, code, again)
    assert len(await entries(rig)) == 1


@pytest.mark.parametrize("how", ["secret", "name", "csr", "nonce", "over", "void"])
async def test_what_does_not_enrol_says_the_same_whatever_it_is(rig: EnrolRig, tmp_path: Path, how: str) -> None:
    code = await rig.code()
    request = ask_to_enrol(tmp_path / "box", code, secrets.token_hex(16))
    if how == "secret":
        other = Code(code.name, "0" * 20)
        request = ask_to_enrol(tmp_path / "other", other, secrets.token_hex(16))
    elif how == "name":
        request = msgspec.structs.replace(request, code="00000000")
    elif how == "csr":  # somebody in between puts his own key there
        mine = ask_to_enrol(tmp_path / "other", Code("00000000", "0" * 20), secrets.token_hex(16))
        request = msgspec.structs.replace(request, csr=mine.csr)
    elif how == "nonce":
        request = msgspec.structs.replace(request, nonce="0" * 32)
    elif how == "over":
        rig.clock.now_us += CODE_S * 1_000_000
    else:
        await rig.code()
    with pytest.raises(EnrolRefusedError) as refused:
        await rig.desk.enrol(request, "192.0.2.1")
    assert str(refused.value) == str(EnrolRefusedError())
    assert await entries(rig) == []
    assert rig.desk.counters()["enrolments_refused"] == 1
    if how in {"secret", "name", "csr", "nonce"}:  # a try that proves nothing does not spend the code
        await rig.enrol(tmp_path / "box", code)


@pytest.mark.parametrize("part", ["certificate", "ca", "site", "edge", "broker", "mac"])
async def test_a_box_believes_no_answer_that_was_touched(rig: EnrolRig, tmp_path: Path, part: str) -> None:
    code = await rig.code()
    box = tmp_path / "box"
    answer = await rig.desk.enrol(ask_to_enrol(box, code, secrets.token_hex(16)), "192.0.2.1")
    other = new_issuer()
    changed = {"ca": other.ca_pem, "certificate": other.ca_pem}.get(part, "0" * 64)
    with pytest.raises(ConfigError, match="does not come from the gateway"):
        take_enrolment(box, code, msgspec.structs.replace(answer, **{part: changed}))
    assert names(box) == [".pending.json"]
    take_enrolment(box, code, answer)


async def test_an_answer_with_the_right_proof_must_still_be_for_this_key(rig: EnrolRig, tmp_path: Path) -> None:
    """A gateway that mixes two answers up does no harm."""
    code, other = await rig.code(), await rig.code(edge="box-2")
    mine = ask_to_enrol(tmp_path / "mine", code, secrets.token_hex(16))
    theirs = await rig.desk.enrol(ask_to_enrol(tmp_path / "theirs", other, secrets.token_hex(16)), "192.0.2.1")
    mixed = msgspec.structs.replace(theirs, mac=answer_mac(code.key(), mine.nonce, theirs))
    with pytest.raises(ConfigError, match="no certificate for the key"):
        take_enrolment(tmp_path / "mine", code, mixed)
    assert not (tmp_path / "mine" / "edge.pem").exists()


async def test_requests_that_cannot_be_ours(rig: EnrolRig) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    good = pem_of(builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()))
    broken = good[:-60] + ("A" if good[-60] != "A" else "B") + good[-59:]
    for csr, told in (
        ("nothing", "PKCS #10"),
        (broken, "csr: "),
        (pem_of(builder.sign(rsa.generate_private_key(65_537, 2_048), hashes.SHA256())), "P-256"),
        (pem_of(builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())), "P-256"),
    ):
        with pytest.raises(RequestError, match=told):
            await rig.desk.enrol(request_of(await rig.code(), csr), "192.0.2.1")
    await rig.desk.enrol(request_of(await rig.code(), good), "192.0.2.1")
    with pytest.raises(RequestError, match="has a certificate already"):
        await rig.desk.enrol(request_of(await rig.code(edge="box-2"), good), "192.0.2.1")
    (entry,) = await entries(rig)
    assert str(entry.principal) == f"edge {SITE}/{EDGE}"  # what the request calls itself is nothing to us


async def test_tries_are_slowed_by_address(rig: EnrolRig, tmp_path: Path) -> None:
    request = ask_to_enrol(tmp_path, Code("00000000", "0" * 20), secrets.token_hex(16))
    for _ in range(ADDRESS_PER_MIN):
        with pytest.raises(EnrolRefusedError):
            await rig.desk.enrol(request, "192.0.2.1")
    with pytest.raises(EnrolTooOftenError) as refused:
        await rig.desk.enrol(request, "192.0.2.1")
    assert 0 < refused.value.wait_s <= 60
    with pytest.raises(EnrolRefusedError):
        await rig.desk.enrol(request, "192.0.2.2")
    assert rig.desk.counters()["enrolments_too_often"] == 1


async def test_codes_are_of_sites_that_there_are_and_bounded(rig: EnrolRig) -> None:
    with pytest.raises(UnknownEnrolSiteError, match=f"this database has {SITE}"):
        await rig.code(site="store-01")
    for number in range(OPEN_MAX):
        await rig.code(edge=f"box-{number}")
    with pytest.raises(TooManyOpenCodesError):
        await rig.code(edge="one-more")
    await rig.code(edge="box-0")  # takes the place of the one before


async def test_without_an_authority_nothing_is_issued(sqlite_database: Database, tmp_path: Path) -> None:
    desk = Enrolment(sqlite_database, lambda: 0, None)
    request = ask_to_enrol(tmp_path, Code("00000000", "0" * 20), secrets.token_hex(16))
    with pytest.raises(NoAuthorityError, match="ca_dir"):
        await desk.enrol(request, "192.0.2.1")


async def test_a_renewal_takes_a_new_key_and_leaves_the_old_certificate(rig: EnrolRig, tmp_path: Path) -> None:
    await rig.enrol(tmp_path, await rig.code())
    before = read_held(tmp_path)
    rig.clock.now_us += 200 * DAY_US
    await rig.renew(tmp_path)
    after = read_held(tmp_path)
    assert after.certificate.subject.rfc4514_string().split(",")[1:] == [f"OU={EDGE}", f"O={SITE}"]
    assert after.not_after_us == before.not_after_us + 200 * DAY_US
    assert after.certificate.public_key() != before.certificate.public_key()
    assert len(await entries(rig)) == 2
    rig.clock.now_us += (LEAF_DAYS - 200) * DAY_US
    assert [one.pem for one in await entries(rig)] == [after.pem]


async def test_a_lost_renewal_is_given_once_more(rig: EnrolRig, tmp_path: Path) -> None:
    await rig.enrol(tmp_path, await rig.code())
    first = await rig.desk.renew(ask_to_renew(tmp_path, secrets.token_hex(16)), "192.0.2.1")
    again = await rig.desk.renew(ask_to_renew(tmp_path, secrets.token_hex(16)), "192.0.2.1")
    assert first == again
    take_renewal(tmp_path, again)
    assert len(await entries(rig)) == 2


@pytest.mark.parametrize("how", ["revoked", "over", "foreign", "unsigned", "unknown", "garbage"])
async def test_who_may_not_renew(rig: EnrolRig, tmp_path: Path, how: str) -> None:
    await rig.enrol(tmp_path, await rig.code())
    request = ask_to_renew(tmp_path, secrets.token_hex(16))
    told = {"revoked": "is revoked", "over": "is over", "foreign": "not of this authority", "garbage": "in PEM"}
    told |= {"unsigned": "not signed by the key", "unknown": "not in the register"}
    if how == "revoked":
        async with rig.database.write() as connection:
            await register.revoke(connection, [serial_text(100)], "", rig.clock())
    elif how == "over":
        rig.clock.now_us += LEAF_DAYS * DAY_US
    elif how == "foreign":
        rig = EnrolRig(rig.database)
    elif how == "unsigned":  # a key that is not the certificate's
        thief = ec.generate_private_key(ec.SECP256R1())
        signature = thief.sign(renewal_bytes(request.certificate, request.csr), ec.ECDSA(hashes.SHA256())).hex()
        request = msgspec.structs.replace(request, signature=signature)
    elif how == "garbage":
        request = RenewRequest(certificate="nothing", csr=request.csr, signature="00")
    else:
        async with rig.database.write() as connection:
            await connection.execute(certificate.delete())
    with pytest.raises(RenewalRefusedError, match=told[how]):
        await rig.desk.renew(request, "192.0.2.1")
    assert rig.desk.counters()["renewals_refused"] == 1


async def test_a_stolen_key_cannot_be_multiplied(rig: EnrolRig, tmp_path: Path) -> None:
    await rig.enrol(tmp_path, await rig.code())
    first = (tmp_path / "edge.pem").read_bytes()
    for _ in range(GOOD_OF_EDGE_MAX - 1):
        (tmp_path / "edge.pem").write_bytes(first)
        (tmp_path / ".pending.json").unlink(missing_ok=True)
        await rig.renew(tmp_path)
    (tmp_path / "edge.pem").write_bytes(first)
    with pytest.raises(RenewalRefusedError, match="the most there may be"):
        await rig.renew(tmp_path)


async def test_a_box_wants_an_issuer_that_may_sign(tmp_path: Path, rig: EnrolRig) -> None:
    """A root that signed a leaf by itself: that leaf's holder is no authority."""
    root = ca.make_root("Test", 1, rig.clock())
    key = ca.new_key()
    other = Principal(Kind.EDGE, site=SITE, edge="box-2")
    leaf = ca.Authority(ca.issue(root, other, key.public_key(), 5, rig.clock()), key)
    code = await rig.code()
    request = ask_to_enrol(tmp_path, code, secrets.token_hex(16))
    who = Principal(Kind.EDGE, site=SITE, edge=EDGE)
    forged = ca.issue(leaf, who, ca.check_request(request.csr), 6, rig.clock())
    answer = EnrolAnswer(
        certificate=ca.certificate_pem(forged, leaf.certificate),
        ca=ca.certificate_pem(root.certificate),
        site=SITE,
        edge=EDGE,
        broker="",
        mac="",
    )
    answer = msgspec.structs.replace(answer, mac=answer_mac(code.key(), request.nonce, answer))
    with pytest.raises(ConfigError, match="may sign nothing"):
        take_enrolment(tmp_path, code, answer)


@pytest.mark.parametrize("how", ["other root", "other edge", "other key"])
async def test_a_box_takes_no_renewal_that_is_not_its_own(rig: EnrolRig, tmp_path: Path, how: str) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    await rig.enrol(mine, await rig.code())
    await rig.enrol(theirs, await rig.code(edge="box-2"))
    before = (mine / "edge.pem").read_bytes()
    request = ask_to_renew(mine, secrets.token_hex(16))
    other = ask_to_renew(theirs, secrets.token_hex(16))
    answer = await rig.desk.renew(other if how in {"other edge", "other key"} else request, "192.0.2.1")
    told = "no certificate for the key"
    if how == "other edge":  # its key is the one that was made here, its name is another's
        told = "another edge"
        held = read_held(theirs)
        stolen = held.key.sign(renewal_bytes(held.pem, request.csr), ec.ECDSA(hashes.SHA256())).hex()
        answer = await rig.desk.renew(
            RenewRequest(certificate=held.pem, csr=request.csr, signature=stolen), "192.0.2.1"
        )
    elif how == "other root":
        told = "not signed under the root"
        (mine / "ca.pem").write_text(new_issuer().ca_pem)
    with pytest.raises(ConfigError, match=told):
        take_renewal(mine, answer)
    assert (mine / "edge.pem").read_bytes() == before
