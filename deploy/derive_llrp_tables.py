"""Derives `wire/llrp/tables/standard.py` and `enumerations.py` from LLRP machine definitions.

    python deploy/derive_llrp_tables.py llrp-1x0-def.xml llrp-1x1-def.xml wire/llrp/tables

Takes the two XML definitions of the LLRP Tool Kit (1.0.1 and 1.1) and keeps facts only: names, type numbers, field
names and types, enumerators, which parameter may hold which others and how often. No text of theirs is copied.
The tables in capitals below hold what the standard defines and those files leave out or get wrong.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

AMENDED_CHOICES = {
    "AccessCommandOpSpec": ["C1G2GetBlockPermalockStatus", "ClientRequestOpSpec"],
    "AccessCommandOpSpecResult": [
        "C1G2RecommissionOpSpecResult",
        "C1G2BlockPermalockOpSpecResult",
        "C1G2GetBlockPermalockStatusOpSpecResult",
        "ClientRequestOpSpecResult",
    ],
}
"""Members that LLRP 1.1 names and the definitions' choices lack."""

AMENDED_SLOTS = {
    "GeneralDeviceCapabilities": ["MaximumReceiveSensitivity:0-1"],
    "UHFBandCapabilities": ["RFSurveyFrequencyCapabilities:0-1"],
}
"""Parameters that LLRP 1.1 adds at the end of these two (sections 17.2.3.1 and 17.2.3.4)."""

CORRECTIONS = {
    "LoopSpec": (355, "LoopCount:u32"),
    "C1G2BlockPermalock": (358, "OpSpecID:u16 AccessPassword:u32 MB:u2 _:6 BlockPointer:u16 BlockMask:u16v"),
    "C1G2EPCMemorySelector": (348, "EnableCRC:u1 EnablePCBits:u1 EnableXPCBits:u1 _:5"),
}
"""Where the 1.1 definition departs from LLRP 1.1 (another type number; a word count twice; a flag left out); the
independent tables of EdgeX's LLRP service have them as written here."""

AMENDED_ENUMERATIONS = {"StatusCode": [("M_UnexpectedMessage", 112)]}
"""Enumerators that LLRP 1.1 adds."""

AMENDMENTS: dict[str, list[tuple[str, int, int, str, str]]] = {
    "messages": [
        ("CLIENT_REQUEST_OP", 45, 1, "", "TagReportData:1"),
        ("CLIENT_REQUEST_OP_RESPONSE", 55, 1, "", "ClientRequestResponse:1"),
    ],
    "parameters": [
        ("ClientRequestOpSpecResult", 15, 1, "OpSpecID:u16", ""),
        ("ClientRequestOpSpec", 210, 1, "OpSpecID:u16", ""),
        ("ClientRequestResponse", 211, 1, "AccessSpecID:u32", "EPCData:1 {AccessCommandOpSpec}:0-N"),
        ("MaximumReceiveSensitivity", 363, 2, "MaximumSensitivityValue:s16", ""),
        ("RFSurveyFrequencyCapabilities", 365, 2, "MinimumFrequency:u32 MaximumFrequency:u32", ""),
    ],
}
"""What LLRP defines and the definition files leave out altogether."""

AMENDED_RESPONSES = [("CLIENT_REQUEST_OP", "CLIENT_REQUEST_OP_RESPONSE")]

Row = tuple[str, int, int, str, str]
LINE = 110


@dataclass
class Definitions:
    """One XML file's facts. Rows are (name, number, since, fields, slots)."""

    messages: list[Row] = field(default_factory=list)
    parameters: list[Row] = field(default_factory=list)
    responses: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    enumerations: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


