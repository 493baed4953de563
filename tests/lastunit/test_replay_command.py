"""`lastunit replay` as a person runs it: files, figures, exit codes, and what it says when something is wrong."""

import gzip
import json
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lastunit.cli import app
from simulator.case import write_case
from simulator.sites import read_demo_site
from simulator.store import Store

ROOT = Path(__file__).parents[2]
SITE = ROOT / "simulator" / "sites" / "main-street.yaml"
SECONDS = 720


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_case(Store(read_demo_site("main-street"), seed=12, items=100, hours=0.2, busy=4), folder, SECONDS)
    return folder


def run(folder: Path, *words: str | Path) -> Result:
    """The command in this process, started in `folder`."""
    with chdir(folder):
        return CliRunner().invoke(app, ["replay", *map(str, words)], env={"COLUMNS": "120"})


def test_estimates_promises_and_figures(case: Path, tmp_path: Path) -> None:
    words = (case / "reads.csv", "--site", SITE, "--events", case / "events.csv", "--out", "e.csv")
    done = run(tmp_path, *words, "--promises", "p.csv", "--json")
    assert done.exit_code == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["seconds"] == figures["windows"] == SECONDS
    assert (figures["bad_rows"], figures["late"], figures["unknown_antennas"]) == (0, 0, {})
    assert figures["reads"] == len((case / "reads.csv").read_text().splitlines()) - 1
    assert figures["wall_s"] > 0 < figures["reads_per_s"]
    header, *rows = (tmp_path / "e.csv").read_text().splitlines()
    assert header == "t,epc,zone"
    assert len(rows) == figures["movements"] > 50
    epcs = {line.split(",")[0] for line in (case / "items.csv").read_text().splitlines()[1:]}
    assert {row.split(",")[1] for row in rows} <= epcs
    header, *promised = (tmp_path / "p.csv").read_text().splitlines()
    assert header == "t,gtin,zone,q,settled"
    assert len(promised) == figures["promises"]
    assert {row.split(",")[0] for row in promised} == {"600.000", "660.000", "720.000"}
    assert {row.split(",")[2] for row in promised} == {"BACK", "FLOOR_WOMEN", "FLOOR_MEN", "FIT", "POS", "*"}
    assert sum(int(row.split(",")[3]) for row in promised) > 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.csv", "p.csv"]


def test_a_packed_file_gives_the_same_bytes(case: Path, tmp_path: Path) -> None:
    header, *lines = (case / "reads.csv").read_text().splitlines(keepends=True)
    first = header + "".join(line for line in lines if float(line.partition(",")[0]) < 120)
    (tmp_path / "reads.csv").write_text(first)
    (tmp_path / "reads.csv.gz").write_bytes(gzip.compress(first.encode()))
    plain = run(tmp_path, "reads.csv", "--site", SITE, "--out", "plain.csv")
    packed = run(tmp_path, "reads.csv.gz", "--site", SITE, "--out", "packed.csv")
    assert (plain.exit_code, packed.exit_code) == (0, 0), plain.stderr + packed.stderr
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "packed.csv").read_bytes()
    assert "times real time" in plain.stdout


def test_a_sensor_model_is_taken_and_one_for_other_antennas_refused(case: Path, tmp_path: Path) -> None:
    header, *rows = (case / "reads.csv").read_text().splitlines()
    some = [row for row in rows if float(row.partition(",")[0]) < 240]
    (tmp_path / "reads.csv").write_text("\n".join([header, *some]) + "\n")
    survey = (case / "reads.csv", "--truth", case / "truth.csv", "--site", SITE, "--out", tmp_path / "model.json")
    assert CliRunner().invoke(app, ["calibrate", *map(str, survey)]).exit_code == 0
    plain = run(tmp_path, "reads.csv", "--site", SITE, "--out", "plain.csv")
    surveyed = run(tmp_path, "reads.csv", "--site", SITE, "--out", "surveyed.csv", "--model", "model.json")
    assert (plain.exit_code, surveyed.exit_code) == (0, 0), plain.stderr + surveyed.stderr
    assert (tmp_path / "plain.csv").read_bytes() != (tmp_path / "surveyed.csv").read_bytes()

    (tmp_path / "site.yaml").write_text(SITE.read_text().replace("{port: 1,", "{port: 9,", 1))
    refused = run(tmp_path, "reads.csv", "--site", "site.yaml", "--out", "refused.csv", "--model", "model.json")
    assert refused.exit_code == 2
    assert "model.json: antennas differ from those of site" in refused.stderr
    assert not (tmp_path / "refused.csv").exists()
    over = run(tmp_path, "reads.csv", "--site", SITE, "--out", "model.json", "--model", "model.json", "--force")
    assert over.exit_code == 2
    assert "model.json is named twice" in over.stderr


