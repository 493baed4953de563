"""`lastunit firmware list|show|validate`: what a person sees, and what they have to mend. No gateway, no reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from firmware_config.profile import load_any, profile_from_table, profile_hash, profile_names
from lastunit.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

SITE = """
site: S001
zones:
  - {id: FLOOR, kind: sales_floor}
  - {id: POS, kind: checkout}
  - {id: EXIT, kind: exit}
devices:
  - id: R-1
    driver: llrp
    address: 10.0.0.1
    profile: zebra-fx9600-stock
    antennas:
      - {port: 1, zone: FLOOR}
      - {port: 2, zone: EXIT, power_dbm: 30, gain_dbi: 9, cable_loss_db: 1.5}
  - id: R-2
    driver: impinj_iot
    address: 10.0.0.2
    profile: impinj-r700-stock
    antennas:
      - {port: 1, zone: POS, gain_dbi: 6}
  - {id: TILL, driver: barcode_serial, address: /dev/ttyACM0, zone: POS, purpose: sale, profile: scanner-zebra}
  - {id: GUN, driver: file, address: /var/counts, zone: FLOOR, purpose: count}
"""


def firmware(*words: object) -> Result:
    return CliRunner().invoke(app, ["firmware", *map(str, words)])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "store.yaml"
    file.write_text(SITE)
    return file


def profile_file(folder: Path, text: str, name: str = "mine.toml") -> Path:
    file = folder / name
    file.write_text('extends = "generic-llrp-stock"\n' + text)
    return file


def test_the_list_names_every_profile() -> None:
    done = firmware("list")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == list(profile_names())
    rows = json.loads(firmware("list", "--json").stdout)
    assert {row["profile"]: row["hash"] for row in rows} == {n: profile_hash(load_any(n)) for n in profile_names()}


def test_a_profile_in_words_and_as_it_travels() -> None:
    words = firmware("show", "impinj-r700-portal").stdout
    assert "portal *" in words
    assert "0, 1; else fast" in words
    said = json.loads(firmware("show", "impinj-r700-portal", "--json").stdout)
    profile = load_any("impinj-r700-portal")
    assert (said["name"], said["hash"]) == ("impinj-r700-portal", profile_hash(profile))
    assert profile_from_table(said["profile"], said["name"]) == profile


def test_the_file_with_its_reasons(tmp_path: Path) -> None:
    assert "# Session 1: a tag that answered is silent" in firmware("show", "generic-llrp-stock", "--reasons").stdout
    own = profile_file(tmp_path, "# because\n")
    assert firmware("show", own, "--reasons").stdout == own.read_text()


def test_triggers_and_filters_in_words(tmp_path: Path) -> None:
    own = profile_file(
        tmp_path,
        "[stock]\non_s = 5\noff_s = 10\ndwell_ms = 200\n"
        "[portal]\ngpi_port = 2\ngpi_timeout_s = 3\nair_filter = 'sgtin'\n",
    )
    stock, portal = (line for line in firmware("show", own).stdout.splitlines() if line.startswith(("stock", "portal")))
    assert "200 ms   5 s on, 10 s off" in stock
    assert "input 2 high for 3 s  sgtin" in portal


def test_what_differs_between_two_profiles(tmp_path: Path) -> None:
    own = profile_file(tmp_path, "[stock]\npower_dbm = 27.5\nmode_ids = [4, 2]\n")
    assert [line.split() for line in firmware("show", own, "--against", "generic-llrp-stock").stdout.splitlines()] == [
        ["key", "generic-llrp-stock", "mine"],
        ["stock.mode_ids", "none", "4,", "2"],
        ["stock.power_dbm", "the", "most", "27.5"],
    ]
    said = json.loads(firmware("show", own, "--against", "generic-llrp-stock", "--json").stdout)
    assert said[1] == {"key": "stock.power_dbm", "generic-llrp-stock": "the most", "mine": "27.5"}
    same = firmware("show", profile_file(tmp_path, ""), "--against", "generic-llrp-stock")
    assert same.stdout == "mine asks for the same as generic-llrp-stock\n"


def test_a_scanner_in_steps() -> None:
    words = firmware("show", "scanner-honeywell").stdout
    assert "suffix: cr" in words
    assert "4. Host ACK off" in words


def test_what_a_model_makes_of_it() -> None:
    words = firmware("show", "impinj-r420-stock", "--as", "impinj-r420", "--gain-dbi", 8.5).stdout
    assert "under FCC" in words
    assert "27.5 dBm (index 71)" in words
    assert "- stock: the most is 27.5 dBm here (FCC: 47 CFR 15.247(b))" in words
    said = json.loads(
        firmware("show", "impinj-r420-stock", "--as", "zebra-fx9600-4", "--region", "EU", "--json").stdout
    )
    assert said["region"] == "ETSI"
    stock = said["antennas"][0]
    assert (stock["power_index"], stock["power_cdbm"], stock["target"]) == (200, 3000, None)
    assert any("can be told to Impinj readers only" in problem for problem in stock["problems"])


def test_without_a_gain_it_says_what_it_does_not_check() -> None:
    assert "no --gain-dbi: what it radiates" in firmware("show", "impinj-r420-stock", "--as", "impinj-r420").stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("show", "impinj-r42-stock"), "did you mean impinj-r420-stock"),
        (("show", "nothing.toml"), "No such file or directory: nothing.toml"),
        (("show", "generic-llrp-stock", "--as", "impinj-r700"), "its tables were never recorded"),
        (("show", "generic-llrp-stock", "--as", "r1"), "model 'r1': there is none of this name"),
        (("show", "scanner-zebra", "--as", "impinj-r420"), "is for barcode scanners, no model of a reader"),
        (("show", "generic-llrp-stock", "--region", "EU"), "only with --as"),
        (
            ("show", "generic-llrp-stock", "--as", "impinj-r420", "--region", "JP"),
            "--region 'JP': expected one of FCC, ",
        ),
        (("show", "generic-llrp-stock", "--as", "impinj-r420", "--gain-dbi", "nan"), "expected a finite number"),
        (("validate", "some.toml", "--region", "FCC"), "--region: only with --site"),
        (("validate",), "say which: files of profiles"),
        (("validate", "nothing.toml"), "No such file or directory: nothing.toml"),
        (("validate", "--site", "nothing.yaml"), "No such file or directory: nothing.yaml"),
    ],
)
def test_what_has_to_be_mended(words: tuple[str, ...], complaint: str) -> None:
    done = firmware(*words)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_good_file_is_good(tmp_path: Path) -> None:
    own = profile_file(tmp_path, "[portal]\npower_dbm = 27.5\n")
    done = firmware("validate", own)
    assert done.exit_code == 0
    assert done.stdout.startswith("mine (")
    assert done.stdout.endswith("): good\n")


def test_a_bad_value_names_file_line_key_and_range(tmp_path: Path) -> None:
    bad = profile_file(tmp_path, "[portal]\npower_dbm = 40\nsession = 'S0'\n")
    worse = profile_file(tmp_path, "volume = 11\n", "worse.toml")
    done = firmware("validate", bad, profile_file(tmp_path, "", "good.toml"), worse)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert f"{bad}: line 3: portal.power_dbm: 40, expected a number from 0 to 36\n" in done.stderr
    assert f"{bad}: line 4: portal.session: 'S0', expected a whole number from 0 to 3\n" in done.stderr
    assert f"{worse}: line 2: volume: unknown key" in done.stderr


def test_a_file_without_a_suffix_is_read_where_it_is(tmp_path: Path) -> None:
    own = profile_file(tmp_path, "[portal]\npower_dbm = 27.5\n", "plain")
    assert own.is_absolute()
    done = firmware("validate", own)
    assert (done.exit_code, done.stdout.partition(" ")[0]) == (0, "plain")


def test_a_file_that_is_not_there_hides_no_other(tmp_path: Path) -> None:
    done = firmware("validate", "gone.toml", profile_file(tmp_path, "[portal]\npower_dbm = 40\n"))
    assert done.exit_code == 2
    assert "No such file or directory: gone.toml\n" in done.stderr
    assert "line 3: portal.power_dbm: 40, expected" in done.stderr


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"title = 'Caf\xe9'\n")
    done = firmware("validate", tmp_path / "latin.toml")
    assert done.exit_code == 2
    assert "latin.toml: not UTF-8 text" in done.stderr


def test_what_a_site_file_names_is_checked_against_the_law(site: Path) -> None:
    done = firmware("validate", "--site", site, "--region", "FCC")
    assert done.exit_code == 1
    too_much = "30 dBm: with 9 dBi and 1.5 dB of cable that is 37.5 dBm EIRP, 36 are allowed"
    assert done.stdout.splitlines() == [
        "R-1: zebra-fx9600-stock (stock, portal): not as asked",
        f"  problem: port 2: {too_much} (FCC: 47 CFR 15.247(b)); at most 28.5 dBm",
        "  note: port 1: no gain_dbi in the site file: what it radiates is not checked",
        "  note: port 1: the most is 30 dBm (FCC: 47 CFR 15.247(b))",
        "R-2: impinj-r700-stock (checkout): good",
        "TILL: scanner-zebra (no antennas): good",
    ]


def test_without_a_region_power_is_not_checked_and_that_is_said(site: Path) -> None:
    done = firmware("validate", "--site", site)
    assert done.exit_code == 0
    assert "  note: no region said: power is not checked" in done.stdout


def test_the_devices_own_region_goes_first(site: Path) -> None:
    site.write_text(site.read_text().replace("address: 10.0.0.1\n", "address: 10.0.0.1\n    region: ETSI_UPPER\n"))
    done = firmware("validate", "--site", site, "--region", "FCC")
    assert "at most 30.65 dBm" not in done.stdout  # 36 dBm ERP is 38.15 dBm EIRP: 30 dBm are lawful there
    assert done.exit_code == 0


def test_an_own_profile_on_a_site(tmp_path: Path, site: Path) -> None:
    own = profile_file(tmp_path, "[checkout]\non_s = 2\noff_s = 2\nair_filter = 'sgtin'\n")
    done = firmware("validate", own, "--site", site, "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert [profile["name"] for profile in said["profiles"]] == ["mine"]
    devices = {check["device"]: check for check in said["devices"]}
    assert set(devices) == {"R-1", "R-2"}
    assert devices["R-1"]["problems"] == []
    assert [problem.partition(":")[0] for problem in devices["R-2"]["problems"]] == ["on_s", "off_s", "air_filter"]


def test_a_profile_that_fits_no_device_of_the_site(tmp_path: Path, site: Path) -> None:
    site.write_text("\n".join(line for line in SITE.splitlines() if "TILL" not in line))
    (tmp_path / "gun.toml").write_text('extends = "scanner-generic"\n')
    done = firmware("validate", tmp_path / "gun.toml", "--site", site)
    assert done.exit_code == 2
    assert "profile 'gun': site S001 has no device that it is for" in done.stderr
