"""`lastunit catalogue`: which GTIN is which style, colour and size."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.gateway import ConfigFile, DatabaseUrl, load
from lastunit.commands.mend import complain, mendable

if TYPE_CHECKING:
    from gateway.catalogue import CatalogueReport

app = typer.Typer(no_args_is_help=True, help="The catalogue: which GTIN is which style, colour and size.")


@app.callback()
def catalogue() -> None:
    """Keep `import` a command of its own."""


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV (commas, semicolons or tabs; UTF-8) with the header gtin,style,colour,size,description."
        ),
    ],
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Load a catalogue. Bad rows are told with line, value and reason, and the others load.

    Optional columns: department, min_floor, max_floor, price. A GTIN that is there already is replaced.
    Exit code 1 when rows were rejected.
    """
    import msgspec

    from gateway.catalogue import CatalogueError, import_catalogue
    from gateway.storage.engine import Database
    from gateway.storage.errors import StorageError
    from gateway.storage.readiness import bring_up_to_date, told

    async def run(url: str, data: bytes) -> "CatalogueReport":
        books = Database(url)
        try:
            return await import_catalogue(books, data, time.time_ns() // 1_000)
        finally:
            await books.close()

    with mendable(StorageError):
        data = file.read_bytes()
        url = load(config, database).database_url.get_secret_value()
        bring_up_to_date(url)
        try:
            with told(url):
                report = asyncio.run(run(url, data))
        except CatalogueError as error:
            raise complain(f"{file}: {error}") from error
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        for problem in report.problems:
            print(f"{file}: {problem}", file=sys.stderr)
        print(f"{report.loaded:,} of {report.rows:,} rows loaded, {report.changed:,} changed, {report.rejected:,} bad")
    if report.rejected:
        raise typer.Exit(1)
