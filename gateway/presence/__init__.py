"""Where each item is: the tracker's interface, and the engine behind it."""

from gateway.presence.model import Model
from gateway.presence.physics import NOMINAL
from gateway.presence.saved_engine import SavedEngine, is_simple_snapshot
from gateway.presence.tracker import Tracker, Window, ZoneChange
from wire.site import Site

__all__ = ["Tracker", "Window", "ZoneChange", "make_tracker", "restore_tracker"]


def make_tracker(site: Site, model: Model | None = None) -> Tracker:
    """Return the tracker that the gateway folds with, empty; with a sensor model if the site was surveyed."""
    return SavedEngine(site, NOMINAL, model)


def restore_tracker(site: Site, snapshot: bytes, model: Model | None = None) -> Tracker:
    """Return the tracker as `snapshot` left it.

    A snapshot of the simple tracker, which stood here before, gives an empty engine that has met no item. Raises
    `SnapshotError` for bytes of anything else.
    """
    if is_simple_snapshot(snapshot):
        return SavedEngine(site, NOMINAL, model)
    return SavedEngine.restore(site, snapshot, NOMINAL, model)
