"""Any order of what buyers, tills, thieves, clocks and crashes do keeps the invariants (DESIGN section 6, I4 to I7).

After each step: the ledger and every row follow from the facts; no item is in two active holds; each active hold has
its units or says how many need a substitution; what was answered is still so. And each reservation is granted exactly
when its own transaction could promise that many.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from gateway.availability import Policy, offer
from gateway.holds.desk import Holds
from gateway.holds.errors import (
    ExpiredError,
    HoldError,
    InsufficientError,
    ItemNotHeldError,
    NothingHeldError,
    WrongStateError,
)
from gateway.holds.life import State, Verb, allowed, state_at
from gateway.holds.sweeper import Sweeper
from gateway.ledger.picture import mend
from gateway.ledger.retell import pictures_of
from gateway.site_view import SiteViews
from gateway.storage.commerce import binding, reservation
from gateway.storage.engine import Database
from tests.gateway.holds.rig import KEY, WEB, Rig
from tests.gateway.small_store import SHIRT_S
from tests.servers.postgres import Postgres
from wire.site import OUT

T = TypeVar("T")

SERIALS = [str(number) for number in range(6)]
POLICY = Policy("web")


class CrashError(RuntimeError):
    """The process is gone at a step."""


class Life(RuleBasedStateMachine):
    """One SKU at one site, two processes, and the life around them."""

    url = ""
    """A database with all tables, of its own for each run: set by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.crash_at = ""
        self.model: dict[str, tuple[State, int]] = {}
        self.said: dict[str, tuple[Any, bytes]] = {}
        self.url, self.drop = self.fresh()
        self.databases = [Database(self.url), Database(self.url)]
        self.rig: Rig

    def fresh(self) -> tuple[str, Any]:
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def step(self, name: str) -> None:
        if name == self.crash_at:
            raise CrashError(name)

    @initialize()
    def open(self) -> None:
        self.rig = self.run(Rig(self.databases[0]).open())
        self.processes = [self.rig.holds(database, step=self.step) for database in self.databases]
        self.sweeper = Sweeper(self.databases[0], self.rig.clock, at_once=2)
        self.run(self.rig.put(*SERIALS[:4]))
        self.run(self.rig.book(1))

    def teardown(self) -> None:
        for database in self.databases:
            self.run(database.close())
        self.loop.close()
        self.drop(self.url)

    def desk(self, number: int) -> Holds:
        return self.processes[number]

    async def can_be_had(self) -> int:
        """What one more buyer can be promised, from the facts."""
        async with self.databases[0].read() as connection:
            view = await SiteViews(self.rig.clock).one(connection, KEY.site)
            assert view is not None
            sellable = {KEY.site: view.sellable}
            picture = (await pictures_of(connection, [KEY], sellable, self.rig.clock()))[KEY]
        mend(picture)
        return offer(picture.ladder(), POLICY, "live").atp

    # -- buyers

    process = st.integers(0, 1)

    @rule(
        number=process,
        units=st.integers(1, 3),
        ttl_s=st.sampled_from([5, 60, 900]),
        crash=st.sampled_from(["", "", "", "holds.written", "holds.committed"]),
    )
    def reserve(self, number: int, units: int, ttl_s: int, crash: str) -> None:
        asked = self.rig.asked(units, ttl_s=ttl_s)
        before = self.run(self.can_be_had())
        self.crash_at = crash
        try:
            made = self.run(self.desk(number).reserve(asked))
        except CrashError:
            self.crash_at = ""
            self.again(number, asked, before, committed=crash == "holds.committed")
            return
        except InsufficientError as error:
            assert before < units
            assert [short.atp for short in error.shortages] == [before]
            return
        finally:
            self.crash_at = ""
        assert before >= units, "granted above the ATP of its own transaction"
        assert not made.replayed
        self.note(asked, made.body)

    def again(self, number: int, asked: Any, before: int, *, committed: bool) -> None:
        """Who got no answer asks again: what was committed is found, what was not is decided anew."""
        units = asked.wishes[0].quantity
        try:
            made = self.run(self.desk(1 - number).reserve(asked))
        except InsufficientError:
            assert before < units
            return
        assert before >= units
        assert made.replayed == committed
        self.note(asked, made.body)

    def note(self, asked: Any, body: bytes) -> None:
        row = msgspec.json.decode(body)
        until_us = self.rig.clock() + asked.ttl_s * 1_000_000
        self.model[row["id"]] = State.HELD, until_us
        self.said[asked.name] = asked, body

    @precondition(lambda self: self.said)
    @rule(number=process, data=st.data())
    def retry(self, number: int, data: st.DataObject) -> None:
        asked, body = self.said[data.draw(st.sampled_from(sorted(self.said)))]
        made = self.run(self.desk(number).reserve(asked))
        assert (made.body, made.replayed) == (body, True)

    @precondition(lambda self: self.model)
    @rule(number=process, data=st.data(), verb=st.sampled_from([*Verb]))
    def verb(self, number: int, data: st.DataObject, verb: Verb) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        state, until_us = self.model[name]
        state = state_at(state, until_us, self.rig.clock())
        before = self.run(self.desk(number).get(WEB, name))
        item = next((link.digital_link.rpartition("/")[2] for line in before.lines for link in line.items), "none")
        desk = self.desk(number)
        work: Coroutine[Any, Any, tuple[Any, bool]] = {
            Verb.CONFIRM: lambda: desk.confirm(WEB, name),
            Verb.RELEASE: lambda: desk.release(WEB, name),
            Verb.RENEW: lambda: desk.renew(WEB, name, 60),
            Verb.PICK: lambda: desk.pick(WEB, name),
            Verb.PICK_MISS: lambda: desk.pick_miss(WEB, name, (SHIRT_S, item)),
            Verb.FULFIL: lambda: desk.fulfil(WEB, name),
            Verb.TRANSFER: lambda: desk.transfer(WEB, name, [("cart_ref", "c")]),
        }[verb]()
        try:
            does: bool | HoldError = allowed(name, state, verb)
        except HoldError as error:
            does = error
        try:
            answer, replayed = self.run(work)
        except (ExpiredError, WrongStateError) as error:
            assert type(error) is type(does)
            return
        except (InsufficientError, NothingHeldError, ItemNotHeldError):
            assert does is True
            return
        assert not isinstance(does, HoldError)
        assert replayed == (not does)
        if verb is Verb.RENEW and does:
            until_us = max(until_us, self.rig.clock() + 60_000_000)
        self.model[name] = State(answer.state), until_us

    # -- the shop

    @rule(serial=st.sampled_from(SERIALS), state=st.sampled_from(["sold", "available", "damaged", "missing"]))
    def till(self, serial: str, state: str) -> None:
        self.run(self.rig.state(serial, state))

    @rule(serial=st.sampled_from(SERIALS), zone=st.sampled_from(["FLOOR", "BACK", "FIT", OUT, OUT]))
    def walk(self, serial: str, zone: str) -> None:
        """Items move; some leave unpaid."""
        self.run(self.rig.put(serial, zone=zone, chance=float(zone in {"FLOOR", "BACK"})))

    @rule(serial=st.sampled_from(SERIALS), chance=st.sampled_from([0.1, 0.4, 0.97, 1.0]))
    def fade(self, serial: str, chance: float) -> None:
        self.run(self.rig.put(serial, chance=chance))

    @rule(units=st.sampled_from([1, -1]))
    def recount(self, units: int) -> None:
        async def has() -> int:
            async with self.databases[0].read() as connection:
                pictures = await pictures_of(connection, [KEY], {}, 0)
            return pictures[KEY].untagged_available

        if units > 0 or self.run(has()):
            self.run(self.rig.book(units))

    # -- time

    @rule(seconds=st.sampled_from([1, 5, 61, 1_000]))
    def wait(self, seconds: int) -> None:
        self.rig.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        self.run(self.sweeper.sweep())

    # -- what must hold

    @invariant()
    def all_is_in_order(self) -> None:
        if hasattr(self, "rig"):
            self.run(self.rig.check())
            self.run(self.as_answered())

    async def as_answered(self) -> None:
        now_us = self.rig.clock()
        async with self.databases[1].read() as connection:
            rows = {row.id: row for row in await connection.execute(select(reservation))}
            twice = select(binding.c.serial).group_by(binding.c.serial).having(func.count() > 1)
            assert (await connection.execute(twice)).all() == []
        assert rows.keys() == self.model.keys()
        for name, (state, until_us) in self.model.items():
            found = state_at(State(rows[name].state), rows[name].expires_us, now_us)
            assert found is state_at(state, until_us, now_us), name


