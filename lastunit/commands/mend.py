"""Errors that a person can mend become one clear text and exit code 2, not a trace."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from wire.errors import WireError
from wire.site import Site
from wire.site_file import decode_site_text, parse_site

if TYPE_CHECKING:
    from gateway.presence.model import Model

MEND = 2
"""Exit code: the call or a file has to be mended."""


def complain(text: str) -> typer.Exit:
    """Print what has to be mended and return the exit to raise."""
    print(f"lastunit: {text}", file=sys.stderr)
    return typer.Exit(MEND)


@contextmanager
def mendable(*errors: type[Exception]) -> Iterator[None]:
    """Turn `errors`, errors of the wire and errors of files into exit code 2."""
    told: tuple[type[Exception], ...] = (WireError, *errors)
    try:
        yield
    except told as error:
        raise complain(str(error)) from error
    except OSError as error:
        text = error.strerror or str(error)
        raise complain(f"{text}: {error.filename}" if error.filename else text) from error


def read_site_file(path: Path) -> Site:
    """Return the site that a file describes. Raises `SiteFileError` with every line to mend, and `OSError`."""
    return parse_site(decode_site_text(path.read_bytes(), str(path)), str(path))


def read_model_file(path: Path, site: Site) -> "Model":
    """Return the sensor model that a file holds, checked against its site. Raises `ModelError` and `OSError`."""
    from gateway.presence.model import check_model, decode_model

    model = decode_model(path.read_bytes(), str(path))
    check_model(model, site, str(path))
    return model
