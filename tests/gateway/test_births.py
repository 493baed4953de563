"""Who must say again who it is: the rule by itself, and through an ingest whose edge is asked."""

from typing import Any

from gateway.ingest.arrival import Arrival, Message, State
from gateway.ingest.births import BIRTH_GRACE_US, EDGES_MAX, REBIRTH_PAUSE_US, Births, EdgeName
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.ingest.port import Delivery
from gateway.ingest.service import Ingest
from gateway.storage.engine import Database
from gateway.storage.site_register import register_site
from tests.gateway.small_store import DATA, EDGE, SITE, STREAM, T0_US, ManualClock, frame, reads
from wire.frame import Header
from wire.messages import Command, EdgeState, Rebirth, decode_command, encode_json
from wire.topics import Leaf, edge_topic

ME = EdgeName(SITE.id, EDGE)


def data(edge: str = EDGE) -> Arrival:
    return Message(Delivery(DATA, b"", T0_US), SITE.id, edge, Header(STREAM, 1, 1))


def state(what: str) -> Arrival:
    said = EdgeState(what=what, site=SITE.id, edge=EDGE, at_us=T0_US)  # type: ignore[arg-type]
    return State(Delivery("", b"", T0_US), said)


def test_an_edge_that_said_who_it_is_is_left_alone() -> None:
    births = Births()
    assert births.heard([state("birth"), data()], [], T0_US) == []
    assert births.heard([data()], [], T0_US + 10 * REBIRTH_PAUSE_US) == []
    assert births.heard([state("health")], [], T0_US) == []


def test_an_edge_that_said_nothing_is_asked_after_a_grace_and_not_often() -> None:
    births = Births()
    assert births.heard([data()], [], T0_US) == []
    assert births.heard([data()], [], T0_US + BIRTH_GRACE_US - 1) == []
    asked_us = T0_US + BIRTH_GRACE_US
    assert births.heard([data(), data()], [], asked_us) == [ME]
    assert births.heard([data()], [], asked_us + REBIRTH_PAUSE_US - 1) == []
    assert births.heard([data()], [], asked_us + REBIRTH_PAUSE_US) == [ME]
    assert births.heard([state("birth"), data()], [], asked_us + 3 * REBIRTH_PAUSE_US) == []


def test_an_edge_that_speaks_after_its_death_is_asked() -> None:
    births = Births()
    births.heard([state("birth"), data()], [], T0_US)
    births.heard([state("death")], [], T0_US)
    assert births.heard([data()], [], T0_US + 1) == []
    assert births.heard([data()], [], T0_US + 1 + BIRTH_GRACE_US) == [ME]


def test_an_edge_whose_rows_are_lost_is_asked_at_once_also_when_it_is_known() -> None:
    births = Births()
    assert births.heard([state("birth"), data()], [ME], T0_US) == [ME]
    assert births.heard([data()], [ME], T0_US + 1) == []
    assert births.heard([data()], [ME], T0_US + REBIRTH_PAUSE_US) == [ME]


def test_a_loss_that_comes_too_soon_after_a_question_is_asked_for_later() -> None:
    births = Births()
    assert births.heard([state("birth"), data()], [ME], T0_US) == [ME]
    assert births.heard([state("birth")], [], T0_US + 1) == []
    assert births.heard([data()], [ME], T0_US + 2) == []
    assert births.heard([data()], [], T0_US + REBIRTH_PAUSE_US) == [ME]
    assert births.heard([state("birth"), data()], [], T0_US + REBIRTH_PAUSE_US + 1) == []
    assert births.heard([data()], [], T0_US + 9 * REBIRTH_PAUSE_US) == [], "answered"


def test_a_question_without_an_answer_is_asked_again() -> None:
    births = Births()
    assert births.heard([state("birth"), data()], [ME], T0_US) == [ME]
    assert births.heard([state("health"), data()], [], T0_US + REBIRTH_PAUSE_US) == [ME], "that was no answer"


def test_a_message_that_was_refused_is_lost_like_any() -> None:
    """What it said, how an antenna inventories perhaps, is not said again by itself."""
    births = Births()
    refused = Message(Delivery(DATA, b"", T0_US), SITE.id, EDGE, Header(STREAM, 1, 1), code="skew")
    assert births.heard([state("birth"), refused], [], T0_US) == [ME]
    assert births.heard([state("birth"), data()], [], T0_US + 9 * REBIRTH_PAUSE_US) == []


def test_a_clock_that_goes_back_silences_nobody_for_long() -> None:
    births = Births()
    births.heard([data()], [], T0_US)
    births.heard([data()], [], T0_US + BIRTH_GRACE_US)
    back_us = T0_US - 3_600_000_000
    assert births.heard([data()], [], back_us) == []
    assert births.heard([data()], [], back_us + BIRTH_GRACE_US) == [ME]


def test_memory_is_bounded() -> None:
    births = Births()
    for number in range(EDGES_MAX + 10):
        births.heard([data(f"edge-{number}")], [], T0_US)
    assert len(births._edges) == EDGES_MAX


async def test_the_ingest_asks_by_the_edges_own_topic(database: Database) -> None:
    clock, broker = ManualClock(), MemoryBroker()
    commands: list[Command] = []
    broker.listen(edge_topic(SITE.id, EDGE, Leaf.CMD), lambda _, payload: commands.append(decode_command(payload)))
    async with database.write() as connection:
        await register_site(connection, SITE, T0_US)
    sites: dict[str, Any] = {SITE.id: SITE}
    ingest = Ingest(MemorySource(broker, clock), database, sites, clock)

    async def take(payload: bytes, topic: str = DATA) -> None:
        await ingest.take([Delivery(topic, payload, clock())])

    await take(frame(reads(0, []), 1))
    assert commands == []
    clock.now_us += BIRTH_GRACE_US
    await take(frame(reads(1, []), 2))
    assert commands == [Rebirth()]
    birth = EdgeState(what="birth", site=SITE.id, edge=EDGE, at_us=T0_US)
    await take(encode_json(birth), edge_topic(SITE.id, EDGE, Leaf.STATE))
    clock.now_us += 2 * REBIRTH_PAUSE_US
    await take(frame(reads(2, []), 3))
    assert commands == [Rebirth()]
    await take(frame(reads(3, []), 9, first_held=8))  # 4 to 7 are lost for ever
    assert commands == [Rebirth(), Rebirth()]
    assert ingest.figures.rebirths == 2
