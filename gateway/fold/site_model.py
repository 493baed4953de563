"""A site's sensor model in its input log.

Who writes an entry has checked the model against the site of that moment. The fold checks again by the site at the
entry's place in the log: a model for other antennas is worse than none, and so it is none for as long as it does not
fit. All of that follows from the log alone.
"""

from typing import Final

import msgspec

from gateway.presence.model import Model, ModelError, check_model, decode_model
from wire.site import Site

_FILE: Final = "input log"
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def encode_entry(model: Model | None) -> bytes:
    """Return an entry's body: the model as JSON, equal models give equal bytes; empty for none."""
    return _ENCODER.encode(model) if model is not None else b""


def model_for(site: Site, body: bytes) -> Model | None:
    """Return the model that an entry's body holds; None when it holds none, or none that this site can use."""
    if not body:
        return None
    try:
        model = decode_model(body, _FILE)
        check_model(model, site, _FILE)
    except ModelError:
        return None
    return model
