"""Where a webhook may go: what is typed, what a name leads to, and what is really connected to."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.push.address import AddressError, judged, parse_url
from gateway.push.limits import ANSWER_MAX_BYTES
from gateway.push.sender import HttpSender, SystemResolver, retry_after_s
from tests.gateway.push.receiver import answer, certificate, receiving

REFUSED_URLS = [
    "http://shop.example.com/x",
    "ftp://shop.example.com/x",
    "file:///etc/passwd",
    "gopher://shop.example.com/",
    "//shop.example.com/x",
    "shop.example.com/x",
    "https://",
    "https:///x",
    "https://user@shop.example.com/",
    "https://user:word@shop.example.com/",
    "https://@shop.example.com/",
    "https://shop.example.com@127.0.0.1/",
    "https://shop.example.com\\@127.0.0.1/",
    "https://shop.example.com/x#y",
    "https://shop.example.com/#",
    "https://shop.example.com:22/",
    "https://shop.example.com:25/",
    "https://shop.example.com:80/",
    "https://shop.example.com:0/",
    "https://shop.example.com:65536/",
    "https://shop.example.com:-1/",
    "https://shop example.com/",
    "https://shop.example.com/\tx",
    "https://[::1%25eth0]/",
    "https://[::1/",
    "https://./",
    "https://shop.example.com/\r\nX-Injected:1",
    "https://\uff53hop.example.com/",
    "https://a/\x00",
]

SPECIAL = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "localhost",
]

URLISH = r"\Ahttps?://[a-z0-9.@:\[\]%-]{1,20}(:[0-9]{1,6})?[/?#][ -~]{0,10}\Z"

PUBLIC = ["8.8.8.8", "93.184.215.14", "172.15.0.1", "172.32.0.1", "192.169.0.1", "2606:4700:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_urls_that_nothing_is_sent_to(url: str) -> None:
    with pytest.raises(AddressError):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com",
        "https://shop.example.com:8443/a?b=c%20d",
        "https://[2606:4700::1]/x",
        "https://9.9.9.9/",
    ],
)
def test_urls_that_are_sent_to_as_they_stand(url: str) -> None:
    found = parse_url(url)
    assert (found.at("9.9.9.9") + "/").startswith(
        f"https://9.9.9.9:{found.port}{url.partition('//')[2].partition('/')[1]}"
    )
    assert found.host in url


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map(lambda text: f"https://{text}"), st.from_regex(URLISH)))
def test_any_text_is_a_destination_or_an_error(text: str) -> None:
    for allow_private in (False, True):
        try:
            found = parse_url(text, allow_private=allow_private)
        except AddressError:
            continue
        assert found.scheme == "https" or allow_private
        assert found.host.isascii()
        assert found.authority.isprintable()
        assert httpx.URL(found.at("9.9.9.9")).host == "9.9.9.9"
        assert httpx.URL(found.at("2606:4700::1")).host == "2606:4700::1"


@pytest.mark.parametrize("host", ["xn--a", "xn--", "xn--bcher-kva.de"])
def test_punycode_is_left_as_it_stands(host: str) -> None:
    assert parse_url(f"https://{host}/").host == host


@pytest.mark.parametrize("host", ["a..b", "a" * 300])
async def test_names_that_no_resolver_takes_are_outcomes(host: str) -> None:
    names = SystemResolver()
    sender = HttpSender(names)
    outcome = await sender.post(parse_url(f"https://{host}:8443/"), b"{}", {}, 0)
    await sender.close()
    names.close()
    assert outcome.status is None
    assert host[:20] in outcome.error


@pytest.mark.parametrize("address", SPECIAL)
def test_no_special_address_is_public(address: str) -> None:
    destination = parse_url("https://shop.example.com/")
    for behind in ([address], ["8.8.8.8", address]):
        with pytest.raises(AddressError):
            judged(destination, behind)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_sent_to(address: str) -> None:
    assert judged(parse_url("https://shop.example.com/"), [address]) == [address]


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(AddressError, match="no address"):
        judged(parse_url("https://shop.example.com/"), [])


@pytest.mark.parametrize(
    "address", [one for one in SPECIAL if not one.startswith(("10.", "127.", "172.", "192.168", "f", "::1"))]
)
def test_own_addresses_open_nothing_else(address: str) -> None:
    """Clouds keep their metadata on link-local addresses: those stay closed."""
    with pytest.raises(AddressError):
        judged(parse_url("https://erp.shop/", allow_private=True), [address])


def test_own_addresses_are_open_when_the_operator_says_so() -> None:
    for address in ("10.0.0.1", "172.16.0.1", "192.168.0.1", "127.0.0.1", "::1", "fd00::1"):
        assert judged(parse_url("https://erp.shop:22/", allow_private=True), [address]) == [address]
    plain = parse_url("http://erp.shop/", allow_private=True)
    assert judged(plain, ["127.0.0.1"]) == ["127.0.0.1"]
    for address in ("10.0.0.1", "8.8.8.8", "fd00::1"):
        with pytest.raises(AddressError, match="plain http"):
            judged(plain, [address])
    for address in ("169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1"):
        if address != "fd00:ec2::254":
            with pytest.raises(AddressError):
                judged(parse_url("https://erp.shop/", allow_private=True), [address])


class Names:
    """A name server whose answers change with each question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, _host: str, _port: int) -> list[str]:
        return self.answers.pop(0)


