"""The site in a path."""

from typing import Annotated

from fastapi import Path

from wire.limits import ID_MAX_CHARS

SiteId = Annotated[str, Path(description="the site's id in its site file", max_length=ID_MAX_CHARS)]
