"""A site's sensor model: into the log when it changed, through the fold and its snapshot, and out to the operator."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from gateway.app import Gateway
from gateway.config import ConfigError, GatewayConfig, load_config
from gateway.fold.folder import Folder
from gateway.fold.site_model import encode_entry, model_for
from gateway.fold.state import FoldState, ItemKey
from gateway.http.app import create_app
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.model_files import load_models
from gateway.presence import make_tracker, restore_tracker
from gateway.presence.model import ModelError, encode_model
from gateway.queries import Queries
from gateway.storage.engine import Database
from gateway.storage.input_log import Entry, Kind, entries_after
from gateway.storage.site_register import encode_site, register_model
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.plain_tracker import PlainTracker, plain
from tests.gateway.shop_day import log_of
from tests.gateway.small_model import small_model
from tests.gateway.small_store import BACK, FLOOR, SHIRT_M, SHIRT_S, SITE, T0_US, ManualClock, epc, reads
from tests.gateway.wait import until
from wire.messages import encode_durable
from wire.site import Site

SEEN = [(FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_M, 1))]
MODEL = small_model()
BODY = encode_entry(MODEL)


def other_ports() -> Site:
    """The small store after somebody plugged an antenna of R2 into another port."""
    r1, r2 = SITE.devices
    return replace(SITE, devices=(r1, replace(r2, antennas=(replace(r2.antennas[0], port=7),))))


def shop_log(*said: tuple[int, Kind, bytes]) -> list[Entry]:
    """Forty seconds of reads; what is `said` stands at its place (from 0) in the log."""
    entries = [(entry.received_us, entry.kind, entry.body) for entry in log_of([reads(s, SEEN) for s in range(40)])]
    for at, kind, body in sorted(said):
        entries.insert(at, (entries[at - 1][0], kind, body))
    return [Entry(n, *entry) for n, entry in enumerate(entries, 1)]


def folded(log: list[Entry], presence_state: FoldState | None = None) -> FoldState:
    folder = Folder(presence_state or FoldState())
    for entry in log:
        folder.fold(entry)
    return folder.state


def test_equal_models_give_equal_bytes_and_are_found_again() -> None:
    assert encode_entry(small_model()) == BODY
    assert model_for(SITE, BODY) == MODEL
    assert encode_entry(None) == b""
    assert model_for(SITE, b"") is None
    assert model_for(other_ports(), BODY) is None
    assert model_for(SITE, b"not a model") is None


def test_a_model_reaches_the_tracker_and_is_taken_away_again() -> None:
    log = shop_log((21, Kind.MODEL, BODY), (61, Kind.MODEL, b""))
    state = FoldState(plain())
    folder = Folder(state)
    held = []
    for entry in log:
        folder.fold(entry)
        assert isinstance(state.tracker, PlainTracker)
        held.append(state.tracker.model is not None)
    assert held == [21 <= at < 61 for at in range(len(log))]
    assert state.places == ["FLOOR", "BACK"]


def test_what_is_published_after_a_model_comes_from_the_tracker_that_has_it() -> None:
    folder = Folder(FoldState(plain()))
    for entry in shop_log((21, Kind.MODEL, BODY)):
        folder.fold(entry)
    state = folder.state
    new = reads(40, [(FLOOR, epc(SHIRT_S, 2))])
    outputs = folder.fold(Entry(state.n + 1, T0_US + 42_000_000, Kind.DATA, encode_durable(new)))
    (chance,) = outputs.published.values()
    assert list(outputs.published) == [ItemKey(SHIRT_S, "2")]
    assert [chance.here, chance.sellable] == pytest.approx([0.6, 0.6])


def test_a_log_with_models_gives_the_same_bytes_folded_again_and_from_any_snapshot() -> None:
    log = shop_log((5, Kind.MODEL, BODY), (31, Kind.MODEL, encode_entry(small_model(own_hits=90))))
    whole = folded(log)
    assert whole.places == ["FLOOR", "BACK"]
    assert folded(log).snapshot() == whole.snapshot()
    for cut in range(1, len(log), 9):
        begun = folded(log[:cut])
        again = FoldState.restore(begun.snapshot())
        assert again.snapshot() == begun.snapshot()
        assert folded(log[cut:], again).snapshot() == whole.snapshot(), cut
    assert folded(shop_log()).snapshot() != whole.snapshot()


def test_a_snapshot_restores_its_tracker_with_the_model() -> None:
    state = folded(shop_log((5, Kind.MODEL, BODY)), FoldState(plain()))
    again = FoldState.restore(state.snapshot(), plain())
    assert isinstance(again.tracker, PlainTracker)
    assert again.tracker.model == MODEL
    assert again.model_body == BODY


def test_a_model_of_other_antennas_counts_as_none_until_it_fits_again() -> None:
    log = shop_log(
        (5, Kind.MODEL, BODY), (21, Kind.SITE, encode_site(other_ports())), (41, Kind.SITE, encode_site(SITE))
    )
    state = FoldState(plain())
    folder, held = Folder(state), []
    for entry in log:
        folder.fold(entry)
        assert isinstance(state.tracker, PlainTracker)
        held.append(state.tracker.model is not None)
    assert held == [5 <= at < 21 or at >= 41 for at in range(len(log))]
    assert state.figures["models_unfit"] == 1


def test_the_engine_knows_what_it_knew_when_a_model_comes() -> None:
    tracker = folded(shop_log()).tracker
    assert tracker is not None
    surveyed = restore_tracker(SITE, tracker.snapshot(), MODEL)
    assert surveyed.snapshot() != make_tracker(SITE, MODEL).snapshot()
    assert type(surveyed) is type(tracker)


async def test_only_a_model_that_changed_enters_the_log(database: Database) -> None:
    rig = await LogRig(database).open()

    async def register(body: bytes) -> bool:
        async with database.write() as connection:
            return await register_model(connection, SITE.id, body, T0_US)

    other = encode_entry(small_model(own_hits=90))
    done = [await register(body) for body in (b"", BODY, BODY, other, other, b"", b"", BODY)]
    assert done == [False, True, False, True, False, True, False, True]
    async with database.read() as connection:
        entries = await entries_after(connection, SITE.id, 0, 100)
    assert [(entry.n, entry.kind, entry.body) for entry in entries[1:]] == [
        (2, Kind.MODEL, BODY),
        (3, Kind.MODEL, other),
        (4, Kind.MODEL, b""),
        (5, Kind.MODEL, BODY),
    ]
    fold = await rig.fold()
    assert await fold_all(fold) == 5
    assert fold.state.model_body == BODY


async def test_the_newest_model_is_shown_and_one_that_does_not_fit_is_not(sqlite_database: Database) -> None:
    database = sqlite_database
    await LogRig(database).open()
    queries, shown = Queries(database, ManualClock(T0_US)), []
    for body in (BODY, encode_entry(small_model(own_hits=100)), encode_entry(small_model(other_ports())), b""):
        async with database.write() as connection:
            await register_model(connection, SITE.id, body, T0_US)
        model = (await queries.model(SITE.id)).model
        shown.append(model and model.zones[0].own_rate)
    assert shown == [0.5, 0.25, None, None]


@pytest.mark.parametrize(
    ("site", "models", "told"),
    [
        (SITE, ["model.json", "model.json"], "site 'store-001' has a sensor model already"),
        (replace(SITE, id="store-007"), ["model.json"], "surveyed at site 'store-001'; this gateway serves store-007"),
        (other_ports(), ["model.json"], "antennas differ from those of site 'store-001': R2:1 only in the model; R2:7"),
        (SITE, ["site.yaml"], "site.yaml: not a sensor model"),
    ],
)
def test_a_model_that_cannot_be_meant_is_told(tmp_path: Path, site: Site, models: list[str], told: str) -> None:
    (tmp_path / "model.json").write_bytes(encode_model(MODEL))
    (tmp_path / "site.yaml").write_text("site: store-001\n")
    (tmp_path / "gateway.yaml").write_text(f"models: [{', '.join(models)}]\n")
    config = load_config(tmp_path / "gateway.yaml")
    with pytest.raises((ConfigError, ModelError), match=told):
        load_models(config, [site])


def test_a_model_stands_beside_the_configuration_and_names_its_own_site(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(encode_model(MODEL))
    (tmp_path / "gateway.yaml").write_text("models: [model.json]\n")
    config = load_config(tmp_path / "gateway.yaml")
    assert load_models(config, [replace(SITE, id="store-007"), SITE]) == {SITE.id: MODEL}


async def test_a_gateway_takes_the_model_that_it_is_given_and_shows_it(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(encode_model(MODEL))
    clock = ManualClock(T0_US)
    shown = []
    for models in ([], [path], [path], []):
        config = GatewayConfig(database_url=SecretStr(sqlite_url), http_port=0, models=models, keep_log=True)
        source = MemorySource(MemoryBroker(), clock)
        gateway = Gateway(config, sites=[SITE], source=source, http=create_app, clock=clock)
        async with gateway, httpx.AsyncClient(base_url=str(gateway.http_url), timeout=60) as client:
            await until(partial(gateway.fold.folds.__contains__, SITE.id))
            shown.append((await client.get(f"/v1/sites/{SITE.id}/model")).json())
            assert (await client.get("/v1/sites/nowhere/model")).status_code == 404
        clock.advance(60)
    assert [answer["model"] is None for answer in shown] == [True, False, False, True]
    first, second = shown[1]["model"], shown[2]["model"]
    assert (first["age_s"], second["age_s"]) == (7_260, 7_320)
    assert first["since"] == second["since"] == "2026-11-18T11:07:40.000Z"
    assert {zone["zone"]: (zone["own_rate"], zone["right"]) for zone in first["zones"]} == {
        "BACK": (0.5, 0.9),
        "FLOOR": (pytest.approx(210 / 800), 0.9),
        "FIT": (0.5, 0.9),
        "EXIT": (pytest.approx(210 / 800), 0.9),
    }
    assert first["macro_recall"] == pytest.approx(0.9)
    assert first["confusion"]["seconds"]["FIT"] == [50.0, 50.0, 900.0]
    assert [antenna["antenna"] for antenna in first["antennas"]] == ["R1:1", "R1:2", "R1:3", "R1:4", "R2:1"]
    database = Database(sqlite_url)
    async with database.read() as connection:
        entries = await entries_after(connection, SITE.id, 0, 1_000)
    await database.close()
    assert [entry.body for entry in entries if entry.kind is Kind.MODEL] == [BODY, b""]
    assert msgspec.json.decode(BODY)["site"] == SITE.id