@pytest.mark.parametrize("text", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "LOCALHOST."])
async def test_other_ways_to_write_this_machine_are_resolved_and_refused(text: str) -> None:
    """The machine's own resolver reads them; what it makes of them is judged."""
    names = SystemResolver()
    sender = HttpSender(names)
    async with receiving() as receiver:
        try:
            destination = parse_url(f"https://{text}:{receiver.port}/")
        except AddressError:
            return
        outcome = await sender.post(destination, b"{}", {}, 0)
        await sender.close()
        names.close()
        assert outcome.status is None
        assert receiver.connections == 0


async def test_a_name_that_changes_its_answer_is_judged_anew_and_never_asked_twice() -> None:
    async with receiving() as receiver:
        names = Names(["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1"])
        sender = HttpSender(names)
        public = parse_url(f"https://rebinding.example.com:{receiver.port}/")
        own = parse_url(f"http://rebinding.example.com:{receiver.port}/", allow_private=True)
        assert "private or special" in (await sender.post(public, b"{}", {}, 0)).error
        assert "private or special" in (await sender.post(public, b"{}", {}, 0)).error
        assert receiver.connections == 0
        assert (await sender.post(own, b"{}", {}, 0)).taken
        await sender.close()
        assert names.answers == []
        assert receiver.got[0].headers["host"] == f"rebinding.example.com:{receiver.port}"


async def test_another_address_of_the_name_is_tried_when_the_first_is_not_there() -> None:
    async with receiving() as receiver:
        sender = HttpSender(Names(["127.0.0.9", "127.0.0.1"], ["127.0.0.9", "127.0.0.8"]))
        destination = parse_url(receiver.url("both.example.com"), allow_private=True)
        assert (await sender.post(destination, b"{}", {}, 0)).taken
        assert "Connect" in (await sender.post(destination, b"{}", {}, 0)).error
        await sender.close()
        assert len(receiver.got) == 1


async def test_tls_is_verified_against_the_name_although_an_address_is_connected_to(tmp_path: Path) -> None:
    serving, authority = certificate(tmp_path, "hook.example.com")
    trusted = ssl.create_default_context(cafile=str(authority))
    async with receiving(serving) as receiver:

        async def post(host: str, tls: ssl.SSLContext | None) -> str:
            sender = HttpSender(Names(["127.0.0.1"]), tls=tls)
            outcome = await sender.post(parse_url(receiver.url(host), allow_private=True), b"{}", {}, 0)
            await sender.close()
            return "taken" if outcome.taken else outcome.error

        assert await post("hook.example.com", trusted) == "taken"
        assert "CERTIFICATE_VERIFY_FAILED" in await post("other.example.com", trusted)
        assert "CERTIFICATE_VERIFY_FAILED" in await post("hook.example.com", None)
        assert len(receiver.got) == 1


async def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    async with receiving() as receiver, receiving() as inside:
        receiver.then([answer(307, f"Location: {inside.url()}", "Set-Cookie: a=b"), 204])
        sender = HttpSender(Names(["127.0.0.1"], ["127.0.0.1"]))
        destination = parse_url(receiver.url(), allow_private=True)
        assert (await sender.post(destination, b"{}", {}, 0)).status == 307
        assert (await sender.post(destination, b"{}", {}, 0)).taken
        await sender.close()
        assert inside.connections == 0
        assert "cookie" not in receiver.got[1].headers


async def test_an_endless_answer_costs_a_bounded_time_and_size() -> None:
    """A body far above the bound: its status counts, the connection is given up. Headers without end: no answer."""
    async with receiving() as receiver:
        receiver.then([answer(200, body=b"x" * ANSWER_MAX_BYTES * 20), b"HTTP/1.1 200 OK\r\nX-Slow: "])
        sender = HttpSender(Names(["127.0.0.1"], ["127.0.0.1"]), answer_s=0.5)
        destination = parse_url(receiver.url(), allow_private=True)
        assert (await sender.post(destination, b"{}", {}, 0)).taken
        async with asyncio.timeout(20):
            outcome = await sender.post(destination, b"{}", {}, 0)
        await sender.close()
        assert outcome.status is None
        assert receiver.connections == 2


async def test_every_failure_is_an_outcome() -> None:
    async with receiving() as receiver:
        port = receiver.port
        receiver.then([b"no HTTP at all\r\n\r\n", b""])
        sender = HttpSender(Names(["127.0.0.1"], [], ["127.0.0.1"]), answer_s=0.5)
        destination = parse_url(receiver.url(), allow_private=True)
        assert "RemoteProtocolError" in (await sender.post(destination, b"{}", {}, 0)).error
        assert "no address" in (await sender.post(destination, b"{}", {}, 0)).error
        await sender.close()
    gone = HttpSender(Names(["127.0.0.1"]))
    outcome = await gone.post(parse_url(f"http://x:{port}/", allow_private=True), b"{}", {}, 0)
    await gone.close()
    assert "Connect" in outcome.error


def test_retry_after_in_both_of_its_forms() -> None:
    now_us = 1_795_000_000_000_000
    assert retry_after_s(None, now_us) is None
    assert retry_after_s("120", now_us) == 120.0
    assert retry_after_s("Wed, 18 Nov 2026 11:07:40 GMT", now_us) == 60.0
    assert retry_after_s("Wed, 18 Nov 2026 11:05:40 GMT", now_us) == 0.0
    for text in ("-5", "soon", "1.5", "", "٣"):
        assert retry_after_s(text, now_us) is None
