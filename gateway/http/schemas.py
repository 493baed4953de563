"""The structs that stand in the OpenAPI document: each joins when a route refers to it."""

from typing import Any, Final

import msgspec

REFERENCE: Final = "#/components/schemas/{name}"

_known: Final[dict[str, type]] = {}


def reference(kind: type) -> dict[str, str]:
    """Return the reference to a struct's schema; the document then holds that schema."""
    before = _known.setdefault(kind.__name__, kind)
    assert before is kind, f"two structs are called {kind.__name__}: {before.__module__} and {kind.__module__}"
    return {"$ref": REFERENCE.format(name=kind.__name__)}


def schemas() -> dict[str, Any]:
    """Return the schemas of all structs that were referred to, and of those inside them."""
    _, components = msgspec.json.schema_components(tuple(_known.values()), ref_template=REFERENCE)
    return components
