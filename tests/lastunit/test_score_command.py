"""`lastunit score` as a person types it, on a case of the simulator."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lastunit.cli import app
from lastunit.scoring.figures import MEANINGS
from simulator.case import write_case
from simulator.sites import demo_site_text, read_demo_site
from simulator.store import Store


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_case(Store(read_demo_site("boutique"), "easy", 5, items=60, hours=0.25, busy=20, haste=2), folder, 900)
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, words)])


def figures(*words: object) -> dict[str, object]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def site_file(folder: Path, name: str = "boutique") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(demo_site_text(name), encoding="utf-8")
    return path


def test_the_truth_is_a_perfect_estimate(case: Path, tmp_path: Path) -> None:
    found = figures(case, case / "truth.csv", "--site", site_file(tmp_path))
    assert [found[name] for name in ("cell_exact", "sku_exact", "item_zone", "recall", "precision")] == [1.0] * 5
    assert [found[name] for name in ("cell_mae", "delay_med", "false_left_12h", "missed_exit", "phantom")] == [0.0] * 5
    assert (found["seconds"], found["items"], found["estimates_left_out"]) == (900, 60, 0)
    assert found.keys() >= MEANINGS.keys()


def test_an_estimate_by_the_door_counts_as_the_shop(case: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.csv"
    moved.write_text((case / "truth.csv").read_text().replace(",SHOP", ",DOOR"))
    assert ",DOOR" in moved.read_text()
    found = figures(case, moved, "--site", site_file(tmp_path))
    assert found["cell_exact"] == 1.0
    assert found == figures(case, case / "truth.csv", "--site", site_file(tmp_path))


def test_the_site_file_of_the_case_is_taken_and_another_goes_before_it(case: Path, tmp_path: Path) -> None:
    own = tmp_path / "case"
    shutil.copytree(case, own)
    site_file(own).rename(own / "site.yaml")
    empty = tmp_path / "empty.csv"
    empty.write_text("t,epc,zone\n")
    with_site = figures(own, empty)
    assert with_site["false_oos"] == 1.0  # the shop's floor, which only the site file knows
    assert figures(case, empty)["false_oos"] == 0.0
    refused = run(own, empty, "--site", site_file(tmp_path, "outlet"))
    assert (refused.exit_code, "zone 'SHOP'" in refused.stderr) == (2, True)


def test_the_table_says_what_each_figure_means(case: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.csv"
    with (case / "truth.csv").open() as rows, late.open("w") as out:
        out.write("t,epc,zone\n")
        out.writelines(f"{float(row['t']) + 45},{row['epc']},{row['zone']}\n" for row in csv.DictReader(rows))
        out.write("1,3034257BF4000000000000FF,SHOP\n")
    done = run(case, late, "--site", site_file(tmp_path))
    assert done.exit_code == 0
    for name, meaning in MEANINGS.items():
        assert any(line.startswith(name) and line.endswith(meaning) for line in done.stdout.splitlines()), name
    assert re.search(r"delay_med +45 s  seconds", done.stdout)
    assert "1 rows left out" in done.stderr


def test_promises_are_held_against_the_truth(case: Path, tmp_path: Path) -> None:
    with (case / "items.csv").open() as rows:
        gtins = sorted({row["sku_size"] for row in csv.DictReader(rows)})
    promises = tmp_path / "promises.csv"
    promises.write_text(
        "t,gtin,zone,q,settled\n" + "".join(f"{t},{gtin},*,{q},1\n" for t, q in ((660, 0), (720, 99)) for gtin in gtins)
    )
    words = (case, case / "truth.csv", "--site", site_file(tmp_path), "--promises", promises)
    found = figures(*words)["promises"]
    assert isinstance(found, dict)
    assert found["of_nothing"] == len(gtins)
    assert found["store"]["3+"] == {"answers": len(gtins), "true": 0.0}
    assert found["store"]["promised_share"] == pytest.approx(0.5, abs=0.02)  # everything, at one of two times
    assert "zone" not in found
    assert f"0.0000 {f'of {len(gtins)}':>9}" in run(*words).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (lambda case, _: ("nowhere", case / "truth.csv"), "nowhere is no folder"),
        (lambda case, _: (case, "nowhere.csv"), "No such file or directory: nowhere.csv"),
        (lambda case, _: (case, case), "Is a directory"),
        (lambda _, tmp: (tmp, tmp / "x.csv"), "has no reads.csv and no truth.csv and no items.csv"),
        (lambda case, _: (case, case / "items.csv"), "no column t, zone in 'epc,sku_size'"),
        (lambda case, tmp: (case, case / "truth.csv", "--site", tmp / "none.yaml"), "none.yaml"),
        (lambda case, _: (case, case / "truth.csv", "--promises", case / "truth.csv"), "no column gtin, q, settled"),
    ],
)
def test_a_call_that_has_to_be_mended(
    case: Path, tmp_path: Path, words: Callable[[Path, Path], tuple[object, ...]], said: str
) -> None:
    done = run(*words(case, tmp_path))
    assert done.exit_code == 2
    assert done.stderr.startswith("lastunit: ")
    assert said in done.stderr
    assert not done.stdout


def test_a_file_that_is_no_text_is_told_by_its_header(case: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.csv"
    noise.write_bytes(bytes(range(128, 256)) * 9)
    done = run(case, noise)
    assert done.exit_code == 2
    assert "noise.csv: line 1: no column t, epc, zone" in done.stderr
