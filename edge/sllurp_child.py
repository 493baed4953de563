"""sllurp as a program of its own: one reader's session in one process, told line by line.

    python -m edge.sllurp_child

sllurp (https://github.com/sllurp/sllurp) is GPL-3.0-only, so it is never loaded into the edge daemon: this file is the
only one that imports it, knows nothing of the rest of the package, and speaks to the daemon over a pipe. It reads one
line of settings from its standard input, carries one session, and writes one JSON object for each thing that happens
(`edge.sllurp_lines` is the other half). It leaves politely when its standard input ends, which also happens when the
daemon dies.

What is used of sllurp is what it does well: its codec, its set-up dialogue and its ROSpec. Its socket loop is not: it
loses the stream after one bad message, never notices a silent reader, and does not say that it was refused. Framing,
silence and the end of a session are here.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import sys
import time
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_TIMEOUT_S: Final = 5.0
WATCHDOG_KEEPALIVES: Final = 2.5
LEAVE_TIMEOUT_S: Final = 1.0
BEAT_S: Final = 1.0
"""How often this process says that it lives."""
TICK_S: Final = 0.1
TAGS_PER_LINE: Final = 500
"""Keeps a line below 64 KiB."""
HEADER_BYTES: Final = 10
MESSAGE_MAX_BYTES: Final = 8 * 1024 * 1024
"""A length beyond this is no length: the stream is lost (the same bound as the daemon's own LLRP driver)."""
READ_BYTES: Final = 65_536
MOST_DBM: Final = 1e9

CONTENT: Final = {
    "EnableROSpecID": False,
    "EnableSpecIndex": False,
    "EnableInventoryParameterSpecID": False,
    "EnableAntennaID": True,
    "EnableChannelIndex": False,
    "EnablePeakRSSI": True,
    "EnableFirstSeenTimestamp": True,
    "EnableLastSeenTimestamp": True,
    "EnableTagSeenCount": True,
    "EnableAccessSpecID": False,
}
EVENTS: Final = ("GPIEvent", "ROSpecEvent", "ReportBufferFillWarning", "ReaderExceptionEvent", "AntennaEvent")


class Over(Exception):  # noqa: N818 - an end, not always an error
    """The session is over; `line` says how."""

    def __init__(self, **line: Any) -> None:
        self.line = line
        super().__init__(line)


class LastComplaint(logging.Handler):
    """Remembers what sllurp complained of last: it logs where others raise."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        self.text = record.getMessage().strip()[:300]


def say(**line: Any) -> None:
    """Write one line, at once."""
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


class Session:
    """One session: sllurp's state machine on our socket. `now_s` everywhere: monotonic."""

    def __init__(self, library: Any, settings: dict[str, Any], complaint: LastComplaint) -> None:
        self._settings = settings
        self._library = library
        self._complaint = complaint
        self._states = library.LLRPReaderState
        self._socket = self._connect()
        self._client = library.LLRPClient(self._config(), transport_tx_write=self._socket.sendall)
        self._say_it_our_way()
        self._buffer = bytearray()
        self._began_s = self._heard_s = self._beat_s = time.monotonic()
        self._running = self._up = False
        self._greeted = self._leaving = self._left = False

    # -- the set-up

    def _connect(self) -> socket.socket:
        host, port = self._settings["host"], self._settings["port"]
        try:
            return socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        except (OSError, UnicodeError) as error:
            raise Over(kind="lost", reason=f"cannot reach {host}:{port}: {error or type(error).__name__}") from error

    def _config(self) -> Any:
        asked = self._settings
        ports = asked["ports"]
        return self._library.LLRPReaderConfig(
            {
                "antennas": ports,
                "tx_power_dbm": asked_powers(asked),
                "session": asked["session"],
                "tag_population": asked["population"],
                "keepalive_interval": asked["keepalive_ms"],
                "tag_content_selector": CONTENT,
                "event_selector": dict.fromkeys(EVENTS, True),
                "impinj_search_mode": asked["impinj_search"],
            }
        )

    def _say_it_our_way(self) -> None:
        """Choose power below what is asked (sllurp takes the nearest), a mode that the reader has, and endless rounds.

        sllurp's own way to get reports while it reads is to end the inventory after n tags and begin it again.
        """
        client, parse, build = self._client, self._client.parseCapabilities, self._client.getROSpec

        def set_power(asked_dbm: dict[int, float]) -> None:
            client.setTxPower({port: power_step(client.tx_power_table, dbm) for port, dbm in asked_dbm.items()})

        def parse_capabilities(capabilities: Any) -> None:
            band = capabilities["RegulatoryCapabilities"]["UHFBandCapabilities"]
            table = band.get("UHFC1G2RFModeTable", {}).get("UHFC1G2RFModeTableEntry", [])
            there = {entry["ModeIdentifier"] for entry in table}
            client.config.mode_identifier = next((mode for mode in self._settings["mode_ids"] if mode in there), None)
            parse(capabilities)

        def get_rospec(*, force_new: bool = False) -> Any:
            rospec = build(force_new=force_new)
            rospec["ROReportSpec"]["N"] = self._settings["report_every"]
            return rospec

        client.setTxPowerDbm, client.parseCapabilities, client.getROSpec = set_power, parse_capabilities, get_rospec

    # -- the loop

    def run(self) -> None:
        """Carry the session until it is over. Raises `Over`."""
        standing_input = sys.stdin.fileno()
        while True:
            readable, _, _ = select.select([self._socket, standing_input], [], [], TICK_S)
            if self._socket in readable:
                self._receive()
            if standing_input in readable and not os.read(standing_input, READ_BYTES):
                self._leave()
            self._tick(time.monotonic())

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _receive(self) -> None:
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise Over(kind="lost", reason=self._why("the reader closed the connection"))
        self._buffer += data
        while len(self._buffer) >= HEADER_BYTES:
            length = int.from_bytes(self._buffer[2:6])
            if not HEADER_BYTES <= length <= MESSAGE_MAX_BYTES:
                raise Over(kind="lost", reason=f"a message of {length} bytes: the stream is broken")
            if len(self._buffer) < length:
                return
            whole = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._heard_s = time.monotonic()
            self._take(whole)

    def _take(self, whole: bytes) -> None:
        number = int.from_bytes(whole[:2]) & 0x3FF
        try:
            message = self._library.LLRPMessage(msgbytes=whole)
            body = message.msgdict[message.getName()]
            told = self._tell(message.getName(), body)
        except Over:
            raise
        except Exception as error:  # noqa: BLE001 - sllurp raises whatever its decoders meet: the message is lost, no more
            say(kind="bad", count=1, problem=f"message type {number}: {type(error).__name__}")
            return
        self._client.handleMessage(message)
        if not self._running and self._client.state == self._states.STATE_INVENTORYING:
            self._running = True
            self._say_settings()
        elif self._running and not self._up:
            self._up = True
            say(kind="up")
        if not told:
            say(kind="heard")

    def _tick(self, now_s: float) -> None:
        if now_s >= self._beat_s + BEAT_S:
            self._beat_s = now_s
            say(kind="beat")
        silent_s = now_s - self._heard_s
        patience_s = WATCHDOG_KEEPALIVES * self._settings["keepalive_ms"] / 1_000
        if self._running and silent_s > patience_s:
            raise Over(kind="lost", reason=f"silent for {silent_s:.1f} s")
        limit_s = self._settings["setup_s"]
        if not self._running and now_s - self._began_s > limit_s:
            state = self._states.getStateName(self._client.state).removeprefix("STATE_").lower()
            raise Over(kind="lost", reason=self._why(f"set-up took more than {limit_s:g} s ({state})"))

    def _leave(self) -> None:
        """Delete our ROSpec, for `LEAVE_TIMEOUT_S` at the most. Raises `Over`."""
        self._leaving = True
        if self._running:
            self._client.stopPolitely(onCompletion=self._deleted, disconnect=True)
            until_s = time.monotonic() + LEAVE_TIMEOUT_S
            while not self._left and time.monotonic() < until_s:
                if select.select([self._socket], [], [], TICK_S)[0]:
                    self._receive()
        raise Over(kind="left")

    def _deleted(self, *_: object) -> None:
        self._left = True

    def _why(self, otherwise: str) -> str:
        return f"{otherwise}; sllurp: {self._complaint.text}" if self._complaint.text else otherwise

    # -- what is told

    def _tell(self, name: str, body: dict[str, Any]) -> bool:
        """Write what a message says; whether it said anything beside that the reader lives."""
        if name == "RO_ACCESS_REPORT":
            return self._tell_tags(body.get("TagReportData") or [])
        if name == "READER_EVENT_NOTIFICATION":
            return self._tell_event(body["ReaderEventNotificationData"])
        return False

    @staticmethod
    def _tell_tags(tags: list[dict[str, Any]]) -> bool:
        rows = [tag_row(tag) for tag in tags]
        for at in range(0, len(rows), TAGS_PER_LINE):
            say(kind="tags", rows=rows[at : at + TAGS_PER_LINE])
        return bool(rows)

    def _tell_event(self, data: dict[str, Any]) -> bool:
        self._judge(data)
        if not self._greeted:
            self._greeted = True
            for clock, uptime in (("UTCTimestamp", False), ("Uptime", True)):
                if clock in data:
                    say(kind="time", device_us=microseconds(data[clock]), uptime=uptime)
        events = list(events_of(data))
        for event in events:
            say(kind="event", **event)
        return bool(events)

    def _judge(self, data: dict[str, Any]) -> None:
        """Raise `Over` for an event that ends the session."""
        attempt = data.get("ConnectionAttemptEvent")
        if attempt is not None and attempt["Status"] != "Success" and not self._greeted:
            held = "any reason other" not in attempt["Status"]
            raise Over(kind="refused" if held else "lost", reason=f"the reader said: {attempt['Status']}")
        if self._leaving:
            return
        if "ConnectionCloseEvent" in data:
            raise Over(kind="lost", reason="the reader closed the session")
        rospec = data.get("ROSpecEvent")
        if self._up and rospec is not None and rospec["EventType"] != "Start_of_ROSpec":
            raise Over(kind="lost", reason="our ROSpec was ended or preempted: another program steers the reader")

    def _say_settings(self) -> None:
        client = self._client
        powers = {port: round(client.tx_power_table[index] * 100) for port, index in client.config.tx_power.items()}
        say(kind="settings", power_cdbm=powers, mode=client.config.mode_identifier)


def events_of(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a ReaderEventNotification tells, as the lines' `event`."""
    attempt, antenna, gpi = data.get("ConnectionAttemptEvent"), data.get("AntennaEvent"), data.get("GPIEvent")
    if attempt is not None and attempt["Status"] != "Success":
        yield {"what": "rival", "detail": str(attempt["Status"])}
    if antenna is not None:
        what = "antenna_up" if antenna["EventType"] == "Connected" else "antenna_down"
        yield {"what": what, "port": antenna["AntennaID"]}
    if gpi is not None:
        yield {"what": "gpi", "port": gpi["GPIPortNumber"], "detail": "high" if gpi["GPIEvent"] else "low"}
    if "ReportBufferOverflowErrorEvent" in data:
        yield {"what": "reader_overflow", "detail": "the reader's report buffer ran over"}
    if "ReportBufferLevelWarning" in data:
        yield {"what": "reader_buffer", "detail": f"{data['ReportBufferLevelWarning']['ReportBufferPercentageFull']} %"}
    if "ReaderExceptionEvent" in data:
        words = data["ReaderExceptionEvent"]["Message"]
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        yield {"what": "reader_exception", "detail": text[:500]}


def asked_powers(settings: dict[str, Any]) -> dict[int, float]:
    """Return the power of each port; one for which none is asked gets the most. 0 dBm is a power like any other."""
    said = {port: settings["power_dbm"].get(str(port)) for port in settings["ports"]}
    return {port: MOST_DBM if dbm is None else dbm for port, dbm in said.items()}


def power_step(table_dbm: list[float], asked_dbm: float) -> int:
    """Return the index of the highest step that is not above what is asked, or else of the lowest one."""
    steps = list(enumerate(table_dbm))[1:]  # sllurp fills index 0, which is no step
    below = [(dbm, index) for index, dbm in steps if dbm <= asked_dbm]
    return max(below)[1] if below else min((dbm, index) for index, dbm in steps)[1]


def tag_row(tag: dict[str, Any]) -> list[Any]:
    """Return a tag as the pipe carries it: EPC, bits, port, dBm, first, last, count, whether times count from boot."""
    epc, _, bits = tag["EPC"].decode().partition("/")
    uptime = "LastSeenTimestampUptime" in tag or "FirstSeenTimestampUptime" in tag
    clock = "Uptime" if uptime else "UTC"
    first, last = (microseconds(tag.get(f"{which}SeenTimestamp{clock}")) for which in ("First", "Last"))
    return [
        epc,
        int(bits) if bits else 4 * len(epc),
        tag.get("AntennaID"),
        tag.get("PeakRSSI"),
        first,
        last,
        tag.get("TagSeenCount"),
        uptime,
    ]


def microseconds(value: Any) -> int | None:
    """Return a timestamp as sllurp gives it: a number, or a parameter with one in it."""
    if isinstance(value, dict):
        value = value.get("Microseconds")
    return value if isinstance(value, int) else None


def keep_epc_bits(proto: Any) -> None:
    """Let sllurp's decoder of EPCData keep the length in bits, which it drops: `hex/bits`."""

    def decode(data: bytes, name: object = None) -> tuple[bytes, str]:  # noqa: ARG001 - called by name
        bits = int.from_bytes(data[:2])
        return b"%s/%d" % (data[2 : 2 + (bits + 7) // 8].hex().encode(), bits), ""

    proto.Param_struct["EPC"]["decode"] = decode


def settings_from_input() -> dict[str, Any]:
    """Read the one line of settings, by bytes, so that nothing of what follows stays in a buffer."""
    line = bytearray()
    while not line.endswith(b"\n"):
        data = os.read(sys.stdin.fileno(), 1)
        if not data:
            raise Over(kind="left")
        line += data
    settings: dict[str, Any] = json.loads(line)
    return settings


def main() -> None:
    """Carry one session and say how it ended."""
    complaint = LastComplaint()
    logging.getLogger("sllurp").addHandler(complaint)
    logging.getLogger("sllurp").propagate = False
    session = None
    try:
        settings = settings_from_input()
        library = import_module("sllurp.llrp")
        keep_epc_bits(import_module("sllurp.llrp_proto"))
        say(kind="hello", version=metadata.version("sllurp"))
        session = Session(library, settings, complaint)
        session.run()
    except Over as over:
        say(**over.line)
    except BrokenPipeError:
        sys.stderr.close()  # the daemon is gone: nobody to tell
    except Exception as error:  # noqa: BLE001 - whatever it is, this session is over and the daemon begins anew
        say(kind="lost", reason=f"sllurp: {type(error).__name__}: {error}"[:500])
    finally:
        if session is not None:
            session.close()


if __name__ == "__main__":
    main()
