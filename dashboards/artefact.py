"""What Grafana is to have: folders, a data source, boards and groups of alert rules, as values. Pure.

Each body is what Grafana's HTTP API takes. Boards and rules carry a stamp, a hash of their own content: Grafana adds
keys of its own to what it keeps, so that a key that we drop could not be told from one that it added. With the stamp
any change of ours shows.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

STAMP_CHARS: Final = 12
FOLDER: Final = "folderUid"
"""Where Grafana keeps a board is none of the board's own keys; read back it stands among them under this name."""

SECRETS: Final = "secureJsonData"
"""Passwords of a data source: Grafana takes them and never tells them."""

UID_PREFIX: Final = "lastunit-"
"""How the uid of every board of ours begins."""

TAG: Final = "lastunit"
"""Tag of every board of ours: by it boards that we no longer have are found."""


class Kind(IntEnum):
    """What an artefact is, in the order in which they are written: boards need their folder, rules both."""

    FOLDER = 0
    DATA_SOURCE = 1
    BOARD = 2
    RULE_GROUP = 3

    @property
    def word(self) -> str:
        """Return how a person calls it."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Artefact:
    """One thing that Grafana is to have. `folder`: uid of its folder, empty for folders and data sources.

    `uid` names it for ever, whatever its title; of a group of rules it is the group's name.
    """

    kind: Kind
    uid: str
    title: str
    body: Mapping[str, Any]
    folder: str = ""

    @property
    def wanted(self) -> Mapping[str, Any]:
        """What is to be read back: the body without its secrets, and of a board its folder."""
        told = {key: value for key, value in self.body.items() if key != SECRETS}
        return told | {FOLDER: self.folder} if self.kind is Kind.BOARD else told


def canonical(body: object) -> bytes:
    """Return JSON that is the same for equal values: sorted keys, two spaces, a line end."""
    text = json.dumps(body, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def stamp_of(body: object) -> str:
    """Return the hash of a body that has no stamp yet."""
    return hashlib.sha256(canonical(body)).hexdigest()[:STAMP_CHARS]


def stamped_board(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a board whose description ends with its stamp, and says that changes do not last."""
    said = str(body.get("description", "")).strip()
    note = f"Built by `lastunit dashboards` ({stamp_of(body)}): what is changed here is overwritten by the next push."
    return {**body, "description": f"{said}\n\n{note}".strip()}


def stamped_rule(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert rule with its stamp among its annotations."""
    return {**body, "annotations": {**body.get("annotations", {}), "lastunit_build": stamp_of(body)}}
