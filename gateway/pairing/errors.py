"""What pairing refuses, and who must act."""

from gateway.storage.errors import StorageError


class PairingError(StorageError):
    """Something about store screens that its caller asked for and cannot have."""


class NoKeysError(PairingError):
    """There is no key at all: the first one would lock out whoever is at this machine."""

    def __init__(self) -> None:
        super().__init__(
            "there are no keys yet: only the gateway's own machine may ask, and it needs no pairing. Make a key first "
            "(`lastunit keys create`): from then on nobody asks without one, and devices can be paired"
        )


class UnknownPairingSiteError(PairingError):
    """The gateway has no such site."""

    def __init__(self, site: str, sites: list[str]) -> None:
        self.site = site
        self.sites = sites
        known = ", ".join(sites[:20]) or "none: `lastunit gateway --site FILE` brings the first"
        super().__init__(f"no site {site[:64]!r} here; this database has {known}")


class ScreenNameError(PairingError):
    """A name that cannot be kept."""


class TooManyCodesError(PairingError):
    """As many codes of the site are open as there may be."""


class PairingRefusedError(PairingError):
    """The code does not pair: it is wrong, used, old or void. Which of them is not said."""

    def __init__(self) -> None:
        super().__init__(
            "this code does not pair: it is wrong, used already, or older than five minutes; ask for another"
        )


class TooOftenError(PairingError):
    """Too many tries: `wait_s` seconds until the next, `allowed` says how many are taken."""

    def __init__(self, wait_s: float, allowed: str) -> None:
        self.wait_s = wait_s
        self.allowed = allowed
        super().__init__(f"too many tries to pair: taken are {allowed}")


class UnknownScreenError(PairingError):
    """There is none such, or it is of a site that is not the caller's."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no screen {name[:64]!r} of your sites")
