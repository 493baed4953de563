"""HTML that is escaped by construction: text becomes markup only by `element`, which escapes it.

    element("p", "Tom & Ann ", element("b", "<3"), class_="note")   ->   <p class="note">Tom &amp; Ann <b>&lt;3</b></p>

Names of elements and attributes are written in our own code; only their contents come from elsewhere.
"""

from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

VOID: Final = frozenset({"br", "img", "input", "link", "meta"})
"""Elements without an end (WHATWG HTML, section 13.1.2), as far as our pages have them."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Node: TypeAlias = "str | Markup | Iterable[Node] | None"
Value: TypeAlias = str | int | bool | None


def _written(node: Node) -> str:
    if node is None:
        return ""
    if isinstance(node, Markup):
        return node
    if isinstance(node, str):
        return escape(node)
    return "".join(map(_written, node))


def _attribute(name: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'


def element(tag: str, *children: Node, **attributes: Value) -> Markup:
    """Return an element. `class_` is `class`, `aria_label` is `aria-label`; None and False leave an attribute out."""
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        assert not children, f"<{tag}> has no content"
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{_written(children)}</{tag}>")


def document(language: str, *children: Node) -> bytes:
    """Return a whole page."""
    return f"<!doctype html>\n{element('html', *children, lang=language)}\n".encode()
