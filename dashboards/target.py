"""A question as a panel's target: what Grafana's InfluxDB data source reads in InfluxQL mode."""

from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import variants as cogvariants
from grafana_foundation_sdk.models import common

SOURCE_VARIABLE: Final = "source"
SOURCE_TYPE: Final = "influxdb"


def data_source() -> common.DataSourceRef:
    """Return the data source that the board's variable names."""
    return common.DataSourceRef(type_val=SOURCE_TYPE, uid=f"${{{SOURCE_VARIABLE}}}")


@dataclass
class InfluxQlTarget(cogvariants.Dataquery, cogbuilder.Builder[cogvariants.Dataquery]):
    """A target: its letter, the query, and whether rows (a table) or lines (time series) come back.

    `alias` names a line: `$tag_<tag>` and `$col` are Grafana's.
    """

    ref_id: str
    query: str
    table: bool = False
    alias: str = ""

    def build(self) -> cogvariants.Dataquery:
        """Return itself: it is a builder and what is built."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Return what the data source keeps of a raw query."""
        kept: dict[str, Any] = {
            "datasource": data_source(),
            "query": self.query,
            "rawQuery": True,
            "refId": self.ref_id,
            "resultFormat": "table" if self.table else "time_series",
        }
        return kept | ({"alias": self.alias} if self.alias else {})
