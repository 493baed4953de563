"""`lastunit gs1 parse` as an engineer uses it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from lastunit.cli import app


def run(*arguments: str, stdin: str | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and the lines of `gs1 parse`."""
    result = CliRunner().invoke(app, ["gs1", "parse", *arguments], input=stdin)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def test_a_scan_is_said_in_full() -> None:
    text = "]C10109506000134352^10ABC^21XYZ"
    assert run("--separator", "^", text) == (
        0,
        [
            {
                "text": text,
                "kind": "elements",
                "symbology": "gs1-128",
                "gtin": "09506000134352",
                "key": "09506000134352",
                "serial": "XYZ",
                "sscc": None,
                "elements": {"01": "09506000134352", "10": "ABC", "21": "XYZ"},
                "digital_link": "https://id.gs1.org/01/09506000134352/10/ABC/21/XYZ",
                "restricted": False,
            }
        ],
    )


def test_price_and_key_of_a_price_embedded_code() -> None:
    line = run("--region", "DE", "2211114002394")[1][0]
    assert (line["price"], line["key"], line["restricted"], line["digital_link"]) == (
        "2.39",
        "02211110000004",
        True,
        None,
    )


def test_rejects_and_exit_codes() -> None:
    code, lines = run(stdin="9506000134352\n9506000134353\n]Q1hello\n")
    assert code == 1
    assert [line.get("error", {}).get("code") for line in lines] == [None, "check_digit", "not_gs1"]
    assert run("9506000134352")[0] == 0


def test_elements_that_no_link_can_hold_have_none() -> None:
    code, lines = run("]C110ABC", "(01)09506000134352(8200)http")
    assert code == 0
    assert [line["digital_link"] for line in lines] == [None, None]


def test_a_suspect_value_is_named() -> None:
    assert run("]C1010950600013435210ABC17261231")[1][0]["suspect"] == "10"


@pytest.mark.parametrize("arguments", [["--region", "xx", "1"], ["--separator", "", "1"], ["--frob"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


def test_help_teaches_by_example() -> None:
    result = CliRunner().invoke(app, ["gs1", "parse", "--help"])
    assert result.exit_code == 0
    assert "lastunit gs1 parse --region de" in result.stdout
    assert "Exit code" in result.stdout
