"""Figures over time, read from InfluxDB by InfluxQL: 1.x, 2.x with a DBRP mapping, 3. See `gateway.series.port`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from gateway.series.influx_http import ServerError, check_url, v1_headers
from gateway.series.limits import HISTORY_MAX_ROWS, SEND_TIMEOUT_S, SHOWN_CHARS
from gateway.series.point import Value
from gateway.series.port import Latest, Row, by_tags
from gateway.series.rollup import Summary
from wire.measurement import Field, FieldType, Measurement, Tag

_NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.FLOAT})
_SUMMARIES: Final = ("count", "sum", "min", "max", "last")


class Table(NamedTuple):
    """One series of an answer."""

    tags: Mapping[str, str]
    columns: list[str]
    values: list[list[Any]]


def identifier(name: str) -> str:
    """Return a name as InfluxQL writes it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """Return text as InfluxQL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _where(where: Mapping[Tag, str]) -> list[str]:
    return [f"{identifier(key.value)} = {literal(value)}" for key, value in where.items()]


class InfluxQl:
    """Reads one database. Raises `ServerError` for a URL that is none, and with the server's words when it refuses."""

    def __init__(self, url: str, database: str, token: str = "", *, ca_file: Path | None = None) -> None:
        name, _, policy = database.partition("/")
        self._url = f"{check_url(url)}/query"
        self._parameters = {"db": name, "epoch": "u"} | ({"rp": policy} if policy else {})
        verify: Any = True if ca_file is None else str(ca_file)
        self._client = httpx.AsyncClient(headers=v1_headers(token), timeout=SEND_TIMEOUT_S, verify=verify)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def query(self, text: str) -> list[list[Table]]:
        """Return the series of each statement."""
        try:
            response = await self._client.post(self._url, params=self._parameters, data={"q": text})
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServerError(f"series_url: {error!r}") from error
        results = answer.get("results", [])
        wrong = answer.get("error") or next((one["error"] for one in results if "error" in one), None)
        if wrong:
            raise ServerError(f"series_url: {str(wrong)[:SHOWN_CHARS]}")
        return [
            [Table(found.get("tags", {}), found["columns"], found.get("values", [])) for found in one.get("series", [])]
            for one in results
        ]

    async def latest(self, measurement: Measurement, site: str = "") -> list[Latest]:
        """Return the newest point of every series; see `gateway.series.port`."""
        conditions = _where({Tag.SITE: site} if site else {})
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        come = f"FROM {identifier(measurement.name)}{where} GROUP BY *"
        fields = ", ".join(f"last({identifier(one.name)}) AS {identifier(one.name)}" for one in measurement.fields)
        newest, values = await self.query(f"SELECT * {come} ORDER BY time DESC LIMIT 1; SELECT {fields} {come}")
        at_us = {_tags(table, measurement): int(table.values[0][0]) for table in newest}
        found = []
        for table in values:
            key = _tags(table, measurement)
            row = dict(zip(table.columns, table.values[0], strict=True))
            held = {one.name: _value(one, row[one.name]) for one in measurement.fields if row[one.name] is not None}
            found.append(Latest(dict(key), at_us[key], held))
        return sorted(found, key=by_tags)

    async def history(self, measurement: Measurement, where: Mapping[Tag, str], from_us: int, to_us: int) -> list[Row]:
        """Return buckets, at most `HISTORY_MAX_ROWS`; see `gateway.series.port`."""
        conditions = [*_where(where), f"time >= {from_us}u", f"time < {to_us}u"]
        asked = ", ".join(
            f"{how}({identifier(one.name)}) AS {identifier(f'{how}_{one.name}')}"
            for one in measurement.fields
            for how in _hows(one)
        )
        come = f"FROM {identifier(measurement.name)} WHERE {' AND '.join(conditions)}"
        (tables,) = await self.query(f"SELECT {asked} {come} GROUP BY time(5m), * fill(none)")
        rows = [row for table in tables for row in _rows(table, measurement)]
        return sorted(rows, key=by_tags)[:HISTORY_MAX_ROWS]


def _hows(field: Field) -> tuple[str, ...]:
    return _SUMMARIES if field.type in _NUMBERS else ("count", "last")


def _tags(table: Table, measurement: Measurement) -> tuple[tuple[Tag, str], ...]:
    return tuple((key, table.tags[key.value]) for key in measurement.tags)


def _value(field: Field, value: Any) -> Value:
    found: Value = float(value) if field.type is FieldType.FLOAT else value
    return found


def _rows(table: Table, measurement: Measurement) -> Iterator[Row]:
    tags = dict(_tags(table, measurement))
    for values in table.values:
        row = dict(zip(table.columns, values, strict=True))
        bucket = {}
        for field in measurement.fields:
            count = row.get(f"count_{field.name}")
            if not count:
                continue
            total, low, high = (float(row.get(f"{how}_{field.name}") or 0) for how in ("sum", "min", "max"))
            bucket[field.name] = Summary(int(count), total, low, high, _value(field, row[f"last_{field.name}"]))
        if bucket:
            yield Row(tags, int(row["time"]), bucket)
