"""A Mosquitto that runs on the very files that Last Unit writes: mutual TLS, ACL, revocation list.

    with MtlsMosquitto(tmp_path, root, issuing) as broker:
        mine = broker.enrol(Principal(Kind.EDGE, site="s", edge="e"))
        with broker.client(mine) as client: ...
        broker.write([...]); broker.reload()

That it is ours is proved by its certificate: only this object has the key, and every client checks the name and root.
"""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import paho.mqtt.client as paho
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from gateway.enrol import authority as ca
from gateway.enrol import broker_files as files
from gateway.enrol.authority import Authority, Revoked
from tests.servers.mosquitto import BINARY, MosquittoError, free_port
from wire.identity import Principal

WAIT_S: Final = 10.0
"""A broker on this machine that has not answered for so long never will."""

_RUNS: Final = " running"
"""What Mosquitto writes when it listens."""


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate with its key in a file (`pem`), and whose it is."""

    principal: Principal
    serial: int
    name: str
    pem: Path


def now_us() -> int:
    return time.time_ns() // 1_000


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that comes by itself; `MosquittoError` when it never does."""
    deadline = time.monotonic() + WAIT_S
    while not done():
        if time.monotonic() > deadline:
            raise MosquittoError(f"never came: {what}")
        time.sleep(0.005)


