"""A PostgreSQL of our own: its data in a directory of ours, a unix socket and no port, and a proof that it is ours.

    with Postgres() as server:
        url = server.new_database()     # postgresql://... of an empty database
        server.kill()                   # SIGKILL to all its processes: a crash
        server.start()                  # again, on the same data

PostgreSQL refuses to run as root: started by root it runs as `postgres` or `nobody`. The proof: each cluster carries a
random name, which `start` asks for. Nothing is written to, and nothing is killed, that did not give this name.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg

_START_S: Final = 30.0
_STOP_S: Final = 10.0
_USER: Final = "lastunit"
_MEMORY_BYTES: Final = 2 * 1024**3
_UNPRIVILEGED: Final = ("postgres", "nobody")


_NOT_GONE = "pre-existing shared memory block"
"""Backends of a postmaster that was killed are sessions of their own: they notice a moment later."""


class PostgresError(RuntimeError):
    """The server did not start, or another one answered."""


def binary(name: str) -> str:
    """Return the path of a PostgreSQL program. Raises `PostgresError` when there is none."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = [os.environ.get("PATH", ""), "/usr/local/bin", *map(str, versions)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise PostgresError(f"{name} is not installed: apt-get install postgresql")
    return found


class Postgres:
    """One cluster and its server. `options` are further lines of `postgresql.conf`."""

    def __init__(self, *, options: tuple[str, ...] = ()) -> None:
        self._as_user = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="lastunit-pg-", dir=_folder()))
        if self._as_user is not None:
            os.chown(self.folder, self._as_user.pw_uid, self._as_user.pw_gid)
        self._name = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._init(options)

    def _init(self, options: tuple[str, ...]) -> None:
        command = [binary("initdb"), "-D", str(self.folder / "data"), "-U", _USER, "--auth=trust", "--no-sync"]
        done = self._run([*command, "--encoding=UTF8", "--locale=C"])
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {done.stderr.decode(errors='replace')}")
        lines = (
            f"cluster_name = '{self._name}'",
            "listen_addresses = ''",
            f"unix_socket_directories = '{self.folder}'",
            "max_connections = 100",
            "fsync = off",  # a killed process loses nothing by it; only a power cut would
            *options,
        )
        with (self.folder / "data" / "postgresql.conf").open("a") as config:
            config.write("\n".join(lines) + "\n")

    def _run(self, command: list[str]) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(command, capture_output=True, check=False, cwd=self.folder, **self._identity())

    def _identity(self) -> dict[str, Any]:
        if self._as_user is None:
            return {}
        return {"user": self._as_user.pw_uid, "group": self._as_user.pw_gid, "extra_groups": []}

    @property
    def pid(self) -> int:
        """The postmaster that we started."""
        if self._process is None:
            raise PostgresError("this server does not run")
        return self._process.pid

    def start(self) -> Self:
        """Start the server and prove that it is ours. Raises `PostgresError`."""
        if self._process is not None:
            raise PostgresError("this server runs already")
        self._process = self._spawn()
        until = time.monotonic() + _START_S
        while True:
            try:
                with psycopg.connect(self._dsn("postgres"), connect_timeout=5) as connection:
                    self._prove(connection)
                    return self
            except psycopg.OperationalError as error:
                ended = self._process.poll() is not None
                log_text = (self.folder / "log").read_text(errors="replace")[-2_000:]
                if time.monotonic() > until or (ended and _NOT_GONE not in log_text):
                    raise PostgresError(f"no server: {error}\n{log_text}") from error
                time.sleep(0.05)
                if ended:
                    self._process = self._spawn()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [binary("postgres"), "-D", str(self.folder / "data")],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._identity(),
            )

    def _prove(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        row = connection.execute("SELECT current_setting('cluster_name')").fetchone()
        if row is None or row[0] != self._name:
            raise PostgresError(f"another server answers: cluster {row}, ours is {self._name}")

    def _dsn(self, database: str) -> str:
        return f"host={self.folder} user={_USER} dbname={database}"

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{_USER}@/{database}?host={self.folder}"

    def new_database(self, like: str | None = None) -> str:
        """Make a database, empty or a copy of the one at the URL `like`, and return its URL."""
        name = f"t{secrets.token_hex(6)}"
        template = _name_of(like) if like else "template1"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            self._prove(connection)
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database that `new_database` made, with whoever is still connected."""
        name = _name_of(url)
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            self._prove(connection)
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())

    def kill(self) -> None:
        """Kill the postmaster and its children: a crash. The next `start` recovers."""
        process, self._process = self._process, None
        if process is None:
            return
        os.killpg(process.pid, signal.SIGKILL)  # its own session: the group holds what it forked and nothing else
        process.wait()

    def stop(self) -> None:
        """Shut down quickly, without waiting for clients."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _folder() -> str:
    """Return where clusters live: in memory when there is room, because making a database writes hundreds of files."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _MEMORY_BYTES
    return str(memory) if roomy else tempfile.gettempdir()


def _name_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _unprivileged() -> pwd.struct_passwd | None:
    """Return the user to run as when we are root, else None."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError(f"root may not run PostgreSQL, and there is no user {' or '.join(_UNPRIVILEGED)}")
