"""Examples of enrolment for the API's documents: shaped like real ones, and good for nothing."""

from typing import Final

from wire.enrolment import EnrolAnswer, EnrolRequest, RenewAnswer, RenewRequest

_CSR: Final = "-----BEGIN CERTIFICATE REQUEST-----\nMIHr...\n-----END CERTIFICATE REQUEST-----\n"
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n"

EXAMPLE_REQUEST: Final = EnrolRequest(code="7Q2M4XKD", nonce="0123456789abcdef" * 2, csr=_CSR, mac="5e" * 32)
EXAMPLE_ANSWER: Final = EnrolAnswer(
    certificate=_CERTIFICATE,
    ca=_CERTIFICATE,
    site="store-001",
    edge="box-1",
    broker="mqtts://mqtt.example.com:8883",
    mac="a7" * 32,
)
EXAMPLE_RENEWAL: Final = RenewRequest(certificate=_CERTIFICATE, csr=_CSR, signature="30" * 70)
EXAMPLE_RENEWED: Final = RenewAnswer(certificate=_CERTIFICATE)
