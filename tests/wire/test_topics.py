"""Topics: built and parsed in one place; nothing else is let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import TopicError
from wire.limits import ID_MAX_CHARS, TOPIC_MAX_BYTES
from wire.topics import (
    FROM_EDGE,
    TO_EDGE,
    EdgeTopic,
    Leaf,
    StockTopic,
    check_id,
    edge_acl,
    edge_topic,
    every_edge,
    parse,
    stock_topic,
)

ids = st.from_regex(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{ID_MAX_CHARS - 1}}}", fullmatch=True)
edges = ids.filter(lambda text: text != "stock")


@given(ids, edges, st.sampled_from(list(Leaf)))
def test_an_edges_topic_comes_back(site: str, edge: str, leaf: Leaf) -> None:
    topic = edge_topic(site, edge, leaf)
    assert parse(topic) == EdgeTopic(site, edge, leaf)
    assert len(topic.encode()) <= TOPIC_MAX_BYTES


@given(ids, ids, st.from_regex("[0-9]{14}", fullmatch=True))
def test_a_stock_topic_comes_back(site: str, channel: str, gtin: str) -> None:
    topic = stock_topic(site, channel, gtin)
    assert parse(topic) == StockTopic(site, channel, gtin)
    assert len(topic.encode()) <= TOPIC_MAX_BYTES


def test_topics_read_as_the_contract_says() -> None:
    assert edge_topic("store-1", "edge-1", Leaf.DATA) == "lastunit/1/store-1/edge-1/data"
    assert edge_topic("s", "e", Leaf.CONFIG_DESIRED) == "lastunit/1/s/e/config/desired"
    assert stock_topic("s", "web", "09506000134352") == "lastunit/1/s/stock/web/09506000134352"
    assert every_edge(Leaf.DATA) == "lastunit/1/+/+/data"


@pytest.mark.parametrize(
    "text", ["", "a/b", "+", "#", "a b", "-a", ".a", "_a", "ä", "a\x00", "a\n", "a" * (ID_MAX_CHARS + 1), "$SYS"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(TopicError):
        check_id("site", text)
    with pytest.raises(TopicError):
        edge_topic(text, "edge-1", Leaf.DATA)
    with pytest.raises(TopicError):
        edge_topic("store-1", text, Leaf.DATA)


def test_an_edge_cannot_be_called_stock() -> None:
    with pytest.raises(TopicError, match="stock"):
        edge_topic("store-1", "stock", Leaf.DATA)
    assert check_id("zone", "stock") == "stock"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "lastunit",
        "lastunit/1/s/e",
        "lastunit/1/s/e/data/more",
        "lastunit/1/s/e/Data",
        "lastunit/1/s/e/config",
        "lastunit/2/s/e/data",
        "other/1/s/e/data",
        "lastunit/1//e/data",
        "lastunit/1/s//data",
        "lastunit/1/s/+/data",
        "lastunit/1/s/e/data/",
        "/lastunit/1/s/e/data",
        "lastunit/1/s/stock/web",
        "lastunit/1/s/stock/data",
        "lastunit/1/s/stock/web/1/2",
        "lastunit/1/" + "s" * 300 + "/e/data",
        "lastunit/1/\ud800/e/data",
    ],
)
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        parse(topic)


@given(st.text(max_size=60))
def test_any_text_gives_a_topic_or_a_typed_error(text: str) -> None:
    for topic in (text, f"lastunit/1/{text}", f"lastunit/1/s/e/{text}"):
        try:
            parsed = parse(topic)
        except TopicError:
            continue
        assert str(parsed) == topic


def test_the_acl_lets_an_edge_do_its_work_and_nothing_else() -> None:
    lines = edge_acl("store-1", "edge-1")
    assert len(lines) == len(Leaf) == len(FROM_EDGE | TO_EDGE)
    assert not FROM_EDGE & TO_EDGE
    for leaf in Leaf:
        verb = "write" if leaf in FROM_EDGE else "read"
        assert f"topic {verb} lastunit/1/store-1/edge-1/{leaf.value}" in lines
    assert not any(character in line for line in lines for character in "+#%")
