"""What is asked of a module: from the site file and the profile's intents, before any module is heard.

Power is in 0.01 dBm and None for "the most that there is"; how near a module comes to it is told when it says its
limits. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass


class UhfError(ValueError):
    """The settings of a module cannot be used: a person must mend the site file."""


@dataclass(frozen=True, slots=True)
class PortAsk:
    """One antenna port as the site wants it. `single`: each tag shall answer once and keep silent."""

    port: int
    power_cdbm: int | None
    session: int
    single: bool
    population: int


@dataclass(frozen=True, slots=True)
class ModulePlan:
    """One module. `cycle_s`: how often it shall give a sign of life. `off_s` 0: it never rests."""

    ports: tuple[PortAsk, ...]
    cycle_s: float
    region: str | None = None
    on_s: float = 0.0
    off_s: float = 0.0


def limited(ask: PortAsk, least_cdbm: int, most_cdbm: int, problems: list[str]) -> int:
    """Return the power of a port within a module's limits; what was asked and cannot be is added to `problems`."""
    if ask.power_cdbm is None:
        return most_cdbm
    power = min(max(ask.power_cdbm, least_cdbm), most_cdbm)
    if power != ask.power_cdbm:
        problems.append(
            f"port {ask.port}: {ask.power_cdbm / 100:g} dBm asked, {power / 100:g} dBm set: "
            f"the module has {least_cdbm / 100:g} to {most_cdbm / 100:g}"
        )
    return power


def having_ports(plan: ModulePlan, there: frozenset[int], problems: list[str]) -> tuple[PortAsk, ...]:
    """Return the asks whose port the module has; the others are added to `problems`."""
    has = ", ".join(map(str, sorted(there))) or "none"
    problems += [f"port {ask.port}: the module has {has}" for ask in plan.ports if ask.port not in there]
    return tuple(ask for ask in plan.ports if ask.port in there)
