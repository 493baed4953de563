"""A marker in every secret; the programs run through success and failure; nothing that they say or answer holds one.

Looked through: standard output, standard error, HTTP answers with their heads, metrics, the messages at the broker, the
arguments and the environment of each process. A marker is looked for as it stands, and as Base64, percent-encoded, hex.
"""

import asyncio
import base64
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from simulator.json_readers.impinj import ImpinjReader
from tests.gateway.small_store import SHIRT_S, SITE_FILE
from tests.servers.mosquitto import Mosquitto, free_port

ROOT: Final = Path(__file__).parents[2]
START_S: Final = 60
KINDS: Final = (
    "gateway's name at the broker",
    "gateway's password at the broker",
    "edge's password at the broker",
    "a wrong password at the broker",
    "database",
    "time series",
    "reader's login",
    "a wrong reader's login",
    "in a URL",
)
PUBLIC: Final = frozenset({"gateway's name at the broker"})
"""A name is no secret; it stands here so that the search is seen to find something."""


@dataclass
class Secrets:
    """A file with a marker for each kind; what was made on the way (keys, webhook secrets) joins them."""

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, kind in enumerate(KINDS):
            self.texts[kind] = f"CaNaRy-{number}-q7/W+x=z"
            self.file(kind).write_text(self.texts[kind] + "\n")

    def file(self, kind: str) -> Path:
        return self.folder / re.sub(r"\W+", "-", kind)

    def found_in(self, said: str) -> list[str]:
        """The kinds of which a marker stands in a text, in whatever form."""
        return sorted(kind for kind, text in self.texts.items() if any(form in said for form in forms(text)))


def forms(text: str) -> Iterator[str]:
    """A secret, and what programs make of one."""
    raw = text.encode()
    yield text
    yield quote(text, safe="")
    yield raw.hex()
    for before in (b"", b"x", b"xx"):  # inside a longer text Base64 has three forms; the ends are shared
        yield base64.b64encode(before + raw).decode()[4:-4]


class Program:
    """`lastunit ...` in a process of its own; what it said, and what others can see of it."""

    def __init__(self, folder: Path, *words: str, environment: dict[str, str] | None = None) -> None:
        self.words = words
        self._folder = folder
        self._environment = environment or {}
        self.said = ""
        self.seen = ""
        self._process: asyncio.subprocess.Process
        self._reading: asyncio.Task[None]

    async def start(self) -> "Program":
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lastunit", *self.words),
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "400"} | self._environment,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while part := await self._process.stdout.read(65_536):
            self.said += part.decode(errors="replace")

    async def until(self, *words: str) -> str:
        """Wait until one of these was said; look at what `ps` shows."""
        async with asyncio.timeout(START_S):
            while not any(word in self.said for word in words):
                assert self._process.returncode is None, self.said[-3_000:]
                await asyncio.sleep(0.02)
        own = Path(f"/proc/{self._process.pid}")
        self.seen += (own / "cmdline").read_bytes().decode(errors="replace")
        self.seen += (own / "environ").read_bytes().decode(errors="replace")
        return self.said

    async def end(self) -> int:
        """Wait for its end by itself; return the exit code."""
        async with asyncio.timeout(START_S):
            code = await self._process.wait()
            await self._reading
        return code

    async def stop(self) -> int:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await self.end()


def url_in(said: str) -> str:
    return str(re.findall(r'"url": ?"(http://[^"]+)"', said)[-1])


@pytest.fixture
def secret_of(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path)


@pytest.fixture
def broker(tmp_path: Path, secret_of: Secrets) -> Iterator[Mosquitto]:
    texts = secret_of.texts
    users = {
        texts["gateway's name at the broker"]: texts["gateway's password at the broker"],
        "edge-box": texts["edge's password at the broker"],
    }
    with Mosquitto(tmp_path, users=users) as running:
        yield running


def test_the_search_finds_what_it_looks_for(secret_of: Secrets) -> None:
    for kind, text in secret_of.texts.items():
        for said in (text, quote(text, safe=""), text.encode().hex(), base64.b64encode(f"u:{text}".encode()).decode()):
            assert kind in secret_of.found_in(f"... {said} ...")
    assert secret_of.found_in("nothing of it") == []


