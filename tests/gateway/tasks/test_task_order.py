"""What comes first: urgency in bands, then the way through the store."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.tasks.order import NOWHERE, Band, Rank, band_of, rank, walk_of
from tests.gateway.small_store import SITE

NOW_US = 1_795_000_000_000_000
MINUTE_US = 60_000_000
WALK = walk_of(SITE)


def of(name: str, due_min: int, *zones: str, urgency: int = 0) -> Rank:
    return rank(name, NOW_US + due_min * MINUTE_US, urgency, zones=zones, walk=WALK, now_us=NOW_US)


def test_the_way_is_that_of_the_site_file() -> None:
    assert WALK == {"BACK": 0, "FLOOR": 1, "FIT": 2, "EXIT": 3}


def test_bands_begin_at_their_minute() -> None:
    minutes = {0: Band.OVERDUE, 1: Band.NOW, 30: Band.NOW, 31: Band.SOON, 120: Band.SOON, 121: Band.LATER}
    assert {minute: band_of(NOW_US + minute * MINUTE_US, NOW_US) for minute in minutes} == minutes
    assert band_of(NOW_US - 1, NOW_US) is Band.OVERDUE


def test_urgency_first_then_walking_then_time() -> None:
    tasks = [
        of("later, near", 300, "BACK"),
        of("now, far", 5, "FIT"),
        of("now, near, due later", 29, "BACK"),
        of("now, near, due first", 3, "BACK"),
        of("overdue, nowhere", -5, "ATTIC"),
        of("overdue, far", -1, "FIT", "FLOOR"),
        of("now, near, less urgent", 3, "BACK", urgency=2),
    ]
    assert [one.id for one in sorted(tasks)] == [
        "overdue, far",
        "overdue, nowhere",
        "now, near, due first",
        "now, near, due later",
        "now, far",
        "now, near, less urgent",
        "later, near",
    ]
    assert of("x", 1, "ATTIC").walk == NOWHERE


@given(
    st.lists(
        st.builds(
            of,
            st.sampled_from("abcdef"),
            st.integers(-100, 400),
            st.sampled_from([*WALK, "ATTIC"]),
            urgency=st.integers(0, 9),
        ),
        max_size=8,
    )
)
def test_the_text_sorts_like_the_rank(ranks: list[Rank]) -> None:
    assert sorted(ranks, key=str) == sorted(ranks)