class MtlsMosquitto:
    """One broker process on generated files."""

    def __init__(self, folder: Path, root: Authority, issuing: Authority) -> None:
        if not BINARY:
            raise MosquittoError("mosquitto is not installed: apt-get install mosquitto")
        self.root, self.issuing = root, issuing
        self.folder = folder / "broker"
        self.data = folder / "data"
        self.certificates = folder / "certificates"
        for one in (self.folder, self.data, self.certificates):
            one.mkdir(parents=True)
        self.port = free_port()
        self._serials = count(1_000)
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_text(ca.certificate_pem(root.certificate))
        listening = files.Listening(str(self.folder), str(self.data), "127.0.0.1", self.port, user="root")
        (self.folder / files.CONFIGURATION).write_text(files.configuration_text(listening))
        (self.folder / files.CLIENTS_CA).write_text(ca.certificate_pem(root.certificate, issuing.certificate))
        self.new_server_certificate()
        self.write([])

    @property
    def url(self) -> str:
        return f"mqtts://localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.data / "mosquitto.log").read_text(errors="replace")

    def new_server_certificate(self) -> int:
        """Write a new certificate of the broker; return its serial number."""
        serial, key = next(self._serials), ca.new_key()
        made = ca.issue_broker(self.issuing, ["localhost", "127.0.0.1"], key.public_key(), serial, now_us())
        (self.folder / files.SERVER).write_text(ca.certificate_pem(made, self.issuing.certificate))
        (self.folder / files.SERVER_KEY).write_text(ca.key_pem(key))
        return serial

    def enrol(self, principal: Principal, *, issuing: Authority | None = None, at_us: int | None = None) -> Held:
        """Return a new certificate; it is in no ACL yet."""
        signer, serial, key = issuing or self.issuing, next(self._serials), ca.new_key()
        made = ca.issue(signer, principal, key.public_key(), serial, at_us or now_us())
        pem = self.certificates / f"{serial}.pem"
        pem.write_text(ca.key_pem(key) + ca.certificate_pem(made, signer.certificate))
        return Held(principal, serial, ca.common_name(made), pem)

    def write(self, good: Iterable[Held], revoked: Iterable[Held] = ()) -> None:
        """Write ACL and revocation list."""
        (self.folder / files.ACL).write_text(files.acl_text((one.name, one.principal) for one in good))
        gone = [Revoked(one.serial, now_us()) for one in revoked]
        (self.folder / files.CRL).write_bytes(ca.revocation_list(self.issuing, gone, next(self._numbers), now_us()))

    def reload(self) -> None:
        """Let it read its files again; returns when it has."""
        assert self._process is not None
        before = self.log.count("Reloading config")
        self._process.send_signal(1)
        until(lambda: self.log.count("Reloading config") > before, "reload")

    def server_serial(self, held: Held) -> int:
        """Return the serial number of the certificate that the broker shows."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.load_cert_chain(held.pem)
        with (
            socket.create_connection(("localhost", self.port), WAIT_S) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            return x509.load_der_x509_certificate(sock.getpeercert(binary_form=True) or b"").serial_number

    def client(self, held: Held | None, **more: Any) -> "Client":
        """Return a client that is not connected yet."""
        return Client(self, held, **more)

    def __enter__(self) -> Self:
        before = self.log.count(_RUNS) if (self.data / "mosquitto.log").exists() else 0
        with (self.data / "mosquitto.log").open("ab") as log:
            command = [BINARY, "-c", str(self.folder / files.CONFIGURATION)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.data)
        process = self._process
        until(lambda: process.poll() is not None or self.log.count(_RUNS) > before, "start")
        if process.poll() is not None:
            raise MosquittoError(f"mosquitto did not start:\n{self.log}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(WAIT_S)


class Client:
    """A client with a certificate, or none: what it was answered and what it got."""

    def __init__(
        self,
        broker: MtlsMosquitto,
        held: Held | None,
        *,
        client_id: str = "",
        username: str = "",
        will: str = "",
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
    ) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.connected = threading.Event()
        self.over = threading.Event()
        self._answers: dict[int, int] = {}
        self._port = broker.port
        self._paho = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or "any", protocol=protocol, reconnect_on_failure=False
        )
        self._paho.max_inflight_messages_set(1_000)
        context = ssl.create_default_context(cafile=str(broker.ca_file))
        if held is not None:
            context.load_cert_chain(held.pem)
        self._paho.tls_set_context(context)
        if username:
            self._paho.username_pw_set(username, "password")
        if will:
            self._paho.will_set(will, b"will", qos=1)
        self._paho.on_connect = self._on_connect
        self._paho.on_disconnect = lambda *_: self.over.set()
        self._paho.on_message = lambda _client, _data, message: self.got.append((message.topic, bytes(message.payload)))
        self._paho.on_publish = self._on_publish
        self._paho.on_subscribe = self._on_subscribe

    def connect(self) -> Self:
        """Connect; raises `MosquittoError` when it is refused."""
        if not self.try_to_connect():
            raise MosquittoError("the broker refused us")
        return self

    def try_to_connect(self) -> bool:
        """Whether the broker lets us in."""
        try:
            self._paho.connect("localhost", self._port, 30)
        except OSError:  # the handshake was refused at once
            self.over.set()
            return False
        self._paho.loop_start()
        until(lambda: self.connected.is_set() or self.over.is_set(), "an answer to CONNECT")
        return self.connected.is_set()

    def publish(self, *topics: str, payload: bytes = b"x", retain: bool = False) -> dict[str, int]:
        """Publish to each topic; return the reason codes (128 and above: refused; 3.1.1 has none)."""
        sent = {topic: self._paho.publish(topic, payload, qos=1, retain=retain).mid for topic in topics}
        until(lambda: self.over.is_set() or all(mid in self._answers for mid in sent.values()), "answers to PUBLISH")
        return {topic: self._answers[mid] for topic, mid in sent.items() if mid in self._answers}

    def subscribe(self, *filters: str) -> None:
        """Subscribe to all, and wait for the answer."""
        _, mid = self._paho.subscribe([(one, 1) for one in filters])
        until(lambda: self.over.is_set() or mid in self._answers, "an answer to SUBSCRIBE")

    def topics(self, payload: bytes | None = None) -> set[str]:
        """Return the topics on which it got this payload; None: anything."""
        return {topic for topic, found in list(self.got) if payload in {None, found}}

    def has(self, topics: set[str], payload: bytes) -> bool:
        """Whether it got this payload on all of these topics."""
        return self.topics(payload) >= topics

    def await_payload(self, payload: bytes) -> None:
        """Wait until a message with this payload came."""
        until(lambda: any(found == payload for _, found in self.got), f"{payload!r}")

    def cut(self) -> None:
        """Be gone without a word."""
        sock: Any = self._paho.socket()
        sock.shutdown(2)

    def close(self) -> None:
        """Say goodbye."""
        self._paho.disconnect()
        self._paho.loop_stop()

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _on_connect(self, _client: object, _data: object, _flags: object, code: Any, _more: Properties | None) -> None:
        if not code.is_failure:
            self.connected.set()

    def _on_publish(self, _client: object, _data: object, mid: int, code: Any, _more: Properties | None) -> None:
        self._answers[mid] = code.value

    def _on_subscribe(self, _client: object, _data: object, mid: int, codes: Any, _more: Properties | None) -> None:
        self._answers[mid] = max(code.value for code in codes)
