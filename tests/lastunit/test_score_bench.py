"""The accuracy bench: what it feeds to a tracker, and what it makes of the figures."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench._presence_case import Case, simulated, site_of, surveyed
from bench._presence_run import run_case
from bench._presence_table import COLUMNS, difference_row, mean_row, t_quantile
from bench.presence import main, seeds_of
from gateway.presence import make_tracker
from gateway.presence.tracker import Evidence, EvidenceKind, Window, ZoneChange
from lastunit.scoring.figures import Figures
from simulator.sites import SITES, read_demo_site
from tests.gateway.plain_tracker import PlainTracker
from wire.site import Site


@pytest.fixture(scope="module")
def case() -> Case:
    return simulated("boutique", "realistic", 11, 0.25, items=80)


class Diary(PlainTracker):
    """A tracker that is quick, and also keeps what it was told."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.windows: list[Window] = []
        self.evidence: list[Evidence] = []

    def observe(self, window: Window) -> list[ZoneChange]:
        assert window.item.max(initial=-1) < len(self.met)
        self.windows.append(window)
        return super().observe(window)

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        assert evidence.items.max(initial=-1) < len(self.met)
        self.evidence.append(evidence)
        return []


def diary_of(case: Case, *, events: bool = False, by_sku: bool = False, opening: bool = False) -> Diary:
    kept: list[Diary] = []

    def make(site: Site) -> Diary:
        kept.append(Diary(site))
        return kept[0]

    run_case(site_of("boutique"), case, make, events=events, by_sku=by_sku, opening=opening)
    return kept[0]


def test_every_read_and_look_of_a_case_reaches_the_tracker(case: Case) -> None:
    told = diary_of(case)
    assert len(told.windows) == case.seconds == 900
    assert sum(int(window.count.sum()) for window in told.windows) == len(case.t_us)
    assert sum(int(window.inventory_ms.sum()) for window in told.windows) == int(case.look_ms.sum())
    assert not told.evidence
    for window in told.windows:
        assert ((window.first_us >= window.start_us) & (window.last_us < window.end_us)).all()
        pairs = window.item.astype(np.int64) * 1_000 + window.antenna
        assert len(np.unique(pairs)) == len(pairs)


def test_items_are_numbered_as_they_turn_up(case: Case) -> None:
    met = diary_of(case).met
    assert sorted(met) == sorted(case.gtins[item] for item in np.unique(case.item))
    assert met[0] == case.gtins[case.item[0]]


def test_events_are_told_when_they_are_asked_for(case: Case) -> None:
    assert len(case.event_us)
    told = diary_of(case, events=True).evidence
    assert len(told) == len(case.event_us)
    assert all(len(each.items) == 1 and not each.gtin for each in told)
    nameless = [each for each in diary_of(case, events=True, by_sku=True).evidence if not len(each.items)]
    assert len(nameless) == sum(each.kind is EvidenceKind.SALE for each in told) > 0
    assert all(each.gtin and each.quantity == 1 for each in nameless)
    opening = diary_of(case, events=True, opening=True).evidence
    assert len(opening) == len(told) + len(case.opening_stock())


def test_replay_says_nearly_the_same(case: Case) -> None:
    """It infers the looks, and decides by them as the gateway does."""
    site = site_of("boutique")
    direct, replayed = (run_case(site, case, make_tracker, by_replay=by).figures for by in (False, True))
    assert direct.cell_exact == pytest.approx(replayed.cell_exact, abs=0.02)
    assert direct.item_zone == pytest.approx(replayed.item_zone, abs=0.01)
    assert 0.5 < direct.cell_exact < 1.0


def test_a_kept_case_is_the_same_case(tmp_path: Path, case: Case) -> None:
    case.save(tmp_path / "case.npz")
    again = Case.load(tmp_path / "case.npz")
    for name in Case.__slots__:
        assert np.array_equal(np.asarray(getattr(case, name)), np.asarray(getattr(again, name))), name


@pytest.mark.parametrize("name", SITES)
def test_every_site_can_be_surveyed_less(name: str) -> None:
    site = read_demo_site(name)
    assert surveyed(site, "plan") == site
    positions, zones = surveyed(site, "positions"), surveyed(site, "zones")
    assert not positions.walls
    assert not any(zone.outline for zone in positions.zones)
    assert positions.devices == site.devices
    places = [(a.x, a.y, a.z, a.aim, a.tilt) for device in zones.devices for a in device.antennas]
    assert set(places) == {(None,) * 5}
    assert zones.zone_of_antenna() == site.zone_of_antenna()


@pytest.mark.parametrize(
    ("df", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (1_000, 1.962)]
)
def test_t_quantiles_are_those_of_the_tables(df: int, quantile: float) -> None:
    assert t_quantile(df) == pytest.approx(quantile, abs=0.01)


def figures(cell_exact: float) -> Figures:
    rest = {name: 0.0 for name in asdict(Figures(*[0.0] * 12)) if name != "cell_exact"}
    return Figures(cell_exact=cell_exact, **{**rest, "delay_med": 0.0, "delay_p90": 0.0})


def test_differences_are_paired_by_seed() -> None:
    ours, theirs = [figures(v) for v in (0.5, 0.7, 0.9)], [figures(v) for v in (0.4, 0.6, 0.8)]
    assert mean_row("a", "b", ours, 1.0).startswith("| a | b | .700 ±.497 |")
    assert difference_row("a", "b", ours, theirs).startswith("| a | b | +.100 ±.000* |")
    swapped = difference_row("a", "b", ours, theirs[::-1]).split("|")[3]
    assert "*" not in swapped
    unmeasured = [replace(each, delay_med=None) for each in ours]
    assert mean_row("a", "b", unmeasured, None).split("|")[3 + COLUMNS.index("delay_med")].strip() == "-"


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plain, product = "tests.gateway.plain_tracker:PlainTracker", "gateway.presence:make_tracker"
    words = ["--sites", "boutique", "--levels", "easy", "--seeds", "11,13", "--hours", "0.2", "--items", "60"]
    assert main([*words, "--cache", str(tmp_path), "--tracker", plain, "--against", product]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("| boutique easy")]
    assert [row[2].strip() for row in rows] == ["PlainTracker", "make_tracker", "PlainTracker less make_tracker"]
    assert all(len(row) == len(COLUMNS) + 5 for row in rows)
    assert len(list(tmp_path.glob("boutique-easy-*.npz"))) == 2
    assert main(["--sites", "storesim"]) == 2


def test_seeds_are_numbers_and_ranges() -> None:
    assert seeds_of("21-23,30") == [21, 22, 23, 30]
