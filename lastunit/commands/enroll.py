"""`lastunit enroll`: give a box its certificate, by a one-time code, or the next one."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from lastunit.commands.mend import complain, mendable

if TYPE_CHECKING:
    from wire.enrolment import Code

T = TypeVar("T")

_TIMEOUT_S: Final = 30.0
"""A gateway answers in some 10 ms; a network that takes longer than this is to be mended first."""


def enroll(
    url: Annotated[str, typer.Argument(help="The gateway's address, such as http://stock.example.com:8080.")],
    out: Annotated[Path, typer.Option(help="Directory of the box's key and certificate; made when it is not there.")],
    code: Annotated[
        str | None,
        typer.Option(help="What `lastunit ca code` printed. Without it, it is asked for, or read from a pipe."),
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="Get the certificate that follows; no code is needed.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="With --renew: at once, not only after two thirds of its life.")
    ] = False,
) -> None:
    """Make a key on this box and get its certificate from the gateway.

    The address may be plain http: the code's secret never travels, and whoever is in between can change nothing. When
    the answer gets lost, type the same line again. The key never leaves the box.

        lastunit enroll http://stock.example.com:8080 --code XXXX-XXXX-... --out /var/lib/lastunit/identity

        lastunit edge --site store-001.yaml --identity /var/lib/lastunit/identity

    Renewing is for a timer, once a day: it does nothing before two thirds of the certificate's life. A daemon that runs
    takes the new one by itself, without a restart.

        lastunit enroll http://stock.example.com:8080 --renew --out /var/lib/lastunit/identity
    """
    from edge.errors import EdgeError

    base = _base(url)
    if renew and code is not None:
        raise complain("--renew needs no --code: the box proves who it is by the certificate that it has")
    if now and not renew:
        raise complain("--now goes with --renew")
    with mendable(EdgeError):
        if renew:
            _renew(base, out, at_once=now)
        else:
            _enrol(base, out, _typed(code))


def _enrol(base: str, out: Path, code: "Code") -> None:
    import secrets

    from edge.identity import CA, EDGE, ask_to_enrol, read_held, take_enrolment
    from wire.enrolment import EnrolAnswer

    request = ask_to_enrol(out, code, secrets.token_hex(16))
    identity = take_enrolment(out, code, _asked(f"{base}/enrol", request, EnrolAnswer))
    print(f"This box is edge {identity.edge} of site {identity.site}, until {_day(read_held(out).not_after_us)}.")
    print(f"{out / EDGE} holds its key: for its daemon only. {out / CA} is whom it believes.", file=sys.stderr)
    broker = "" if identity.broker else " --broker mqtts://BROKER"
    print(f"Now: lastunit edge --site {identity.site}.yaml --identity {out}{broker}", file=sys.stderr)


def _renew(base: str, out: Path, *, at_once: bool) -> None:
    import secrets

    from edge.identity import ask_to_renew, read_held, take_renewal
    from wire.enrolment import RenewAnswer

    held = read_held(out)
    due_us = held.renew_at_us()
    if not at_once and time.time_ns() // 1_000 < due_us:
        print(f"good until {_day(held.not_after_us)}; to be renewed from {_day(due_us)} on", file=sys.stderr)
        return
    request = ask_to_renew(out, secrets.token_hex(16))
    new = take_renewal(out, _asked(f"{base}/enrol:renew", request, RenewAnswer))
    print(f"renewed until {_day(new.not_after_us)}")


def _base(url: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username is not None:
        raise complain(f"{url[:200]!r}: expected http:// or https:// and a host")
    return url.rstrip("/")


def _typed(code: str | None) -> "Code":
    from wire.enrolment import parse_code

    if code is None:
        text = typer.prompt("Code", hide_input=False, err=True) if sys.stdin.isatty() else sys.stdin.readline(200)
    else:
        text = code
    parsed = parse_code(text)
    if parsed is None:
        raise complain("--code: expected seven groups of four letters and digits, as `lastunit ca code` prints them")
    return parsed


def _asked(url: str, body: object, kind: type[T]) -> T:
    """Send JSON, and return the answer. What the gateway refuses is told in its own words, with exit code 2."""
    import http.client
    from urllib.parse import urlsplit

    import msgspec

    from wire.enrolment import BODY_MAX_BYTES

    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    connection = kinds[parts.scheme](parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        connection.request("POST", parts.path, msgspec.json.encode(body), headers)
        answer = connection.getresponse()
        data = answer.read(BODY_MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise complain(f"{url}: {error}: is the gateway there? Type the same line again") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise complain(f"{url}: {_said(data) or f'HTTP status {answer.status}'}")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise complain(f"{url}: the answer is not a gateway's: {error}") from error


def _said(problem: bytes) -> str:
    import msgspec

    try:
        found = msgspec.json.decode(problem)
    except msgspec.DecodeError:
        return ""
    if not isinstance(found, dict):
        return ""
    parts = [str(found.get(name, "")) for name in ("detail", "action")]
    return "; ".join("".join(mark for mark in part if mark.isprintable())[:500] for part in parts if part)


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d")
