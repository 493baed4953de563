"""Every bound of a serial port, with its reason."""

from typing import Final

READ_MAX_BYTES: Final = 4_096
"""What one turn of the loop takes from a port: the kernel's own buffer for a terminal. The rest waits there."""

WRITE_MAX_BYTES: Final = 16 * 1_024
"""What may wait to be written. All that is ever said at once is a command of a few hundred bytes; a device that stopped
taking any must not fill our memory."""

OPEN_TIMEOUT_S: Final = 5.0
"""A port opens in milliseconds. An adapter whose firmware hangs lets the call wait in the kernel for ever."""

CLOSE_TIMEOUT_S: Final = 1.0
"""What waits to be written is thrown away before; a hanging adapter can still hold the call."""

LEAVE_TIMEOUT_S: Final = 0.5
"""For the last command at a stop: 500 bytes at 9,600 baud."""

DRAIN_POLL_S: Final = 0.01
"""How often the kernel is asked whether the last command has gone: ten bytes at 9,600 baud."""

PRESENCE_POLL_S: Final = 0.5
"""How often we look whether a port that is not there came back: who plugs a scanner in wants to scan at once."""

SETTLE_S: Final = 0.2
"""After a port came back: udev gives it its owner and rights a moment after its name."""

CONNECTED_SHOWN: Final = 8
"""Other ports that are named where one is missing: what a box has plugged in; more would hide the one that is meant."""

HOLDERS_PROCESSES_MAX: Final = 4_096
"""Processes that are asked which of them holds a port: a box runs some hundred."""
