"""Replay: the gateway's own engine over a reads file, as fast as it goes.

For surveys, tuning and proof. What is read becomes windows of a second, what was looked at is inferred (a reads file
does not say it), sales and receipts come in at their time, and a tracker decides as it does behind the fold.
"""

from gateway.replay.errors import ReplayError
from gateway.replay.events import Event
from gateway.replay.reads import Reads
from gateway.replay.run import Change, Replay, ReplayFigures, Step, replay
from gateway.replay.tags import Antennas, Tags

__all__ = [
    "Antennas",
    "Change",
    "Event",
    "Reads",
    "Replay",
    "ReplayError",
    "ReplayFigures",
    "Step",
    "Tags",
    "replay",
]
