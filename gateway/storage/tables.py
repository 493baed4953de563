"""All tables of the gateway: whoever needs the whole of `metadata` takes it from here."""

from gateway.storage import commerce, schema, work
from gateway.storage.metadata import metadata

__all__ = ["commerce", "metadata", "schema", "work"]
