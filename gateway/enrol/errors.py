"""What the certificate authority and enrolment refuse, and who must act."""

from gateway.storage.errors import StorageError
from wire.errors import WireError


class AuthorityError(WireError):
    """A file of the certificate authority that a person must mend; the text names it."""

    code = "authority"


class EnrolError(StorageError):
    """Something about identity that its caller asked for and cannot have."""


class UnknownEnrolSiteError(EnrolError):
    """The gateway has no such site."""

    def __init__(self, site: str, sites: list[str]) -> None:
        known = ", ".join(sites[:20]) or "none: `lastunit gateway --site FILE` brings the first"
        super().__init__(f"no site {site[:64]!r} here; this database has {known}")


class TooManyOpenCodesError(EnrolError):
    """As many codes are open as there may be."""


class NoAuthorityError(EnrolError):
    """This gateway issues no certificates."""

    def __init__(self) -> None:
        super().__init__("this gateway issues no certificates: set `ca_dir` to the `issuing` directory of a CA")


class EnrolRefusedError(EnrolError):
    """The code does not enrol: it is wrong, used or old. Which of them is not said."""

    def __init__(self) -> None:
        super().__init__(
            "this code does not enrol: it is wrong, used already, or older than a quarter of an hour; "
            "`lastunit ca code` makes another"
        )


class RequestError(EnrolError):
    """A certificate request that cannot be one of ours."""


class RenewalRefusedError(EnrolError):
    """The certificate cannot be renewed; the text says why: whoever asks proved nothing, or holds it."""


class EnrolTooOftenError(EnrolError):
    """Too many tries: `wait_s` seconds until the next."""

    def __init__(self, wait_s: float, allowed: str) -> None:
        self.wait_s = wait_s
        self.allowed = allowed
        super().__init__(f"too many tries to enrol: taken are {allowed}")


class UnknownCertificateError(EnrolError):
    """No certificate of ours has this serial number or name."""

    def __init__(self, text: str) -> None:
        super().__init__(f"no certificate {text[:64]!r} here; `lastunit ca list` shows them")
