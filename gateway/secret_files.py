"""Secrets of the gateway: one line in a file each, or a credential of systemd. Never in a URL, an option, or a log.

What stands in a URL or an option shows in the list of processes, in the environment of every child, in traces and in
what people paste. A file has an owner and a mode. systemd hands a service its files below `$CREDENTIALS_DIRECTORY`
(systemd.exec(5), Credentials): a key that names a file without any folder is looked for there first.
"""

import os
from pathlib import Path
from typing import Final

from wire.default_logins import is_well_known
from wire.errors import WireError

SECRET_MAX_BYTES: Final = 4 * 1024
"""A token of 4,096 characters is the longest that any of our peers makes; a larger file is another file."""

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


class SecretError(WireError):
    """A secret that cannot be used; the text names its key and its file, never the secret."""

    code = "secret"


def place_of(path: Path, folder: Path) -> Path:
    """Return where a file of the configuration is: a credential of systemd, else relative to `folder`."""
    credentials = os.environ.get(CREDENTIALS, "")
    if credentials and path.name == str(path):
        given = Path(credentials) / path
        if given.is_file():
            return given
    return folder / path


def read_secret(key: str, file: Path) -> str:
    """Return the one line that a file holds. Raises `SecretError`, naming the key and the file."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SecretError(f"{key}: {file}: {error.strerror or error}") from None
    if len(data) > SECRET_MAX_BYTES:
        raise SecretError(f"{key}: {file} has {len(data)} bytes, expected one line of at most {SECRET_MAX_BYTES}")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise SecretError(f"{key}: {file}: expected one line of UTF-8 text") from None
    if not text or not text.isprintable():
        raise SecretError(f"{key}: {file}: expected one line with the secret, found {_what(text)}")
    return text


def _what(text: str) -> str:
    return f"{len(text.splitlines())} lines, or marks that cannot be printed" if text else "nothing"


def check_guessable(key: str, password: str, username: str = "") -> None:
    """Refuse a password that everybody knows. Raises `SecretError`, which does not repeat it."""
    if is_well_known(password, username):
        raise SecretError(
            f"{key}: this password stands in manuals and examples, and is tried first; make one that nobody knows: "
            "`openssl rand -base64 32` (or `insecure_dev: true` on a developer's own machine)"
        )
