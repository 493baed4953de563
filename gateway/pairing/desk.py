"""Where codes are made, devices are paired and unpaired, and it is written down when screens were last used.

    office: open -> code -> a person types it -> device: pair -> key of one site, in the device's cookie

Whoever tries codes is slowed three ways: by address and by site (buckets in this process), and by the count of wrong
codes at the site, which the database holds. A refusal never says why a code did not pair.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.holds.ids import NewId
from gateway.keys.limiter import Limiter
from gateway.keys.token import ENTROPY_BYTES as KEY_BYTES
from gateway.keys.token import mint
from gateway.pairing import store
from gateway.pairing.code import CODE_CHARS, ENTROPY_BYTES, digest_of, mint_code, parse_code
from gateway.pairing.errors import PairingRefusedError, TooOftenError
from gateway.pairing.limits import ADDRESS_PER_MIN, ALL_PER_MIN, BUCKETS_MAX, SITE_PER_MIN, USED_EVERY_S
from gateway.pairing.store import NewCode, Screen, Tried, check_name
from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway.pairing")

_NO_CODE: Final = "0" * CODE_CHARS
"""What is hashed in place of what has not the form of a code, so that it costs the same time."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new code as it is shown, once: `code` has no hyphen."""

    id: str
    code: str
    site: str
    name: str
    expires_us: int


@dataclass(frozen=True, slots=True)
class Paired:
    """A new screen, and the key that its device keeps."""

    screen: Screen
    token: str


@dataclass(slots=True)
class PairingFigures:
    """What pairing counted in this process."""

    pairing_codes_opened: int = 0
    screens_paired: int = 0
    screens_unpaired: int = 0
    pairing_refused: int = 0
    pairing_too_often: int = 0
    screen_use_failures: int = 0


class Pairing:
    """The desk. `used` collects the ids of keys that asked as screens; `run` writes them down now and then.

    `random_bytes` is the operating system's, `now_s` a clock that never goes back.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: NewId,
        *,
        used: set[str] | None = None,
        now_s: Callable[[], float] = time.monotonic,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        digest: Callable[[str, str], bytes] = digest_of,
        used_every_s: float = USED_EVERY_S,
    ) -> None:
        self.figures = PairingFigures()
        self.used = set() if used is None else used
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._now_s = now_s
        self._random = random_bytes
        self._digest = digest
        self._used_every_s = used_every_s
        self._addresses, self._sites, self._all = Limiter(BUCKETS_MAX), Limiter(BUCKETS_MAX), Limiter(1)
        self._stop = asyncio.Event()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    async def open(self, site: str, name: str, actor: str) -> Opened:
        """Make a code for a site. Raises what `store.open_code` raises."""
        code = mint_code(self._random(ENTROPY_BYTES))
        digest = await asyncio.to_thread(self._digest, site, code)
        new = NewCode(self._new_id(), site, check_name(name), digest, actor)
        async with self._database.write() as connection:
            expires_us = await store.open_code(connection, new, self._clock())
        self.figures.pairing_codes_opened += 1
        return Opened(new.id, code, site, new.name, expires_us)

    async def pair(self, site: str, typed: str, name: str, address: str) -> Paired:
        """Make the device at `address` a screen of the site. Raises `PairingRefusedError`, `TooOftenError`.

        Also raises `ScreenNameError`, before anything is counted, and `KeyStoreError` when there are too many keys.
        """
        name = check_name(name)
        self._count(address, site)
        code = parse_code(typed)
        digest = await asyncio.to_thread(self._digest, site, code or _NO_CODE)
        minted = mint(self._random(KEY_BYTES))
        async with self._database.write() as connection:
            tried = Tried(site, digest if code is not None else None, name)
            found = await store.redeem(connection, tried, minted, self._clock())
        if found is None:
            self.figures.pairing_refused += 1
            raise PairingRefusedError
        self.figures.screens_paired += 1
        _log.info("screen_paired", site=site, screen=found.key)
        return Paired(found, minted.token)

    def _count(self, address: str, site: str) -> None:
        now_s = self._now_s()
        for buckets, name, per_min, whose in (
            (self._addresses, address, ADDRESS_PER_MIN, "from an address"),
            (self._sites, site, SITE_PER_MIN, "at a site"),
            (self._all, "", ALL_PER_MIN, "in all"),
        ):
            wait_s = buckets.take(name, per_min / 60, per_min, now_s)
            if wait_s > 0:
                self.figures.pairing_too_often += 1
                raise TooOftenError(wait_s, f"{per_min} a minute {whose}")

    async def screen(self, key: str) -> Screen | None:
        """Return the screen that has this key; None when it is no screen's."""
        async with self._database.read() as connection:
            return await store.find_screen(connection, key)

    async def screens(self, sites: frozenset[str] | None) -> list[Screen]:
        """Return the screens of these sites; None: all."""
        async with self._database.read() as connection:
            return await store.list_screens(connection, sites)

    async def end(self, key: str, actor: str, sites: frozenset[str] | None = None) -> Screen:
        """Revoke a screen's key. Raises `UnknownScreenError`."""
        async with self._database.write() as connection:
            found = await store.end_screen(connection, key, actor, sites, self._clock())
        self.figures.screens_unpaired += 1
        _log.info("screen_unpaired", site=found.site, screen=key)
        return found

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()

    async def run(self) -> None:
        """Write down which screens were used, until `stop`, and a last time then."""
        stopped = False
        while not stopped:
            try:
                async with asyncio.timeout(self._used_every_s):
                    stopped = await self._stop.wait()
            except TimeoutError:
                pass
            await self.write_uses()

    async def write_uses(self) -> None:
        """Write down which screens were used since the last time; what cannot be written waits for the next."""
        keys = frozenset(self.used)
        if not keys:
            return
        self.used.clear()
        try:
            async with self._database.write() as connection:
                await store.write_uses(connection, keys, self._clock())
        except (SQLAlchemyError, OSError) as error:
            self.used |= keys
            self.figures.screen_use_failures += 1
            _log.warning("screen_uses_unwritten", error=str(error)[:500])
