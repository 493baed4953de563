"""`lastunit pair`: make a code that turns a device in a store into a store screen."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.gateway import ConfigFile, DatabaseUrl, load
from lastunit.commands.keys import AsJson, clock_us, written
from lastunit.commands.mend import complain, mendable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

URL_MAX_CHARS = 200

_WHITE_ON_BLACK = "\x1b[97;40m"
_PLAIN = "\x1b[0m"


def pair(
    site: Annotated[str, typer.Option(help="The site whose store screen the device becomes.")],
    name: Annotated[str, typer.Option(help="What people call the device, as `keys list` shows it.")] = "",
    url: Annotated[
        str | None,
        typer.Option(help="The gateway's address as the device reaches it, such as https://stock.example.com."),
    ] = None,
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a code of eight characters, good for five minutes and for one device.

    Open /store/SITE at the device and type the code, or scan the QR code, which has it inside. From then on the device
    may read that site's stock and items and take its tasks. At most five codes of a site are open at once; ten wrong
    ones at a site make them void.

    The QR code needs the gateway's address: --url, or an `http_host` in the configuration that devices can reach.

        lastunit pair --site store-001 --name "till 3" --url https://stock.example.com

    A device that is lost: `lastunit keys list` names its key, `lastunit keys revoke ID` ends it.
    """
    import secrets

    import msgspec

    from gateway.clock import iso
    from gateway.holds.ids import random_ids
    from gateway.http.pair_rows import path_of
    from gateway.pairing.code import ENTROPY_BYTES, digest_of, mint_code, shown_code
    from gateway.pairing.errors import PairingError
    from gateway.pairing.store import NewCode, check_name, open_code

    now_us = clock_us()
    code = mint_code(secrets.token_bytes(ENTROPY_BYTES))
    with mendable(PairingError):
        label = check_name(name)
    new = NewCode(random_ids(clock_us)(), site, label, digest_of(site, code))
    base = _base(url, config, database)

    async def work(connection: "AsyncConnection") -> int:
        return await open_code(connection, new, now_us)

    expires_us = written(config, database, work, writes=True)
    path = path_of(site, code)
    address = None if base is None else base + path
    if as_json:
        told = {"id": new.id, "code": shown_code(code), "site": site, "name": label, "path": path, "url": address}
        print(msgspec.json.encode(told | {"expires_at": iso(expires_us)}).decode())
        return
    where = path.partition("#")[0]
    print(f"Open {where if base is None else base + where} at the device, and type:", file=sys.stderr)
    print(shown_code(code), flush=True)
    if address is not None:
        print(f"Or scan:\n{_qr(address, colours=sys.stderr.isatty())}", file=sys.stderr)
    print("Good for five minutes and for one device; shown this once only.", file=sys.stderr)


def _base(url: str | None, config: Path | None, database: str | None) -> str | None:
    """Return the gateway's address as devices reach it, without a slash at its end; None when nobody says it."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or len(url) > URL_MAX_CHARS:
            raise complain(f"--url {url[:URL_MAX_CHARS]!r}: expected http:// or https:// and a host")
        return url.rstrip("/")
    with mendable():
        settings = load(config, database)
    try:
        host = ip_address(settings.http_host)
    except ValueError:
        named = settings.http_host
        return None if named == "localhost" else f"http://{named}:{settings.http_port}"
    if host.is_loopback or host.is_unspecified or not settings.http_port:
        return None
    return f"http://[{host}]:{settings.http_port}" if host.version == 6 else f"http://{host}:{settings.http_port}"


def _qr(text: str, *, colours: bool) -> str:
    """Return a QR code in half blocks; `colours`: white on black, whatever the terminal's own are."""
    import io

    import segno

    out = io.StringIO()
    segno.make_qr(text, error="m").terminal(out=out, compact=True)
    lines = out.getvalue().splitlines()
    return "\n".join(f"{_WHITE_ON_BLACK}{line}{_PLAIN}" if colours else line for line in lines)
