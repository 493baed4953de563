"""`lastunit simulate`: a store in software, as live LLRP readers or as files."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.demo import Level
from lastunit.commands.mend import complain, mendable, read_site_file

if TYPE_CHECKING:
    from simulator.store import Store
    from wire.site import Site


def simulate(
    site: Annotated[Path, typer.Option(help="The site file: zones, readers, antennas (docs/site-file.md).")],
    level: Annotated[Level, typer.Option(help="How hard the simulated radio is.")] = Level.REALISTIC,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same store, byte for byte.")] = 1,
    hours: Annotated[float, typer.Option(min=0.001, help="How long the store is open.")] = 3.0,
    items: Annotated[
        int | None, typer.Option(min=1, help="Items in the store; by its floor area if not given.")
    ] = None,
    busy: Annotated[float, typer.Option(min=0, help="Factor on shoppers and replenishment.")] = 1.0,
    out: Annotated[
        Path | None, typer.Option(help="Write the run as files into this folder, faster than real time.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of an earlier run in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Bring a store to life: shoppers, fitting, sales, theft, refills, deliveries.

    Without --out every LLRP reader of the site file becomes a real LLRP server at its address (port 0: a free one), for
    `lastunit edge` or any other client. With --out the same run becomes reads.csv, truth.csv, items.csv, events.csv,
    catalogue.csv and antennas.csv, with the site file beside them as site.yaml: a case for replay, score and calibrate.

        lastunit simulate --site store-001.yaml --level realistic --seed 1

        lastunit simulate --site store-001.yaml --hours 1 --out case
    """
    from simulator.errors import StoreError
    from simulator.reader.persona import PersonaError
    from simulator.store import Store

    if out is not None:
        _check_folder(out, site, force=force)
    with mendable(StoreError, PersonaError):
        described = read_site_file(site)
        store = Store(described, level.value, seed=seed, items=items, hours=hours, busy=busy)
        if out is None:
            asyncio.run(_live(described, store, hours))
        else:
            _write(store, out, site.read_bytes(), round(hours * 3_600), as_json=as_json)


def _check_folder(out: Path, site: Path, *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise complain(f"--out {out} is a file: name a folder, it is made if missing")
    if (out / "reads.csv").exists() and not force:
        raise complain(f"{out} holds a run already (reads.csv): choose another folder, or say --force to overwrite it")
    copy = out / "site.yaml"
    if copy.exists() and not force and site.exists() and copy.read_bytes() != site.read_bytes():
        raise complain(
            f"{copy} is another site file than {site}: choose another folder, or say --force to overwrite it"
        )


def _write(store: "Store", out: Path, described: bytes, seconds: int, *, as_json: bool) -> None:
    import msgspec

    from simulator.case import write_case

    def progress(done: int, of: int) -> None:
        print(f"\r{done / of:4.0%}  {done // 60} of {of // 60} minutes ", end="", file=sys.stderr, flush=True)

    figures = write_case(store, out, max(1, seconds), progress)
    (out / "site.yaml").write_bytes(described)
    print(file=sys.stderr)
    if as_json:
        print(msgspec.json.encode(figures).decode())
        return
    print(
        f"{out}: {figures.items:,} items, {figures.reads:,} reads ({figures.reads_per_tag_min:.1f} a tag and minute, "
        f"{figures.stray_share:.1%} strays), {figures.moves:,} moves, {figures.sales} sold, {figures.thefts} stolen"
    )


async def _live(site: "Site", store: "Store", hours: float) -> None:
    import signal

    from simulator.reader.live_store import LiveStore

    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with LiveStore(site, store) as live:
        for device in live.site.devices:
            if device.id in live.readers:
                print(f"reader {device.id} speaks LLRP on {device.address}", flush=True)
        print(f"{store.items:,} items; Ctrl-C ends it", file=sys.stderr, flush=True)
        running = asyncio.create_task(live.run(max(1, round(hours * 3_600))))
        stop = asyncio.create_task(stopping.wait())
        done, pending = await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()
