"""The structs that stand in the OpenAPI document: each joins when a route refers to it."""

import re
from typing import Any, Final

import msgspec

REFERENCE: Final = "#/components/schemas/{name}"

_known: Final[dict[str, type]] = {}


def reference(kind: type) -> dict[str, str]:
    """Return the reference to a struct's schema; the document then holds that schema."""
    before = _known.setdefault(kind.__name__, kind)
    assert before is kind, f"two structs are called {kind.__name__}: {before.__module__} and {kind.__module__}"
    return {"$ref": REFERENCE.format(name=kind.__name__)}


def struct_of(name: str) -> type:
    """Return the struct that a reference names. Raises `KeyError`."""
    return _known[name]


def schemas(paths: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of all structs that these paths refer to, and of those inside them.

    Only theirs: another application of this process may have other routes.
    """
    text = msgspec.json.encode(paths).decode()
    named = set(re.findall(REFERENCE.format(name=r"(\w+)"), text)) & _known.keys()
    _, components = msgspec.json.schema_components([_known[name] for name in sorted(named)], ref_template=REFERENCE)
    return components
