"""`lastunit epc` as an engineer uses it."""

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from lastunit.cli import app
from lastunit.commands.lines import each_line
from tests.wire.epc.rows import tag_rows

HEX = "3066C4409047E140075BCD15"


def run(*arguments: str, stdin: str | bytes | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and the lines of an `epc` command."""
    result = CliRunner().invoke(app, ["epc", *arguments], input=stdin)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def test_a_tag_is_said_in_every_form() -> None:
    assert run("decode", HEX) == (
        0,
        [
            {
                "hex": HEX,
                "scheme": "sgtin-96",
                "uri": "urn:epc:id:sgtin:95060001343.05.123456789",
                "tag_uri": "urn:epc:tag:sgtin-96:3.95060001343.05.123456789",
                "digital_link": "https://id.gs1.org/01/09506000134352/21/123456789",
                "gtin": "09506000134352",
                "serial": "123456789",
                "filter": 3,
            }
        ],
    )


@pytest.mark.parametrize(
    "text", [HEX.lower(), f"0x{HEX}", "3066 C440 9047 E140 075B CD15", "30:66:C4:40:90:47:E1:40:07:5B:CD:15"]
)
def test_hexadecimal_is_taken_as_people_write_it(text: str) -> None:
    code, lines = run("decode", text)
    assert (code, lines[0]["hex"], lines[0]["serial"]) == (0, HEX, "123456789")


def test_a_reject_is_a_line_of_its_own_and_exit_code_1() -> None:
    code, lines = run("decode", HEX, "307C00000000000000000000", "xyz", "E28011")
    assert code == 1
    assert [line.get("error", {}).get("code") for line in lines] == [None, "partition", "hex", "tid"]
    assert [line["hex"] for line in lines][1:] == ["307C00000000000000000000", "xyz", "E28011"]


def test_standard_input_is_read_line_by_line() -> None:
    code, lines = run("decode", stdin=f"{HEX}\r\n\n  {HEX}  \nzz")
    assert (code, len(lines)) == (1, 3)
    assert lines[0] == lines[1]
    assert run("decode", stdin="") == (0, [])


def test_standard_input_may_be_anything() -> None:
    code, lines = run("decode", stdin=b"\xff\xfe\x00\n" + b"9" * 70_000 + b"\n")
    assert code == 1
    assert {line["error"]["code"] for line in lines} <= {"hex", "length"}


def test_letters_that_become_digits_in_capitals_are_no_digits() -> None:
    code, lines = run("decode", "F\ufb00")
    assert (code, lines[0]["error"]["code"]) == (1, "hex")


def test_a_closed_standard_input_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(typer.Exit) as end:
        each_line("hex", None, lambda text: {"hex": text})
    assert end.value.exit_code == 0


def test_the_pc_word_is_read_on_request() -> None:
    assert run("decode", "--pc", "3000" + HEX)[1][0]["serial"] == "123456789"
    code, lines = run("decode", "--pc", "3100" + HEX)
    assert (code, lines[0]["error"]["code"]) == (1, "iso_afi")


def test_a_uri_that_cannot_be_written_is_null_with_a_note() -> None:
    unknown = run("encode", "--scheme", "sgtin+", "https://id.gs1.org/01/02000000000008/21/1")
    assert unknown[0] == 0
    line = unknown[1][0]
    assert (line["uri"], line["tag_uri"]) == (None, None)
    assert "company prefix length" in line["note"]
    known = run("decode", "-p", "7", line["hex"])[1][0]
    assert known["uri"] == "urn:epc:id:sgtin:2000000.000000.1"


@pytest.mark.parametrize(
    ("arguments", "scheme", "filter_value"),
    [
        (["urn:epc:id:sgtin:95060001343.05.123456789"], "sgtin-96", 1),
        (["urn:epc:tag:sgtin-96:3.95060001343.05.123456789"], "sgtin-96", 3),
        (["https://id.gs1.org/01/09506000134352/21/123456789", "-s", "SGTIN+", "-f", "0"], "sgtin+", 0),
        (["(01)09506000134352(21)123456789", "-p", "11"], "sgtin-96", 1),
        (["(01)09506000134352(21)123456789", "-s", "sgtin-198"], "sgtin-198", 1),
    ],
)
def test_identifiers_become_tags(arguments: list[str], scheme: str, filter_value: int) -> None:
    code, lines = run("encode", *arguments)
    assert code == 0
    assert (lines[0]["scheme"], lines[0]["filter"], lines[0]["serial"]) == (scheme, filter_value, "123456789")
    assert run("decode", lines[0]["hex"]) == (0, lines)


def test_every_valid_vector_can_be_printed_and_written_again() -> None:
    rows = [row for row in tag_rows() if row["valid"] and row.get("tag_uri")][::5]
    printed = run("decode", stdin="\n".join(row["hex"] for row in rows))[1]
    good = [line for line in printed if "error" not in line]
    assert len(good) >= len(rows) - 1
    again = run("encode", stdin="\n".join(line["tag_uri"] for line in good))
    assert again[0] == 0
    assert [line["uri"] for line in again[1]] == [line["uri"] for line in good]


def test_what_cannot_be_written_is_said() -> None:
    code, lines = run("encode", "foo", "urn:epc:id:sgtin:9506000.013435.a/b", "urn:epc:tag:sgtin-96:1.9506000.013435.A")
    assert code == 1
    assert [line["error"]["code"] for line in lines] == ["uri", "uri", "character"]
    assert lines[0]["uri"] == "foo"


@pytest.mark.parametrize(
    "arguments", [["decode", "--prefix-length", "5", HEX], ["encode", "--filter", "x", "y"], ["frob"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


@pytest.mark.parametrize("command", [["decode"], ["encode"]])
def test_help_teaches_by_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, ["epc", *command, "--help"])
    assert result.exit_code == 0
    assert "lastunit epc" in result.stdout
    assert "Exit code" in result.stdout


def test_the_examples_of_the_documentation_are_the_same_item() -> None:
    import re
    from pathlib import Path

    from wire.gs1.barcode import Barcode, parse_barcode

    page = (Path(__file__).parents[3] / "docs" / "identifiers.md").read_text()
    table = dict(re.findall(r"^\| ([^|`]+) \| `([^`]+)` \|$", page, re.MULTILINE))
    assert len(table) == 5
    key = ("09506000134352", "123456789")
    for what, text in table.items():
        if "tag" in what:
            line = run("decode", text)[1][0]
            assert (line["gtin"], line["serial"]) == key, what
        elif text.startswith("]"):
            scan = parse_barcode(text)
            assert isinstance(scan, Barcode)
            assert (scan.gtin, scan.serial) == key
        else:
            line = run("encode", text)[1][0]
            assert (line["gtin"], line["serial"]) == key, what
