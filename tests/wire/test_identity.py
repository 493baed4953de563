"""Principals: their names at the broker, and their blocks in its ACL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import TopicError
from wire.identity import NAME_MAX_CHARS, SERIAL_BYTES, Kind, Principal, PrincipalError, acl_block, serial_text
from wire.limits import ID_MAX_CHARS
from wire.this_machine import is_this_machine
from wire.topics import FROM_EDGE, TO_EDGE, channel_acl, edge_acl, gateway_acl

ids = st.from_regex(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{ID_MAX_CHARS - 1}}}", fullmatch=True)
serials = st.integers(1, 2 ** (8 * SERIAL_BYTES) - 1)


@given(ids, ids.filter(lambda text: text != "stock"), serials, serials)
def test_a_name_fits_and_is_one_certificates_own(site: str, edge: str, one: int, other: int) -> None:
    who = Principal(Kind.EDGE, site=site, edge=edge)
    name = who.common_name(one)
    assert len(name) <= NAME_MAX_CHARS
    assert name.endswith(serial_text(one))
    assert (name == who.common_name(other)) == (one == other)
    assert acl_block(name, who).splitlines()[1] == f"user {name}"


@pytest.mark.parametrize("serial", [0, -1, 2 ** (8 * SERIAL_BYTES)])
def test_a_serial_number_that_is_none_of_ours(serial: int) -> None:
    with pytest.raises(PrincipalError):
        serial_text(serial)


@pytest.mark.parametrize("name", ["", "a b", "a\nuser b", "+", "#", "a/b", "x" * 65, "ä"])
def test_a_name_cannot_change_what_the_file_says(name: str) -> None:
    with pytest.raises(PrincipalError):
        acl_block(name, Principal(Kind.CHANNEL, "web"))


def test_a_principal_is_somebody() -> None:
    for kind, fields in (
        (Kind.EDGE, {"site": "s"}),
        (Kind.EDGE, {"site": "s", "edge": "stock"}),
        (Kind.EDGE, {"site": "+", "edge": "e"}),
        (Kind.GATEWAY, {}),
        (Kind.CHANNEL, {"name": "a/b"}),
    ):
        with pytest.raises(TopicError):
            Principal(kind, **fields)


def test_each_kind_has_its_lines() -> None:
    assert Principal(Kind.EDGE, site="s", edge="e").acl() == edge_acl("s", "e")
    assert Principal(Kind.BROKER, "mqtt").acl() == ()
    gateway = gateway_acl()
    assert gateway == Principal(Kind.GATEWAY, "main").acl()
    for leaf in FROM_EDGE:
        assert f"topic read lastunit/1/+/+/{leaf.value}" in gateway
    for leaf in TO_EDGE:
        assert f"topic write lastunit/1/+/+/{leaf.value}" in gateway
    assert "topic write lastunit/1/+/stock/+/+" in gateway
    assert len(gateway) == len(FROM_EDGE) + len(TO_EDGE) + 1
    assert channel_acl("web") == ("topic read lastunit/1/+/stock/web/+",) == Principal(Kind.CHANNEL, "web").acl()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ["", "broker", "10.0.0.1", "0.0.0.0", "::", "localhost.example.com", "1270.0.0.1"])
def test_another_machine(host: str) -> None:
    assert not is_this_machine(host)
