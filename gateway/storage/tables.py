"""All tables of the gateway: whoever needs the whole of `metadata` takes it from here."""

from gateway.storage import alarms, commerce, enrol, fleet, pairing, schema, series, work
from gateway.storage.metadata import metadata

__all__ = ["alarms", "commerce", "enrol", "fleet", "metadata", "pairing", "schema", "series", "work"]