def _tag(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _fields_and_slots(element: ET.Element) -> tuple[str, str]:
    fields: list[str] = []
    slots: list[str] = []
    for child in element:
        kind = _tag(child)
        get = child.attrib
        if kind == "field":
            fields.append(":".join(filter(None, (get["name"], get["type"], get.get("enumeration")))))
        elif kind == "reserved":
            fields.append(f"_:{get['bitCount']}")
        elif kind == "parameter":
            slots.append(f"{get['type']}:{get['repeat']}")
        elif kind == "choice":
            slots.append(f"{{{get['type']}}}:{get['repeat']}")
    return " ".join(fields), " ".join(slots)


def read(path: Path) -> Definitions:
    """Read one definition file."""
    found = Definitions()
    for element in ET.parse(path).getroot():  # noqa: S314 - a file that the developer names
        kind = _tag(element)
        name = element.attrib.get("name", "")
        if kind == "enumerationDefinition":
            entries = [entry.attrib for entry in element if _tag(entry) == "entry"]
            found.enumerations[name] = [(entry["name"], int(entry["value"])) for entry in entries]
        elif kind == "choiceDefinition":
            found.choices[name] = [p.attrib["type"] for p in element if _tag(p) == "parameter"]
        elif kind in {"messageDefinition", "parameterDefinition"}:
            row = (name, int(element.attrib["typeNum"]), 1, *_fields_and_slots(element))
            (found.messages if kind == "messageDefinition" else found.parameters).append(row)
            if "responseType" in element.attrib:
                found.responses.append((name, element.attrib["responseType"]))
    return found


def merge(old: Definitions, new: Definitions) -> Definitions:
    """Return `new` (1.1), amended, with each row's `since` set by whether `old` (1.0.1) has it."""
    for choice, more in AMENDED_CHOICES.items():
        new.choices[choice] += [name for name in more if name not in new.choices[choice]]

    def finish(rows: list[Row], before: list[Row], amendments: list[Row]) -> list[Row]:
        known = {row[0] for row in before}
        dated = [(n, number, 1 if n in known else 2, f, s) for n, number, _, f, s in rows]
        whole = dated + [row for row in amendments if row[0] not in {n for n, *_ in dated}]
        finished = []
        corrected = [(n, *CORRECTIONS.get(n, (number, f)), since, s) for n, number, since, f, s in whole]
        for name, number, fields, since, slots in sorted(corrected, key=lambda row: row[1]):
            text = " ".join([slots, *AMENDED_SLOTS.get(name, [])]).strip()
            finished.append((name, number, since, fields, text))
        return finished

    merged = Definitions(
        messages=finish(new.messages, old.messages, AMENDMENTS["messages"]),
        parameters=finish(new.parameters, old.parameters, AMENDMENTS["parameters"]),
        responses=sorted(new.responses + AMENDED_RESPONSES),
        choices=new.choices,
    )
    for name, entries in new.enumerations.items():
        present = {entry for entry, _ in entries}
        aliases = [entry for entry in old.enumerations.get(name, []) if entry[0] not in present]
        merged.enumerations[name] = entries + AMENDED_ENUMERATIONS.get(name, []) + aliases
    return merged


def _rows(rows: list[Row]) -> list[str]:
    """Write rows as the text that `wire.llrp.tables.definition` reads."""
    out = []
    for name, number, since, fields, slots in rows:
        out.append(f"{name} {number}" + (" since 2" if since == 2 else ""))
        for mark, text in (("   ", fields), ("  +", slots)):
            if text:
                out += textwrap.wrap(text, 104, initial_indent=mark + " ", subsequent_indent=mark + " ")
    return out


def render_standard(found: Definitions) -> str:
    """Write the module of messages, parameters, choices and responses."""
    out = [
        '"""LLRP 1.0.1 and 1.1 messages and parameters. GENERATED by deploy/derive_llrp_tables.py: do not edit.',
        "",
        "One entry: name, type number and, if LLRP 1.1 brought it, `since 2`; then fields `name:kind[:enumeration]`",
        "(`_` = that many reserved bits); then, after `+`, its parameters `name:how often` in the standard's order,",
        "`{}` around a choice.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
    ]
    for title, rows in (("MESSAGES", found.messages), ("PARAMETERS", found.parameters)):
        out += [f'{title}: Final = """', *_rows(rows), '"""', ""]
    out.append("CHOICES: Final[dict[str, tuple[str, ...]]] = {")
    for name, members in sorted(found.choices.items()):
        flat = (
            f'    "{name}": ('
            + ", ".join(f'"{member}"' for member in members)
            + ("," if len(members) == 1 else "")
            + "),"
        )
        if len(flat) <= LINE:
            out.append(flat)
        else:
            out += [f'    "{name}": (', *(f'        "{member}",' for member in members), "    ),"]
    out += ["}", "", "RESPONSES: Final[dict[str, str]] = {"]
    out += [f'    "{request}": "{response}",' for request, response in found.responses]
    out += ["}", ""]
    return "\n".join(out)


def render_enumerations(found: Definitions) -> str:
    """Write the module of enumerations."""
    out = [
        '"""LLRP enumerations. GENERATED by deploy/derive_llrp_tables.py: do not edit.',
        "",
        "Names are those of the LLRP Tool Kit. Where 1.1 renamed an enumerator, the 1.0.1 name stays as an alias.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from enum import IntEnum",
    ]
    for name, entries in sorted(found.enumerations.items()):
        out += ["", "", f"class {name}(IntEnum):", f'    """LLRP {name}."""', ""]
        out += [f"    {entry + '_' if entry == 'None' else entry} = {value}" for entry, value in entries]
    return "\n".join([*out, ""])


def main() -> int:
    """Read two definitions, write two modules."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("v1_0", type=Path, help="LLRP 1.0.1 definition (XML)")
    parser.add_argument("v1_1", type=Path, help="LLRP 1.1 definition (XML)")
    parser.add_argument("target", type=Path, help="folder of the tables")
    arguments = parser.parse_args()
    merged = merge(read(arguments.v1_0), read(arguments.v1_1))
    (arguments.target / "standard.py").write_text(render_standard(merged), encoding="utf-8")
    (arguments.target / "enumerations.py").write_text(render_enumerations(merged), encoding="utf-8")
    print(f"{len(merged.messages)} messages, {len(merged.parameters)} parameters, {len(merged.enumerations)} lists")
    return 0


if __name__ == "__main__":
    sys.exit(main())
