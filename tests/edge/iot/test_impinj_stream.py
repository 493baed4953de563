"""The Impinj driver over a reader's HTTP stream: set-up, times, refusals, faults, the reader's own certificate."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import TYPE_CHECKING

import pytest

from edge.iot.limits import WATCHDOG_KEEPALIVES
from simulator.json_readers.impinj import ImpinjReader
from tests.edge.drivers.contract import until
from tests.edge.iot.json_sites import ANTENNAS, Options, impinj_device, login_files
from tests.edge.iot.json_watch import watched
from tests.edge.llrp.certificates import READER_NAME, certificates
from wire.messages import AntennaSettings
from wire.site import Antenna, DevicePurpose

if TYPE_CHECKING:
    from pathlib import Path

    from tests.edge.llrp.certificates import Pair

EPC = bytes.fromhex("3034257BF7194E4000001A85")


def options(folder: Path, **more: str | float) -> Options:
    return {"keepalive_s": 1, **login_files(folder), **more}


async def test_it_sets_the_reader_up_and_stops_it_in_the_end(tmp_path: Path) -> None:
    async with ImpinjReader(pace=20) as reader:
        async with watched(impinj_device(reader.address, options(tmp_path))) as watch:
            await watch.up()
            assert (reader.active, reader.status) == ("lastunit", "running")
            assert reader.stream_config["keepAliveIntervalSeconds"] == 1
            assert reader.stream_config["eventAgeLimitMinutes"] == 15, "what is not ours stays"
            preset = reader.presets["lastunit"]
            common = {"rfMode": 1_110, "inventorySearchMode": "dual-target"}
            stock, cabin = preset["antennaConfigs"]
            assert common.items() <= stock.items()
            assert (stock["antennaPort"], stock["transmitPowerCdbm"]) == (1, 3_000)
            assert (cabin["antennaPort"], cabin["transmitPowerCdbm"]) == (2, 1_500)
            assert preset["eventConfig"]["tagInventory"]["lastSeenTime"] == "enabled"
            assert preset["eventConfig"]["tagInventory"]["epcHex"] == "enabled"
            looks = watch.driver.looked(0.0)
            told = [look.settings for look in looks]
            assert told[0] == AntennaSettings(3_000, 1_110, stock["inventorySession"], "dual")
            assert told[1] is not None
            assert told[1].tx_power_cdbm == 1_500
            assert watch.whats() == ["up"]
        assert (reader.active, reader.status) == ("", "idle")


async def test_reads_keep_the_time_at_which_they_were_seen(tmp_path: Path) -> None:
    async with ImpinjReader() as reader, watched(impinj_device(reader.address, options(tmp_path))) as watch:
        await watch.up()
        now_us = time.time_ns() // 1_000
        reader.see(EPC, 1, rssi_cdbm=-6_125, seen_us=now_us - 3_000_000)
        reader.see(EPC, 2)
        await watch.seen(2)
        first, second = watch.told.reads
        assert (first.port, first.epc, first.epc_bits, first.rssi_cdbm, first.reads) == (1, EPC, 96, -6_125, 1)
        assert second.port == 2
        assert abs(first.last_us - (now_us - 3_000_000)) < 1_000_000
        assert watch.driver.clock().quality == "synced"


async def test_a_reader_as_made_gives_base64_and_no_read_time(tmp_path: Path) -> None:
    """`start: false`: what somebody else configured is taken as it is, and what it lacks is told."""
    async with ImpinjReader(pace=20) as reader:
        reader.active, reader.status = "default", "running"
        epc = bytes.fromhex("30fbeffbefbefbefbeffffff")  # base64 of it needs both letters of the alphabet
        assert {"+", "/"} <= set(base64.b64encode(epc).decode())
        async with watched(impinj_device(reader.address, options(tmp_path, start=False, keepalive_s=30))) as watch:
            await watch.up()
            reader.see(epc, 1)
            url_safe = {"epc": base64.urlsafe_b64encode(epc).decode(), "antennaPort": 2, "peakRssiCdbm": -5_000}
            reader.tell("tagInventory", url_safe)
            for port in (3, 4, 4):
                reader.see(epc, port)
            await watch.seen(2)
            await watch.heard("config_differs", "port 4 reads tags")
            assert [(read.epc, read.port) for read in watch.told.reads] == [(epc, 1), (epc, 2)]
            assert watch.driver.clock().quality == "estimated", "the time is that of the event, not of the read"
            remarks = watch.details("config_differs")
            assert any("lastSeenTime: disabled" in remark for remark in remarks)
            assert [remark for remark in remarks if "port 3 reads" in remark] == [
                "port 3 reads tags, and the site file has no such antenna (1 reads)"
            ]
            assert sum("port 4 reads" in remark for remark in remarks) == 1, "once in a while, not each time"
            assert reader.requests.count("POST /api/v1/profiles/stop") == 0
        assert reader.active == "default", "what we did not start we do not stop"


async def test_nothing_runs_and_we_may_not_start(tmp_path: Path) -> None:
    async with (
        ImpinjReader(pace=100) as reader,
        watched(impinj_device(reader.address, options(tmp_path, start=False, keepalive_s=5))) as watch,
    ):
        await watch.up()
        await watch.heard("config_differs", "no preset runs")
        assert watch.looked_ms() == [0, 0], "alive, and looking at nothing"


async def test_a_reconnect_leaves_a_running_preset_alone(tmp_path: Path) -> None:
    async with ImpinjReader(pace=20) as reader, watched(impinj_device(reader.address, options(tmp_path))) as watch:
        await watch.up()
        before = len(reader.requests)
        await reader.vanish()
        await watch.down("the stream broke")
        await reader.come_back()
        await watch.up(2)
        again = reader.requests[before:]
        assert not [request for request in again if request.startswith(("PUT", "POST"))]
        reader.see(EPC, 1)
        await watch.seen(1)


async def test_somebody_else_stops_the_inventory(tmp_path: Path) -> None:
    async with ImpinjReader(pace=20) as reader, watched(impinj_device(reader.address, options(tmp_path))) as watch:
        await watch.up()
        reader.stop_inventory()
        await watch.up(2)
        assert watch.details("lost") == ["its inventory was stopped by somebody else"]
        assert reader.status == "running"


async def test_a_silent_reader_is_left(tmp_path: Path) -> None:
    device = impinj_device("127.0.0.1:1", options(tmp_path, start=False, keepalive_s=0.1))
    async with ImpinjReader(pace=300) as reader:
        reader.active, reader.status = "default", "running"
        async with watched(impinj_device(reader.address, device.options)) as watch:
            await watch.up()
            await until(lambda: min(watch.looked_ms()) > 0, lambda: "looks by keep-alives alone")
            reader.silent = True
            await watch.down(f"silent for {WATCHDOG_KEEPALIVES * 0.1:g} s")
            watch.looked_ms()
            assert watch.looked_ms() == [0, 0]


async def test_a_wrong_login_is_refused(tmp_path: Path) -> None:
    wrong = {"keepalive_s": 1, **login_files(tmp_path, password="guess")}
    async with ImpinjReader() as reader, watched(impinj_device(reader.address, wrong)) as watch:
        await watch.down("the login is not accepted")
        assert watch.state() == "refused"
        assert reader.requests == []
        assert "guess" not in str(watch.driver.health())


async def test_a_reader_in_its_llrp_interface(tmp_path: Path) -> None:
    async with ImpinjReader() as reader:
        reader.interface = "llrp"
        async with watched(impinj_device(reader.address, options(tmp_path))) as watch:
            await watch.down("switch it to the IoT device interface")
            assert reader.status == "idle"


async def test_the_readers_own_words_on_a_preset_that_cannot_be(tmp_path: Path) -> None:
    antennas = (Antenna(9, "FLOOR"),)
    async with ImpinjReader() as reader, watched(impinj_device(reader.address, options(tmp_path), antennas)) as watch:
        await watch.down("was denied with 400: invalid preset")
        assert "ports [9]" in watch.reason()


async def test_the_purpose_of_the_device_goes_before_the_zones(tmp_path: Path) -> None:
    async with ImpinjReader(pace=20) as reader:
        device = impinj_device(reader.address, options(tmp_path), ANTENNAS[:1], DevicePurpose.PORTAL)
        async with watched(device) as watch:
            await watch.up()
            portal = reader.presets["lastunit"]["antennaConfigs"][0]
        async with watched(impinj_device(reader.address, options(tmp_path), ANTENNAS[:1])) as watch:
            await watch.up()
            stock = reader.presets["lastunit"]["antennaConfigs"][0]
        assert portal != stock


async def test_what_was_buffered_and_what_overflowed(tmp_path: Path) -> None:
    async with ImpinjReader(pace=20) as reader:
        reader.active, reader.status = "default", "running"
        for number in range(120):
            reader.see(number.to_bytes(12), 1)
        async with watched(impinj_device(reader.address, options(tmp_path, start=False, keepalive_s=30))) as watch:
            await watch.heard("reader_overflow", "the reader purged 50 events")
            await watch.seen(70)
            assert [int.from_bytes(read.epc) for read in watch.told.reads] == list(range(50, 120))


async def test_what_was_held_for_long_is_not_new(tmp_path: Path) -> None:
    """The first event of a session may be old: the reader's clock is taken from its status, before."""
    behind_us = 600_000_000
    async with ImpinjReader(now_us=lambda: time.time_ns() // 1_000 - behind_us) as reader:
        reader.active, reader.status = "default", "running"
        reader.see(EPC, 1)
        held_us, behind_us = time.time_ns() // 1_000 - behind_us, 0
        async with watched(impinj_device(reader.address, options(tmp_path, start=False))) as watch:
            await watch.seen(1)
            assert abs(watch.told.reads[0].last_us - held_us) < 5_000_000


async def test_a_bad_event_costs_itself(tmp_path: Path) -> None:
    async with ImpinjReader(pace=20) as reader, watched(impinj_device(reader.address, options(tmp_path))) as watch:
        await watch.up()
        reader.see(bytes(12), 1)
        for nonsense in (
            b'{"timestamp":',
            b"\x00\xff\xfe",
            b"{}" * 3,
            b'{"tagInventoryEvent":{"epcHex":"3"}}',
            b"[[[[{",
        ):
            reader.send(nonsense)
        reader.send(json.dumps({"tagInventoryEvent": {"epcHex": EPC.hex()}}).encode())
        reader.see(EPC, 2)
        await watch.seen(2)
        assert [read.epc for read in watch.told.reads] == [bytes(12), EPC]
        await watch.heard("undecodable")
        await until(lambda: watch.driver.health().errors == 5, lambda: f"5 errors: {watch.driver.health()}")
        assert "lost" not in watch.whats()


async def test_a_link_that_breaks_amid_an_event_leaves_nothing_behind(tmp_path: Path) -> None:
    async with ImpinjReader(pace=20) as reader, watched(impinj_device(reader.address, options(tmp_path))) as watch:
        await watch.up()
        reader.send_raw(b'{"timestamp":"2026-11-22T03:00:00.000Z","tagInventoryEvent":{"epcHex":"3034')
        await asyncio.sleep(0.05)
        await reader.vanish()
        await watch.down("the stream broke")
        await reader.come_back()
        await watch.up(2)
        reader.see(EPC, 1)
        await watch.seen(1)
        assert watch.told.reads[0].epc == EPC
        assert "undecodable" not in watch.whats()


async def test_an_antenna_that_is_pulled_out_looks_at_nothing(tmp_path: Path) -> None:
    async with ImpinjReader(pace=50) as reader, watched(impinj_device(reader.address, options(tmp_path))) as watch:
        await watch.up()
        reader.tell("antennaDisconnected", {"antennaPort": 2})
        reader.tell("antennaDisconnected", {"antennaPort": 3})
        await watch.heard("antenna_down")
        assert [event.port for event in watch.told.events if event.what == "antenna_down"] == [2]
        watch.looked_ms()
        await until(lambda: watch.looked_ms()[0] > 0, lambda: "the other one looks")
        assert watch.looked_ms()[1] == 0
        reader.tell("antennaConnected", {"antennaPort": 2})
        await watch.heard("antenna_up")
        await until(lambda: watch.looked_ms()[1] > 0, lambda: "it looks again")


@pytest.mark.parametrize(
    ("pair", "ca", "name", "words"),
    [
        ("stranger", "stranger", None, ""),
        ("named", "ca", READER_NAME, ""),
        ("named", "ca", None, "its certificate is not believed"),
        ("stranger", "ca", None, "its certificate is not believed"),
        ("reader", None, None, "its certificate is not believed"),
    ],
    ids=["its own certificate", "by its name", "another name", "another signer", "no ca_file"],
)
async def test_tls(tmp_path: Path, pair: str, ca: str | None, name: str | None, words: str) -> None:
    made = certificates()
    shown: Pair = getattr(made, pair)
    more: dict[str, str | float] = {}
    if ca is not None:
        more["ca_file"] = str(made.ca if ca == "ca" else getattr(made, ca).cert)
    if name is not None:
        more["tls_name"] = name
    async with ImpinjReader(pace=20, tls=shown.server()) as reader:
        device = impinj_device(reader.address, options(tmp_path, **more))
        del device.options["tls"]  # it is there without being said
        async with watched(device) as watch:
            if words:
                await watch.down(words)
                assert reader.requests == [], "no login goes to a stranger"
            else:
                await watch.up()
                reader.see(EPC, 1)
                await watch.seen(1)


async def test_plain_http_where_the_reader_wants_tls(tmp_path: Path) -> None:
    tls = certificates().reader.server()
    async with (
        ImpinjReader(tls=tls) as reader,
        watched(impinj_device(reader.address, options(tmp_path))) as watch,
    ):
        await watch.down("cannot reach it")
    async with (
        ImpinjReader() as reader,
        watched(impinj_device(reader.address, options(tmp_path, tls=True))) as watch,
    ):
        await watch.down("it does not speak TLS there")
