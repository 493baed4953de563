"""What a device inventoried, by port: credit as the device vouches for it, debit by `take`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.limits import WINDOW_MAX_MS
from wire.messages import AntennaLook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wire.messages import AntennaSettings


class LookLedger:
    """One device's configured ports. What is vouched for another port is not ours to tell."""

    def __init__(self, device: str, ports: Sequence[int]) -> None:
        self._device = device
        self._credit_ms = dict.fromkeys(ports, 0.0)
        self._settings: dict[int, AntennaSettings] = {}
        self._unsaid: set[int] = set()

    def credit(self, ports: Sequence[int], for_s: float) -> None:
        """Credit ports that took turns for so long: each gets its share."""
        for port in ports:
            if port in self._credit_ms:
                self._credit_ms[port] += for_s * 1_000 / len(ports)

    def settings(self, by_port: Mapping[int, AntennaSettings]) -> None:
        """Say how the ports inventory from now on; a change is told with the next `take`."""
        for port, settings in by_port.items():
            if self._settings.get(port) != settings:
                self._settings[port] = settings
                self._unsaid.add(port)

    def take(self) -> tuple[AntennaLook, ...]:
        """Return one row for each port, with the whole milliseconds since the last call; fractions stay."""
        looks = []
        for port, credit_ms in self._credit_ms.items():
            whole = int(credit_ms)
            self._credit_ms[port] = credit_ms - whole
            told = self._settings[port] if port in self._unsaid else None
            looks.append(AntennaLook(self._device, port, min(whole, WINDOW_MAX_MS), settings=told))
        self._unsaid.clear()
        return tuple(looks)
