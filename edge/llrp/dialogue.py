"""What a session asks of a reader, state by state, and what it reads out of each answer.

Theory of operation. The session says "I am in this state now, what is to be asked?" and later "this successful answer
came, what does it amount to?". In between lies what one connection learns about its reader: its capabilities, the plan
that they allow, and the ROSpec built from it. Pure; no time, no state machine. The requests are those of LLRP 1.1
sections 9 to 13; those about versions carry the version that is asked for, all others the one that was agreed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from edge.drivers.port import What
from edge.drivers.readback import reported_antennas
from edge.llrp.air_filter import masks_for
from edge.llrp.capabilities import Capabilities, read_capabilities
from edge.llrp.events import AntennaState, ReaderEvent, Settings
from edge.llrp.limits import DETAIL_MAX_CHARS
from edge.llrp.rospec import ROSPEC_ID, differences, reader_config, rospec, settings_found
from edge.llrp.schedule import ALWAYS, Schedule, schedule_of
from edge.llrp.transitions import Signal, State
from firmware_config.profile import ProfileError
from firmware_config.render import render
from wire.llrp.errors import DecodeError
from wire.llrp.message import Message, message
from wire.llrp.tables.enumerations import (
    GetReaderCapabilitiesRequestedData,
    GetReaderConfigRequestedData,
    GPIPortState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.llrp.air_filter import Air
    from edge.llrp.events import Event
    from firmware_config.profile import Profile
    from firmware_config.render import AntennaAsk, ReaderPlan
    from wire.llrp.message import Parameter
    from wire.site import Device, Site

FIRST_VERSION: Final = 1
"""LLRP 1.0.1, as headers have it: what a connection speaks until something else is agreed on."""

NEWEST_VERSION: Final = 2
"""LLRP 1.1: the newest that our tables have."""

_ALL: Final = 0
"""LLRP's "all of them" in DELETE_ROSPEC, DELETE_ACCESSSPEC and antenna ids."""


class Accepted(NamedTuple):
    """What a successful answer amounts to; `reason` says why where it is a misfortune."""

    signal: Signal = Signal.ANSWERED
    reason: str = ""
    events: tuple[Event, ...] = ()


_NOTHING_MORE: Final = Accepted()


class Wishes(NamedTuple):
    """What the site file asks of a reader besides its antennas: when to inventory, and which tags at all."""

    schedule: Schedule = ALWAYS
    air: Air = ""
    prefixes: tuple[str, ...] = ()


NO_WISHES: Final = Wishes()


def wishes_of(device: Device, site: Site) -> Wishes:
    """Return what the site file asks of a reader. Raises `ProfileError` for settings that contradict."""
    said = device.options.get("air_filter")
    air: Air = "sgtin" if said == "sgtin" else "prefix" if said == "prefix" else ""
    if air == "prefix" and not site.company_prefixes:
        raise ProfileError(f"device {device.id}: air_filter: 'prefix' needs company_prefixes in the site file")
    return Wishes(schedule_of(device), air, site.company_prefixes)