async def ask_everything(url: str, secret_of: Secrets) -> str:
    """Ask the gateway for all that may know something, with good, ended and wrong keys; return what it said."""
    said = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        good = {"Authorization": f"Bearer {secret_of.texts['key']}"}
        made = await http.post("/v1/webhooks", json={"url": f"http://127.0.0.1:{free_port()}/"}, headers=good)
        assert made.status_code < 300, made.text
        secret_of.texts["webhook"] = made.json()["secret"]
        name = made.json()["id"]
        paths = [
            *("/healthz", "/openapi.json", "/docs", "/session", "/v1/audit", "/v1/edges", "/v1/sites", "/v1/screens"),
            *("/v1/webhooks", f"/v1/webhooks/{name}", f"/v1/webhooks/{name}/dead-letters", "/nothing", "/v1/nothing"),
            f"/v1/availability?gtin={SHIRT_S}&site=store-001&key={secret_of.texts['key']}",
        ]
        wrong = secret_of.texts["key"][:-6] + "AAAAAA"
        shown = [good, {"X-API-Key": secret_of.texts["key"]}, {"Cookie": f"lu_session={secret_of.texts['key']}"}]
        for headers in (*shown, {}, {"X-API-Key": wrong}, {"Authorization": f"Basic {secret_of.texts['key']}"}):
            for path in paths:
                answer = await http.get(path, headers=headers)
                said.append(f"{answer.headers!r} {answer.text}")
        said.append((await http.post(f"/v1/webhooks/{name}:test", headers=good)).text)
        said.append((await http.post("/session", json={"key": wrong})).text)
        said.append((await http.post("/session", content=b"{" + secret_of.texts["key"].encode())).text)
        said.append((await http.post("/v1/webhooks", json={"url": f"https://u:{wrong}@h/"}, headers=good)).text)
    return "\n".join(said)


async def enrolled(folder: Path, url: str, config: tuple[str, str], secret_of: Secrets) -> str:
    """A box is enrolled, and one fails to be; return what they said. The keys that were made join the secrets."""
    coding = await Program(folder, "ca", "code", "--site", "store-001", "--edge", "box-1", *config).start()
    assert await coding.end() == 0, coding.said
    code = next(word for word in coding.said.split() if word.count("-") == 6)
    secret_of.texts |= {"code": code, "code without hyphens": code.replace("-", "")}
    wrong = code[:-4] + ("0000" if code[-4:] != "0000" else "1111")
    boxes = [
        await Program(folder, "enroll", url, "--code", word, "--out", out).start()
        for word, out in ((wrong, "other-box"), (code, "box"))
    ]
    codes = [await box.end() for box in boxes]
    assert codes == [2, 0], [box.said for box in boxes]
    for file in (folder / "box" / "edge.pem", folder / "ca" / "issuing" / "issuing.key"):
        pem = file.read_text().partition("PRIVATE KEY-----")[2].split()
        secret_of.texts[f"key in {file.name}"] = pem[1]
    return "\n".join(box.said for box in boxes)


def gateway_file(folder: Path, **values: object) -> Path:
    """A configuration whose secrets are files."""
    (folder / "store.yaml").write_text(SITE_FILE)
    lines = {"sites": "[store.yaml]", "http_port": 0, "log_level": "debug"} | values
    file = folder / f"gateway-{len(list(folder.glob('gateway-*.yaml')))}.yaml"
    file.write_text("\n".join(f"{key}: {value}" for key, value in lines.items()))
    return file


async def test_a_gateway_tells_no_secret(tmp_path: Path, secret_of: Secrets, broker: Mosquitto) -> None:
    """It runs well; its time series server is away; keys come and go."""
    file = gateway_file(
        tmp_path,
        database_url="sqlite:///gateway.db",
        broker_url=broker.url,
        broker_username_file=secret_of.file("gateway's name at the broker"),
        broker_password_file=secret_of.file("gateway's password at the broker"),
        webhook_allow_private="true",
        series_url=f"http://127.0.0.1:{free_port()}",
        series_token_file=secret_of.file("time series"),
        ca_dir=tmp_path / "ca",
    )
    config = ("--config", str(file))
    made = await Program(tmp_path, "ca", "init", "ca", "--broker-name", "broker.example").start()
    migrated = await Program(tmp_path, "gateway", "migrate", *config).start()
    assert await made.end() == 0, made.said
    assert await migrated.end() == 0, migrated.said
    scopes = "stock:read,staff:read,audit:read,webhook:write,screen:write"
    minting = await Program(tmp_path, "keys", "create", "--channel", "web", "--scopes", scopes, *config).start()
    assert await minting.end() == 0, minting.said
    secret_of.texts["key"] = next(line for line in minting.said.split() if line.startswith("lu_"))
    gateway = await (Program(tmp_path, "gateway", *config)).start()
    said = [made.said, migrated.said, await gateway.until("broker_connected")]
    said.append(await ask_everything(url_in(gateway.said), secret_of))
    said.append(await enrolled(tmp_path, url_in(gateway.said), config, secret_of))
    listing = [
        await Program(tmp_path, *words, *config).start()
        for words in (
            ("keys", "list", "--json"),
            ("keys", "revoke", secret_of.texts["key"][3:15]),
            ("gateway", "verify"),
        )
    ]
    for program in listing:
        await program.end()
        said.append(program.said)
    assert await gateway.stop() == 0, gateway.said[-2_000:]
    said += [gateway.said, gateway.seen]
    assert set(secret_of.found_in("\n".join(said))) <= PUBLIC


