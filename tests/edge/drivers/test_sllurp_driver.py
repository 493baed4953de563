"""The sllurp driver: what it reads and tells, and what its process or the reader does wrong is survived."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace

import msgspec
import pytest

from edge import sllurp_child
from edge.drivers.port import What
from edge.drivers.sllurp import SllurpDriver, build_sllurp
from simulator.reader.faults import Corruption, Refusal
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.drivers.contract import Bench, Held, rig_host, until
from tests.edge.drivers.sllurp_bench import R420, ReaderRig, Sllurp, asked, running, started
from tests.edge.llrp.store_reader import SITE
from wire.messages import AntennaSettings

# -- what it reads


@pytest.mark.parametrize(
    ("persona", "profile", "session", "target"),
    [
        (R420, "", 1, None),
        (R420, "impinj-r420-stock", 2, "dual"),
        ("zebra-fx9600-4-like", "zebra-fx9600-stock", 1, None),
        ("zebra-fx9600-8-like", "generic-llrp-portal", 0, None),
    ],
)
async def test_every_tag_comes_with_its_port_and_the_settings_are_told(
    persona: str, profile: str, session: int, target: str | None
) -> None:
    async with running(persona, profile) as one:
        await one.up()
        now_us = one.reader.clock.now_us()
        seen = [Sighting(i.to_bytes(12), 96, 1 + i % 2, -5_000 - 100 * (i % 20), now_us - i) for i in range(1_200)]
        for at in range(0, len(seen), 100):
            one.reader.feed(seen[at : at + 100])
        await until(lambda: len(one.told.reads) == len(seen), lambda: f"all tags: {len(one.told.reads)}")
        assert [(read.epc, read.port, read.rssi_cdbm) for read in one.told.reads] == [
            (tag.epc, tag.antenna, tag.rssi_cdbm) for tag in seen
        ]
        settings = [look.settings for look in one.driver.looked(0.0)]
        assert all(found is not None and (found.session, found.target) == (session, target) for found in settings)
        assert one.reader.counters.errors_out == 0
        assert (one.driver.clock().quality, one.driver.health().errors) == ("synced", 0)


@pytest.mark.parametrize("bits", [20, 62, 144, 198])
async def test_epcs_of_other_lengths(bits: int) -> None:
    epc = (((1 << bits) - 3) << (-bits % 8)).to_bytes((bits + 7) // 8)
    async with running() as one:
        await one.up()
        await one.read(epc, bits=bits)
        assert [(read.epc, read.epc_bits) for read in one.told.reads] == [(epc, bits)]


async def test_uptime_becomes_utc() -> None:
    async with running(msgspec.structs.replace(load_persona(R420), has_utc_clock=False)) as one:
        await one.up()
        before_us = rig_host().wall_us()
        await one.read(bytes(12))
        assert one.driver.clock().quality == "estimated"
        assert abs(one.told.reads[0].last_us - before_us) < 5_000_000


async def test_power_is_never_above_what_is_asked() -> None:
    assert sllurp_child.power_step([0, 10.0, 12.25, 12.5, 30.0], 12.4) == 2
    assert sllurp_child.power_step([0, 30.0, 12.5, 10.0], 12.5) == 2
    assert sllurp_child.power_step([0, 12.5, 10.0, 30.0], 5.0) == 2
    assert sllurp_child.power_step([0, 10.0, 30.0], sllurp_child.MOST_DBM) == 2
    async with ReaderServer("R1", load_persona(R420)) as reader:
        wanted = asked(reader.address)
        wanted = replace(wanted, antennas=(replace(wanted.antennas[0], power_dbm=20.1), wanted.antennas[1]))
        one = Sllurp(reader, wanted)
        one.start()
        await one.up()
        powers = [look.settings.tx_power_cdbm for look in one.driver.looked(0.0) if look.settings is not None]
        assert powers[0] == 2_000, "the R420 has steps of 0.25 dB"
        await one.driver.stop()


async def test_antennas_that_ask_for_different_things_are_told() -> None:
    async with running(zones=("FLOOR", "EXIT")) as one:
        await one.told_what(What.CONFIG_DIFFERS)
        assert one.told.events[-1].detail.startswith("sllurp has one set-up for all antennas: stock for all")


async def test_what_the_reader_tells() -> None:
    async with running() as one:
        await one.up()
        one.reader.set_antenna(2, connected=False)
        await one.told_what(What.ANTENNA_DOWN)
        one.driver.looked(0.0)
        sent = one.reader.counters.keepalives_out
        await until(lambda: one.reader.counters.keepalive_acks >= sent + 2, lambda: "keepalives")
        ms = one.credited()
        assert ms[1] > 0 == ms[2]
        one.reader.set_antenna(2, connected=True)
        await one.told_what(What.ANTENNA_UP)
        one.reader.report_exception("too warm")
        await one.told_what(What.READER_EXCEPTION)
        assert [(event.what, event.port, event.detail) for event in one.told.events] == [
            ("up", None, ""),
            ("antenna_down", 2, "the reader sees nothing plugged in"),
            ("antenna_up", 2, ""),
            ("reader_exception", None, "too warm"),
        ]


# -- what the reader does wrong


@pytest.mark.parametrize(("refusal", "times"), [(Refusal.HELD, 1), (Refusal.HELD_OPEN, 2)])
async def test_a_refusing_reader_is_asked_slowly(refusal: Refusal, times: int) -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        reader.faults.refusal = refusal
        one = Sllurp(reader, asked(reader.address))
        one.start()
        await until(lambda: one.driver.health().errors >= times, lambda: "refusals")
        health = one.driver.health()
        assert health.state == "refused"
        assert health.holder == (
            "held by another client: the reader said: Failed (a Client initiated connection already exists)"
        )
        assert [event.what for event in one.told.events] == ["refused"]
        reader.faults.refusal = None
        await one.up()
        await one.driver.stop()


def test_a_refusal_is_paused_for_a_second_at_least() -> None:
    driver = build_sllurp(asked("127.0.0.1"), SITE, rig_host())
    assert driver._backoff.failed(driver._pace()) < 1
    driver._standing.tell_to(lambda _: None)
    driver._standing.enter("refused", "held")
    assert driver._backoff.failed(driver._pace()) >= 1


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Refusal.OTHER, "the reader said: Failed (any reason other"),
        (Refusal.MUTE, "set-up took more than 1 s (disconnected)"),
        (Refusal.RESET, ""),
    ],
)
async def test_a_reader_that_does_not_answer_right(refusal: Refusal, reason: str) -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        reader.faults.refusal = refusal
        one = Sllurp(reader, asked(reader.address))
        one.sllurp._settings["setup_s"] = 1.0
        one.start()
        await one.away()
        assert one.state() == "down"
        assert reason in one.driver.health().last_error
        await one.driver.stop()


async def test_a_silent_reader_is_left_and_found_again() -> None:
    async with running() as one:
        await one.up()
        one.driver.looked(0.0)
        one.reader.faults.silent = True
        await one.told_what(What.LOST)
        assert one.told.events[-1].detail.startswith("silent for ")
        assert float(one.told.events[-1].detail.split()[2]) < 3 * 0.5 + 0.5
        assert all(ms <= 2 * 500 for ms in one.credited().values()), "the silence itself was never vouched for"
        one.reader.faults.silent = False
        await one.up(2)


@pytest.mark.parametrize("corruption", [Corruption.DROP_MID, Corruption.LENGTH_HUGE, Corruption.LENGTH_TINY])
async def test_a_broken_stream_is_begun_anew(corruption: Corruption) -> None:
    async with running() as one:
        await one.up()
        one.reader.faults.corrupt(corruption, "RO_ACCESS_REPORT")
        one.see(bytes(12))
        await one.told_what(What.LOST)
        await one.up(2)
        await one.read(b"\x01" * 12)
        assert [read.epc for read in one.told.reads] == [b"\x01" * 12]


@pytest.mark.parametrize(
    ("corruption", "lost", "errors"),
    [
        (Corruption.UNKNOWN_MESSAGE, 0, 5),
        (Corruption.UNKNOWN_PARAMETER, 0, 0),
        (Corruption.BAD_PARAMETER, 0, 0),  # its decoder does not mind
        (Corruption.TRUNCATED_FIELD, 5, 5),
    ],
)
async def test_a_bad_message_costs_itself(corruption: Corruption, lost: int, errors: int) -> None:
    """Where sllurp by itself loses the stream for ever."""
    async with running() as one:
        await one.up()
        one.reader.faults.corrupt(corruption, "RO_ACCESS_REPORT", times=5)
        for number in range(75):
            one.see(number.to_bytes(12))
        await until(lambda: one.has((74).to_bytes(12)), lambda: "the good ones")
        assert len(one.told.reads) == 75 - lost
        assert (one.state(), one.driver.health().errors) == ("up", errors)


async def test_a_denied_rospec_is_told() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        reader.faults.bodies(bytes.fromhex("011f000a0065") + b"\x00\x02no", "ADD_ROSPEC_RESPONSE")
        one = Sllurp(reader, asked(reader.address))
        one.start()
        await one.up()
        lost = next(event for event in one.told.events if event.what == What.LOST)
        assert lost.detail == "sllurp: ReaderConfigurationError: Error adding ROSpec"
        await one.driver.stop()


# -- what the process does wrong


async def test_a_killed_process_is_started_anew() -> None:
    async with running() as one:
        await one.up()
        os.kill(one.pid(), signal.SIGKILL)
        await one.told_what(What.LOST)
        assert one.told.events[-1].detail == "the sllurp process died (exit code -9)"
        await one.up(2)


async def test_a_process_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.drivers.sllurp.CHILD_SILENCE_S", 4.0)
    async with running() as one:
        await one.up()
        pid = one.pid()
        os.kill(pid, signal.SIGSTOP)
        await one.told_what(What.LOST)
        assert one.told.events[-1].detail == "the sllurp process said nothing for 4 s: killed"
        await one.up(2)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ('print(\'rubbish\\n[]\\n{}\\n{"kind":"up","x":1}\')', "the sllurp process died (exit code 0)"),
        ("print('x' * 2_000_000)", "the sllurp process wrote a line of more than 1048576 bytes"),
        ("import sys; sys.exit(3)", "the sllurp process died (exit code 3)"),
    ],
)
async def test_a_process_that_talks_nonsense(program: str, reason: str) -> None:
    settings = {"ports": [1]}
    driver = SllurpDriver("R1", settings, AntennaSettings(), rig_host(), command=(sys.executable, "-c", program))
    bench = Bench(ReaderRig(driver, (1,)))  # type: ignore[arg-type]
    before = Held.now()
    bench.start()
    await bench.away()
    errors = driver.health().errors
    await until(lambda: driver.health().errors >= errors + 2, lambda: "it to be tried again")
    assert 1 <= bench.told.times(What.LOST) <= max(1, bench.told.times(What.UP)), "each loss is told once"
    assert next(event for event in bench.told.events if event.what == What.LOST).detail == reason
    await driver.stop()
    await until(lambda: Held.now().no_more_than(before), lambda: f"{Held.now()}, but {before} before")


async def test_a_program_that_is_not_there() -> None:
    driver = SllurpDriver("R1", {"ports": [1]}, AntennaSettings(), rig_host(), command=("/nowhere/python",))
    bench = Bench(ReaderRig(driver, (1,)))  # type: ignore[arg-type]
    bench.start()
    await bench.away()
    assert driver.health().last_error == "cannot start the sllurp process: No such file or directory"
    await driver.stop()


# -- the end


async def test_stop_is_polite() -> None:
    async with running() as one:
        await one.up()
        await one.driver.stop()
        assert list(one.reader.heard)[-1] == "DELETE_ROSPEC"
        assert one.reader.looking is None
        assert [event.what for event in one.told.events] == ["up"]


async def test_a_silent_reader_does_not_hold_up_the_stop() -> None:
    async with running() as one:
        await one.up()
        one.reader.faults.silent = True
        async with asyncio.timeout(10):
            await one.driver.stop()
        assert one.sllurp._child is None


async def test_the_process_leaves_when_its_daemon_dies() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        settings = build_sllurp(asked(reader.address), SITE, rig_host())._settings
        child = await started()
        assert child.stdin is not None
        child.stdin.write(json.dumps(settings).encode() + b"\n")
        await reader.until(lambda: reader.looking is not None, timeout_s=30)
        child.stdin.close()  # as when whoever held the other end is killed
        await reader.until(lambda: reader.looking is None and not reader.connected, timeout_s=30)
        out, _ = await asyncio.wait_for(child.communicate(), 30)
        assert out.splitlines()[-1] == b'{"kind":"left"}'
        assert child.returncode == 0