def examine(machine: type[Life], examples: int, steps: int) -> None:
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=profile)


def machine_on_sqlite(file: Path, folder: Path) -> type[Life]:
    class OnSqlite(Life):
        def fresh(self) -> tuple[str, Any]:
            copy = Path(tempfile.mkdtemp(dir=folder)) / "gateway.db"
            shutil.copy(file, copy)
            return f"sqlite:///{copy}", lambda _: shutil.rmtree(copy.parent)

    return OnSqlite


def machine_on_postgres(server: Postgres, like: str) -> type[Life]:
    class OnPostgres(Life):
        def fresh(self) -> tuple[str, Any]:
            return server.new_database(like=like), server.drop_database

    return OnPostgres


def test_a_few_lives_on_sqlite(migrated_sqlite_file: Path, tmp_path: Path) -> None:
    examine(machine_on_sqlite(migrated_sqlite_file, tmp_path), 4, 20)


def test_a_few_lives_on_postgresql(postgres: Postgres, migrated_postgres_url: str) -> None:
    examine(machine_on_postgres(postgres, migrated_postgres_url), 4, 20)


@pytest.mark.proof
@pytest.mark.timeout(7_200)
def test_250_lives_of_50_steps_on_sqlite(migrated_sqlite_file: Path, tmp_path: Path) -> None:
    examine(machine_on_sqlite(migrated_sqlite_file, tmp_path), 250, 50)


@pytest.mark.proof
@pytest.mark.timeout(7_200)
def test_250_lives_of_50_steps_on_postgresql(postgres: Postgres, migrated_postgres_url: str) -> None:
    examine(machine_on_postgres(postgres, migrated_postgres_url), 250, 50)
