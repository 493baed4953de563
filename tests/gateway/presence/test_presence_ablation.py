"""The bench's engines less a part: each is an engine, each lacks something, and unknown parts are named."""

import pytest

from bench._presence_ablation import ABLATIONS, PREFIX, ablated
from bench.presence import main, tracker_of
from gateway.presence import make_tracker
from gateway.presence.physics import NOMINAL
from gateway.presence.saved_engine import SavedEngine
from tests.gateway.presence.engine_rig import gtin, site, sounds, window

PLACES = {0: "BACK", 1: "FLOOR", 2: "FIT", 3: "FLOOR", 4: "FLOOR", 5: "FLOOR"}


def lived(tracker: SavedEngine) -> SavedEngine:
    tracker.meet([gtin(item) for item in range(6)])
    for second in range(40):
        tracker.observe(window(second, sounds(PLACES, second)))
    return tracker


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_part_can_be_left_out(name: str) -> None:
    tracker = ablated(name)(site())
    assert isinstance(tracker, SavedEngine)
    assert type(tracker) is not SavedEngine or tracker.physics != NOMINAL
    lived(tracker)


def test_the_engine_without_crowds_never_learns_of_any() -> None:
    whole, less = make_tracker(site()), ablated("crowd")(site())
    assert isinstance(whole, SavedEngine)
    assert isinstance(less, SavedEngine)
    assert lived(whole).air.crowd_db.any()
    assert not lived(less).air.crowd_db.any()


def test_the_bench_finds_parts_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(tracker_of(PREFIX + "home")(site()), SavedEngine)
    assert main(["--without", "home,wings"]) == 2
    assert "--without wings: no part of the engine; there are gate, " in capsys.readouterr().err
