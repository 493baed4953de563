"""A Mosquitto of our own: a port of its own, own data directory, and a proof that we talk to the one that we started.

    with Mosquitto(tmp_path) as broker:
        broker.url            # mqtt://127.0.0.1:<port>
        broker.kill()         # SIGKILL: nothing is saved
        broker.start()        # again on the same port

The proof: the configuration names a random user that only this broker knows, and `start` connects with it.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

BINARY: Final = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""
_START_S: Final = 10.0
_STOP_S: Final = 5.0


class MosquittoError(RuntimeError):
    """The broker did not start, or another one answered."""


class Mosquitto:
    """One broker process.

    `acl` are lines of an ACL file (None: everybody may everything); `users` are name and password pairs (None:
    anonymous clients are let in); `options` are further lines of the configuration, such as `persistence true`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        acl: tuple[str, ...] | None = None,
        users: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        if not BINARY:
            raise MosquittoError("mosquitto is not installed: apt-get install mosquitto")
        self.folder = folder / f"mosquitto-{secrets.token_hex(4)}"
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self._nonce = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._configure(acl, users, options)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that we started."""
        if self._process is None:
            raise MosquittoError("this broker does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def start(self) -> Self:
        """Start it and prove that it is the one that answers. Raises `MosquittoError`."""
        if self._process is not None:
            raise MosquittoError("this broker runs already")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + _START_S
        while not self._is_ours():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise MosquittoError(f"mosquitto did not come up on port {self.port}:\n{self.log}")
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """End it by SIGKILL, as a power cut would; what it had not saved is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it politely."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Freeze it: connections stay open and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_S)

    def _configure(self, acl: tuple[str, ...] | None, users: dict[str, str] | None, options: tuple[str, ...]) -> None:
        lines = [
            "per_listener_settings false",
            f"listener {self.port} 127.0.0.1",
            f"persistence_location {self.folder}/",
            "log_dest stdout",
            "max_queued_messages 100000",
            f"allow_anonymous {'false' if users is not None else 'true'}",
            f"password_file {self.folder}/passwords",
            *options,
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it would drop to a user that may not enter our directory
        if acl is not None:
            (self.folder / "acl").write_text("\n".join(acl) + "\n")
            lines.append(f"acl_file {self.folder}/acl")
        passwords = self.folder / "passwords"
        passwords.touch(mode=0o600)
        for name, password in ({self._nonce: self._nonce} | (users or {})).items():
            subprocess.run(
                [shutil.which("mosquitto_passwd") or "mosquitto_passwd", "-b", str(passwords), name, password],
                check=True,
                capture_output=True,
            )
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def _is_ours(self) -> bool:
        """Connect with a user that exists in no other broker, and see that a wrong password is refused."""
        return _connects(self.port, self._nonce, self._nonce) and not _connects(self.port, self._nonce, "wrong")


def _connects(port: int, name: str, password: str) -> bool:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
    client.username_pw_set(name, password)
    answer: list[bool] = []
    answered = threading.Event()

    def on_connect(_client: object, _data: object, _flags: object, code: object, _properties: object) -> None:
        answer.append(not getattr(code, "is_failure", True))
        answered.set()

    client.on_connect = on_connect
    try:
        client.connect("127.0.0.1", port, 5)
    except OSError:
        return False
    client.loop_start()
    answered.wait(2.0)
    client.disconnect()
    client.loop_stop()
    return answer == [True]


PORTS: Final = range(20_000, 32_000)
"""Ports below those that the kernel gives to whoever asks for any: nobody takes one between our asking and its use."""

_turns = count(os.getpid() * 61)


def free_port() -> int:
    """Return a port that nobody listens on now, and that no other test was given.

    Tests that run side by side have ports of their own: each process begins elsewhere and takes one after the other.
    """
    for turn in islice(_turns, len(PORTS)):
        port = PORTS[turn % len(PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise MosquittoError(f"no port of {PORTS.start} to {PORTS.stop - 1} is free")


if __name__ == "__main__":
    sys.exit(0 if BINARY else "mosquitto is not installed")
