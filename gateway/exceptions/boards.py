"""What stands on the boards of alarms (`gateway.tasks.boards`): those whose cause goes on."""

from typing import Final

from gateway.exceptions.alarm import LIVE
from gateway.storage.alarms import alarm
from gateway.tasks.boards import Live

ALARMS: Final = Live("alarm", alarm, "last_us", sorted(state.value for state in LIVE))
