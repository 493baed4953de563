"""Which tasks an order needs: said for each turn of its life, and as laws for any order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.tasks.follow import Change, Known, Line, Open, Part, follow
from gateway.tasks.life import WAITING, Kind, State

A, B = "A", "B"


class Store:
    """Tasks as the rows would be after each change."""

    def __init__(self, *tasks: Known) -> None:
        self.tasks = list(tasks)

    def apply(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, Open):
                name = f"{change.kind}{len(self.tasks)}"
                new = Known(name, change.kind, change.state, change.gtin, change.quantity, change.serials)
                self.tasks.append(replace(new, over=change.kind is Kind.PUT_BACK and change.state is State.DONE))
                continue
            at = next(i for i, task in enumerate(self.tasks) if task.id == change.task)
            task = self.tasks[at]
            self.tasks[at] = replace(
                task,
                state=change.state or task.state,
                quantity=task.quantity if change.quantity is None else change.quantity,
                serials=task.serials if change.serials is None else change.serials,
                over=task.over or change.over,
            )

    def after(self, part: Part) -> dict[str, str]:
        self.apply(follow(part, self.tasks))
        assert follow(part, self.tasks) == [], "said twice it changes nothing"
        return self.said()

    def said(self) -> dict[str, str]:
        return {f"{task.kind} {task.gtin}".strip(): task.state.value for task in self.tasks if not task.over}

    def let(self, what: str, state: State) -> None:
        """A person acts."""
        at = next(i for i, t in enumerate(self.tasks) if f"{t.kind} {t.gtin}".strip() == what and not t.over)
        self.tasks[at] = replace(self.tasks[at], state=state)


def part(*lines: Line, sent: bool = False, **more: object) -> Part:
    return Part(lines, sent, **more)  # type: ignore[arg-type]


def test_a_pickup_from_the_rail_to_the_hands() -> None:
    store = Store()
    assert store.after(part(Line(A, waiting=("1",)), Line(B, waiting=("7", "8")))) == {
        "pick A": "open",
        "pick B": "open",
    }
    assert store.after(part(Line(A, picked=("1",)), Line(B, waiting=("7", "8")))) == {
        "pick A": "done",
        "pick B": "open",
    }
    done = part(Line(A, picked=("1",)), Line(B, picked=("7", "8")))
    assert store.after(done) == {"pick A": "done", "pick B": "done", "hand_over": "open"}
    assert store.after(replace(done, ended="fulfilled")) == {}
    assert [task.state for task in store.tasks] == [State.DONE, State.DONE, State.CLOSED]


def test_what_is_sent_is_packed_first() -> None:
    store = Store()
    picked = part(Line(A, picked=("1",)), sent=True)
    assert store.after(picked) == {"pick A": "done", "pack": "open"}
    store.let("pack", State.DONE)
    assert store.after(picked) == {"pick A": "done", "pack": "done", "hand_over": "open"}
    assert store.after(part(Line(A, waiting=("2",)), sent=True)) == {"pick A": "open"}
    assert store.after(picked) == {"pick A": "done", "pack": "open"}


def test_units_without_tags_are_picked_by_word() -> None:
    store = Store()
    loose = part(Line(A, untagged=2))
    assert store.after(loose) == {"pick A": "open"}
    store.let("pick A", State.DONE)
    assert store.after(loose) == {"pick A": "done", "hand_over": "open"}
    assert store.after(part(Line(A, untagged=3))) == {"pick A": "open"}
    assert Store().after(replace(loose, all_picked=True)) == {"pick A": "done", "hand_over": "open"}


def test_what_is_not_there_is_not_waited_for_and_comes_back() -> None:
    store = Store()
    assert store.after(part(Line(A), Line(B, picked=("7",)))) == {
        "pick A": "cannot",
        "pick B": "done",
        "hand_over": "open",
    }
    assert store.after(part(Line(A, waiting=("2",)), Line(B, picked=("7",)))) == {"pick A": "open", "pick B": "done"}
    assert Store().after(part(Line(A))) == {"pick A": "cannot"}, "nothing was picked: nothing to hand over"


def test_an_order_that_ends_takes_its_tasks_along_and_goods_go_back() -> None:
    store = Store()
    store.after(part(Line(A, picked=("1",), waiting=("2",)), Line(B, untagged=2)))
    store.let("pick B", State.DONE)
    store.let("pick A", State.CLAIMED)
    ended = follow(part(ended="released"), store.tasks)
    assert [change for change in ended if isinstance(change, Open)] == [
        Open(Kind.PUT_BACK, A, 1, ("1",), reason="released"),
        Open(Kind.PUT_BACK, B, 2, (), reason="released"),
    ]
    store.apply(ended)
    assert store.said() == {"put_back A": "open", "put_back B": "open"}


def test_what_was_never_picked_lies_where_it_lay() -> None:
    store = Store()
    store.after(part(Line(A, waiting=("1",))))
    assert store.after(part(ended="no_show")) == {}


def test_a_line_that_went_closes_its_pick() -> None:
    store = Store()
    store.after(part(Line(A, waiting=("1",)), Line(B, waiting=("7",))))
    assert store.after(part(Line(B, waiting=("7",)))) == {"pick B": "open"}
    assert store.tasks[0].state is State.CLOSED


SERIALS = st.lists(st.sampled_from("123456"), unique=True, max_size=4).map(tuple)


@st.composite
def lines(draw: st.DrawFn, gtin: str) -> Line:
    both = draw(SERIALS)
    cut = draw(st.integers(0, len(both)))
    return Line(gtin, tuple(sorted(both[:cut])), tuple(sorted(both[cut:])), draw(st.integers(0, 2)))


PARTS = st.builds(
    lambda a, b, sent, all_picked: Part((a, b), sent, all_picked), lines(A), lines(B), st.just(True), st.booleans()
)
HISTORY = st.lists(st.tuples(PARTS, st.sampled_from([None, "pick A", "pick B", "pack"])), max_size=6)


@given(HISTORY)
def test_laws_of_any_history(history: list[tuple[Part, str | None]]) -> None:
    """One live task of each name; nothing is packed while a line waits; at the end nobody is left with work."""
    store = Store()
    for one, act in history:
        said = store.after(one)
        live = [task for task in store.tasks if not task.over]
        assert len(said) == len(live)
        waits = any(line.waiting for line in one.lines)
        assert not (waits and {"pack", "hand_over"} & said.keys())
        for line in one.lines:
            state = said[f"pick {line.gtin}"]
            assert (state == "cannot") == (not line.kept)
            assert not (line.waiting and state == "done")
        assert ("hand_over" in said) <= (said.get("pack") == "done")
        if act in said and said[act] == "open":
            store.let(act, State.DONE)
    assert set(store.after(part(ended="released"))) <= {"put_back A", "put_back B"}
    waiting = [task for task in store.tasks if task.state in WAITING and task.kind is not Kind.PUT_BACK]
    assert waiting == []
