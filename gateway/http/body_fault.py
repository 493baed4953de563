"""What is wrong with a body that does not decode: the place, the value, and what may stand there.

`msgspec` names the place as a path (`$.lines[0].mode`) and the rule in its own terms. A person who sends bodies wants
the words that are allowed, the members that there are, and what was sent.
"""

import re
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from gateway.http.patterns import IN_WORDS
from gateway.http.refusals import shown

_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_NO_SUCH_WORD: Final = re.compile(r"Invalid (?:enum )?value .*", re.DOTALL)
_RULE: Final = re.compile(r"Expected (.*)", re.DOTALL)
_PATTERN: Final = re.compile(r"`str` matching regex '(.*)'", re.DOTALL)

_MEMBER_MAX_CHARS: Final = 120
"""A member that is not known has any name that somebody sends."""


class Fault(NamedTuple):
    """One mistake in a body: `place` as in `lines[0].mode`, empty for the body itself; `expected` may be empty."""

    detail: str
    place: str = ""
    expected: str = ""


def fault_of(raw: bytes, kind: Any, error: Exception) -> Fault:
    """Return what is wrong with `raw`, which did not decode as `kind` because of `error`."""
    text, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`")
    if not isinstance(error, msgspec.ValidationError) or "[..." in path:
        return Fault(f"body: {error}", path.lstrip("."))
    place = path.lstrip(".")
    if unknown := _UNKNOWN.fullmatch(text):
        known, member = ", ".join(_members(kind, path)), _named(place, unknown[1])[:_MEMBER_MAX_CHARS]
        return Fault(f"body: {member} is not known; there are {known}", member, known)
    if missing := _MISSING.fullmatch(text):
        return Fault(f"body: {_named(place, missing[1])} is missing", _named(place, missing[1]))
    expected = _rule(text)
    if _NO_SUCH_WORD.fullmatch(text) and (words := _words(kind, path)):
        expected = f"one of {', '.join(words)}"
    if not place or not expected:
        return Fault(f"body: {error}", place)
    return Fault(f"body: {place}{_sent(raw, path)}, expected {expected}", place, expected)


def _rule(text: str) -> str:
    """What `msgspec` expects, in words where it says a pattern; empty when it says no rule."""
    rule = _RULE.fullmatch(text)
    if rule is None:
        return ""
    pattern = _PATTERN.fullmatch(rule[1])
    if pattern is None:
        return rule[1].partition(", got ")[0].replace("`", "")
    return IN_WORDS.get(pattern[1].replace("\\\\", "\\"), rule[1])


def _named(place: str, member: str) -> str:
    return f"{place}.{member}" if place else member


def _sent(raw: bytes, path: str) -> str:
    """What stands at a path, cut, as it may be large.

    Empty when the body goes wrong once more behind the mistake that was found, or says a member twice.
    """
    try:
        found = msgspec.json.decode(raw)
        for name, number in _STEP.findall(path):
            found = found[name] if name else found[int(number)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return ""
    return f" is {shown(found)}"


def _types(kind: Any, path: str) -> list[inspect.Type]:
    """Return the types that may stand at a path."""
    found = _flat(inspect.type_info(kind))
    for name, _ in _STEP.findall(path):
        found = [inner for outer in found for inner in _inside(outer, name)]
    return found


def _inside(outer: inspect.Type, name: str) -> list[inspect.Type]:
    if name and isinstance(outer, inspect.StructType):
        return [inner for field in outer.fields if field.encode_name == name for inner in _flat(field.type)]
    if not name and isinstance(outer, inspect.ListType):
        return _flat(outer.item_type)
    return []


def _flat(found: inspect.Type) -> list[inspect.Type]:
    if isinstance(found, inspect.Metadata):
        return _flat(found.type)
    if isinstance(found, inspect.UnionType):
        return [inner for one in found.types for inner in _flat(one)]
    return [found]


def _members(kind: Any, path: str) -> list[str]:
    """The members of the object at a path; of several kinds of object those of all, each once."""
    structs = [found for found in _types(kind, path) if isinstance(found, inspect.StructType)]
    names = [found.tag_field for found in structs if found.tag_field is not None]
    names += [field.encode_name for found in structs for field in found.fields]
    return list(dict.fromkeys(names))


def _words(kind: Any, path: str) -> list[str]:
    """The words that may stand at a path: of a literal, of an enumeration, or the tags of the objects there."""
    found = _types(kind, path)
    literals = [str(word) for one in found if isinstance(one, inspect.LiteralType) for word in one.values]
    members = [str(word.value) for one in found if isinstance(one, inspect.EnumType) for word in one.cls]
    outer, _, name = path.rpartition(".")
    objects = [one for one in _types(kind, outer) if isinstance(one, inspect.StructType) and one.tag_field == name]
    return literals + members + [str(one.tag) for one in objects]
