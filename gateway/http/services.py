"""What the HTTP side is made of beside its queries: each part that is there brings its routes."""

from dataclasses import dataclass

from gateway.http.gate import Access
from gateway.mirror import Mirror


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one process, made by its composition root; without one of them its paths do not exist.

    `access` holds the keys: without it there are none, and only this machine may ask.
    """

    access: Access | None = None
    mirror: Mirror | None = None
