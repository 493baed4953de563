"""Bodies of questions about availability."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.http.limits import BATCH_MAX_PAIRS
from wire.limits import ID_MAX_CHARS


class PairBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One SKU at one site."""

    gtin: Annotated[str, Meta(max_length=64)]
    site: Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]


class BatchBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pairs of SKU and site to be answered at once."""

    pairs: Annotated[list[PairBody], Meta(min_length=1, description=f"up to {BATCH_MAX_PAIRS}")]
