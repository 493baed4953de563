"""AccessSpecs: kept, enabled, listed and deleted as LLRP says; their operations are not carried out.

A stock reader inventories. The life cycle is answered so that clients which clean up first (DELETE_ACCESSSPEC 0) or
add one find a proper reader; no tag memory is simulated, so no operation results are reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from simulator.reader.request_check import check_antenna_id, check_protocol
from simulator.reader.status import bad_field, bad_request, too_many
from wire.llrp.tables.enumerations import AccessSpecState, StatusCode

if TYPE_CHECKING:
    from simulator.reader.persona import Persona
    from wire.llrp.message import Parameter


class AccessSpecs:
    """The AccessSpecs of one reader, by id."""

    def __init__(self, persona: Persona) -> None:
        self._persona = persona
        self._specs: dict[int, Parameter] = {}

    def clear(self) -> None:
        """Forget all."""
        self._specs.clear()

    def all(self) -> list[Parameter]:
        """Return them in the order in which they were added, with their current states."""
        return list(self._specs.values())

    def add(self, spec: Parameter) -> None:
        """Keep a new one, Disabled. Raises `RefusedError`."""
        identity = spec.number("AccessSpecID")
        if identity == 0 or identity in self._specs:
            problem = f"AccessSpecID {identity}, expected one that is not 0 and not in use"
            raise bad_field("AccessSpec", "AccessSpecID", problem, StatusCode.A_Invalid)
        if spec.number("CurrentState") != AccessSpecState.Disabled:
            problem = "CurrentState 1, expected 0 (Disabled) in ADD_ACCESSSPEC"
            raise bad_field("AccessSpec", "CurrentState", problem, StatusCode.A_Invalid)
        check_antenna_id(spec.number("AntennaID"), self._persona, "AccessSpec")
        check_protocol(spec)
        most = int(self._persona.llrp["MaxNumAccessSpecs"])
        if len(self._specs) >= most:
            raise too_many("AccessSpec", f"{len(self._specs)} AccessSpecs are kept, no room for more than {most}")
        self._specs[identity] = spec

    def switch(self, identity: int, state: AccessSpecState, request: str) -> None:
        """Enable or disable one, or all for id 0. Raises `RefusedError`."""
        for wanted in self._named(identity, request):
            spec = self._specs[wanted]
            fields = {**spec.fields, "CurrentState": state}
            self._specs[wanted] = msgspec.structs.replace(spec, fields=fields)

    def delete(self, identity: int) -> None:
        """Forget one, or all for id 0. Raises `RefusedError`."""
        for wanted in self._named(identity, "DELETE_ACCESSSPEC"):
            del self._specs[wanted]

    def _named(self, identity: int, request: str) -> list[int]:
        if identity == 0:
            return list(self._specs)
        if identity not in self._specs:
            problem = f"AccessSpecID {identity}, there are {sorted(self._specs)}"
            raise bad_request(request, "AccessSpecID", problem)
        return [identity]