async def test_a_gateway_that_fails_tells_no_secret(tmp_path: Path, secret_of: Secrets, broker: Mosquitto) -> None:
    """Refused by its broker; no such database; a secret where none belongs."""
    at_broker = {
        "broker_url": broker.url,
        "broker_username_file": secret_of.file("gateway's name at the broker"),
        "broker_password_file": secret_of.file("a wrong password at the broker"),
    }
    refused = gateway_file(tmp_path, database_url="sqlite:///refused.db", **at_broker)
    away = gateway_file(
        tmp_path,
        database_url=f"postgresql://lastunit@127.0.0.1:{free_port()}/books",
        database_password_file=secret_of.file("database"),
    )
    marker = quote(secret_of.texts["in a URL"], safe="")
    inside = gateway_file(tmp_path, broker_url=f"mqtt://u:{marker}@127.0.0.1")
    port = free_port()
    unsafe = gateway_file(tmp_path, database_url=f"postgresql://u:{marker}@127.0.0.1:{port}/d", insecure_dev="true")
    broken = gateway_file(tmp_path, database_url=secret_of.texts["in a URL"])
    running = await Program(tmp_path, "gateway", "--config", str(refused)).start()
    failing = [await Program(tmp_path, "gateway", "--config", str(file)).start() for file in (away, inside, unsafe)]
    failing.append(await Program(tmp_path, "gateway", "verify", "--config", str(away)).start())
    failing.append(await Program(tmp_path, "gateway", "migrate", "--config", str(broken)).start())
    for program in failing:
        assert await program.end() == 2, program.said
    assert "Traceback" not in "".join(program.said for program in failing)
    await running.until("broker_disconnected", "broker_unreachable", "refused", "ot authori")
    await running.stop()
    said = "\n".join([running.said, running.seen, *(program.said for program in failing)])
    assert set(secret_of.found_in(said)) <= PUBLIC


def edge_file(folder: Path, reader: ImpinjReader, secret_of: Secrets) -> Path:
    """A site with a reader whose login is right, one whose is wrong, and one that is away."""
    (folder / "reader-name").write_text("root\n")
    devices = [
        ("I1", reader.address, "reader's login"),
        ("I2", reader.address, "a wrong reader's login"),
        ("I3", f"127.0.0.1:{free_port()}", "reader's login"),
    ]
    lines = [
        f'  - {{id: {name}, driver: impinj_iot, address: "{address}", tls: false, antennas: [{{port: 1, zone: FLOOR}}],'
        f' username_file: "{folder / "reader-name"}", password_file: "{secret_of.file(kind)}"}}'
        for name, address, kind in devices
    ]
    file = folder / "edge.yaml"
    file.write_text("site: store-001\nzones: [{id: FLOOR, kind: sales_floor}]\ndevices:\n" + "\n".join(lines))
    return file


async def test_an_edge_tells_no_secret(tmp_path: Path, secret_of: Secrets, broker: Mosquitto) -> None:
    login = ("root", secret_of.texts["reader's login"])
    (tmp_path / "name").write_text("edge-box")
    async with ImpinjReader(login=login) as reader, AsyncExitStack() as stack:
        site = ("--site", str(edge_file(tmp_path, reader, secret_of)), "--broker", broker.url)
        right = ("--username-file", "name", "--password-file", str(secret_of.file("edge's password at the broker")))
        wrong = ("--username-file", "name", "--password-file", str(secret_of.file("a wrong password at the broker")))
        metrics = free_port()
        more = ("--log-level", "debug", "--outbox")
        well = Program(tmp_path, "edge", *site, *right, *more, "well.db", "--metrics-port", str(metrics))
        refused = Program(tmp_path, "edge", *site, *wrong, *more, "refused.db")
        doctor = Program(tmp_path, "edge", "doctor", *site, *wrong, "--json")
        missing = Program(tmp_path, "edge", *site, "--username-file", "name", "--password-file", "nowhere")
        for program in (well, refused, doctor, missing):
            await program.start()
            stack.push_async_callback(program.stop)
        assert await doctor.end() == 1, doctor.said
        assert await missing.end() == 2, missing.said
        await well.until("login is not accepted")
        await refused.until("ot authori", "refused")
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            figures = (await http.get(f"http://127.0.0.1:{metrics}/metrics")).text
        assert "lastunit" in figures
        assert [one for one in reader.requests if one.startswith("GET ")], "the right login was let in"
        for program in (well, refused):
            await program.stop()
    said = "\n".join(f"{program.said} {program.seen}" for program in (well, refused, doctor, missing))
    assert secret_of.found_in(said + figures + broker.log) == sorted(PUBLIC & set(secret_of.found_in(broker.log)))