def test_rows_that_cannot_be_used_are_told_and_make_exit_code_1(case: Path, tmp_path: Path) -> None:
    lines = (case / "reads.csv").read_text().splitlines()
    epc = lines[1].split(",")[3]
    lines[2:2] = ["1.000,R1,1,hello,-50", f"1.000,R7,3,{epc},-50.0"]
    lines.append(f"1.000,R1,1,{epc},-50.0")
    (tmp_path / "reads.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "events.csv").write_text(f"t,kind,epc,gtin\n5,sale,{epc},\nlater,sale,{epc},\n6,sale,{epc},\n")
    done = run(tmp_path, "reads.csv", "--site", SITE, "--out", "e.csv", "--events", "events.csv", "--json")
    assert done.exit_code == 1, done.stderr
    assert "reads.csv: line 3: epc 'hello': expected the EPC in hexadecimal" in done.stderr
    assert "reads.csv: 1 reads of R7 antenna 3, which the site file does not have" in done.stderr
    assert "reads.csv: 1 reads over 60 s late, left out: sort the file by t" in done.stderr
    assert "events.csv: line 3: t 'later': expected seconds from the start" in done.stderr
    figures = json.loads(done.stdout)
    assert (figures["bad_rows"], figures["late"], figures["unknown_antennas"]) == (1, 1, {"R7:3": 1})
    assert figures["bad_events"] == 1
    assert (tmp_path / "e.csv").exists()


def test_a_site_without_these_tags_is_told(case: Path, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE.read_text().replace('["9506000"]', '["4012345"]'))
    done = run(tmp_path, case / "reads.csv", "--site", "site.yaml", "--out", "e.csv")
    assert done.exit_code == 1
    assert "no tag is an item of this site; its company_prefixes are 4012345" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("READS", "--site", "SITE", "--out", "kept.csv"),
            "kept.csv is there already: choose another file, or say --force",
        ),
        (("READS", "--site", "SITE", "--out", "READS", "--force"), "is named twice: choose another file to write to"),
        (("READS", "--site", "SITE", "--out", "e", "--promises", "e"), "e is named twice"),
        (("READS", "--site", "SITE", "--out", "nowhere/e.csv"), "nowhere is not there: make the folder"),
        (("READS", "--site", "SITE", "--out", "."), "is a folder: name the file to write in it"),
        (("nothing.csv", "--site", "SITE", "--out", "e.csv"), "No such file or directory: nothing.csv"),
        (
            ("READS", "--site", "other.yaml", "--out", "kept.csv", "--force"),
            "reads.csv: its readers are R1, R2, R3, R4, R5; those of",
        ),
        (("cut.gz", "--site", "SITE", "--out", "e.csv"), "cut.gz is packed with gzip and damaged or cut off"),
        (("READS", "--site", "SITE", "--out", "e.csv", "--events", "READS"), "reads.csv: line 1: no column kind;"),
    ],
)
def test_a_call_that_cannot_be_meant_is_told_and_writes_nothing(
    case: Path, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "kept.csv").write_text("what a person wrote\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress((case / "reads.csv").read_bytes())[:20_000])
    (tmp_path / "other.yaml").write_text(
        "site: s\nzones: [{id: A, kind: sales_floor}]\n"
        "devices: [{id: Z1, driver: llrp, address: a, antennas: [{port: 1, zone: A}]}]\n"
    )
    before = (case / "reads.csv").read_bytes()
    named = {"READS": case / "reads.csv", "SITE": SITE}
    done = run(tmp_path, *(named.get(word, word) for word in words))
    assert done.exit_code == 2, done.stdout + done.stderr
    assert told in done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert (tmp_path / "kept.csv").read_text() == "what a person wrote\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.gz", "kept.csv", "other.yaml"]
    assert (case / "reads.csv").read_bytes() == before
