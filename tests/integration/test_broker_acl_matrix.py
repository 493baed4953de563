"""Who may publish what, and who hears what, at a real Mosquitto on generated files: everything, and 100 % as specified.

The specification stands here once, over parsed topics (`may_write`, `may_read`); the text of the ACL is not looked at.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from gateway.enrol import authority as ca
from gateway.enrol.authority import Authority
from gateway.enrol.limits import LEAF_DAYS
from tests.servers.mosquitto_mtls import Held, MtlsMosquitto, now_us, until
from wire.errors import TopicError
from wire.identity import Kind, Principal
from wire.topics import FROM_EDGE, TO_EDGE, EdgeTopic, Leaf, StockTopic, edge_topic, every_edge, parse, stock_topic

NOT_AUTHORIZED: Final = 135
YEAR_US: Final = LEAF_DAYS * 86_400 * 1_000_000

EDGES: Final = (("store-1", "box-1"), ("store-1", "box-2"), ("store-2", "box-1"), ("box-1", "store-1"))
CHANNELS: Final = ("web", "data", "config")
GTIN: Final = "09506000134352"

PRINCIPALS: Final = (
    *(Principal(Kind.EDGE, site=site, edge=edge) for site, edge in EDGES),
    Principal(Kind.GATEWAY, "main"),
    *(Principal(Kind.CHANNEL, channel) for channel in CHANNELS),
)
TOPICS: Final = (
    *(edge_topic(site, edge, leaf) for site, edge in EDGES for leaf in Leaf),
    *(stock_topic(site, channel, GTIN) for site in ("store-1", "store-2") for channel in CHANNELS),
    edge_topic("store-3", "box-1", Leaf.DATA),
    edge_topic("store-3", "box-1", Leaf.CMD),
    stock_topic("store-3", "other", GTIN),
)
FOREIGN: Final = (
    "data",
    "lastunit",
    "lastunit/1",
    "lastunit/1/store-1/box-1",
    "lastunit/1/store-1/box-1/data/more",
    "lastunit/1/store-1/box-1/config",
    "lastunit/2/store-1/box-1/data",
    "/lastunit/1/store-1/box-1/data",
    "lastunit/1/store-1/box-1/data/",
    "Lastunit/1/store-1/box-1/data",
    "lastunit/1/store-1/stock/web",
    f"lastunit/1/store-1/stock/web/{GTIN}/more",
    "$SYS/broker/version",
    "$CONTROL/dynamic-security/v1",
)
FILTERS: Final = (
    "#",
    "+",
    "+/#",
    "+/+/+/+/+",
    "+/+/+/+/+/+",
    "lastunit/#",
    "lastunit/1/+/#",
    "lastunit/1/store-1/#",
    "lastunit/1/store-1/+/ack",
    "lastunit/1/+/box-1/cmd",
    "lastunit/1/store-2/box-1/+",
    "lastunit/1/+/+/config/+",
    "lastunit/1/+/stock/#",
    "lastunit/1/+/stock/+/+",
    "$SYS/#",
    *(every_edge(leaf) for leaf in Leaf),
)


def may_write(who: Principal, topic: str) -> bool:
    """An edge writes its own data, state and report; only a gateway writes answers, wishes and stock."""
    try:
        parsed = parse(topic)
    except TopicError:
        return False
    if isinstance(parsed, EdgeTopic) and parsed.leaf in FROM_EDGE:
        return who.kind is Kind.EDGE and (who.site, who.edge) == (parsed.site, parsed.edge)
    return who.kind is Kind.GATEWAY


def may_read(who: Principal, topic: str) -> bool:
    """An edge reads what is for it, a gateway what edges write, a channel its own stock."""
    try:
        parsed = parse(topic)
    except TopicError:
        return False
    if isinstance(parsed, StockTopic):
        return who.kind is Kind.CHANNEL and who.name == parsed.channel
    if parsed.leaf in FROM_EDGE:
        return who.kind is Kind.GATEWAY
    return who.kind is Kind.EDGE and (who.site, who.edge) == (parsed.site, parsed.edge)


def writer_of(topic: str) -> Principal | None:
    return next((who for who in PRINCIPALS if may_write(who, topic)), None)


@pytest.fixture(scope="module")
def authorities() -> tuple[Authority, Authority]:
    root = ca.make_root("Test", 1, now_us())
    return root, ca.make_issuing("Test", root, 2, now_us())


@pytest.fixture
def broker(tmp_path: Path, authorities: tuple[Authority, Authority]) -> Iterator[MtlsMosquitto]:
    with MtlsMosquitto(tmp_path, *authorities) as broker:
        yield broker


@pytest.fixture
def held(broker: MtlsMosquitto) -> dict[Principal, Held]:
    everybody = {who: broker.enrol(who) for who in PRINCIPALS}
    broker.write(everybody.values())
    broker.reload()
    return everybody


def test_the_specification_covers_every_leaf_both_ways() -> None:
    assert frozenset(Leaf) == FROM_EDGE | TO_EDGE
    for leaf in Leaf:
        topic = edge_topic("store-1", "box-1", leaf)
        assert sum(may_write(who, topic) for who in PRINCIPALS) == 1
        assert sum(may_read(who, topic) for who in PRINCIPALS) == 1
    assert not any(may_read(who, topic) or may_write(who, topic) for who in PRINCIPALS for topic in FOREIGN)


def test_publishing_is_allowed_as_specified(broker: MtlsMosquitto, held: dict[Principal, Held]) -> None:
    wrong = []
    for who in PRINCIPALS:
        with broker.client(held[who]) as client:
            answers = client.publish(*TOPICS, *FOREIGN)
        assert len(answers) == len(TOPICS) + len(FOREIGN)
        for topic, code in answers.items():
            expected = may_write(who, topic)
            if (code < 128) != expected or (not expected and code != NOT_AUTHORIZED):
                wrong.append(f"{who} -> {topic}: reason code {code}, expected {'success' if expected else 'a refusal'}")
    assert wrong == []


@pytest.mark.parametrize("how", ["live", "shared", "retained"])
def test_everybody_hears_what_is_specified(broker: MtlsMosquitto, held: dict[Principal, Held], how: str) -> None:
    """Everybody subscribes to everything, by name and by wildcards, before or after it was said."""
    clients = {who: broker.client(held[who]).connect() for who in PRINCIPALS}

    def ask() -> None:
        for number, client in enumerate(clients.values()):
            group = f"$share/{number}/" if how == "shared" else ""
            client.subscribe(*(group + one for one in (*TOPICS, *FOREIGN, *FILTERS)))

    def say(payload: bytes, *, retain: bool = False) -> None:
        for topic in TOPICS:
            writer = writer_of(topic)
            if writer is not None:
                assert clients[writer].publish(topic, payload=payload, retain=retain)[topic] < 128

    if how == "retained":
        say(b"said", retain=True)
        ask()
    else:
        ask()
        say(b"said")
    say(b"end")  # a broker keeps the order: who has the last word of each has all that was before it
    wrong = []
    for who, client in clients.items():
        expected = {topic for topic in TOPICS if may_read(who, topic) and writer_of(topic)}
        assert expected
        until(partial(client.has, expected, b"end"), f"the end for {who}")
        wrong += [f"{who} hears {topic}" for topic in client.topics() - expected]
        wrong += [f"{who} does not hear {topic}" for topic in expected - client.topics(b"said")]
        client.close()
    assert wrong == []


def test_an_old_protocol_is_denied_just_so_without_a_word(broker: MtlsMosquitto, held: dict[Principal, Held]) -> None:
    one, two, gateway = PRINCIPALS[0], PRINCIPALS[1], PRINCIPALS[4]
    with (
        broker.client(held[one]) as victim,
        broker.client(held[gateway]) as boss,
        broker.client(held[two], protocol=MQTTProtocolVersion.MQTTv311) as old,
    ):
        victim.subscribe(edge_topic(one.site, one.edge, Leaf.ACK))
        boss.subscribe(every_edge(Leaf.DATA))
        answers = old.publish(edge_topic(one.site, one.edge, Leaf.ACK), edge_topic(one.site, one.edge, Leaf.DATA))
        assert set(answers.values()) == {0}
        old.publish(edge_topic(two.site, two.edge, Leaf.DATA), payload=b"own")
        boss.await_payload(b"own")
        boss.publish(edge_topic(one.site, one.edge, Leaf.ACK), payload=b"end")
        victim.await_payload(b"end")
        assert boss.topics() == {edge_topic(two.site, two.edge, Leaf.DATA)}
        assert victim.got == [(edge_topic(one.site, one.edge, Leaf.ACK), b"end")]


def test_nobody_takes_over_a_connection(broker: MtlsMosquitto, held: dict[Principal, Held]) -> None:
    one, two = PRINCIPALS[0], PRINCIPALS[1]
    topic = edge_topic(one.site, one.edge, Leaf.DATA)
    with broker.client(held[one], client_id="lastunit-store-1-box-1") as victim:
        for name in ("lastunit-store-1-box-1", held[one].name):
            with broker.client(held[two], client_id=name, username=held[one].name) as thief:
                assert thief.publish(topic) == {topic: NOT_AUTHORIZED}
                assert victim.publish(topic)[topic] < 128
        assert not victim.over.is_set()
        with broker.client(held[one], client_id="something-else"):
            until(victim.over.is_set, "the same certificate once more takes over")


def test_a_last_will_needs_the_right_to_publish_it(broker: MtlsMosquitto, held: dict[Principal, Held]) -> None:
    one, two, gateway = PRINCIPALS[0], PRINCIPALS[1], PRINCIPALS[4]
    foreign, own = edge_topic(one.site, one.edge, Leaf.STATE), edge_topic(two.site, two.edge, Leaf.STATE)
    with broker.client(held[gateway]) as boss:
        boss.subscribe(every_edge(Leaf.STATE))
        for topic in (foreign, own):
            client = broker.client(held[two], will=topic)
            if client.try_to_connect():
                client.cut()
                until(client.over.is_set, "the end of the connection")
            client.close()
        until(lambda: own in boss.topics(), "the own will")
        assert boss.topics() == {own}


def test_only_a_good_certificate_comes_in(
    broker: MtlsMosquitto, authorities: tuple[Authority, Authority], held: dict[Principal, Held]
) -> None:
    who = PRINCIPALS[0]
    _, issuing = authorities
    stranger = ca.make_issuing("Test", ca.make_root("Test", 1, now_us()), 2, now_us())
    leaf_key = ca.new_key()
    leaf = Authority(ca.issue(issuing, who, leaf_key.public_key(), 77, now_us()), leaf_key)
    key = ca.new_key()
    server = ca.issue_broker(issuing, ["localhost"], key.public_key(), 78, now_us())
    (broker.certificates / "server.pem").write_text(ca.key_pem(key) + ca.certificate_pem(server, issuing.certificate))
    bad = {
        "none": None,
        "over": broker.enrol(who, at_us=now_us() - YEAR_US - 1_000_000),
        "not yet": broker.enrol(who, at_us=now_us() + 2 * 86_400 * 1_000_000),
        "of another authority": broker.enrol(who, issuing=stranger),
        "signed by an edge's": broker.enrol(who, issuing=leaf),
        "the broker's own": Held(who, 78, ca.common_name(server), broker.certificates / "server.pem"),
    }
    named = [one for one in bad.values() if one is not None]
    broker.write([*held.values(), *named])  # the ACL would let them: only TLS stands in the way
    broker.reload()
    let_in = []
    for name, one in bad.items():
        client = broker.client(one)
        if client.try_to_connect():
            let_in.append(name)
        client.close()
    assert let_in == []
    with broker.client(broker.enrol(who)) as unknown:  # good, but in no ACL: what a register that lost it would give
        assert set(unknown.publish(*TOPICS).values()) == {NOT_AUTHORIZED}
    with broker.client(held[who]):
        pass


def test_a_revoked_certificate_is_dead_at_once_and_stays_out(
    broker: MtlsMosquitto, held: dict[Principal, Held]
) -> None:
    one, gateway = PRINCIPALS[0], PRINCIPALS[4]
    data, ack = edge_topic(one.site, one.edge, Leaf.DATA), edge_topic(one.site, one.edge, Leaf.ACK)
    following = broker.enrol(one)
    broker.write([*held.values(), following])
    broker.reload()
    with (
        broker.client(held[gateway]) as boss,
        broker.client(held[one]) as old,
        broker.client(following) as new,
    ):
        for client in (old, new):  # while one replaces the other, both are good
            assert client.publish(data)[data] < 128
            client.subscribe(ack)
        boss.publish(ack, payload=b"both")
        old.await_payload(b"both")
        broker.write([following, *(held[who] for who in PRINCIPALS if who != one)], [held[one]])
        broker.reload()
        assert old.publish(data) == {data: NOT_AUTHORIZED}
        assert new.publish(data)[data] < 128
        boss.publish(ack, payload=b"secret")
        new.await_payload(b"secret")
        assert not old.over.is_set()  # 2.0.11 leaves the connection open; it is deaf and dumb
        assert b"secret" not in {payload for _, payload in old.got}
        old.cut()
        until(old.over.is_set, "the end of the connection")
        assert not broker.client(held[one]).try_to_connect()


def test_what_a_gateway_retained_outlives_its_certificate(broker: MtlsMosquitto, held: dict[Principal, Held]) -> None:
    one, gateway = PRINCIPALS[0], PRINCIPALS[4]
    desired = edge_topic(one.site, one.edge, Leaf.CONFIG_DESIRED)
    with broker.client(held[gateway]) as boss:
        boss.publish(desired, payload=b"wish", retain=True)
    broker.write([one_held for who, one_held in held.items() if who != gateway], [held[gateway]])
    broker.reload()
    with broker.client(held[one]) as edge:
        edge.subscribe(desired)
        edge.await_payload(b"wish")


def test_a_new_certificate_of_the_broker_needs_no_restart(broker: MtlsMosquitto, held: dict[Principal, Held]) -> None:
    with broker.client(held[PRINCIPALS[0]]) as client:
        before = broker.server_serial(held[PRINCIPALS[0]])
        wanted = broker.new_server_certificate()
        broker.reload()
        assert broker.server_serial(held[PRINCIPALS[1]]) == wanted != before
        assert not client.over.is_set()


def test_a_message_above_the_limit_ends_its_connection_only(broker: MtlsMosquitto, held: dict[Principal, Held]) -> None:
    one, two = PRINCIPALS[0], PRINCIPALS[1]
    own = edge_topic(one.site, one.edge, Leaf.DATA)
    with (
        broker.client(held[one], protocol=MQTTProtocolVersion.MQTTv311) as big,
        broker.client(held[two]) as other,
    ):
        assert big.publish(own, payload=bytes(1024 * 1024))
        big.publish(own, payload=bytes(1024 * 1024 + 4096))
        assert big.over.is_set()
        assert not other.over.is_set()
