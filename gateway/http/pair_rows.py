"""Pairing as it comes in and goes out: bodies, answers, examples."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.clock import iso, iso_or_none
from gateway.http.patterns import NAME
from gateway.http.rows import Instant
from gateway.pairing.code import TYPED_MAX_CHARS, shown_code
from gateway.pairing.desk import Opened
from gateway.pairing.limits import NAME_CHARS
from gateway.pairing.store import Screen
from wire.limits import ID_MAX_CHARS

SiteName = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS, pattern=NAME)]
ScreenName = Annotated[
    str, Meta(max_length=NAME_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$", description="what people call the device")
]


class PairingCodeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """For which site a device shall be paired."""

    site: Annotated[SiteName, Meta(description="the site's id in its site file")]
    name: ScreenName = ""


class PairingCode(msgspec.Struct, frozen=True, kw_only=True):
    """A new code: this answer is the only one that shows it."""

    id: str
    code: Annotated[str, Meta(description="to be typed at the device, or opened as the fragment of `path`")]
    site: str
    name: str
    path: Annotated[str, Meta(description="of the store screen, with the code in its fragment `#pair=`")]
    expires_at: Instant


class StoreScreen(msgspec.Struct, frozen=True, kw_only=True):
    """A device in a store that was paired."""

    id: Annotated[str, Meta(description="of its key, as `lastunit keys list` shows it")]
    site: str
    name: str
    paired_at: Instant
    used_at: Annotated[Instant, Meta(description="its last request, to the minute")]
    revoked_at: Annotated[Instant | None, Meta(description="null: it may ask")]


class StoreScreens(msgspec.Struct, frozen=True):
    """Store screens, those in use first, the newest first of each."""

    screens: list[StoreScreen]


class PairBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device sends to be paired."""

    site: SiteName
    code: Annotated[str, Meta(max_length=TYPED_MAX_CHARS)]
    name: ScreenName = ""


class PairedDevice(msgspec.Struct, frozen=True):
    """Who the asking device is. Where there are no keys pairing is not `needed`, and no device has a site."""

    needed: bool
    site: str | None = None
    name: str = ""


def path_of(site: str, code: str) -> str:
    """Return where a device goes to be paired. A fragment is not sent to any server, and so in no log."""
    return f"/store/{site}#pair={shown_code(code)}"


def code_row(made: Opened) -> PairingCode:
    """Return a new code as it is answered."""
    return PairingCode(
        id=made.id,
        code=shown_code(made.code),
        site=made.site,
        name=made.name,
        path=path_of(made.site, made.code),
        expires_at=iso(made.expires_us),
    )


def screen_row(found: Screen) -> StoreScreen:
    """Return a screen as it is answered."""
    return StoreScreen(
        id=found.key,
        site=found.site,
        name=found.name,
        paired_at=iso(found.paired_us),
        used_at=iso(found.used_us),
        revoked_at=iso_or_none(found.revoked_us),
    )


EXAMPLE_BODY: Final = PairingCodeBody(site="store-001", name="till 3")
EXAMPLE_CODE: Final = PairingCode(
    id="019aa8e0-6f10-7c3f-a1f2-3b7c5d9e1f20",
    code="7KQ2-M9XA",
    site="store-001",
    name="till 3",
    path="/store/store-001#pair=7KQ2-M9XA",
    expires_at="2026-11-22T05:50:00.000Z",
)
EXAMPLE_SCREEN: Final = StoreScreen(
    id="4f7k2m9qx0az",
    site="store-001",
    name="till 3",
    paired_at="2026-11-22T05:46:12.000Z",
    used_at="2026-11-22T09:12:00.000Z",
    revoked_at=None,
)
EXAMPLE_SCREENS: Final = StoreScreens([EXAMPLE_SCREEN])
