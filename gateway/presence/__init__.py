"""Where each item is: the tracker's interface, and the trackers behind it."""

from gateway.presence.simple import SimpleTracker
from gateway.presence.tracker import Tracker, Window, ZoneChange
from wire.site import Site

__all__ = ["SimpleTracker", "Tracker", "Window", "ZoneChange", "make_tracker", "restore_tracker"]


def make_tracker(site: Site) -> Tracker:
    """Return the tracker that the gateway folds with, empty."""
    return SimpleTracker(site)


def restore_tracker(site: Site, snapshot: bytes) -> Tracker:
    """Return the tracker as `snapshot` left it. Raises `SnapshotError` for bytes of another tracker or version."""
    return SimpleTracker.restore(site, snapshot)
