"""What a client can ask of a reader, one method for each request, and what the reader answers.

Every request either changes the reader wholly and is answered, or raises `RefusedError` and changes nothing. What
concerns the connection itself (keepalives, versions, reports, closing) is `simulator.reader.machine`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from simulator.reader.accessspec import AccessSpecs
from simulator.reader.capabilities import capabilities
from simulator.reader.configuration import Configuration
from simulator.reader.engine import Engine
from simulator.reader.request_check import check_vendor_and_values
from simulator.reader.rospec import read_rospec
from simulator.reader.status import RefusedError, bad_field, bad_request, too_many
from wire.llrp.tables.enumerations import AccessSpecState, GetReaderCapabilitiesRequestedData, ROSpecState, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.reader.engine import Entry, RoEvent
    from simulator.reader.persona import Persona
    from wire.llrp.message import Message, Parameter


class Answer(NamedTuple):
    """What a request brought: parameters after LLRPStatus in the response, and what happened to ROSpecs."""

    parameters: list[Parameter]
    events: list[RoEvent]


_NOTHING = Answer([], [])


class Verbs:
    """The requests of LLRP 1.1 sections 9 to 12, carried out on one reader's state.

    Attributes:
        extensions: whether the client has enabled the vendor's extensions (Impinj); ends with the connection.
    """

    def __init__(self, persona: Persona, reader_id: bytes) -> None:
        self.persona = persona
        self.configuration = Configuration(persona, reader_id)
        self.engine = Engine()
        self.access = AccessSpecs(persona)
        self.extensions = False
        self._verbs: dict[str, Callable[[Message, int], Answer]] = {
            "GET_READER_CAPABILITIES": self._get_capabilities,
            "GET_READER_CONFIG": self._get_config,
            "SET_READER_CONFIG": self._set_config,
            "ADD_ROSPEC": self._add_rospec,
            "DELETE_ROSPEC": self._delete_rospec,
            "START_ROSPEC": self._start_rospec,
            "STOP_ROSPEC": self._stop_rospec,
            "ENABLE_ROSPEC": self._enable_rospec,
            "DISABLE_ROSPEC": self._disable_rospec,
            "GET_ROSPECS": self._get_rospecs,
            "ADD_ACCESSSPEC": self._add_accessspec,
            "DELETE_ACCESSSPEC": self._delete_accessspec,
            "ENABLE_ACCESSSPEC": self._enable_accessspec,
            "DISABLE_ACCESSSPEC": self._disable_accessspec,
            "GET_ACCESSSPECS": self._get_accessspecs,
        }
        if persona.is_impinj:
            self._verbs["IMPINJ_ENABLE_EXTENSIONS"] = self._enable_extensions
            self._verbs["IMPINJ_SAVE_SETTINGS"] = self._save_settings

    def knows(self, request: str) -> bool:
        """Return whether this reader has such a request."""
        return request in self._verbs

    def answer(self, request: Message, now_us: int) -> Answer:
        """Carry a request out. Raises `RefusedError`."""
        return self._verbs[request.name](request, now_us)

    # -- reader

    def _get_capabilities(self, request: Message, _now_us: int) -> Answer:
        requested = request.number("RequestedData")
        if not isinstance(request["RequestedData"], GetReaderCapabilitiesRequestedData):
            problem = f"RequestedData {requested}, expected 0 to {max(GetReaderCapabilitiesRequestedData)}"
            raise bad_request("GET_READER_CAPABILITIES", "RequestedData", problem)
        check_vendor_and_values(request, self.persona, extensions=self.extensions)
        return Answer(capabilities(self.persona, requested), [])

    def _get_config(self, request: Message, _now_us: int) -> Answer:
        check_vendor_and_values(request, self.persona, extensions=self.extensions)
        return Answer(self.configuration.get(request), [])

    def _set_config(self, request: Message, now_us: int) -> Answer:
        self.configuration.set(request, extensions=self.extensions)
        events: list[RoEvent] = []
        if request.number("ResetToFactoryDefault"):
            self.access.clear()
            for entry in list(self.engine.entries.values()):
                events += self.engine.delete(entry, now_us)
        return Answer([], events)

    def _enable_extensions(self, _request: Message, _now_us: int) -> Answer:
        self.extensions = True
        return _NOTHING

    def _save_settings(self, _request: Message, _now_us: int) -> Answer:
        return _NOTHING

    # -- ROSpecs

    def _add_rospec(self, request: Message, _now_us: int) -> Answer:
        rospec = request.one("ROSpec")
        check_vendor_and_values(rospec, self.persona, extensions=self.extensions)
        plan = read_rospec(rospec, self.persona, request.version)
        if plan.rospec_id in self.engine.entries:
            problem = f"ROSpecID {plan.rospec_id} is in use"
            raise bad_field("ROSpec", "ROSpecID", problem, StatusCode.A_Invalid)
        most = int(self.persona.llrp["MaxNumROSpecs"])
        if len(self.engine.entries) >= most:
            raise too_many("ROSpec", f"{len(self.engine.entries)} ROSpecs are kept, no room for more than {most}")
        self.engine.add(plan)
        return _NOTHING

    def _delete_rospec(self, request: Message, now_us: int) -> Answer:
        return self._for_each(request, lambda entry: self.engine.delete(entry, now_us))

    def _enable_rospec(self, request: Message, now_us: int) -> Answer:
        return self._for_each(request, lambda entry: self.engine.enable(entry, now_us))

    def _disable_rospec(self, request: Message, now_us: int) -> Answer:
        return self._for_each(request, lambda entry: self.engine.disable(entry, now_us))

    def _start_rospec(self, request: Message, now_us: int) -> Answer:
        entry = self._enabled(request)
        started, events = self.engine.start(entry, now_us)
        if not started:
            problem = f"ROSpec {entry.plan.rospec_id}: a ROSpec of the same or higher priority runs"
            raise RefusedError(StatusCode.R_DeviceError, problem)
        return Answer([], events)

    def _stop_rospec(self, request: Message, now_us: int) -> Answer:
        return Answer([], self.engine.stop(self._enabled(request), now_us))

    def _get_rospecs(self, _request: Message, _now_us: int) -> Answer:
        return Answer([_with_state(entry) for entry in self.engine.entries.values()], [])

    def _for_each(self, request: Message, act: Callable[[Entry], list[RoEvent]]) -> Answer:
        """Act on the ROSpec that a request names, or on all for id 0."""
        entries = list(self.engine.entries.values()) if request.number("ROSpecID") == 0 else [self._named(request)]
        return Answer([], [event for entry in entries for event in act(entry)])

    def _named(self, request: Message) -> Entry:
        identity = request.number("ROSpecID")
        entry = self.engine.entries.get(identity)
        if entry is None:
            problem = f"ROSpecID {identity}, there are {sorted(self.engine.entries)}"
            raise bad_request(request.name, "ROSpecID", problem)
        return entry

    def _enabled(self, request: Message) -> Entry:
        entry = self._named(request)
        if entry.state == ROSpecState.Disabled:
            raise bad_request(request.name, "ROSpecID", f"ROSpec {entry.plan.rospec_id} is disabled")
        return entry

    # -- AccessSpecs

    def _add_accessspec(self, request: Message, _now_us: int) -> Answer:
        spec = request.one("AccessSpec")
        check_vendor_and_values(spec, self.persona, extensions=self.extensions)
        self.access.add(spec)
        return _NOTHING

    def _delete_accessspec(self, request: Message, _now_us: int) -> Answer:
        self.access.delete(request.number("AccessSpecID"))
        return _NOTHING

    def _enable_accessspec(self, request: Message, _now_us: int) -> Answer:
        self.access.switch(request.number("AccessSpecID"), AccessSpecState.Active, request.name)
        return _NOTHING

    def _disable_accessspec(self, request: Message, _now_us: int) -> Answer:
        self.access.switch(request.number("AccessSpecID"), AccessSpecState.Disabled, request.name)
        return _NOTHING

    def _get_accessspecs(self, _request: Message, _now_us: int) -> Answer:
        return Answer(self.access.all(), [])


def _with_state(entry: Entry) -> Parameter:
    """Return a ROSpec as it was added, with its current state."""
    definition = entry.plan.definition
    return msgspec.structs.replace(definition, fields={**definition.fields, "CurrentState": entry.state})
