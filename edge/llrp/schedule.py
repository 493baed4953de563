"""When a reader inventories: always, by a duty cycle, or by one of its inputs (LLRP 1.1 section 11.2.1).

Theory of operation. The site file says it in four ways, and each becomes a start and a stop trigger of our one ROSpec:

======================================  ===========================  ==============================================
site file                               starts                       stops
======================================  ===========================  ==============================================
nothing                                 by START_ROSPEC              never
`on_s`, `off_s`                         periodic, `on_s` + `off_s`   after `on_s`
`gpi_port`, `gpi_level`                 when the input gets it       when the input leaves it
the same with `gpi_timeout_s`           when the input gets it       after `gpi_timeout_s`
======================================  ===========================  ==============================================

The reader keeps the time itself, so a slow network or a busy edge stretches nothing, and it tells each start and each
end; only what lies between counts as looked at. The other way, AISpecs that end after a while and another spec to
rest in, does not exist: LLRP has no spec that does nothing, and a survey of the band transmits on some readers.

With `turn_ms` (the profile's `dwell_ms`) each antenna has an AISpec of its own that ends after its turn. The ROSpec
then ends with the last one and starts again at once (start trigger Immediate); LLRP 1.0.1 has no other loop. All turns
are as long as each other, so that each port still looks for its share of the time. It does not go together with a duty
cycle or an input, whose ROSpec would end with the first round.

An input that has its level already when we come gives no edge to wait for: then the ROSpec is started by command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from firmware_config.profile import ProfileError
from wire.llrp.message import Parameter, param
from wire.llrp.tables.enumerations import ROSpecStartTriggerType, ROSpecStopTriggerType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wire.site import Device

CYCLE_MIN_MS: Final = 100
"""Shorter than one inventory round of a few hundred tags: a reader would start and stop and read nothing."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to inventory. Milliseconds; 0: not said.

    Attributes:
        on_ms, off_ms: inventory for so long, then rest for so long.
        gpi_port: inventory by this input, counted from 1.
        gpi_high: the level that lets it inventory.
        gpi_for_ms: how long after the input got its level; 0: for as long as it has it.
        turn_ms: how long each antenna has its turn; 0: as the reader likes.
    """

    on_ms: int = 0
    off_ms: int = 0
    gpi_port: int = 0
    gpi_high: bool = True
    gpi_for_ms: int = 0
    turn_ms: int = 0

    @property
    def by_command(self) -> bool:
        """Whether START_ROSPEC starts it and nothing ends it."""
        return not self.on_ms and not self.gpi_port and not self.turn_ms

    @property
    def follows_level(self) -> bool:
        """Whether the input's level now decides, not only its next change."""
        return bool(self.gpi_port) and not self.gpi_for_ms

    def boundary(self) -> Parameter:
        """Return the ROBoundarySpec."""
        return param("ROBoundarySpec", self._start(), self._stop())

    def _start(self) -> Parameter:
        kinds = ROSpecStartTriggerType
        if self.on_ms:
            period = param("PeriodicTriggerValue", Offset=0, Period=self.on_ms + self.off_ms)
            return param("ROSpecStartTrigger", period, ROSpecStartTriggerType=kinds.Periodic)
        if self.gpi_port:
            return param("ROSpecStartTrigger", self._edge(self.gpi_high), ROSpecStartTriggerType=kinds.GPI)
        return param("ROSpecStartTrigger", ROSpecStartTriggerType=kinds.Immediate if self.turn_ms else kinds.Null)

    def _stop(self) -> Parameter:
        kinds = ROSpecStopTriggerType
        after_ms = self.on_ms or self.gpi_for_ms
        if after_ms:
            kind, edges = kinds.Duration, []
        elif self.gpi_port:
            kind, edges = kinds.GPI_With_Timeout, [self._edge(not self.gpi_high)]
        else:
            kind, edges = kinds.Null, []
        return param("ROSpecStopTrigger", *edges, ROSpecStopTriggerType=kind, DurationTriggerValue=after_ms)

    def _edge(self, high: bool) -> Parameter:
        return param("GPITriggerValue", GPIPortNum=self.gpi_port, GPIEvent=high, Timeout=0)

    def with_turns(self, dwells_ms: Sequence[int], most_specs: int) -> tuple[Schedule, str]:
        """Return the schedule of a reader whose antennas shall dwell for so long each, and what could not be done.

        `most_specs`: AISpecs that one ROSpec of this reader may have.
        """
        asked = sorted(set(dwells_ms))
        if asked in ([], [0]):
            return self, ""
        why = ""
        if len(asked) > 1:
            why = "a reader's turns are all of one length"
        elif not self.by_command:
            why = "it does not go with a duty cycle or an input"
        elif len(dwells_ms) > most_specs:
            why = f"the reader has room for {most_specs} turns"
        if why:
            return self, f"dwell_ms: {', '.join(map(str, asked))} asked for, and none is set: {why}"
        return replace(self, turn_ms=asked[0]), ""

    def check(self, inputs: int) -> None:
        """Raise `ProfileError` for a reader with too few inputs."""
        if self.gpi_port > inputs:
            has = f"has inputs 1 to {inputs}" if inputs else "has no inputs"
            raise ProfileError(f"gpi_port {self.gpi_port}: the reader {has}")


ALWAYS: Final = Schedule()


def schedule_of(device: Device) -> Schedule:
    """Return when a device of the site file inventories. Raises `ProfileError` for settings that contradict."""

    def ms(key: str) -> int:
        said = device.options.get(key)
        found = 0 if said is None else round(float(said) * 1_000)
        if said is not None and found < CYCLE_MIN_MS:
            raise ProfileError(f"device {device.id}: {key}: {said}, expected {CYCLE_MIN_MS / 1_000} or more")
        return found

    def refuse(problem: str) -> ProfileError:
        return ProfileError(f"device {device.id}: {problem}")

    on_ms, off_ms, for_ms = ms("on_s"), ms("off_s"), ms("gpi_timeout_s")
    port, level = device.options.get("gpi_port"), device.options.get("gpi_level")
    if bool(on_ms) != bool(off_ms):
        raise refuse("on_s and off_s: one needs the other")
    if port is None and (level is not None or for_ms):
        raise refuse("gpi_level and gpi_timeout_s need a gpi_port")
    if port is not None and on_ms:
        raise refuse("gpi_port and on_s: a reader inventories by an input or by a duty cycle, not by both")
    return Schedule(on_ms, off_ms, int(port or 0), gpi_high=level != "low", gpi_for_ms=for_ms)
