"""Which checks a device of each driver gets. Each ends within a bound, none changes a setting of a device."""

import asyncio
import importlib.util
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from edge.doctor.broker import check_broker
from edge.doctor.finding import Finding, bad, doubtful, is_healthy, well
from edge.doctor.llrp_reader import check_reader
from edge.doctor.network import check_reachable
from wire.site import Device, Driver, Site

Check = Callable[[Device, Site, bool], Awaitable[list[Finding]]]


async def check_device(device: Device, site: Site, *, daemon_runs: bool) -> list[Finding]:
    """Return what was found out about a device. `daemon_runs`: a daemon of this box may hold it right now."""
    return await _CHECKS[device.driver](device, site, daemon_runs)


async def _llrp(device: Device, _site: Site, daemon_runs: bool) -> list[Finding]:
    if "listen" in device.options:
        return [await _listening(device, daemon_runs)]
    return await check_reader(device, daemon_runs=daemon_runs)


async def _sllurp(device: Device, site: Site, daemon_runs: bool) -> list[Finding]:
    findings = await _llrp(device, site, daemon_runs)
    if importlib.util.find_spec("sllurp") is None:
        do = "pip install 'lastunit[sllurp]' (GPL-3.0-only), or use the driver llrp"
        findings.append(bad(device.id, "sllurp", "the library is not installed", do))
    return findings


async def _listening(device: Device, daemon_runs: bool) -> Finding:
    """Whether the port can be had; whether the reader calls is seen by the daemon only."""
    port = int(device.options["listen"])
    try:
        server = await asyncio.start_server(lambda _reader, writer: writer.transport.abort(), None, port)
    except OSError as error:
        text = f"port {port}, where {device.address} shall call: {error.strerror or error}"
        if daemon_runs:
            return doubtful(device.id, "listen", text, "a daemon of this box runs and listens there itself")
        return bad(device.id, "listen", text, f"another program has it: `ss -ltnp 'sport = :{port}'` names it")
    server.close()
    await server.wait_closed()
    do = f"is {device.address} told to connect to this box, port {port}? The daemon's log says when it calls"
    return doubtful(device.id, "listen", f"port {port} is free; nobody was waited for", do)


async def _impinj_iot(device: Device, site: Site, _daemon_runs: bool) -> list[Finding]:
    from edge.iot.access import RestAccess, broker_of  # noqa: PLC0415 - HTTP and MQTT only where they are asked for
    from edge.iot.driver import SessionOver  # noqa: PLC0415
    from edge.iot.impinj_rest import ImpinjRest  # noqa: PLC0415

    if device.options.get("via") == "mqtt":
        access = broker_of(device, site, "broker_username_file", "broker_password_file")
        findings = await check_broker(device.id, access.url, access.credentials, access.client_id, _topics(device))
        if "username_file" not in device.options:
            return findings
    else:
        findings = []
    host, port = device.host_port(443 if device.options.get("tls", True) else 80)
    findings += await check_reachable(device.id, host, port, "reader's web interface")
    if not is_healthy(findings):
        return findings
    client = RestAccess(device).client()
    try:
        status = await ImpinjRest(client).status()
    except SessionOver as error:
        do = "the login of the site file, and in the reader's web page: is its RFID interface Impinj IoT, not LLRP?"
        return [*findings, bad(device.id, "rest", str(error), do)]
    finally:
        await client.aclose()
    return [*findings, well(device.id, "rest", f"the reader answers: {status.get('status', 'no status')}")]


async def _zebra_iotc(device: Device, site: Site, _daemon_runs: bool) -> list[Finding]:
    from edge.iot.access import broker_of  # noqa: PLC0415 - MQTT only where it is asked for

    access = broker_of(device, site, "username_file", "password_file")
    return await check_broker(device.id, access.url, access.credentials, access.client_id, _topics(device))


def _topics(device: Device) -> list[str]:
    keys = ("topic", "management_topic", "response_topic")
    return [str(device.options[key]) for key in keys if key in device.options]


async def _serial(device: Device, _site: Site, daemon_runs: bool) -> list[Finding]:
    from edge.serial_line.opening import LineSettings, Opener, close_in_thread  # noqa: PLC0415 - pyserial
    from edge.serial_line.problem import LineError, Trouble  # noqa: PLC0415

    options: dict[str, Any] = device.options
    try:
        port = await Opener(LineSettings(device.address, int(options.get("baud", 9_600)))).open()
    except LineError as error:
        if error.trouble is Trouble.BUSY and daemon_runs:
            return [doubtful(device.id, "serial", str(error), "a daemon of this box runs: most likely it is its own")]
        return [bad(device.id, "serial", str(error), _SERIAL_DO[error.trouble.value])]
    await close_in_thread(port)
    findings = [well(device.id, "serial", f"{device.address} opens")]
    if not device.address.startswith(("/dev/serial/by-id/", "/dev/serial/by-path/")):
        do = "name it by /dev/serial/by-id: ttyUSB0 is another device after the next start"
        findings.append(doubtful(device.id, "path", f"{device.address} is a name that moves", do))
    return findings


_SERIAL_DO: Final = {
    "missing": "plug it in; `ls /dev/serial/by-id` shows what this box sees",
    "forbidden": "put the daemon's user into the port's group (dialout), then start the daemon anew",
    "busy": "stop the other program (ModemManager takes serial ports by itself)",
    "no_port": "name one of /dev/serial/by-id",
    "failed": "unplug it and plug it in again; look at `dmesg`",
    "hung": "unplug it and plug it in again",
}


async def _file(device: Device, _site: Site, _daemon_runs: bool) -> list[Finding]:
    folder = Path(device.address)
    try:
        return [await asyncio.to_thread(_folder, device.id, folder)]
    except OSError as error:
        do = "let the daemon's user look into it; is a share that it lies on mounted and well?"
        return [bad(device.id, "folder", f"{folder}: {error.strerror or error}", do)]


def _folder(device: str, folder: Path) -> Finding:
    if not folder.is_dir():
        do = "make it, or mount the share that it lies on"
        return bad(device, "folder", f"{folder} is no folder" if folder.exists() else f"{folder} is not there", do)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        do = "let the daemon's user read and write it: files are moved to done/ and failed/ in it"
        return bad(device, "folder", f"{folder}: no permission to read and write", do)
    waiting = sum(1 for entry in folder.iterdir() if entry.is_file())
    failed = sum(1 for _ in (folder / "failed").iterdir()) if (folder / "failed").is_dir() else 0
    text = f"{folder} can be read and written; {waiting} files wait"
    if failed:
        do = f"look at the reports in {folder / 'failed'}"
        return doubtful(device, "folder", f"{text}, {failed} lie in failed", do)
    return well(device, "folder", text)


_CHECKS: Final[dict[Driver, Check]] = {
    Driver.LLRP: _llrp,
    Driver.SLLURP: _sllurp,
    Driver.IMPINJ_IOT: _impinj_iot,
    Driver.ZEBRA_IOTC: _zebra_iotc,
    Driver.BARCODE_SERIAL: _serial,
    Driver.UHF_SERIAL: _serial,
    Driver.FILE: _file,
}
