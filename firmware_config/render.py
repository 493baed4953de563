"""From intents to one reader's own settings: through its power table, its mode table and its ports.

Theory of operation. Readers number their power steps and modes as they like (a R420 has 81 steps from index 1, a FX9600
lists 201 in no order), so nothing here guesses an index: every index comes out of the reader's own table. What cannot
be done as asked is done as nearly as possible *below* what was asked (power is a legal matter), and is said in
`problems`: never silently. Where the reader says under which radio law it runs, power is lowered to what that allows
with the antenna's gain and cable (`firmware_config.region`). Pure: facts in, plan out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from firmware_config.profile import ModeKind, Profile, ProfileError, Purpose, Search
from firmware_config.region import Region, highest_dbm, law_of, power_problem
from firmware_config.vendors import IMPINJ

_LASTING_SESSIONS: Final = frozenset({2, 3})
"""Their flag lasts for as long as the tag has power (Gen2 section 6.3.2.2)."""

_BDR_MIN_HZ: Final = 5_000
"""Gen2 backscatter begins at 5 kbit/s (Miller 8 at 40 kHz): below, a table entry is a placeholder for a mode that the
reader chooses by itself (a FX9600's mode 0 says 668)."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One entry of a reader's mode table: `miller` is 1 (FM0), 2, 4 or 8; `automatic` modes change by themselves."""

    identifier: int
    miller: int
    bdr_hz: int
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class ReaderFacts:
    """What a reader says about itself.

    `power_cdbm` maps its own index to 0.01 dBm. `region`: the radio law that it says it keeps; None: it says none that
    is checked here.
    """

    vendor: int
    ports: int
    power_cdbm: Mapping[int, int]
    modes: tuple[Mode, ...] = ()
    hop_tables: tuple[int, ...] = ()
    fixed_channels: int = 0
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class AntennaAsk:
    """One antenna as the site wants it.

    `power_dbm` None: as the profile says; `gain_dbi` None: not surveyed. `region`: where the site file says that it is;
    it holds where the reader itself names no law.
    """

    port: int
    purpose: Purpose
    power_dbm: float | None = None
    gain_dbi: float | None = None
    cable_loss_db: float = 0.0
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class AntennaPlan:
    """One antenna as this reader can do it.

    `mode` None: the reader has no table, it chooses. `asked_dbm` None: the most was asked for. `dwell_ms` 0: its turn
    lasts as long as the reader likes.
    """

    port: int
    purpose: Purpose
    power_index: int
    power_cdbm: int
    mode: int | None
    session: int
    search: Search
    population: int
    target: Literal["single", "dual"] | None
    asked_dbm: float | None = None
    dwell_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """All antennas that can work, in the order asked, and what could not be done as asked.

    `notes`: what is as asked and worth knowing, such as what "the most" came to.
    """

    antennas: tuple[AntennaPlan, ...]
    hop_table: int
    channel: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def render(profile: Profile, asks: Sequence[AntennaAsk], facts: ReaderFacts) -> ReaderPlan:
    """Return what this reader should do. Raises `ProfileError` when nothing at all can be done."""
    problems: list[str] = []
    notes: list[str] = []
    there = [ask for ask in asks if _has_port(ask.port, facts, problems)]
    plans = [plan for ask in there if (plan := _antenna(profile, ask, facts, problems, notes)) is not None]
    if not plans:
        raise ProfileError(
            f"{profile.name}: no antenna can be used: {'; '.join(problems) or 'the site file names none'}"
        )
    # Readers that hop name their hop table; those on fixed channels want a channel, counted from 1 (LLRP 1.1 section
    # 16.2.4.1.3: RFTransmitter). Channel 1 is what every fixed-frequency region has.
    hop_table, channel = (facts.hop_tables[0], 0) if facts.hop_tables else (0, 1 if facts.fixed_channels else 0)
    return ReaderPlan(tuple(plans), hop_table, channel, tuple(problems), tuple(notes))


def _has_port(port: int, facts: ReaderFacts, problems: list[str]) -> bool:
    if 1 <= port <= facts.ports:
        return True
    problems.append(f"port {port}: the reader has ports 1 to {facts.ports}")
    return False


def _antenna(
    profile: Profile, ask: AntennaAsk, facts: ReaderFacts, problems: list[str], notes: list[str]
) -> AntennaPlan | None:
    """Return one antenna's plan; None where the law allows less than the reader's lowest power."""
    if ask.purpose not in profile.intents:
        raise ProfileError(f"{profile.name}: port {ask.port}: it has no section [{ask.purpose.value}]")
    intent = profile.intents[ask.purpose]
    asked_dbm = intent.power_dbm if ask.power_dbm is None else ask.power_dbm
    lawful_dbm = _lawful(ask, asked_dbm, facts, problems, notes)
    index, power_cdbm, problem = choose_power(facts.power_cdbm, lawful_dbm)
    if problem and lawful_dbm != asked_dbm:
        problems.append(f"port {ask.port}: not used: {lawful_dbm:g} dBm are allowed, {power_cdbm / 100:g} is its least")
        return None
    if problem:
        problems.append(f"port {ask.port}: {problem}")
    target = _target(intent.search, facts.vendor)
    if target is None and intent.search is not Search.READER:
        problems.append(f"port {ask.port}: search {intent.search.value!r} can be told to Impinj readers only")
    if target is None and intent.session in _LASTING_SESSIONS:
        problems.append(
            f"port {ask.port}: session {intent.session} and no say in the target: a tag may fall silent while it is "
            "here, so its silence says nothing; use session 0 or 1"
        )
    return AntennaPlan(
        port=ask.port,
        purpose=ask.purpose,
        power_index=index,
        power_cdbm=power_cdbm,
        mode=choose_mode(facts.modes, intent.mode_ids, intent.mode_kind),
        session=intent.session,
        search=intent.search,
        population=intent.population,
        target=target,
        asked_dbm=asked_dbm,
        dwell_ms=intent.dwell_ms,
    )


def _lawful(
    ask: AntennaAsk, asked_dbm: float | None, facts: ReaderFacts, problems: list[str], notes: list[str]
) -> float | None:
    """Return what may be asked of a port: at most what the reader's region allows with this antenna."""
    region = facts.region or ask.region
    if region is None:
        return asked_dbm
    if ask.region not in (None, region):
        problems.append(f"port {ask.port}: the reader keeps the law of {region.value}, the site file says {ask.region}")
    most = highest_dbm(region, ask.gain_dbi, ask.cable_loss_db)
    if most is None:
        return asked_dbm
    if asked_dbm is None:
        if facts.power_cdbm and max(facts.power_cdbm.values()) > round(most * 100):
            notes.append(f"port {ask.port}: the most is {most:g} dBm here ({region.value}: {law_of(region).source})")
        return most
    problem = power_problem(region, asked_dbm, ask.gain_dbi, ask.cable_loss_db)
    if not problem:
        return asked_dbm
    problems.append(f"port {ask.port}: {problem}")
    return most


def choose_power(table_cdbm: Mapping[int, int], asked_dbm: float | None) -> tuple[int, int, str]:
    """Return (index, 0.01 dBm, problem) of the highest step that is not above `asked_dbm` (None: the highest).

    Raises `ProfileError` when the table is empty.
    """
    if not table_cdbm:
        raise ProfileError("the reader's transmit power table is empty: no power can be chosen")
    steps = sorted((power, index) for index, power in table_cdbm.items())
    if asked_dbm is None:
        power, index = steps[-1]
        return index, power, ""
    asked_cdbm = round(asked_dbm * 100)
    allowed = [step for step in steps if step[0] <= asked_cdbm]
    if allowed:
        power, index = allowed[-1]
        return index, power, ""
    power, index = steps[0]
    return index, power, f"{asked_dbm} dBm asked, the reader's lowest step is {power / 100} dBm"


def choose_mode(modes: Sequence[Mode], wanted: Sequence[int], kind: ModeKind) -> int | None:
    """Return the first wanted mode that the reader has, else the best of its table for `kind`; None without a table."""
    have = {mode.identifier for mode in modes}
    for identifier in wanted:
        if identifier in have:
            return identifier
    real = [mode for mode in modes if not mode.automatic and mode.bdr_hz >= _BDR_MIN_HZ] or list(modes)
    if not real:
        return None
    ranks = _MILLER_RANKS[kind]
    return max(real, key=lambda mode: (ranks.get(mode.miller, 0), mode.bdr_hz, -mode.identifier)).identifier


_MILLER_RANKS: Final[dict[ModeKind, dict[int, int]]] = {
    # FM0 answers fastest; Miller 8 stands most interference; Miller 4 is the usual compromise of dense shops.
    ModeKind.FAST: {1: 4, 2: 3, 4: 2, 8: 1},
    ModeKind.BALANCED: {4: 4, 2: 3, 8: 2, 1: 1},
    ModeKind.ROBUST: {8: 4, 4: 3, 2: 2, 1: 1},
}


def _target(search: Search, vendor: int) -> Literal["single", "dual"] | None:
    """Return what is known of the target; None where the reader decides by itself and does not say.

    LLRP has no word for dual target: without TagInventoryStateAware a reader chooses A, B or both as it likes (LLRP
    1.1 section 16.3.1.2.1), and with it the client fixes one of them for good. Impinj's own parameter says it. In
    sessions 0 and 1 it matters less, because a tag's flag runs out by itself; so generic profiles stay there.
    """
    if vendor != IMPINJ or search is Search.READER:
        return None
    return "single" if search is Search.SINGLE else "dual"
