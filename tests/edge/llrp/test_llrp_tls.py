"""The LLRP driver over TLS against a simulated reader: who is believed, what is told, how it goes on."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge.drivers import build_driver
from edge.drivers.llrp import LlrpDriver
from edge.tls import TlsError
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.llrp.certificates import READER_NAME, certificates
from tests.edge.llrp.store_reader import SITE, Watched, device, host, until, up

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

R420 = "impinj-r420-like"


def served(tls: ssl.SSLContext | None) -> ReaderServer:
    return ReaderServer("R1", load_persona(R420), tls=tls)


def over_tls(reader: ReaderServer, **options: object) -> Watched:
    return Watched(reader.address, options={"tls": True, **{key: str(value) for key, value in options.items()}})


async def reason(watched: Watched) -> str:
    await until(lambda: watched.state() == "down")
    return watched.driver.health().last_error


async def test_reads_come_over_tls_and_the_goodbye_too() -> None:
    made = certificates()
    async with served(made.reader.server()) as reader:
        async with over_tls(reader, ca_file=made.ca) as watched:
            await up(watched, reader)
            now_us = reader.clock.now_us()
            seen = [Sighting(i.to_bytes(12), 96, 1 + i % 4, -5_500, now_us) for i in range(3_000)]
            reader.feed(seen)
            await until(lambda: len(watched.reads) == len(seen))
            assert [(read.epc, read.port) for read in watched.reads] == [(tag.epc, tag.antenna) for tag in seen]
            reader.drop()
            await until(lambda: watched.told() == ["up", "lost"])
            await up(watched, reader)
        assert list(reader.heard)[-3:] == ["STOP_ROSPEC", "DELETE_ROSPEC", "CLOSE_CONNECTION"]


async def test_a_silent_reader_is_left_over_tls_too() -> None:
    """Nobody answers the end of TLS either: the connection is dropped all the same."""
    made = certificates()
    async with served(made.reader.server()) as reader, over_tls(reader, ca_file=made.ca) as watched:
        await up(watched, reader)
        reader.faults.silent = True
        await until(lambda: "lost" in watched.told())
        assert watched.events[-1].detail.startswith("silent for ")
        reader.faults.silent = False
        await up(watched, reader)


async def test_the_readers_own_certificate_is_enough_and_its_name_can_be_another() -> None:
    made = certificates()
    async with (
        served(made.named.server()) as reader,
        over_tls(reader, ca_file=made.named.cert, tls_name=READER_NAME) as watched,
    ):
        await up(watched, reader)


async def test_a_certificate_for_another_name_is_not_believed() -> None:
    made = certificates()
    async with served(made.named.server()) as reader, over_tls(reader, ca_file=made.ca) as watched:
        told = await reason(watched)
        assert "its certificate is not believed: IP address mismatch" in told
        assert told.endswith("(ca_file, tls_name)")
        assert reader.counters.connections == 0


async def test_a_renewed_authority_counts_without_a_restart(tmp_path: Path) -> None:
    made = certificates()
    ca_file = tmp_path / "ca.pem"
    shutil.copy(made.stranger.cert, ca_file)
    async with served(made.reader.server()) as reader, over_tls(reader, ca_file=ca_file) as watched:
        assert "its certificate is not believed: unable to get" in await reason(watched)
        assert watched.told() == ["lost"]
        ca_file.unlink()
        await until(lambda: "No such file" in watched.driver.health().last_error)
        assert watched.driver.health().last_error.startswith(f"device R1: ca_file: {ca_file}: ")
        shutil.copy(made.ca, ca_file)
        await up(watched, reader)


async def test_without_a_ca_file_this_machines_authorities_decide() -> None:
    made = certificates()
    async with served(made.reader.server()) as reader, over_tls(reader) as watched:
        assert "its certificate is not believed: unable to get" in await reason(watched)


async def test_a_reader_that_speaks_no_tls() -> None:
    """A plain reader waits for nothing: its greeting is what the handshake stumbles over."""
    async with served(None) as reader, over_tls(reader, ca_file=certificates().ca) as watched:
        told = await reason(watched)
        assert told == f"cannot reach {reader.address}: it does not speak TLS there (tls, the port)"


async def test_a_reader_that_wants_our_certificate() -> None:
    made = certificates()
    tls = made.reader.server(believes=made.ca)
    async with served(tls) as reader:
        async with over_tls(reader, ca_file=made.ca) as nameless:
            assert "does it want our certificate?" in await reason(nameless)
            assert reader.counters.connections == 0 or nameless.told() == ["lost"]
        own = {"cert_file": made.edge.cert, "key_file": made.edge.key}
        async with over_tls(reader, ca_file=made.ca, **own) as watched:
            await up(watched, reader)


async def test_a_handshake_that_never_comes_does_not_hold_up_the_end() -> None:
    accepted = asyncio.Event()

    async def mute(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await stream.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Watched(address, options={"tls": True, "ca_file": str(certificates().ca)}) as watched:
            await accepted.wait()
            async with asyncio.timeout(5):
                await watched.driver.stop()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"ca_file": "/a"}, r"^device R1: ca_file: means nothing without `tls: true`$"),
        ({"tls": False, "tls_name": "x"}, r"^device R1: tls_name: means nothing without `tls: true`$"),
        ({"tls": True, "ca_file": "/nowhere/ca.pem"}, r"ca_file: /nowhere/ca.pem: No such file or directory"),
        ({"tls": True, "ca_file": "{key}"}, r"ca_file: .*reader.key: NO_CERTIFICATE_OR_CRL_FOUND, expected certif"),
        ({"tls": True, "key_file": "{key}"}, r"key_file: a key without its certificate: give cert_file too"),
        ({"tls": True, "cert_file": "{cert}"}, r"cert_file: .*reader.pem: .*, expected a certificate and its key"),
        ({"tls": True, "cert_file": "{cert}", "key_file": "{locked}"}, r"expected .* the key without a passphrase$"),
        ({"tls": True, "cert_file": "{cert}", "key_file": "/nowhere"}, r"key_file: /nowhere: No such file"),
        ({"tls": True, "listen": 5085}, r"cert_file is missing: a reader that connects to us over TLS wants our own"),
    ],
)
def test_settings_that_cannot_be_used(options: dict[str, object], problem: str) -> None:
    made = certificates()
    paths = {"cert": made.reader.cert, "key": made.reader.key, "locked": made.locked}
    filled = {key: value.format(**paths) if isinstance(value, str) else value for key, value in options.items()}
    asked = replace(device("127.0.0.1"), options=filled)  # type: ignore[arg-type]
    with pytest.raises(TlsError, match=problem):
        build_driver(asked, SITE, host())


@pytest.mark.parametrize(("options", "port"), [({}, 5084), ({"tls": True}, 5085)])
def test_the_port_that_is_meant_where_none_is_said(options: dict[str, bool], port: int) -> None:
    driver = build_driver(replace(device("reader-7"), options=dict(options)), SITE, host())
    assert isinstance(driver, LlrpDriver)
    assert driver._approach.place == f"reader-7:{port}"