class Dialogue:
    """What is asked of one reader and known about it, during one connection."""

    def __init__(
        self,
        profile_for: Callable[[int], Profile],
        asks: Sequence[AntennaAsk],
        keepalive_ms: int,
        wishes: Wishes = NO_WISHES,
    ) -> None:
        self.able: Capabilities | None = None
        self.plan: ReaderPlan | None = None
        self.version = FIRST_VERSION
        """What our messages say that they are."""
        self.running = False
        """Our ROSpec was started, and no end was told."""
        self._schedule = wishes.schedule
        self._told_of_starts = wishes.schedule.by_command
        self._input_high: bool | None = None
        self._wishes = wishes
        self._problems: tuple[str, ...] = ()
        self._profile: Profile | None = None
        self._profile_for = profile_for
        self._asks = asks
        self._keepalive_ms = keepalive_ms
        self._rospec: Parameter | None = None
        self._accept: dict[State, Callable[[Message], Accepted]] = {
            State.ASKING_VERSION: _offered,
            State.SETTING_VERSION: self._agree,
            State.READING_CAPABILITIES: self._learn,
            State.READING_ANTENNAS: _antennas,
            State.VERIFYING: self._verify,
            State.READING_INPUTS: self._inputs,
        }
        self._asks_by_state: dict[State, Callable[[int], Message | None]] = {
            **_PLAIN_REQUESTS,
            State.CONFIGURING: self._configure,
            State.ADDING: self._add,
            State.READING_INPUTS: self._ask_input,
            State.STARTING: self._start,
        }

    def ports(self) -> tuple[int, ...]:
        """Return the ports of the plan, in turn; empty before there is one."""
        return tuple(antenna.port for antenna in self.plan.antennas) if self.plan is not None else ()

    def accept(self, state: State, answer: Message) -> Accepted:
        """Return what a successful answer amounts to in `state`. Raises `MissingParameter` for one that lacks parts."""
        read = self._accept.get(state)
        return read(answer) if read is not None else _NOTHING_MORE

    def request(self, state: State, message_id: int) -> Message | None:
        """Return what `state` asks of the reader, None where it asks nothing."""
        ask = self._asks_by_state.get(state)
        request = ask(message_id) if ask is not None else None
        return self.stamped(request) if request is not None else None

    def stamped(self, request: Message) -> Message:
        """Return a message of ours under the version that was agreed on."""
        return msgspec.structs.replace(request, version=max(request.version, self.version))

    def _configure(self, message_id: int) -> Message:
        assert self.able is not None
        return reader_config(message_id, self._keepalive_ms, self.able)

    def _add(self, message_id: int) -> Message:
        assert self._rospec is not None
        return message("ADD_ROSPEC", message_id, self._rospec)

    def _ask_input(self, message_id: int) -> Message | None:
        """Ask for the input's level, where it decides: one that has it already gives no edge to wait for."""
        if not self._schedule.follows_level:
            return None
        wanted = GetReaderConfigRequestedData.GPIPortCurrentState
        port = self._schedule.gpi_port
        return message(
            "GET_READER_CONFIG", message_id, AntennaID=_ALL, RequestedData=wanted, GPIPortNum=port, GPOPortNum=_ALL
        )

    def _inputs(self, answer: Message) -> Accepted:
        for state in answer.all("GPIPortCurrentState"):
            if state.number("GPIPortNum") == self._schedule.gpi_port:
                self._input_high = _LEVELS.get(state.number("State"))
        return _NOTHING_MORE

    def _start(self, message_id: int) -> Message | None:
        schedule = self._schedule
        level_is_there = schedule.follows_level and self._input_high is schedule.gpi_high and not self.running
        if not schedule.by_command and not level_is_there:
            return None
        return message("START_ROSPEC", message_id, ROSpecID=ROSPEC_ID)

    def rospec_event(self, *, started: bool) -> None:
        """Take that our ROSpec began or ended, as the reader told."""
        self.running = started
        self._told_of_starts |= started

    def start_is_missed(self) -> bool:
        """Return True once when tags came from a ROSpec whose start the reader should have told, and never did."""
        missed, self._told_of_starts = not self._told_of_starts, True
        return missed

    @property
    def by_command(self) -> bool:
        """Whether our ROSpec runs from START_ROSPEC on and ends only by a misfortune."""
        return self._schedule.by_command

    def releases_held(self, state: State) -> bool:
        """Return whether, after `state` was answered, the reader must be told to let go of what it held back.

        That is before its old ROSpec is deleted, and only for readers that can hold anything (LLRP 1.1 section 14.1.3).
        """
        return state is State.CONFIGURING and self.able is not None and self.able.can_hold_reports

    def _agree(self, _answer: Message) -> Accepted:
        self.version = NEWEST_VERSION
        return _NOTHING_MORE

    def _learn(self, answer: Message) -> Accepted:
        try:
            self.able = able = read_capabilities(answer)
            self._profile = profile = self._profile_for(able.facts.vendor)
            self.plan = render(profile, self._asks, able.facts)
            self._schedule.check(able.gpi_ports)
        except (DecodeError, ProfileError) as error:
            return Accepted(Signal.IMPOSSIBLE, str(error))
        masks, problem = masks_for(self._wishes.air, self._wishes.prefixes, able.select_filters)
        dwells_ms = [antenna.dwell_ms for antenna in self.plan.antennas]
        self._schedule, unset = self._schedule.with_turns(dwells_ms, able.max_specs)
        self._told_of_starts = self._schedule.by_command
        self._problems = (*self.plan.problems, *(one for one in (problem, unset) if one))
        self._rospec = rospec(self.plan, profile.report_every_tags, able, self._schedule, masks)
        return Accepted(Signal.ANSWERED_IMPINJ if able.is_impinj else Signal.ANSWERED)

    def _verify(self, answer: Message) -> Accepted:
        assert self.able is not None
        assert self.plan is not None
        assert self._rospec is not None
        assert self._profile is not None
        found = next((spec for spec in answer.all("ROSpec") if spec.number("ROSpecID") == ROSPEC_ID), None)
        if found is None:
            return Accepted(Signal.IMPOSSIBLE, "the reader accepted our ROSpec and does not have it")
        events: list[Event] = []
        differs = tuple(differences(self._rospec, found))
        if differs:
            events.append(ReaderEvent(What.CONFIG_DIFFERS, detail="; ".join(differs)[:DETAIL_MAX_CHARS]))
        by_port = settings_found(found, self.plan, self.able)
        antennas = reported_antennas(self._profile, self._asks, by_port)
        inventory = self.able.inventory()
        events.append(Settings(by_port, self._problems, differs, self._profile, antennas, inventory))
        return Accepted(events=tuple(events))


