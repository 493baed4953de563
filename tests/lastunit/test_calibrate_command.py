"""`lastunit calibrate` as a person types it, on a survey that the simulator made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from gateway.presence.calibrate import Survey, Truth
from gateway.presence.model import check_model, decode_model
from gateway.replay import Reads
from gateway.replay.errors import ReplayError
from gateway.replay.instant import START_US, TimeForm
from gateway.replay.tags import Tags
from lastunit.calibration.truth import read_truth
from lastunit.calibration.walk import play
from lastunit.cli import app
from simulator.case import write_case
from simulator.sites import demo_site_text, read_demo_site
from simulator.store import Store
from wire.site_file import parse_site

NAME = "boutique"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("survey")
    write_case(Store(read_demo_site(NAME), "realistic", 11, items=60, hours=0.1, busy=20, haste=2), folder, 360)
    (folder / "site.yaml").write_text(demo_site_text(NAME), encoding="utf-8")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["calibrate", *map(str, words)])


def fit(case: Path, out: Path, *words: object) -> Result:
    return run(case / "reads.csv", "--truth", case / "truth.csv", "--site", case / "site.yaml", "--out", out, *words)


def test_the_documented_form_writes_a_model_and_tells_what_it_is_worth(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    done = fit(case, out)
    assert done.exit_code == 0, done.stderr
    model = decode_model(out.read_bytes(), "m")
    site = parse_site(demo_site_text(NAME))
    check_model(model, site, "m")
    assert model.made_from == ("reads.csv",)
    assert model.confusion is not None
    assert model.confusion.held_out
    for zone in site.zones:
        assert f"\n{zone.id} " in done.stdout
    for word in (
        "read rate",
        "taken to be in, % of item-seconds (each item judged without itself)",
        "the weakest first",
    ):
        assert word in done.stdout
    assert "was never surveyed" in done.stderr
    assert not list(tmp_path.glob("*.part"))


def test_json_and_show_give_the_same_figures(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    made: dict[str, Any] = json.loads(fit(case, out, "--json").stdout)
    done = run("--show", out, "--site", case / "site.yaml", "--json")
    assert done.exit_code == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    walks = made.pop("walks")
    assert shown.pop("walks") == []
    assert shown == made
    assert walks[0]["reads"] > 5_000
    assert walks[0]["bad_rows"] == walks[0]["late"] == 0
    assert made["macro_recall"] > 0.7
    assert {zone["zone"] for zone in made["zones"]} == set(made["confusion"]["seconds"])
    text = run("--show", out, "--site", case / "site.yaml")
    assert text.exit_code == 0
    assert "taken to be in" in text.stdout


def test_the_same_survey_gives_the_same_model(case: Path, tmp_path: Path) -> None:
    models = []
    for name in ("a.json", "b.json"):
        fit(case, tmp_path / name)
        plain = json.loads((tmp_path / name).read_text())
        plain.pop("made_at")
        models.append(plain)
    assert models[0] == models[1]


def test_walks_are_added_up(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    reads, truth = case / "reads.csv", case / "truth.csv"
    done = run(reads, reads, "--truth", truth, "--truth", truth, "--site", case / "site.yaml", "--out", out, "--json")
    assert done.exit_code == 0, done.stderr
    both: dict[str, Any] = json.loads(done.stdout)
    one: dict[str, Any] = json.loads(fit(case, tmp_path / "one.json", "--json").stdout)
    assert both["items"] == 2 * one["items"]
    assert both["windows"] == 2 * one["windows"]
    assert both["made_from"] == ["reads.csv", "reads.csv"]


def test_bad_rows_are_told_and_the_others_count(case: Path, tmp_path: Path) -> None:
    lines = (case / "truth.csv").read_text().splitlines()
    epc = lines[1].split(",")[1]
    bad = [f"soon,{epc},BACK", f"3,{epc},ATTIC", "3,xyz,BACK"]
    truth = tmp_path / "truth.csv"
    truth.write_text("\n".join([*lines, *bad]))
    done = run(case / "reads.csv", "--truth", truth, "--site", case / "site.yaml", "--out", tmp_path / "m", "--json")
    assert done.exit_code == 1
    number = len(lines) + 1
    assert f"truth.csv: line {number}: t 'soon': expected seconds from the start" in done.stderr
    assert f"truth.csv: line {number + 1}: zone 'ATTIC': is no zone of the site file; it has " in done.stderr
    assert f"truth.csv: line {number + 2}: epc 'xyz': expected the EPC in hexadecimal" in done.stderr
    assert json.loads(done.stdout)["walks"][0]["bad_truth_rows"] == 3
    assert decode_model((tmp_path / "m").read_bytes(), "m").items > 50


def _other_site(folder: Path) -> str:
    other = folder / "other.yaml"
    other.write_text(demo_site_text(NAME).replace("port: 1", "port: 9", 1), encoding="utf-8")
    return str(other)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (lambda *_: ["--out", "m"], "--site is missing"),
        (lambda c, _: ["--site", c / "site.yaml", "--out", "m"], "no READS"),
        (lambda c, _: [c / "reads.csv", "--site", c / "site.yaml", "--out", "m"], "1 reads files, 0 truth files"),
        (lambda c, _: [c / "reads.csv", "--truth", c / "truth.csv", "--site", c / "site.yaml"], "--out is missing"),
        (
            lambda c, _: [
                c / "reads.csv",
                "--truth",
                c / "truth.csv",
                "--site",
                c / "site.yaml",
                "--out",
                c / "truth.csv",
            ],
            "is read as well",
        ),
        (
            lambda c, t: [c / "reads.csv", "--truth", c / "truth.csv", "--site", c / "site.yaml", "--out", t],
            "is a folder",
        ),
        (
            lambda c, t: [c / "reads.csv", "--truth", c / "no.csv", "--site", c / "site.yaml", "--out", t / "m"],
            "No such file or directory",
        ),
        (
            lambda c, t: [c / "reads.csv", "--truth", c / "reads.csv", "--site", c / "site.yaml", "--out", t / "m"],
            "reads.csv: line 1: no column zone; expected t,epc,zone",
        ),
        (lambda c, t: ["--show", t / "no.json", "--site", c / "site.yaml"], "No such file or directory"),
        (lambda c, _: ["--show", c / "truth.csv", "--site", c / "site.yaml"], "truth.csv: not a sensor model"),
        (lambda c, _: ["--show", c / "m", "--site", c / "site.yaml", "--out", "m"], "--show prints a model"),
    ],
)
def test_a_call_that_cannot_be_is_told(
    case: Path, tmp_path: Path, words: Callable[[Path, Path], list[object]], told: str
) -> None:
    done = run(*words(case, tmp_path))
    assert done.exit_code == 2
    assert told in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_there_is_kept_unless_forced(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    out.write_text("mine")
    done = fit(case, out)
    assert done.exit_code == 2
    assert "say --force to overwrite it" in done.stderr
    assert out.read_text() == "mine"
    assert fit(case, out, "--force").exit_code == 0
    assert decode_model(out.read_bytes(), "m").items


def test_a_survey_of_other_items_says_so_and_writes_nothing(case: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text(f"t,epc,zone\n0,30340257BF0000000000FFFF,{parse_site(demo_site_text(NAME)).zones[0].id}\n")
    out = tmp_path / "m.json"
    done = run(case / "reads.csv", "--truth", truth, "--site", case / "site.yaml", "--out", out)
    assert done.exit_code == 2
    assert "no read of an item while the truth says where it is" in done.stderr
    assert not out.exists()


def test_a_model_of_other_antennas_is_not_shown(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    fit(case, out)
    done = run("--show", out, "--site", _other_site(tmp_path))
    assert done.exit_code == 2
    assert ":1 only in the model; " in done.stderr
    assert ":9 only in the site file" in done.stderr


def test_tags_that_the_truth_does_not_have_are_no_subjects() -> None:
    site = parse_site(demo_site_text(NAME).replace("company_prefixes", "#"))
    tags = Tags(site)
    assert tags["AA"] == 0
    truth = Truth(1, np.zeros(1, np.int64), np.array([START_US]), np.zeros(1, np.int64))
    blocks = []
    for second, epc in enumerate(("AA", "BB", "AA")):
        level = np.array([-5_000], np.int32)
        blocks.append(Reads(np.array([START_US + second * 1_000_000]), 0 * level, 0 * level + tags[epc], level))
    survey = Survey(site)
    play(site, tags, blocks, truth, survey)
    model = survey.model(made_at="", made_from=())
    assert (model.items, model.windows, model.seconds) == (1, 2, 3)


# -- the truth file


def truth_of(text: str, form: TimeForm = TimeForm.SECONDS, tags: Tags | None = None) -> list[tuple[int, int, int]]:
    site = parse_site(demo_site_text(NAME).replace("company_prefixes", "#"))
    found = read_truth([text.encode()], "truth.csv", tags or Tags(site), form, ("A", "B"))
    assert found.bad.count == 0
    truth = found.truth
    return list(
        zip(truth.subject.tolist(), ((truth.at_us - START_US) // 1_000_000).tolist(), truth.zone.tolist(), strict=True)
    )


def test_rows_in_any_order_columns_in_any_order_and_out() -> None:
    text = 'zone;t;note;epc\r\n"A";5;x;AA\r\nOUT;9;;AA\r\nB;1;;BB\r\n\r\nA;1;;BB\r\n'
    assert truth_of(text) == [(1, 1, 1), (1, 1, 0), (0, 5, 0), (0, 9, -1)]


def test_times_have_the_form_of_the_reads() -> None:
    assert truth_of("t,epc,zone\n2020-01-01T00:00:07Z,AA,A\n", TimeForm.ISO) == [(0, 7, 0)]
    with pytest.raises(ReplayError, match=r"1 of 1 rows are bad(.|\n)*has no offset"):
        truth_of("t,epc,zone\n2020-01-01T00:00:07,AA,A\n", TimeForm.ISO)
    with pytest.raises(ReplayError, match="the reads have ISO 8601"):
        truth_of("t,epc,zone\n7,AA,A\n", TimeForm.ISO)


def test_an_empty_truth_is_told() -> None:
    for text in ("", "\n\n", "t,epc,zone\n"):
        with pytest.raises(ReplayError, match=r"truth.csv: no rows: expected the header t,epc,zone"):
            truth_of(text)
