"""Who must be told the whole list, which postings were seen, which guesses wait: the rules without a database."""

from gateway.ingest.births import EdgeName
from gateway.sold.guesses import Guesses
from gateway.sold.limits import AGAIN_US, EDGES_MAX, GUESS_AGAIN_US, GUESSES_MAX, LATE_US, POSTINGS_MAX, RETRY_US
from gateway.sold.listeners import Listeners
from gateway.sold.reading import Change, ItemName, Sold
from gateway.sold.seen import SeenPostings
from tests.gateway.small_store import SHIRT_S, SITE, T0_US
from wire.messages import EdgeState

ME = EdgeName(SITE.id, "box-1")


def said(what: str = "birth", edge: str = "box-1", *, site: str = SITE.id, started_us: int = 1) -> EdgeState:
    return EdgeState(what=what, site=site, edge=edge, at_us=T0_US, started_us=started_us)  # type: ignore[arg-type]


def told(listeners: Listeners, name: EdgeName = ME, now_us: int = T0_US) -> None:
    listeners.told(name, listeners.birth(name), now_us)


def test_an_edge_is_told_once_and_again_when_it_began_anew() -> None:
    listeners = Listeners()
    assert listeners.due([SITE.id], T0_US) == []
    assert listeners.heard(said("health"))
    assert listeners.due(["elsewhere"], T0_US) == []
    assert listeners.due([SITE.id], T0_US) == [ME]
    assert listeners.ready(SITE.id) == []
    told(listeners)
    assert (listeners.due([SITE.id], T0_US), listeners.ready(SITE.id)) == ([], [ME])
    assert not listeners.heard(said("health"))
    assert listeners.due([SITE.id], T0_US) == []
    assert listeners.heard(said("birth"))  # a new connection: it may have missed something
    assert (listeners.due([SITE.id], T0_US), listeners.ready(SITE.id)) == ([ME], [])
    told(listeners)
    assert listeners.heard(said("health", started_us=2))  # it was started, and nobody heard its birth
    assert listeners.due([SITE.id], T0_US) == [ME]


def test_a_list_that_a_new_start_interrupts_does_not_count() -> None:
    listeners = Listeners()
    listeners.heard(said())
    before = listeners.birth(ME)
    listeners.heard(said())
    listeners.told(ME, before, T0_US)
    assert listeners.due([SITE.id], T0_US) == [ME]


def test_a_dead_edge_is_told_nothing() -> None:
    listeners = Listeners()
    listeners.heard(said())
    told(listeners)
    assert not listeners.heard(said("death"))
    assert (listeners.due([SITE.id], T0_US), listeners.ready(SITE.id)) == ([], [])
    told(listeners)
    assert listeners.heard(said("health"))


def test_who_missed_something_gets_the_whole_list_after_a_pause() -> None:
    listeners = Listeners()
    listeners.heard(said())
    told(listeners)
    listeners.missed(ME, T0_US)
    assert (listeners.due([SITE.id], T0_US), listeners.ready(SITE.id)) == ([], [])
    assert listeners.due([SITE.id], T0_US + RETRY_US - 1) == []
    assert listeners.due([SITE.id], T0_US + RETRY_US) == [ME]
    assert listeners.due([SITE.id], T0_US - 2 * RETRY_US) == [ME]  # the clock went back
    listeners.forget_told()
    assert listeners.due([SITE.id], T0_US) == [ME]


def test_the_list_is_told_again_from_time_to_time() -> None:
    listeners = Listeners()
    listeners.heard(said())
    told(listeners)
    assert listeners.due([SITE.id], T0_US + AGAIN_US - 1) == []
    assert listeners.due([SITE.id], T0_US + AGAIN_US) == [ME]
    assert listeners.due([SITE.id], T0_US - 1) == [ME]


def test_a_site_that_another_process_told_is_told_anew() -> None:
    listeners = Listeners()
    for site in (SITE.id, "other"):
        listeners.heard(said(site=site))
        told(listeners, EdgeName(site, "box-1"))
    listeners.forget_told("other")
    assert listeners.due([SITE.id, "other"], T0_US) == [EdgeName("other", "box-1")]


def test_edges_are_bounded() -> None:
    listeners = Listeners()
    for number in range(EDGES_MAX + 3):
        listeners.heard(said(edge=f"box-{number}"))
    due = listeners.due([SITE.id], T0_US)
    assert (len(due), EdgeName(SITE.id, "box-2") in due, EdgeName(SITE.id, "box-3") in due) == (EDGES_MAX, False, True)


# -- postings


def changes(*numbers: int) -> list[Change]:
    return [Change(number, ItemName(SHIRT_S, str(number))) for number in numbers]


def test_a_posting_that_is_committed_late_is_seen_and_none_twice() -> None:
    seen = SeenPostings(0, T0_US)
    assert not seen.saw(changes(5, 7), T0_US)
    again = changes(5, 6, 7)  # 6 had its number before 7, and was committed after it
    assert [change.id for change in seen.new(again)] == [6]
    seen.saw(again, T0_US + 1)
    assert seen.new(again) == []
    seen.saw(changes(5, 6, 7, 8), T0_US + LATE_US - 1)
    assert seen.floor == 0
    seen.saw(changes(5, 6, 7, 8), T0_US + LATE_US)
    assert seen.floor == 7
    assert [change.id for change in seen.new(changes(8, 9))] == [9]
    seen.saw([], T0_US + 3 * LATE_US)
    assert seen.floor == 8


def test_the_first_look_goes_back_a_little() -> None:
    assert SeenPostings(10, T0_US).floor == 0
    assert SeenPostings(10 * POSTINGS_MAX, T0_US).floor == 9 * POSTINGS_MAX + 1


def test_a_full_look_moves_on_at_once() -> None:
    seen = SeenPostings(0, T0_US)
    assert seen.saw(changes(*range(1, POSTINGS_MAX + 1)), T0_US)
    assert seen.floor == POSTINGS_MAX
    assert not seen.saw(changes(POSTINGS_MAX + 1), T0_US)


# -- guesses


def guess(serial: str, *, learnt_us: int = T0_US) -> Sold:
    return Sold(ItemName(SHIRT_S, serial), SITE.id, learnt_us, named=False, inside=True)


def test_a_guess_is_due_when_its_grace_is_over_and_again_later() -> None:
    guesses = Guesses(60_000_000)
    guesses.put(guess("1"))
    guesses.put(guess("2", learnt_us=T0_US + 1))
    assert guesses.due(T0_US + 59_999_999) == []
    assert guesses.due(T0_US + 60_000_000) == [ItemName(SHIRT_S, "1")]
    assert guesses.due(T0_US + 60_000_000) == []
    guesses.drop([ItemName(SHIRT_S, "2")])
    assert guesses.due(T0_US + 60_000_000 + GUESS_AGAIN_US) == [ItemName(SHIRT_S, "1")]


def test_guesses_are_bounded() -> None:
    guesses = Guesses(0)
    for number in range(GUESSES_MAX + 2):
        guesses.put(guess(str(number)))
    assert (len(guesses), guesses.forgotten) == (GUESSES_MAX, 2)
    assert ItemName(SHIRT_S, "1") not in guesses.due(T0_US)