def _offered(answer: Message) -> Accepted:
    newer = answer.number("SupportedVersion") >= NEWEST_VERSION
    return Accepted(Signal.ANSWERED if newer else Signal.ANSWERED_NO_NEWER)


def _antennas(answer: Message) -> Accepted:
    return Accepted(
        events=tuple(
            AntennaState(antenna.number("AntennaID"), bool(antenna.number("AntennaConnected")))
            for antenna in answer.all("AntennaProperties")
        )
    )


_LEVELS: Final[dict[int, bool]] = {GPIPortState.Low: False, GPIPortState.High: True}


def _get_capabilities(message_id: int) -> Message:
    return message("GET_READER_CAPABILITIES", message_id, RequestedData=GetReaderCapabilitiesRequestedData.All)


def _get_antennas(message_id: int) -> Message:
    wanted = GetReaderConfigRequestedData.AntennaProperties
    return message(
        "GET_READER_CONFIG", message_id, AntennaID=_ALL, RequestedData=wanted, GPIPortNum=_ALL, GPOPortNum=_ALL
    )


def _plain(name: str, *, version: int = FIRST_VERSION, **fields: int) -> Callable[[int], Message]:
    return lambda message_id: message(name, message_id, version=version, **fields)


_PLAIN_REQUESTS: Final[dict[State, Callable[[int], Message]]] = {
    State.ASKING_VERSION: _plain("GET_SUPPORTED_VERSION", version=NEWEST_VERSION),
    State.SETTING_VERSION: _plain("SET_PROTOCOL_VERSION", version=NEWEST_VERSION, ProtocolVersion=NEWEST_VERSION),
    State.READING_CAPABILITIES: _get_capabilities,
    State.ENABLING_EXTENSIONS: _plain("IMPINJ_ENABLE_EXTENSIONS"),
    State.READING_ANTENNAS: _get_antennas,
    State.CLEARING_ACCESS: _plain("DELETE_ACCESSSPEC", AccessSpecID=_ALL),
    State.CLEARING: _plain("DELETE_ROSPEC", ROSpecID=_ALL),
    State.VERIFYING: _plain("GET_ROSPECS"),
    State.ENABLING: _plain("ENABLE_ROSPEC", ROSpecID=ROSPEC_ID),
    State.STOPPING: _plain("STOP_ROSPEC", ROSpecID=ROSPEC_ID),
    State.DELETING: _plain("DELETE_ROSPEC", ROSpecID=ROSPEC_ID),
    State.LEAVING: _plain("CLOSE_CONNECTION"),
}
"""Requests that need nothing but a message id."""
