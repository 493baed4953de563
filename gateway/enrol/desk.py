"""Where boxes are enrolled and certificates renewed.

    office: lastunit ca code -> code -> a person carries it -> box: lastunit enroll -> certificate of one edge

What the certificate says comes from the code, or from the certificate that is renewed: of the request only its key
counts. Tries are slowed by address and in all; they need no more, the secret of a code cannot be guessed. A refusal
never says why a code did not enrol.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import msgspec
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.enrol import authority as ca
from gateway.enrol import codes, register
from gateway.enrol.ca_files import Issuer
from gateway.enrol.errors import (
    EnrolRefusedError,
    EnrolTooOftenError,
    NoAuthorityError,
    RenewalRefusedError,
    RequestError,
)
from gateway.enrol.limits import ADDRESS_PER_MIN, ALL_PER_MIN, BUCKETS_MAX, GOOD_OF_EDGE_MAX
from gateway.enrol.register import Entry
from gateway.keys.limiter import Limiter
from gateway.storage.engine import Database
from wire.enrolment import (
    EnrolAnswer,
    EnrolRequest,
    RenewAnswer,
    RenewRequest,
    answer_mac,
    is_same_mac,
    renewal_bytes,
    request_mac,
)
from wire.identity import SERIAL_BYTES, Kind, Principal, serial_text

_log: Final = structlog.get_logger("gateway.enrol")

_NO_KEY: Final = bytes(32)
"""By what a request is checked whose code does not exist, so that it costs the same time."""


@dataclass(slots=True)
class EnrolFigures:
    """What enrolment counted in this process."""

    enrolments: int = 0
    enrolments_refused: int = 0
    enrolments_too_often: int = 0
    renewals: int = 0
    renewals_refused: int = 0


def new_serial() -> int:
    """Return a new serial number: random, and never 0."""
    return int.from_bytes(secrets.token_bytes(SERIAL_BYTES), "big") or 1


class Enrolment:
    """Enrols and renews. Without an `issuer` it refuses both. `broker` is told to boxes: where the broker is.

    `changed` hears that the register changed.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        issuer: Issuer | None,
        *,
        broker: str = "",
        changed: Callable[[], None] = lambda: None,
        now_s: Callable[[], float] = time.monotonic,
        serial: Callable[[], int] = new_serial,
    ) -> None:
        self.figures = EnrolFigures()
        self._database = database
        self._clock = clock
        self._issuer = issuer
        self._broker = broker
        self._changed = changed
        self._now_s = now_s
        self._serial = serial
        self._addresses, self._all = Limiter(BUCKETS_MAX), Limiter(1)

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    async def enrol(self, request: EnrolRequest, address: str) -> EnrolAnswer:
        """Spend a code. Raises `NoAuthorityError`, `EnrolTooOftenError`, `EnrolRefusedError`, `RequestError`."""
        issuer = self._ready(address)
        try:
            async with self._database.write() as connection:
                key, entry = await self._redeem(connection, issuer, request)
        except (EnrolRefusedError, RequestError):
            self.figures.enrolments_refused += 1
            raise
        self._changed()
        self.figures.enrolments += 1
        _log.info("edge_enrolled", site=entry.principal.site, edge=entry.principal.edge, serial=entry.serial)
        answer = EnrolAnswer(
            certificate=entry.pem + ca.certificate_pem(issuer.authority.certificate),
            ca=issuer.ca_pem,
            site=entry.principal.site,
            edge=entry.principal.edge,
            broker=self._broker,
            mac="0" * 64,
        )
        return msgspec.structs.replace(answer, mac=answer_mac(key, request.nonce, answer))

    async def _redeem(self, connection: AsyncConnection, issuer: Issuer, request: EnrolRequest) -> tuple[bytes, Entry]:
        now_us = self._clock()
        code = await codes.locked_code(connection, request.code, now_us)
        key = _NO_KEY if code is None else code.key
        proven = is_same_mac(request.mac, request_mac(key, request.code, request.nonce, request.csr))
        if code is None or not proven:
            raise EnrolRefusedError
        if code.state == "used":
            given = await register.find(connection, code.serial) if is_same_mac(request.mac, code.used_mac) else None
            if given is None or not given.is_good(now_us):
                raise EnrolRefusedError
            return key, given  # the answer got lost: here it is once more
        public = ca.check_request(request.csr)
        if await register.find_key(connection, ca.key_digest(public)) is not None:
            raise RequestError("csr: this key has a certificate already: each gets a key of its own")
        principal = Principal(Kind.EDGE, site=code.site, edge=code.edge)
        certificate = ca.issue(issuer.authority, principal, public, self._serial(), now_us)
        entry = await register.record(connection, certificate, principal, code.id, now_us)
        await codes.spend(connection, code, request.mac, entry.serial, now_us)
        return key, entry

    async def renew(self, request: RenewRequest, address: str) -> RenewAnswer:
        """Issue the certificate that follows another; that one stays good until it ends.

        Raises `NoAuthorityError`, `EnrolTooOftenError`, `RenewalRefusedError`, `RequestError`.
        """
        issuer = self._ready(address)
        try:
            held = _proven(issuer, request)
            async with self._database.write() as connection:
                entry = await self._follow(connection, issuer, held, request)
        except (RenewalRefusedError, RequestError):
            self.figures.renewals_refused += 1
            raise
        self._changed()
        self.figures.renewals += 1
        _log.info("certificate_renewed", of=str(entry.principal), serial=entry.serial, before=entry.created_by)
        return RenewAnswer(certificate=entry.pem + ca.certificate_pem(issuer.authority.certificate))

    async def _follow(
        self, connection: AsyncConnection, issuer: Issuer, held: x509.Certificate, request: RenewRequest
    ) -> Entry:
        now_us = self._clock()
        before = await register.find(connection, serial_text(held.serial_number))
        if before is None or before.pem != ca.certificate_pem(held):
            raise RenewalRefusedError("this certificate is not in the register: enrol the box by a code")
        if before.principal.kind is Kind.BROKER:
            raise RenewalRefusedError("the broker's certificate is renewed by `lastunit ca renew`")
        if not before.is_good(now_us):
            over = "revoked" if before.revoked_us is not None else "over"
            raise RenewalRefusedError(f"this certificate is {over}: enrol the box by a code (`lastunit ca code`)")
        public = ca.check_request(request.csr)
        given = await register.find_key(connection, ca.key_digest(public))
        if given is not None:
            if given.created_by == before.serial and given.is_good(now_us):
                return given  # the answer got lost
            raise RequestError("csr: this key has a certificate already: a renewal takes a new key")
        principal = before.principal
        good = await register.good_of(connection, principal, now_us)
        if len(good) >= GOOD_OF_EDGE_MAX:
            raise RenewalRefusedError(
                f"{principal} has {len(good)} good certificates, the most there may be: revoke those that it does not "
                "use (`lastunit ca list`, `lastunit ca revoke`)"
            )
        certificate = ca.issue(issuer.authority, principal, public, self._serial(), now_us)
        return await register.record(connection, certificate, principal, before.serial, now_us)

    def _ready(self, address: str) -> Issuer:
        now_s = self._now_s()
        for buckets, name, per_min, whose in (
            (self._addresses, address, ADDRESS_PER_MIN, "from an address"),
            (self._all, "", ALL_PER_MIN, "in all"),
        ):
            wait_s = buckets.take(name, per_min / 60, per_min, now_s)
            if wait_s > 0:
                self.figures.enrolments_too_often += 1
                raise EnrolTooOftenError(wait_s, f"{per_min} a minute {whose}")
        if self._issuer is None:
            raise NoAuthorityError
        return self._issuer


def _proven(issuer: Issuer, request: RenewRequest) -> x509.Certificate:
    """Return the certificate that is renewed: ours, and its key signed the request. Raises `RenewalRefusedError`."""
    try:
        held = x509.load_pem_x509_certificate(request.certificate.encode("ascii", "replace"))
        public = held.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RenewalRefusedError("certificate: expected one in PEM, with a key on the curve P-256") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not ca.is_signed_by(issuer.authority, held):
        raise RenewalRefusedError("this certificate is not of this authority")
    data = renewal_bytes(request.certificate, request.csr)
    try:
        signature = bytes.fromhex(request.signature)
    except ValueError as error:  # an odd number of digits, or a line's end behind them
        raise RenewalRefusedError("signature: expected pairs of hexadecimal digits") from error
    if not ca.signed(held, signature, data):
        raise RenewalRefusedError("the request is not signed by the key of this certificate")
    return held
