"""How commands ask a gateway about its fleet: where it is, which key, and what its refusals say to a person."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from lastunit.commands.mend import complain

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")

URL: Final = "http://127.0.0.1:8080"
TIMEOUT_S: Final = 30.0
KEY_VARIABLE: Final = "LASTUNIT_KEY"
KEY_MAX_CHARS: Final = 1_000

Url = Annotated[str, typer.Option("--url", help="Where the gateway's HTTP side listens.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", help=f"File with a key that has device:admin (docs/keys.md); without it {KEY_VARIABLE} is used."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def open_gateway(url: str, key_file: Path | None) -> "httpx.Client":
    """Return a client that shows the key; what is wrong with either is told, exit code 2."""
    import os

    import httpx

    from gateway.keys.token import parse_token

    key = os.environ.get(KEY_VARIABLE, "").strip()
    where = KEY_VARIABLE
    if key_file is not None:
        where = f"--key-file {key_file}"
        try:
            with key_file.open(encoding="utf-8", errors="replace") as file:
                key = file.read(KEY_MAX_CHARS).strip()
        except OSError as error:
            raise complain(f"{where}: {error.strerror or error}") from error
    if (key or key_file is not None) and parse_token(key) is None:
        raise complain(f"{where} holds no key: expected lu_, 12 characters, _, 43 characters")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False, headers=headers)
    except httpx.InvalidURL as error:
        raise complain(f"--url {url!r}: {error}; expected such as {URL}") from error


def asked(http: "httpx.Client", method: str, path: str, answer: type[_T], **more: Any) -> _T:
    """Return an answer; what the gateway refuses, or that none is there, is told in one line, exit code 2."""
    import httpx
    import msgspec

    from lastunit.client import problem_of

    where = str(http.base_url).rstrip("/")
    try:
        response = http.request(method, path, **more)
    except httpx.HTTPError as error:
        raise complain(f"no gateway answers at {where}: {error or type(error).__name__}") from error
    if response.status_code != httpx.codes.OK:
        refused = problem_of(response.status_code, response.headers.get("content-type", ""), response.content)
        mend = f"; give --key-file, or set {KEY_VARIABLE}" if response.status_code == httpx.codes.UNAUTHORIZED else ""
        raise complain(f"{where}: {refused}{mend}")
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.DecodeError as error:
        raise complain(f"{where}: not the answer of a gateway: {error}") from error


def segment(text: str) -> str:
    """Return one path segment."""
    from urllib.parse import quote

    return quote(text, safe="")
