"""What the antennas of a reader see: one sighting is one tag, singulated once, on one port."""

from __future__ import annotations

from typing import NamedTuple


class Sighting(NamedTuple):
    """One tag read by the air interface.

    Attributes:
        epc: the EPC's bytes, left-aligned; `epc_bits` of them count.
        antenna: the port, from 1.
        rssi_cdbm: 0.01 dBm.
        time_us: UTC microseconds.
        channel: 1-based index into the hop table.
        phase: RF phase, 1/4096 of a turn; None where the model has none.
    """

    epc: bytes
    epc_bits: int
    antenna: int
    rssi_cdbm: int
    time_us: int
    channel: int = 1
    phase: int | None = None


class Looking(NamedTuple):
    """What a reader inventories right now.

    Attributes:
        spec_index: which specification of the ROSpec runs, from 1.
        ports: antennas that it names and that are connected.
        session: Gen2 session, 0 to 3.
        dual_target: a tag answers in both states of its session flag, so it is not silent after a read.
        power_cdbm: transmit power of each of the ports, 0.01 dBm.
    """

    rospec_id: int
    spec_index: int
    inventory_parameter_spec_id: int
    ports: frozenset[int]
    session: int
    dual_target: bool
    power_cdbm: tuple[tuple[int, int], ...]
